import { describe, expect, test } from 'vitest';
import { operations } from '../../src/atlas/operations.ts';
import { bucketSizeOf, endpointSetOf, scopeOf } from '../../src/atlas/rate-limit-buckets.ts';

const setOf = (path: string) => endpointSetOf(`/api/atlas/v2/${path}`);
const sizeOf = (path: string) => bucketSizeOf(setOf(path));

/** Capacities as recorded in `RateLimit-Limit`, by path below `/api/atlas/v2/`. */
const RECORDED: readonly (readonly [capacity: number, paths: readonly string[]])[] = [
  [
    300,
    [
      'alertConfigs/matchers/fieldNames',
      'federationSettings/{federationSettingsId}/connectedOrgConfigs',
      'federationSettings/{federationSettingsId}/identityProviders',
      'federationSettings/{federationSettingsId}/identityProviders/{identityProviderId}',
      'groups/{groupId}/events',
      'groups/{groupId}/processes',
      'orgs',
    ],
  ],
  [
    500,
    [
      'federationSettings/{federationSettingsId}/connectedOrgConfigs/{orgId}',
      'groups/{groupId}/clusters/{clusterName}/fts/indexes/{databaseName}/{collectionName}',
      'groups/{groupId}/clusters/{clusterName}/fts/indexes/{indexId}',
      'orgs/{orgId}',
      'orgs/{orgId}/apiKeys',
      'orgs/{orgId}/apiKeys/{apiUserId}',
      'orgs/{orgId}/apiKeys/{apiUserId}/accessList',
      'orgs/{orgId}/events',
      'orgs/{orgId}/federationSettings',
      'orgs/{orgId}/invites',
      'orgs/{orgId}/invites/{invitationId}',
      'orgs/{orgId}/users',
    ],
  ],
  [
    1200,
    [
      'groups',
      'groups/{groupId}',
      'groups/{groupId}/accessList',
      'groups/{groupId}/accessList/{entryValue}',
      'groups/{groupId}/alertConfigs',
      'groups/{groupId}/alertConfigs/{alertConfigId}',
      'groups/{groupId}/alerts',
      'groups/{groupId}/alerts/{alertId}',
      'groups/{groupId}/apiKeys',
      'groups/{groupId}/auditLog',
      'groups/{groupId}/awsCustomDNS',
      'groups/{groupId}/backup/exportBuckets',
      'groups/{groupId}/backup/exportBuckets/{exportBucketId}',
      'groups/{groupId}/backupCompliancePolicy',
      'groups/{groupId}/clusters/{clusterName}/backup/exports',
      'groups/{groupId}/clusters/{clusterName}/backup/exports/{exportId}',
      'groups/{groupId}/clusters/{clusterName}/backup/restoreJobs',
      'groups/{groupId}/clusters/{clusterName}/backup/restoreJobs/{restoreJobId}',
      'groups/{groupId}/clusters/{clusterName}/backup/schedule',
      'groups/{groupId}/clusters/{clusterName}/backup/snapshots',
      'groups/{groupId}/clusters/{clusterName}/backup/snapshots/{snapshotId}',
      'groups/{groupId}/clusters/{clusterName}/onlineArchives',
      'groups/{groupId}/clusters/{clusterName}/onlineArchives/{archiveId}',
      'groups/{groupId}/clusters/{clusterName}/search/deployment',
      'groups/{groupId}/dataFederation',
      'groups/{groupId}/dataFederation/{tenantName}',
      'groups/{groupId}/dataFederation/{tenantName}/limits',
      'groups/{groupId}/dataFederation/{tenantName}/limits/{limitName}',
      'groups/{groupId}/dataFederation/{tenantName}/queryLogs.gz',
      'groups/{groupId}/databaseUsers/{username}/certs',
      'groups/{groupId}/dbAccessHistory/clusters/{clusterName}',
      'groups/{groupId}/dbAccessHistory/processes/{hostname}',
      'groups/{groupId}/flexClusters',
      'groups/{groupId}/flexClusters/{name}',
      'groups/{groupId}/flexClusters/{name}/backup/restoreJobs',
      'groups/{groupId}/flexClusters/{name}/backup/restoreJobs/{restoreJobId}',
      'groups/{groupId}/flexClusters/{name}/backup/snapshots',
      'groups/{groupId}/flexClusters/{name}/backup/snapshots/{snapshotId}',
      'groups/{groupId}/integrations',
      'groups/{groupId}/integrations/{integrationType}',
      'groups/{groupId}/invites',
      'groups/{groupId}/invites/{invitationId}',
      'groups/{groupId}/maintenanceWindow',
      'groups/{groupId}/privateNetworkSettings/endpointIds',
      'groups/{groupId}/privateNetworkSettings/endpointIds/{endpointId}',
      'groups/{groupId}/settings',
      'groups/{groupId}/streams',
      'groups/{groupId}/streams/privateLinkConnections',
      'groups/{groupId}/streams/privateLinkConnections/{connectionId}',
      'groups/{groupId}/streams/{tenantName}/auditLogs',
      'groups/{groupId}/streams/{tenantName}/connections',
      'groups/{groupId}/streams/{tenantName}/connections/{connectionName}',
      'groups/{groupId}/streams/{tenantName}:downloadOperationalLogs',
      'groups/{groupId}/teams',
      'groups/{groupId}/userSecurity',
      'groups/{groupId}/userSecurity/ldap/verify/{requestId}',
      'groups/{groupId}/users',
      'orgs/{orgId}/teams',
      'orgs/{orgId}/teams/byName/{teamName}',
      'orgs/{orgId}/teams/{teamId}',
      'orgs/{orgId}/teams/{teamId}/users',
    ],
  ],
  [
    2000,
    [
      'groups/{groupId}/cloudProviderAccess',
      'groups/{groupId}/customDBRoles/roles',
      'groups/{groupId}/customDBRoles/roles/{roleName}',
    ],
  ],
  [2500, ['users/byName/{userName}', 'users/{userId}']],
  [
    4000,
    [
      'groups/{groupId}/privateEndpoint/regionalMode',
      'groups/{groupId}/privateEndpoint/{cloudProvider}/endpointService',
      'groups/{groupId}/privateEndpoint/{cloudProvider}/endpointService/{endpointServiceId}',
    ],
  ],
  [
    10000,
    [
      'groups/{groupId}/clusters',
      'groups/{groupId}/clusters/provider/regions',
      'groups/{groupId}/clusters/{clusterName}',
      'groups/{groupId}/clusters/{clusterName}/autoScalingConfiguration',
      'groups/{groupId}/clusters/{clusterName}/processArgs',
      'groups/{groupId}/clusters/{hostName}/logs/{logName}.gz',
      'groups/{groupId}/databaseUsers',
      'groups/{groupId}/databaseUsers/{databaseName}/{username}',
      'groups/{groupId}/sampleDatasetLoad/{sampleDatasetId}',
    ],
  ],
];

