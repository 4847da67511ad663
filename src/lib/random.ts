import { randomBytes } from 'node:crypto';

/** A source of randomness, passed in so that tests can make it deterministic. */
export interface Random {
  /** `count` unpredictable bytes, suitable for keys and nonces. */
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
