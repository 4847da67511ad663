import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { createCatalog, type Operation, type Parameter, targetPath } from '../../src/atlas/catalog.ts';
import { operations } from '../../src/atlas/operations.ts';
import { bucketSizeOf, scopeOf } from '../../src/atlas/rate-limit-buckets.ts';

const GROUP = '32b6e34b3d91647abb20e7b8';
const catalog = createCatalog(operations);
const inGroup = (rest: string) => `/api/atlas/v2/groups/${GROUP}/${rest}`;
const idAt = (path: string) => {
  const matched = catalog.match(path);
  return matched.type === 'matched' ? matched.operation.id : matched.type;
};

const hexId = fc.stringMatching(/^[a-f0-9]{24}$/);
const freeText = fc
  .string({ unit: 'grapheme', minLength: 1, maxLength: 40 })
  .filter((text) => !/[/\\\p{Cc}]/u.test(text) && text !== '.' && text !== '..');

/** Valid values of a path parameter: from its enumeration, matching its pattern, or free text. */
function valuesOf({ name, pattern, enum: choices }: Parameter): fc.Arbitrary<string> {
  if (choices !== undefined) return fc.constantFrom(...choices);
  if (pattern === undefined) return freeText;
  if (name === 'processId')
    return fc.constantFrom('10.0.0.1', 'atlas-abc-shard-00-00.xyz.mongodb.net:27017', ':27017');
  return fc.stringMatching(new RegExp(pattern)).filter((text) => !/[/\\\p{Cc}]/u.test(text));
}

const anyOperation = fc.constantFrom(...operations);
const anyPlace = anyOperation.chain((operation) =>
  fc.tuple(...operation.pathParameters.map(valuesOf)).map((values) => ({
    operation,
    pathParameters: Object.fromEntries(
      operation.pathParameters.map(({ name }, index) => [name, values[index] ?? '']),
    ),
  })),
);

