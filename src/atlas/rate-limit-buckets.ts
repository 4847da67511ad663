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

interface EndpointSet {
  readonly name: string;
  readonly size: BucketSize;
  /** Paths below `/api/atlas/v2`, with `*` for each parameter, that the set contains with all below them; absent: those of the rule. */
  readonly paths?: readonly string[];
}

/**
 * The endpoint sets whose limit or extent differs from the rule of `endpointSetOf`. Capacities are [recorded] in `RateLimit-Limit`, but that
 * of `networkPeering` is documented; refills are documented, but that of `user.users` is [inferred]. The names are the gateway's own. That
 * paths with the same beginning and capacity share a bucket is [inferred].
 */
const ENDPOINT_SETS: readonly EndpointSet[] = [
  { name: 'clusters', size: bucket(10_000, 5_000), paths: ['groups/*/clusters'] },
  { name: 'clusters.backup', size: PROJECT, paths: ['groups/*/clusters/*/backup'] },
  { name: 'clusters.fts', size: bucket(500, 250), paths: ['groups/*/clusters/*/fts'] },
  { name: 'clusters.onlineArchives', size: PROJECT, paths: ['groups/*/clusters/*/onlineArchives'] },
  { name: 'clusters.search', size: PROJECT, paths: ['groups/*/clusters/*/search'] },
  { name: 'sampleDatasetLoad', size: bucket(10_000, 5_000) },
  { name: 'databaseUsers', size: bucket(10_000, 5_000), paths: ['groups/*/databaseUsers'] },
  { name: 'databaseUsers.certs', size: PROJECT, paths: ['groups/*/databaseUsers/*/certs'] },
  { name: 'privateEndpoints', size: bucket(4_000, 2_000), paths: ['groups/*/privateEndpoint'] },
  { name: 'networkPeering', size: bucket(2_000, 1_000), paths: ['groups/*/peers', 'groups/*/containers'] },
  { name: 'customDBRoles', size: bucket(2_000, 1_000) },
  { name: 'cloudProviderAccess', size: bucket(2_000, 1_000) },
  { name: 'events', size: bucket(300, 100) },
  { name: 'monitoring', size: bucket(300, 100), paths: ['groups/*/processes'] },
  { name: 'org.teams', size: PROJECT },
  {
    name: 'org.connectedOrgConfigs',
    size: ORGANIZATION,
    paths: ['federationSettings/*/connectedOrgConfigs/*'],
  },
  { name: 'user.groups', size: PROJECT },
  { name: 'user.users', size: bucket(2_500, 1_250) },
];

const SIZES = new Map(ENDPOINT_SETS.map(({ name, size }) => [name, size]));

/** The limit of an endpoint set, unless Atlas's responses say otherwise. That the rest are like most of their scope is [inferred]. */
export function bucketSizeOf(endpointSet: string): BucketSize {
  return (
    SIZES.get(endpointSet) ??
    (endpointSet.startsWith('org.') ? ORGANIZATION : endpointSet.startsWith('user.') ? USER : PROJECT)
  );
}

const isParameter = (segment: string) => segment.startsWith('{');
/** The segments of a path template below `/api/atlas/v2`, with `*` for each parameter. */
const segmentsOf = (template: string): readonly string[] =>
  template
    .split('/')
    .slice(4)
    .map((segment) => (isParameter(segment) ? '*' : segment));

const NAMES = new Map(
  ENDPOINT_SETS.flatMap(({ name, paths = [] }) => paths.map((path) => [path, name] as const)),
);

/**
 * The endpoint set, and so the bucket, that a path template of the API charges. Paths that no set of the table contains form one by their
 * first segment below the project or organization [inferred].
 */
export function endpointSetOf(template: string): string {
  const segments = segmentsOf(template);
  for (let length = segments.length; length > 1; length--) {
    const name = NAMES.get(segments.slice(0, length).join('/'));
    if (name !== undefined) return name;
  }
  const [area = 'root', id, resource = area] = segments;
  if (id === '*' && area === 'groups') return resource;
  if (id === '*' && area === 'orgs') return `org.${resource}`;
  return `user.${area}`;
}

/** The scope whose bucket an operation charges: the project, the organization, or the credential's user. */
export const scopeOf = ({ groupId, orgId }: Readonly<Record<string, string>>): string =>
  groupId ?? orgId ?? 'user';
