// Properties of lists that Atlas's description does not contain, decided by this project: cache unit, sensitivity and endpoint set.

/** Lists whose items contain keys, tokens or webhook secrets, masked or not. */
const SECRET = [
  /\/alertConfigs$/,
  /\/integrations$/,
  /\/logIntegrations$/,
  /\/metricIntegrations$/,
  /\/apiKeys$/,
  /\/serviceAccounts$/,
  /\/secrets$/,
  /\/aiModelApiKeys$/,
];

/** Lists whose items contain personal data or addresses; organizations in a federation include the addresses of users in conflict. */
const PERSONAL = [
  /\/users$/,
  /\/events$/,
  /\/databaseUsers$/,
  /\/databaseUsers\/[^/]+\/certs$/,
  /\/connectedOrgConfigs$/,
];

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
  /\/lineItems:search$/,
  /\/backupCheckpoints$/,
  /\/exports$/,
];

const some = (patterns, path) => patterns.some((pattern) => pattern.test(path));

/** @returns {'open' | 'secret' | 'personal'} */
export const sensitivityOf = (path) =>
  some(SECRET, path) ? 'secret' : some(PERSONAL, path) ? 'personal' : 'open';

/** @returns {'whole' | 'page'} */
export const cacheUnitOf = (path) => (some(BY_PAGE, path) ? 'page' : 'whole');

/** Ids used for grants and cache partitions; always lower case, so that an id has one spelling. */
const CANONICAL_ID = '^([a-f0-9]{24})$';

/** The pattern of a path or query parameter; `described` is the one of the description. */
export const patternOf = (name, described) =>
  name === 'groupId' || name === 'orgId' ? CANONICAL_ID : described;

/** Endpoint set by the first segment below the project or organization; the names are the gateway's own [inferred]. */
export function endpointSetOf(path) {
  const [, , , area, , resource] = path.slice(1).split('/');
  if (area === 'groups' && resource !== undefined) {
    const sets = {
      flexClusters: 'clusters',
      privateEndpoint: 'privateEndpoints',
      peers: 'networkPeering',
      containers: 'networkPeering',
      processes: 'monitoring',
    };
    return sets[resource] ?? resource;
  }
  if (area === 'orgs' && resource !== undefined) return `org.${resource}`;
  return `user.${area}`;
}
