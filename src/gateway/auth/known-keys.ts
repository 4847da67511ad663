import type { Caller, CallerKeys } from './key-auth.ts';

/** A caller key in the form that the token endpoint and token verification need. */
export interface KnownKey {
  readonly caller: Caller;
  /** SHA-256 of the secret. */
  readonly sha256: Buffer;
  /** Wall-clock milliseconds; infinite if the key does not expire. */
  readonly expiresAt: number;
}

export type KeysById = ReadonlyMap<string, KnownKey>;

export const keysById = (entries: readonly CallerKeys[]): KeysById =>
  new Map(
    entries.flatMap(({ caller, keys }) =>
      keys.map(
        ({ id, sha256, expiresAt = Number.POSITIVE_INFINITY }) =>
          [id, { caller, sha256, expiresAt }] as const,
      ),
    ),
  );
