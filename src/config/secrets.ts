import type { SecretRef } from './schema.ts';

/** Where secrets come from. */
export interface SecretSources {
  readonly env: Readonly<Record<string, string | undefined>>;
  /** The content of a file; throws where it cannot be read. */
  readonly readFile: (path: string) => string;
}

const MAX_SECRET_LENGTH = 16_384;

/** A secret's value without the newline editors leave at its end, or a sentence that says what is wrong, without the value. */
export function readSecret(
  ref: SecretRef,
  { env, readFile }: SecretSources,
): { value: string } | { problem: string } {
  let raw: string | undefined;
  const named = 'env' in ref ? `the environment variable ${ref.env}` : `the file ${ref.file}`;
  try {
    raw = 'env' in ref ? env[ref.env] : readFile(ref.file);
  } catch {
    return { problem: `${named} cannot be read; check that it is there and readable by this user` };
  }
  if (raw === undefined) return { problem: `${named} is not set; export it before the start` };
  const value = raw.replace(/[\r\n]+$/, '');
  if (value === '') return { problem: `${named} is empty; write the secret into it` };
  if (value.length > MAX_SECRET_LENGTH) return { problem: `${named} is too long for a secret` };
  return /\p{Cc}/u.test(value)
    ? { problem: `${named} holds control characters; write the secret on one line` }
    : { value };
}
