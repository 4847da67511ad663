export function describeChanges(before: readonly object[], after: readonly object[]): string[];
