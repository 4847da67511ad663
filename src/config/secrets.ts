import type { SecretRef } from './schema.ts';

/** Where secrets come from. */
export interface SecretSources {
  readonly env: Readonly<Record<string, string | undefined>>;
  /** The content of a file; throws where it cannot be read. */
  readonly readFile: (path: string) => string;
}

const MAX_SECRET_LENGTH = 16_384;

/** What editors and copying add to a secret without showing it, most specific first. Nothing of the value is in the sentences. */
const INVISIBLE: readonly (readonly [pattern: RegExp, problem: string])[] = [
  [/^\uFEFF/u, 'begins with a byte order mark; save it as UTF-8 without one'],
  [/\0|\uFFFD/u, 'is not UTF-8; save it as UTF-8, without a byte order mark'],
  [
    /^\s*[\n\r\u0085\u2028\u2029]|[\n\r\u0085\u2028\u2029]\s*$/u,
    'has empty lines around the secret; write the secret alone, on one line',
  ],
  [/[\n\r\u0085\u2028\u2029]/u, 'contains a line break; write the secret on one line'],
  [/^\s|\s$/u, 'begins or ends with a space; remove it'],
  [
    /\p{Cf}/u,
    'contains a character of no width, such as a zero-width space; type it, or copy it as plain text',
  ],
  [/\p{Cc}/u, 'contains control characters; write the secret on one line'],
  [/[^\S ]/u, 'contains a space that is not an ordinary one; type it, or copy it as plain text'],
];

/** A secret's value without the newline editors leave at its end, or a sentence that says what is wrong, without the value. */
export function readSecret(
  ref: SecretRef,
  { env, readFile }: SecretSources,
  /** Whether the secret is one that never contains a space, such as those of Atlas. */
  { isOneWord }: { isOneWord: boolean },
): { value: string } | { problem: string } {
  let raw: string | undefined;
  const named = 'env' in ref ? `the environment variable ${ref.env}` : `the file ${ref.file}`;
  try {
    raw = 'env' in ref ? env[ref.env] : readFile(ref.file);
  } catch {
    return { problem: `${named} cannot be read; check that it is there and readable by this user` };
  }
  if (raw === undefined) return { problem: `${named} is not set; export it before the start` };
  const value = raw.replace(/\r?\n$/, '');
  if (value.trim() === '') return { problem: `${named} is empty; write the secret into it` };
  if (value.length > MAX_SECRET_LENGTH) return { problem: `${named} is too long for a secret` };
  const found = INVISIBLE.find(([pattern]) => pattern.test(value));
  if (found !== undefined) return { problem: `${named} ${found[1]}` };
  return isOneWord && value.includes(' ')
    ? { problem: `${named} contains a space, which a credential of Atlas never does; remove it` }
    : { value };
}
