import type { SecretRef } from './schema.ts';

/** Sources of secrets. */
export interface SecretSources {
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Returns the content of a file; throws if it cannot be read. */
  readonly readFile: (path: string) => string;
}

const MAX_SECRET_LENGTH = 16_384;

/** Invisible characters that editors and copying may add to a secret, most specific first. Messages contain no part of the value. */
const INVISIBLE: readonly (readonly [pattern: RegExp, problem: string])[] = [
  [/^\uFEFF/u, 'begins with a byte order mark; save it as UTF-8 without one'],
  [/\0|\uFFFD/u, 'is not UTF-8; save it as UTF-8, without a byte order mark'],
  [
    /^\s*[\n\r\u0085\u2028\u2029]|[\n\r\u0085\u2028\u2029]\s*$/u,
    'has empty lines around the secret; write only the secret, on one line',
  ],
  [/[\n\r\u0085\u2028\u2029]/u, 'contains a line break; write the secret on one line'],
  [/^\s|\s$/u, 'begins or ends with a space; remove it'],
  [
    /\p{Cf}/u,
    'contains an invisible character, such as a zero-width space; type the secret, or copy it as plain text',
  ],
  [/\p{Cc}/u, 'contains control characters; write the secret on one line'],
  [/[^\S ]/u, 'contains a special space character; type the secret, or copy it as plain text'],
];

/** Returns the value of a secret without the trailing newline editors add, or a problem that does not contain the value. */
export function readSecret(
  ref: SecretRef,
  { env, readFile }: SecretSources,
  /** Whether the secret must not contain spaces, like Atlas credentials. */
  { isOneWord }: { isOneWord: boolean },
): { value: string } | { problem: string } {
  let raw: string | undefined;
  const named = 'env' in ref ? `the environment variable ${ref.env}` : `the file ${ref.file}`;
  try {
    raw = 'env' in ref ? env[ref.env] : readFile(ref.file);
  } catch {
    return { problem: `${named} cannot be read; check that it exists and is readable by this user` };
  }
  if (raw === undefined) return { problem: `${named} is not set; export it before starting the gateway` };
  const value = raw.replace(/\r?\n$/, '');
  if (value.trim() === '') return { problem: `${named} is empty; write the secret into it` };
  if (value.length > MAX_SECRET_LENGTH) return { problem: `${named} is too long for a secret` };
  const found = INVISIBLE.find(([pattern]) => pattern.test(value));
  if (found !== undefined) return { problem: `${named} ${found[1]}` };
  return isOneWord && value.includes(' ')
    ? { problem: `${named} contains a space, which Atlas credentials never contain; remove it` }
    : { value };
}