describe('matching a path to an operation', () => {
  test('the path of any operation with any parameters matches that operation and those parameters', () => {
    fc.assert(
      fc.property(anyPlace, ({ operation, pathParameters }) => {
        expect(catalog.match(targetPath(operation, pathParameters))).toEqual({
          type: 'matched',
          operation,
          pathParameters,
        });
      }),
      { numRuns: 300 },
    );
  });

  test('a path matches the same operation however its parameters are escaped', () => {
    const escapeAll = (text: string) =>
      [...Buffer.from(text)].map((byte) => `%${byte.toString(16).padStart(2, '0')}`).join('');
    fc.assert(
      fc.property(anyPlace, ({ operation, pathParameters }) => {
        const path = operation.path.replace(/\{([^}]+)\}/g, (_, name: string) =>
          escapeAll(pathParameters[name] ?? ''),
        );
        expect(catalog.match(path)).toEqual({ type: 'matched', operation, pathParameters });
      }),
    );
  });

  test('literal segments take precedence over parameters', () => {
    expect(idAt(inGroup('clusters/provider/regions'))).toBe('listGroupClusterProviderRegions');
    expect(idAt(inGroup('streams/privateLinkConnections'))).toBe('listGroupStreamPrivateLinkConnections');
    expect(idAt(inGroup('containers/all'))).toBe('listGroupContainerAll');
  });

  test('a resource named like a literal segment is still found', () => {
    expect(catalog.match(inGroup('clusters/provider/backup/snapshots'))).toMatchObject({
      operation: { id: 'listGroupClusterBackupSnapshots' },
      pathParameters: { clusterName: 'provider' },
    });
    expect(catalog.match(inGroup('streams/accountDetails/connections'))).toMatchObject({
      operation: { id: 'listGroupStreamConnections' },
      pathParameters: { tenantName: 'accountDetails' },
    });
  });

  test('a colon in a literal segment is an ordinary character', () => {
    const first = operations.slice(0, 1).map((operation) => ({ ...operation, path: '/lineItems:search' }));
    const { match } = createCatalog(first);
    expect(match('/lineItems:search').type).toBe('matched');
    expect(match('/lineItems').type).toBe('unknown');
    expect(match('/lineItems%3Asearch').type).toBe('unknown');
  });

  test('a verb after a parameter selects its own operation, unless the colon is escaped', () => {
    const link = inGroup(`standbyLinks/${GROUP}`);
    expect(catalog.match(`${link}:inspectFailoverReadiness`)).toMatchObject({
      operation: { id: 'inspectGroupStandbyLinkFailoverReadiness' },
      pathParameters: { standbyLinkId: GROUP },
    });
    expect(idAt(link)).toBe('getGroupStandbyLink');
    expect(idAt(`${link}:other`)).toBe('bad-parameter');
    expect(idAt(`${link}%3AinspectFailoverReadiness`)).toBe('bad-parameter');
    expect(idAt(inGroup('standbyLinks/:inspectFailoverReadiness'))).toBe('bad-parameter');
  });

  test.each([
    ['', 'nothing'],
    ['/', 'the root'],
    ['*', 'the asterisk form'],
    ['xapi/atlas/v2/groups', 'another first character'],
    ['//api/atlas/v2/groups', 'two leading slashes'],
    ['/api/atlas', 'a prefix of paths'],
    ['/api/atlas/v2/groups/', 'a slash at the end'],
    ['/api/atlas/v2//groups', 'an empty segment'],
    ['/api/atlas/v1.0/groups', 'another API'],
    ['/API/atlas/v2/groups', 'another case'],
    ['/api/atlas/v2/%67roups', 'an escaped literal'],
    ['/api/atlas/v2/./groups', 'a dot segment'],
    ['/api/atlas/v2/orgs/./..', 'two dots'],
    ['/api/atlas/v2/groups;x=1', 'a matrix parameter of a literal'],
    [inGroup('teams;x.css'), 'a disguised suffix'],
    [inGroup('streams/privateLinkConnections/x.css/y'), 'additional segments'],
    [inGroup('streams/privateLinkConnections/'), 'a slash at the end'],
    [inGroup('/streams/privateLinkConnections'), 'an empty segment'],
    ['/api/atlas/v2/groups//streams/privateLinkConnections', 'an empty parameter'],
    ['/__proto__', 'the name of a prototype'],
    ['/constructor/prototype', 'the name of a constructor'],
    ['/api/atlas/v2/__proto__', 'the name of a prototype after a prefix'],
    [inGroup('toString'), 'the name of a method'],
  ])('%j is unknown: %s', (path) => {
    expect(catalog.match(path)).toEqual({ type: 'unknown' });
  });

  test('a path that continues after an operation is unknown', () => {
    fc.assert(
      fc.property(anyPlace, fc.stringMatching(/^[a-z0-9]{9}$/), ({ operation, pathParameters }, more) => {
        const path = targetPath(operation, pathParameters);
        expect(idAt(`${path}/${more}x/${more}y/${more}z/${more}`)).toBe('unknown');
        expect(idAt(`${path}/`)).toBe('unknown');
      }),
    );
  });
});

