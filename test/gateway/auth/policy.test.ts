import { describe, expect, test } from 'vitest';
import { createCatalog, type Operation } from '../../../src/atlas/catalog.ts';
import { resolveQuery } from '../../../src/atlas/query.ts';
import type { Caller } from '../../../src/gateway/auth/key-auth.ts';
import { authorize, type Decision } from '../../../src/gateway/auth/policy.ts';
import { lists as operations } from '../../support/lists.ts';

const P1 = 'a'.repeat(24);
const P2 = 'b'.repeat(24);
const O1 = 'c'.repeat(24);
const O2 = 'd'.repeat(24);
const CLIENT = `mdb_sa_id_${'e'.repeat(24)}`;
const catalog = createCatalog(operations);

type Permissions = Partial<Record<'projects' | 'organizations' | 'operations', readonly string[] | 'all'>>;

const idsOf = (granted: readonly string[] | 'all' = []) => (granted === 'all' ? granted : new Set(granted));
const callerWith = ({ projects, organizations, operations: opened = ['lists'] }: Permissions): Caller => ({
  name: 'team',
  projects: idsOf(projects),
  organizations: idsOf(organizations),
  operations: new Set(opened),
});

const ONE: Permissions = { projects: [P1] };
const ONE_OF_EACH: Permissions = { projects: [P1], organizations: [O1] };
const ALL_PROJECTS: Permissions = { projects: 'all', organizations: [O1] };
const ALL: Permissions = { projects: 'all', organizations: 'all' };
const NOTHING: Permissions = {};
const opening = (grants: Permissions, ...opened: string[]): Permissions => ({
  ...grants,
  operations: opened,
});

function decisionOn(grants: Permissions, target: string): Decision {
  const [path = '', query = ''] = `/api/atlas/v2${target}`.split('?');
  const match = catalog.match(path);
  if (match.type !== 'matched') throw new Error(`${target} is ${match.type}`);
  const resolved = resolveQuery(match.operation, query);
  if (resolved.type !== 'resolved') throw new Error(`${target}: ${resolved.detail}`);
  return authorize(callerWith(grants), match.operation, match.pathParameters, resolved.filters);
}

const LINKS = `/groups/${P1}/streams/privateLinkConnections`;
const OTHER_LINKS = `/groups/${P2}/streams/privateLinkConnections`;

describe('operation grants', () => {
  test.each<[title: string, Permissions, target: string, Decision]>([
    ['`lists` grants a list', ONE, LINKS, 'allowed'],
    ['a tag grants its lists', opening(ONE, 'Streams'), LINKS, 'allowed'],
    ['another tag does not', opening(ONE, 'Clusters'), LINKS, 'operation-forbidden'],
    ['an id grants its list', opening(ONE, 'listGroupStreamPrivateLinkConnections'), LINKS, 'allowed'],
    ['an older name does too', opening(ONE, 'listPrivateLinkConnections'), LINKS, 'allowed'],
    ['no grant allows nothing', opening(ONE), LINKS, 'operation-forbidden'],
    ['`lists` does not grant secrets', ONE, `/groups/${P1}/alertConfigs`, 'operation-forbidden'],
    ['a tag does not grant secrets', opening(ONE, 'Events'), `/groups/${P1}/events`, 'operation-forbidden'],
    ['an id grants secrets', opening(ONE, 'listGroupAlertConfigs'), `/groups/${P1}/alertConfigs`, 'allowed'],
  ])('%s', (_title, grants, target, decision) => {
    expect(decisionOn(grants, target)).toBe(decision);
  });
});

