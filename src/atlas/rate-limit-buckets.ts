/** A token bucket as Atlas describes its limits: how much it holds, and how much comes back in `perMs` milliseconds. */
export interface BucketSize {
  readonly capacity: number;
  readonly refill: number;
  readonly perMs: number;
}

const MINUTE_MS = 60_000;
const bucket = (capacity: number, refill: number): BucketSize => ({ capacity, refill, perMs: MINUTE_MS });

const PROJECT = bucket(1_200, 500);
const ORGANIZATION = bucket(500, 250);
const USER = bucket(300, 100);
const BY_NAME = new Map([
  ['clusters', bucket(10_000, 5_000)],
  ['databaseUsers', bucket(10_000, 5_000)],
  ['privateEndpoints', bucket(4_000, 2_000)],
  ['networkPeering', bucket(2_000, 1_000)],
  ['events', bucket(300, 100)],
  ['monitoring', bucket(300, 100)],
]);

/** The limit Atlas documents for an endpoint set; what is learned from its answers goes before it. */
export function bucketSizeOf(endpointSet: string): BucketSize {
  return (
    BY_NAME.get(endpointSet) ??
    (endpointSet.startsWith('org.') ? ORGANIZATION : endpointSet.startsWith('user.') ? USER : PROJECT)
  );
}

/** Whose bucket pays for an operation: the project's, the organization's, or the credential's own. */
export const scopeOf = ({ groupId, orgId }: Readonly<Record<string, string>>): string =>
  groupId ?? orgId ?? 'user';
