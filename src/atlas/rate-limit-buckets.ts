/** A token bucket as Atlas documents its limits: its capacity, and the tokens refilled every `perMs` milliseconds. */
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

/** The documented limit of an endpoint set; limits from Atlas's responses take precedence. */
export function bucketSizeOf(endpointSet: string): BucketSize {
  return (
    BY_NAME.get(endpointSet) ??
    (endpointSet.startsWith('org.') ? ORGANIZATION : endpointSet.startsWith('user.') ? USER : PROJECT)
  );
}

/** The scope whose bucket an operation charges: the project, the organization, or the credential's user. */
export const scopeOf = ({ groupId, orgId }: Readonly<Record<string, string>>): string =>
  groupId ?? orgId ?? 'user';
