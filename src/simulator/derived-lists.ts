import { createHash } from 'node:crypto';
import { operations } from '../atlas/operations.ts';
import { type BucketSize, bucketSizeOf } from '../atlas/rate-limit-buckets.ts';
import type { Address } from './generated-items.ts';
import type { Json } from './pages.ts';
import type { SimulatedProject } from './projects.ts';

/** The organizations of every simulator. */
export const ORGANIZATIONS = [
  { id: '5f0a1b2c3d4e5f6071829301', name: 'store' },
  { id: '5f0a1b2c3d4e5f6071829302', name: 'lab' },
] as const;

export interface DerivedLists {
  /** The items of a list that follow from the projects and limits, and do not change on their own; undefined for other lists. */
  items(address: Pick<Address, 'operation' | 'pathParameters'>): readonly Json[] | undefined;
}

const scopeOf = (endpointSet: string) => {
  if (endpointSet.startsWith('org.')) return 'ORGANIZATION';
  return endpointSet.startsWith('user.') ? 'USER' : 'GROUP';
};

const sameAsDefault = (value: number): Json => ({ value, defaultValue: value });

function endpointSetOf(
  name: string,
  { capacity, refill, perMs }: BucketSize,
  paths: readonly string[],
): Json {
  return {
    endpointSetId: createHash('sha256').update(name).digest('hex').slice(0, 24),
    endpointSetName: name,
    scope: scopeOf(name),
    capacity: sameAsDefault(capacity),
    refillRate: sameAsDefault(refill),
    refillDurationSeconds: sameAsDefault(perMs / 1_000),
    endpoints: paths.map((path) => ({ method: 'GET', path })),
  };
}

/** Every endpoint set, in the format of the description; no recording contains one. */
function endpointSets(limits: Readonly<Record<string, BucketSize>>): readonly Json[] {
  const sets = new Map<string, string[]>();
  for (const { endpointSet, path } of operations)
    sets.set(endpointSet, [...(sets.get(endpointSet) ?? []), path]);
  return [...sets].map(([name, paths]) => endpointSetOf(name, limits[name] ?? bucketSizeOf(name), paths));
}

export function createDerivedLists({
  linkOrigin,
  projects,
  limits,
}: {
  readonly linkOrigin: string;
  readonly projects: () => readonly SimulatedProject[];
  readonly limits: Readonly<Record<string, BucketSize>>;
}): DerivedLists {
  const linksTo = (path: string) => [{ rel: 'self', href: `${linkOrigin}/api/atlas/v2${path}` }];

  const groups = (organization?: string): Json[] =>
    projects()
      .filter(({ visible, orgId }) => visible && (organization === undefined || orgId === organization))
      .map(({ id, name, orgId }) => ({
        id,
        name,
        orgId,
        created: '2026-01-02T03:04:05Z',
        clusterCount: 0,
        links: linksTo(`/groups/${id}`),
      }));

  const organizations = (): Json[] =>
    ORGANIZATIONS.map(({ id, name }) => ({ id, name, isDeleted: false, links: linksTo(`/orgs/${id}`) }));

  let sets: readonly Json[] | undefined;

  return {
    items({ operation, pathParameters }) {
      switch (operation.id) {
        case 'listGroups':
          return groups();
        case 'getOrgGroups':
          return groups(pathParameters['orgId']);
        case 'listOrgs':
          return organizations();
        case 'listRateLimits':
          sets ??= endpointSets(limits);
          return sets;
        default:
          return undefined;
      }
    },
  };
}