describe('project and organization grants', () => {
  test.each<[title: string, Permissions, target: string, Decision]>([
    ['a granted project', ONE, LINKS, 'allowed'],
    ['another project', ONE, OTHER_LINKS, 'project-forbidden'],
    ['any project for `all`', ALL, OTHER_LINKS, 'allowed'],
    ['a forbidden operation of another project', opening(ONE), OTHER_LINKS, 'operation-forbidden'],
    ['a granted organization', ONE_OF_EACH, `/orgs/${O1}/teams`, 'allowed'],
    ['another organization', ONE_OF_EACH, `/orgs/${O2}/teams`, 'project-forbidden'],
    ['an organization without any organization grant', ONE, `/orgs/${O1}/teams`, 'project-forbidden'],
    ['a granted project in the query', ONE, `/rateLimits?groupId=${P1}`, 'allowed'],
    ['another project in the query', ONE, `/rateLimits?groupId=${P2}`, 'project-forbidden'],
    ['a granted organization in the query', ONE_OF_EACH, `/rateLimits?orgId=${O1}`, 'allowed'],
    ['two granted ids', ONE_OF_EACH, `/rateLimits?groupId=${P1}&orgId=${O1}`, 'allowed'],
    ['a foreign second id', ONE_OF_EACH, `/rateLimits?groupId=${P1}&orgId=${O2}`, 'project-forbidden'],
    ['a foreign first id', ONE_OF_EACH, `/rateLimits?groupId=${P2}&orgId=${O1}`, 'project-forbidden'],
    ['no id at all', ONE_OF_EACH, '/rateLimits', 'operation-forbidden'],
    ['no id at all for `all`', ALL, '/rateLimits', 'allowed'],
    ['a user', ONE_OF_EACH, `/rateLimits?userId=${CLIENT}`, 'operation-forbidden'],
    [
      'a granted project and a user',
      ONE_OF_EACH,
      `/rateLimits?groupId=${P1}&userId=${CLIENT}`,
      'operation-forbidden',
    ],
    [
      'a granted project and an address',
      ONE,
      `/rateLimits?groupId=${P1}&ipAddress=10.0.0.1`,
      'operation-forbidden',
    ],
    [
      'a user of a granted organization',
      opening(ONE_OF_EACH, 'listOrgTeamUsers'),
      `/orgs/${O1}/teams/${P1}/users?userId=${P2}`,
      'allowed',
    ],
  ])('%s', (_title, grants, target, decision) => {
    expect(decisionOn(grants, target)).toBe(decision);
  });

  test('every value of a repeated parameter is checked', () => {
    const limits = catalog.find('listRateLimits');
    if (limits === undefined) throw new Error('listRateLimits is not in the catalog');
    const groupIds = (...ids: string[]) => ids.map((id): [string, string] => ['groupId', id]);
    expect(authorize(callerWith(ONE), limits, {}, groupIds(P1, P2))).toBe('project-forbidden');
    expect(authorize(callerWith(ONE), limits, {}, groupIds(P2, P1))).toBe('project-forbidden');
  });
});

describe('response scopes', () => {
  const byId = (id: string) => opening(ONE_OF_EACH, id);
  test.each<[title: string, Permissions, target: string, Decision]>([
    ['a list that is the same for all callers', NOTHING, '/eventTypes', 'allowed'],
    ['a list across projects, which is filtered', ONE, '/groups', 'allowed'],
    ['the same for a caller without grants', NOTHING, '/groups', 'allowed'],
    ['the projects of an organization, which are filtered', ONE_OF_EACH, `/orgs/${O1}/groups`, 'allowed'],
    ['those of another organization', ONE_OF_EACH, `/orgs/${O2}/groups`, 'project-forbidden'],
    [
      'the projects of an account, which are filtered',
      ONE_OF_EACH,
      `/orgs/${O1}/serviceAccounts/${CLIENT}/groups`,
      'allowed',
    ],
    ['users with their roles in all projects', byId('listOrgUsers'), `/orgs/${O1}/users`, 'allowed'],
    ['users of another organization', byId('listOrgUsers'), `/orgs/${O2}/users`, 'project-forbidden'],
    ['users without a grant by id', ALL, `/orgs/${O1}/users`, 'operation-forbidden'],
    [
      'invoices with those of linked organizations',
      ALL_PROJECTS,
      `/orgs/${O1}/invoices`,
      'operation-forbidden',
    ],
    ['the same, granted by id', byId('listOrgInvoices'), `/orgs/${O1}/invoices`, 'operation-forbidden'],
    ['the same for `all`', opening(ALL, 'listOrgInvoices'), `/orgs/${O1}/invoices`, 'allowed'],
    ['the same for `all`, not granted by id', ALL, `/orgs/${O1}/invoices`, 'operation-forbidden'],
    [
      'identity providers of a federation',
      ALL_PROJECTS,
      `/federationSettings/${P1}/identityProviders`,
      'operation-forbidden',
    ],
    [
      'the same for `all`',
      opening(ALL, 'listFederationSettingIdentityProviders'),
      `/federationSettings/${P1}/identityProviders`,
      'allowed',
    ],
  ])('%s', (_title, grants, target, decision) => {
    expect(decisionOn(grants, target)).toBe(decision);
  });

  test('an operation without a reviewed scope is allowed only for callers that may see everything', () => {
    const unreviewed: Operation = {
      kind: 'list',
      id: 'listGroupSomethingNew',
      path: '/api/atlas/v2/groups/{groupId}/somethingNew',
      tag: 'New',
      versions: [],
      pathParameters: [],
      queryParameters: [],
      headerParameters: [],
      endpointSet: 'new',
      sensitivity: 'open',
      cacheUnit: 'whole',
    };
    expect(authorize(callerWith(ONE), unreviewed, { groupId: P1 }, [])).toBe('operation-forbidden');
    expect(authorize(callerWith(ALL), unreviewed, { groupId: P1 }, [])).toBe('allowed');
  });
});
