import type { Operation } from '../../src/atlas/catalog.ts';

export interface SensitivityGroup {
  readonly sensitivity: Operation['sensitivity'];
  readonly reason: string;
  readonly operations: readonly string[];
}
export const SENSITIVITY_GROUPS: readonly SensitivityGroup[];
export function sensitivityOf(operationId: string): SensitivityGroup | undefined;
