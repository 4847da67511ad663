import { randomBytes } from 'node:crypto';

/** Chance, passed in where it is needed, so that tests can repeat it. */
export interface Random {
  /** `count` unpredictable bytes, fit for keys and nonces. */
  bytes(count: number): Buffer;
  /** A number from 0 (included) to 1 (excluded), for jitter. Not for secrets. */
  fraction(): number;
}

/** The platform's cryptographic source. */
export function createSystemRandom(): Random {
  return {
    bytes: (count) => randomBytes(count),
    fraction: () => randomBytes(4).readUInt32BE() / 0x1_0000_0000,
  };
}
