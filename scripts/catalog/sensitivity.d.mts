import type { Operation } from '../../src/atlas/catalog.ts';

export function sensitivityOf(
  operationId: string,
): { readonly sensitivity: Operation['sensitivity']; readonly reason: string } | undefined;
export function reviewedSensitivities(): string[];
