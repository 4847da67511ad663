import { describe, expect, test } from 'vitest';
import { operations, unservedOperations } from '../../src/atlas/operations.ts';
import { createUnknownOperation, createUnservedLookup } from '../../src/gateway/unknown-operation.ts';

const unknownOperation = createUnknownOperation(operations, createUnservedLookup(unservedOperations));
const ROOT = '/api/atlas/v2';
const ID = 'a'.repeat(24);
const detailOf = (path: string, method = 'GET') => unknownOperation(method, path).detail;

describe('the detail of 501', () => {
  test('a download says so', () => {
    expect(detailOf(`${ROOT}/groups/${ID}/clusters/host.example.com/logs/mongodb.gz`)).toBe(
      'downloadGroupClusterLog is a download, and downloads are not served by this gateway. Request it from Atlas itself.',
    );
    for (const { id, path, reason } of unservedOperations)
      expect(detailOf(path.replaceAll(/\{\w+\}/g, 'x'))).toContain(
        `${id} ${reason === 'download' ? 'is a download' : 'takes a body'}`,
      );
  });

  test.each(['POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS'])('%s is told to go to Atlas', (method) => {
    expect(detailOf(`${ROOT}/groups/${ID}/clusters/a:pause`, method)).toContain(
      'Send writes to Atlas itself',
    );
  });

  test.each([
    [`/groups/${ID}/cluster`, 'listGroupClusters'],
    [`/groups/${ID}/Clusters/Cluster0`, 'getGroupCluster'],
    [`/groups/${ID}/streams/privateLinkConnection`, 'listGroupStreamPrivateLinkConnections'],
    [`/groups/${ID}/clusters/Cluster0/backup/snapshot`, 'listGroupClusterBackupSnapshots'],
    [`/orgs/${ID}/team`, 'listOrgTeams'],
    [`/group/${ID}`, 'getGroup'],
    ['/org', 'listOrgs'],
  ])('%s names the nearest operation, %s', (path, id) => {
    const operation = operations.find((one) => one.id === id);
    expect(detailOf(`${ROOT}${path}`)).toContain(`that of ${id}: ${operation?.path}.`);
  });

  test.each(['/api/atlas/v1.0/groups', '/api/', '/api/atlas/v22', '/api/nothing'])(
    '%s is another API',
    (path) => {
      expect(detailOf(path)).toContain('serves only the Atlas Administration API v2');
    },
  );

  test('a path that is like none names none, and nothing of it is repeated', () => {
    expect(detailOf(`${ROOT}/qqqqqq-canary`)).toBe(
      'Atlas has no read at this path that this gateway knows. /openapi.json describes all that is served.',
    );
    expect(detailOf(`${ROOT}/groups/canary/canary/canary`)).not.toContain('canary');
  });

  test('a long path is not compared', () => {
    const startedAt = performance.now();
    for (let turn = 0; turn < 200; turn++) detailOf(`${ROOT}${'/abcdefghijk'.repeat(300)}`);
    expect(performance.now() - startedAt).toBeLessThan(1_000);
    expect(detailOf(`${ROOT}/groups${'/x'.repeat(20)}`)).not.toContain('similar');
  });

  test('misspelt names are corrected where there are at most four: each costs a comparison with the catalog', () => {
    expect(detailOf(`${ROOT}/groupz/a1/clusterz`)).toContain('listGroupClusters');
    expect(detailOf(`${ROOT}/groupz/a1/clusterz/xxx/yyyy/zzzz`)).not.toContain('listGroupClusters');
  });
});