describe('path parameters', () => {
  test.each([
    ['32b6e34b3d91647abb20e7b', 'too short'],
    ['32b6e34b3d91647abb20e7b80', 'too long'],
    ['32B6E34B3D91647ABB20E7B8', 'upper case'],
    ['__proto__', 'the name of a prototype'],
    ['..', 'a dot segment'],
    [`${GROUP}%0a`, 'a trailing line break'],
    [`${GROUP};x=1`, 'a matrix parameter'],
    [`..%2f${GROUP}`, 'an encoded slash'],
    ['%', 'a broken escape'],
  ])('a project id %j is rejected: %s', (id) => {
    expect(catalog.match(`/api/atlas/v2/groups/${id}/streams/privateLinkConnections`)).toMatchObject({
      type: 'bad-parameter',
      name: 'groupId',
    });
  });

  test('a project id in upper case is always rejected, even where Atlas accepts it, so that a project has one id', () => {
    for (const { path } of operations.filter((operation) => operation.path.includes('{groupId}'))) {
      const id = GROUP.toUpperCase();
      expect(catalog.match(path.replace('{groupId}', id).replaceAll(/\{[^}]+\}/g, 'a'))).toMatchObject({
        type: 'bad-parameter',
        name: 'groupId',
      });
    }
  });

  test.each([
    ['%2e%2e', 'two dots'],
    ['%2E', 'a dot'],
    ['..', 'a dot segment'],
    ['a%2fb', 'an encoded slash'],
    ['a%5Cb', 'an encoded backslash'],
    ['a\\b', 'a backslash'],
    ['a%00', 'NUL'],
    ['a%0d%0ab', 'CR and LF'],
    ['a%1f', 'a control character'],
    ['a%7f', 'DEL'],
    ['a%c2%85', 'a C1 control character'],
    ['%ff', 'invalid UTF-8'],
    ['%c0%af', 'an overlong slash'],
    ['%ed%a0%80', 'half a surrogate pair'],
    ['%u0041', 'an invalid escape'],
    ['a%2', 'half an escape'],
    ['tenänt', 'raw bytes beyond ASCII'],
    ['\ud800', 'half a surrogate pair, raw'],
    ['a b', 'a space'],
    ['a?b', 'a question mark'],
    ['a#b', 'a fragment'],
    ['x'.repeat(257), 'too long'],
    ['%61'.repeat(257), 'too long once decoded'],
  ])('free text %j is rejected: %s', (segment) => {
    expect(catalog.match(inGroup(`streams/${segment}/connections`))).toMatchObject({
      type: 'bad-parameter',
      name: 'tenantName',
    });
  });

  test.each([
    ['a%20b', 'a b'],
    ['a+b', 'a+b'],
    ['a%2Bb', 'a+b'],
    ['a%3Bb', 'a;b'],
    ['a;b', 'a;b'],
    ['%2541', '%41'],
    ['...', '...'],
    ['%F0%9F%8D%83', '🍃'],
    ['__proto__', '__proto__'],
    ['x'.repeat(256), 'x'.repeat(256)],
  ])('free text %j is decoded once, to %j', (segment, tenantName) => {
    expect(catalog.match(inGroup(`streams/${segment}/connections`))).toMatchObject({
      type: 'matched',
      pathParameters: { tenantName },
    });
  });

  test('a parameter with an enumeration accepts only its values', () => {
    expect(idAt(inGroup('encryptionAtRest/AWS/privateEndpoints'))).toBe(
      'listGroupEncryptionAtRestPrivateEndpoints',
    );
    expect(catalog.match(inGroup('encryptionAtRest/aws/privateEndpoints'))).toEqual({
      type: 'bad-parameter',
      name: 'cloudProvider',
      detail: 'cloudProvider in the path must be one of AZURE, AWS.',
    });
  });

  test('a hostile value takes no longer to match than an ordinary one', () => {
    const hostile = [`${'a.'.repeat(127)}!`, '1.'.repeat(128), 'a'.repeat(256), '0:'.repeat(128)];
    const startedAt = performance.now();
    for (const value of hostile)
      for (let turn = 0; turn < 100; turn++) catalog.match(inGroup(`processes/${value}/disks`));
    expect(performance.now() - startedAt).toBeLessThan(2_000);
  });
});

describe('building paths', () => {
  test('every character that could end a segment is escaped', () => {
    const operation = catalog.find('listGroupStreamConnections');
    expect(operation && targetPath(operation, { groupId: GROUP, tenantName: 'a/b?c#d;e%f g' })).toBe(
      inGroup('streams/a%2Fb%3Fc%23d%3Be%25f%20g/connections'),
    );
  });

  test('a missing parameter is an error, not an empty segment', () => {
    const operation = catalog.find('listGroupStreamConnections');
    expect(() => operation && targetPath(operation, { groupId: GROUP })).toThrow('tenantName');
  });
});

