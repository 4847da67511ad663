import { createHash } from 'node:crypto';

/** Values drawn one after another from a seed: the same seed draws the same values, on every machine and in every run. */
export interface Draw {
  /** A whole number from `least` to `most`, both included. */
  integer(least: number, most: number): number;
  pick<T>(choices: readonly [T, ...T[]]): T;
  /** `length` hexadecimal digits. */
  hex(length: number): string;
  /** True about once in `times`. */
  oneIn(times: number): boolean;
  /** A name such as `amber-orders-417`. */
  name(): string;
  /** A date of the years 2023 to 2025, as Atlas writes it: `2024-03-09T11:02:44Z`. */
  date(): string;
}

const COLOURS = ['amber', 'blue', 'coral', 'green', 'indigo', 'olive', 'silver', 'violet'] as const;
const THINGS = ['orders', 'billing', 'search', 'stock', 'mail', 'audit', 'ledger', 'café'] as const;
const FIRST_DAY = Date.UTC(2023, 0, 1);
const SECONDS_DRAWN = 3 * 365 * 86_400;

/** A date as Atlas writes it in items, to the second. */
export const isoSeconds = (wallMs: number): string => `${new Date(wallMs).toISOString().slice(0, 19)}Z`;

/** Starts drawing from a seed. The generator is Marsaglia's xorshift: good enough for sample data, of no use for secrets. */
export function createDraw(seed: string): Draw {
  let state = createHash('sha256').update(seed).digest().readUInt32LE() || 1;
  function next(): number {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 0) / 0x1_0000_0000;
  }
  const integer = (least: number, most: number) => least + Math.floor(next() * (most - least + 1));
  const pick = <T>(choices: readonly [T, ...T[]]): T => choices[integer(0, choices.length - 1)] ?? choices[0];
  return {
    integer,
    pick,
    hex: (length) => Array.from({ length }, () => integer(0, 15).toString(16)).join(''),
    oneIn: (times) => integer(1, times) === 1,
    name: () => `${pick(COLOURS)}-${pick(THINGS)}-${integer(100, 999)}`,
    date: () => isoSeconds(FIRST_DAY + integer(0, SECONDS_DRAWN) * 1_000),
  };
}
