interface Difference {
  path: string;
  before: unknown;
  after: unknown;
}
interface Comparison {
  equal: number;
  allowed: number;
  changed: { name: string; differences: Difference[] }[];
  missing: string[];
  added: string[];
}
interface Allowance {
  allows(name: string, path: string): boolean;
  unused(): string[];
}
type Records = readonly ({ readonly name: string } & Readonly<Record<string, unknown>>)[];

export function differences(before: unknown, after: unknown, path?: string): Difference[];
export function createAllowance(
  rules: readonly { records?: string; fields?: readonly string[]; reason?: string }[],
): Allowance;
export function compareRecords(before: Records, after: Records, allowance?: Allowance): Comparison;
export function describeComparison(comparison: Comparison): string[];
export function isDifferent(comparison: Comparison): boolean;