describe('the operations', () => {
  test('all 261 are present, each with its own name, path and rate limit', () => {
    expect(operations).toHaveLength(261);
    expect(new Set(operations.map(({ id }) => id)).size).toBe(261);
    expect(new Set(operations.map(({ path }) => path)).size).toBe(261);
    for (const { endpointSet } of operations) expect(bucketSizeOf(endpointSet).capacity).toBeGreaterThan(0);
  });

  test('are found by id and by alias', () => {
    for (const operation of operations) {
      expect(catalog.find(operation.id)).toBe(operation);
      if (operation.alias !== undefined) expect(catalog.find(operation.alias)).toBe(operation);
    }
    expect(catalog.find('listPrivateLinkConnections')?.id).toBe('listGroupStreamPrivateLinkConnections');
    expect(catalog.find('constructor')).toBeUndefined();
  });

  test('have their versions in order, the preview last', () => {
    for (const { versions } of operations) {
      const names = versions.map(({ name }) => name);
      expect(names.length).toBeGreaterThan(0);
      expect(names).toEqual([...names].sort());
    }
  });

  test('declare the parameters of their paths, in order, with patterns that compile', () => {
    for (const { path, pathParameters, queryParameters } of operations) {
      expect(pathParameters.map(({ name }) => `{${name}}`)).toEqual(path.match(/\{[^}]+\}/g) ?? []);
      for (const { pattern } of [...pathParameters, ...queryParameters]) {
        expect(() => new RegExp(pattern ?? '')).not.toThrow();
      }
    }
  });

  test.each([
    ['listGroupAlertConfigs', 'secret'],
    ['getGroupAlertAlertConfigs', 'secret'],
    ['listGroupIntegrations', 'secret'],
    ['listGroupLogIntegrations', 'secret'],
    ['listGroupMetricIntegrations', 'secret'],
    ['listGroupApiKeys', 'secret'],
    ['listOrgApiKeys', 'secret'],
    ['listGroupServiceAccounts', 'secret'],
    ['listOrgServiceAccounts', 'secret'],
    ['listGroupMcpConfigSecrets', 'secret'],
    ['listOrgMcpConfigSecrets', 'secret'],
    ['listGroupAiModelApiKeys', 'secret'],
    ['listOrgAiModelApiKeys', 'secret'],
    ['listGroupUsers', 'personal'],
    ['listOrgUsers', 'personal'],
    ['listOrgTeamUsers', 'personal'],
    ['listGroupEvents', 'personal'],
    ['listOrgEvents', 'personal'],
    ['listGroupDatabaseUsers', 'personal'],
    ['listGroupDatabaseUserCerts', 'personal'],
    ['listFederationSettingConnectedOrgConfigs', 'personal'],
    ['listGroupStreamPrivateLinkConnections', 'open'],
    ['listEventTypes', 'open'],
  ])('%s is %s', (id, sensitivity) => {
    expect(catalog.find(id)?.sensitivity).toBe(sensitivity);
  });

  test('unbounded lists are cached by the page, the others whole', () => {
    for (const id of ['listGroupEvents', 'listOrgEvents', 'listGroupProcesses', 'listGroupAlerts']) {
      expect(catalog.find(id)?.cacheUnit).toBe('page');
    }
    for (const id of ['listGroupStreamPrivateLinkConnections', 'listGroupClusters', 'listGroups']) {
      expect(catalog.find(id)?.cacheUnit).toBe('whole');
    }
  });

  test('all Streams operations share one project bucket', () => {
    const sets = operations.filter(({ tag }) => tag === 'Streams').map(({ endpointSet }) => endpointSet);
    expect(new Set(sets)).toEqual(new Set(['streams']));
    expect(bucketSizeOf('streams')).toEqual({ capacity: 1_200, refill: 500, perMs: 60_000 });
  });

  test.each([
    ['listGroupClusters', 10_000, 5_000],
    ['listGroupDatabaseUsers', 10_000, 5_000],
    ['listGroupPeers', 2_000, 1_000],
    ['listGroupEvents', 300, 100],
    ['listGroupProcesses', 300, 100],
    ['listOrgTeams', 500, 250],
    ['listOrgs', 300, 100],
    ['listClusterDetails', 300, 100],
    ['listRateLimits', 300, 100],
  ])('%s may burst to %i and regains %i a minute', (id, capacity, refill) => {
    expect(bucketSizeOf(catalog.find(id)?.endpointSet ?? '')).toEqual({ capacity, refill, perMs: 60_000 });
  });

  test('the scope is the project, the organization or the user', () => {
    expect(scopeOf({ groupId: GROUP, clusterName: 'a' })).toBe(GROUP);
    expect(scopeOf({ orgId: GROUP })).toBe(GROUP);
    expect(scopeOf({ federationSettingsId: GROUP })).toBe('user');
  });
});

test('two operations with the same path are rejected when the catalog is created', () => {
  const [first, second] = operations;
  if (first === undefined || second === undefined) throw new Error('no operations');
  const twin: Operation = { ...second, path: first.path };
  expect(() => createCatalog([first, twin])).toThrow('are the same path');
});

test('project ids survive a round trip unchanged', () => {
  fc.assert(
    fc.property(hexId, (groupId) => {
      expect(catalog.match(`/api/atlas/v2/groups/${groupId}/events`)).toMatchObject({
        pathParameters: { groupId },
      });
    }),
  );
});