describe('the bucket of an operation', () => {
  test.each(RECORDED.flatMap(([capacity, paths]) => paths.map((path) => [path, capacity] as const)))(
    '%s has the recorded capacity %i',
    (path, capacity) => {
      expect(sizeOf(path).capacity).toBe(capacity);
    },
  );

  test('paths with different recorded capacities never share one', () => {
    const capacities = new Map<string, number>();
    for (const [capacity, paths] of RECORDED)
      for (const path of paths) {
        expect([path, capacities.get(setOf(path)) ?? capacity]).toEqual([path, capacity]);
        capacities.set(setOf(path), capacity);
      }
  });

  test.each([
    [
      'groups/{groupId}/clusters/{clusterName}/backup/snapshots/shardedClusters',
      'groups/{groupId}/clusters/{clusterName}/backup/snapshots',
    ],
    [
      'groups/{groupId}/clusters/{clusterName}/search/indexes',
      'groups/{groupId}/clusters/{clusterName}/search/deployment',
    ],
    ['groups/{groupId}/clusters/{clusterName}/status', 'groups/{groupId}/clusters/{clusterName}'],
    [
      'groups/{groupId}/privateEndpoint/serverless/instance/{instanceName}/endpoint',
      'groups/{groupId}/privateEndpoint/regionalMode',
    ],
    ['groups/{groupId}/processes/{processId}/measurements', 'groups/{groupId}/processes'],
    ['groups/{groupId}/events/{eventId}', 'groups/{groupId}/events'],
    ['groups/{groupId}/streams/{tenantName}/processors', 'groups/{groupId}/streams'],
    ['groups/byName/{groupName}', 'groups'],
    ['orgs/{orgId}/users/{userId}', 'orgs/{orgId}/users'],
    ['orgs/{orgId}/teams/{teamId}/other', 'orgs/{orgId}/teams/{teamId}'],
    [
      'federationSettings/{federationSettingsId}/connectedOrgConfigs/{orgId}/roleMappings',
      'federationSettings/{federationSettingsId}/connectedOrgConfigs/{orgId}',
    ],
  ])('%s, which is not recorded, has that of %s', (path, neighbour) => {
    expect(setOf(path)).toBe(setOf(neighbour));
  });

  test.each([
    ['groups/{groupId}/peers', 2_000, 1_000],
    ['groups/{groupId}/serverless', 1_200, 500],
    ['groups/{groupId}/standbyLinks/{standbyLinkId}:inspectFailoverReadiness', 1_200, 500],
    ['orgs/{orgId}/invoices', 500, 250],
    ['orgs/{orgId}', 500, 250],
    ['clusters', 300, 100],
    ['rateLimits', 300, 100],
  ])('%s without a neighbour may burst to %i and regains %i a minute', (path, capacity, refill) => {
    expect(sizeOf(path)).toEqual({ capacity, refill, perMs: 60_000 });
  });

  test('is that of the catalog, and one of its scope, for every operation', () => {
    for (const { path, endpointSet } of operations) {
      expect([path, endpointSetOf(path)]).toEqual([path, endpointSet]);
      const parameters = Object.fromEntries(
        [...path.matchAll(/\{(\w+)\}/g)].map(([, name = '']) => [name, name]),
      );
      const set = endpointSetOf(path);
      const scope = set.startsWith('org.') ? 'orgId' : set.startsWith('user.') ? 'user' : 'groupId';
      expect([path, scopeOf(parameters)]).toEqual([path, scope]);
    }
  });
});
