// What Atlas's description does not say, decided by this project: how a list is held, what it gives away, which bucket pays for it.

/** Lists whose items hold keys, tokens or webhook secrets, masked or not. */
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

/** Lists whose items name people or where they come from; organizations in a federation come with the addresses of users in conflict. */
const PERSONAL = [
  /\/users$/,
  /\/events$/,
  /\/databaseUsers$/,
  /\/databaseUsers\/[^/]+\/certs$/,
  /\/connectedOrgConfigs$/,
];

/** Lists without an end, or that change with every question: held a page at a time. */
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

/** Ids that callers are given lists by and caches are cut by: in lower case everywhere, so that nothing has two names. */
const CANONICAL_ID = '^([a-f0-9]{24})$';

/** The pattern of a path or query parameter, which the description gives as `described`. */
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
