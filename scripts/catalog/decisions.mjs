// Properties of operations that Atlas's description does not contain, decided by this project: cache unit, endpoint set and patterns of ids.

/** Lists that are unbounded or change with every request; they are cached page by page. */
const BY_PAGE = [
  /\/events$/,
  /\/alerts$/,
  /\/processes$/,
  /\/snapshots$/,
  /\/restoreJobs$/,
  /\/collectionRestoreJobs$/,
  /\/collections$/,
  /\/queryShapes$/,
  /\/backupCheckpoints$/,
  /\/exports$/,
];

/** @returns {'whole' | 'page'} */
export const cacheUnitOf = (kind, path) =>
  kind === 'list' && BY_PAGE.some((pattern) => pattern.test(path)) ? 'page' : 'whole';

/** Ids used for grants and cache partitions; always lower case, so that an id has one spelling. */
const CANONICAL_ID = '^([a-f0-9]{24})$';

/** The pattern of a path or query parameter; `described` is the one of the description. */
export const patternOf = (name, described) =>
  name === 'groupId' || name === 'orgId' ? CANONICAL_ID : described;

const isLiteral = (segment) => segment !== undefined && !segment.startsWith('{');

/** Endpoint set by the first segment below the project or organization; the names are the gateway's own [inferred]. */
export function endpointSetOf(path) {
  const [, , , area = 'root', id, resource] = path.slice(1).split('/');
  if (isLiteral(id) || !isLiteral(resource)) return `user.${area}`;
  if (area === 'groups') {
    const sets = {
      flexClusters: 'clusters',
      privateEndpoint: 'privateEndpoints',
      peers: 'networkPeering',
      containers: 'networkPeering',
      processes: 'monitoring',
    };
    return sets[resource] ?? resource;
  }
  if (area === 'orgs') return `org.${resource}`;
  return `user.${area}`;
}
