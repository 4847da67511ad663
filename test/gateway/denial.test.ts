import { expect, test } from 'vitest';
import { createCatalog } from '../../src/atlas/catalog.ts';
import { operations } from '../../src/atlas/operations.ts';
import type { Decision } from '../../src/gateway/auth/policy.ts';
import { denialOf } from '../../src/gateway/denial.ts';

const ID = 'a'.repeat(24);
const catalog = createCatalog(operations);
const ASK = 'Ask the operator of this gateway to';
const WHAT = 'The policy of this gateway does not allow you to read';

function denied(
  decision: Exclude<Decision, 'allowed' | 'if-own-project'>,
  target: string,
  name = 'team-orders',
) {
  const match = catalog.match(`/api/atlas/v2${target}`);
  if (match.type !== 'matched') throw new Error(`${target} is ${match.type}`);
  const caller = {
    name,
    projects: new Set<string>(),
    organizations: new Set<string>(),
    operations: new Set<string>(),
  };
  const { operation, pathParameters } = match;
  const { code, detail } = denialOf(decision, { caller, operation, pathParameters });
  return `${code}: ${detail}`;
}

test.each<[Exclude<Decision, 'allowed' | 'if-own-project'>, target: string, message: string]>([
  [
    'operation-forbidden',
    `/groups/${ID}/clusters/Cluster0`,
    `OPERATION_FORBIDDEN: ${WHAT} getGroupCluster of project ${ID}. ${ASK} add 'getGroupCluster' or 'reads' or 'reads:Clusters' to callers[].operations of team-orders.`,
  ],
  [
    'operation-forbidden',
    `/orgs/${ID}/teams`,
    `OPERATION_FORBIDDEN: ${WHAT} listOrgTeams of organization ${ID}. ${ASK} add 'listOrgTeams' or 'lists' or 'Teams' or 'reads' or 'reads:Teams' to callers[].operations of team-orders.`,
  ],
  [
    'operation-forbidden',
    `/groups/${ID}/userSecurity`,
    `OPERATION_FORBIDDEN: ${WHAT} getGroupUserSecurity of project ${ID}. ${ASK} add 'getGroupUserSecurity' to callers[].operations of team-orders. It may contain secrets, so only its id grants it.`,
  ],
  [
    'response-forbidden',
    `/orgs/${ID}/nonCompliantResources`,
    `OPERATION_FORBIDDEN: ${WHAT} getOrgNonCompliantResources of organization ${ID}. Its response may contain data of other projects or organizations. ${ASK} set callers[].projects of team-orders to all.`,
  ],
  [
    'response-forbidden',
    '/rateLimits',
    `OPERATION_FORBIDDEN: ${WHAT} listRateLimits. Its response may contain data of other projects or organizations. ${ASK} set callers[].projects of team-orders to all and callers[].organizations of team-orders to all.`,
  ],
  [
    'project-forbidden',
    `/groups/${ID}/settings`,
    `PROJECT_FORBIDDEN: ${WHAT} getGroupSettings of project ${ID}. ${ASK} add its id to callers[].projects of team-orders.`,
  ],
  [
    'project-forbidden',
    `/orgs/${ID}`,
    `PROJECT_FORBIDDEN: ${WHAT} getOrg of organization ${ID}. ${ASK} add its id to callers[].organizations of team-orders.`,
  ],
  [
    'project-forbidden',
    '/groups/byName/payroll',
    `PROJECT_FORBIDDEN: ${WHAT} getGroupByName of the project of that name. ${ASK} add its id to callers[].projects of team-orders.`,
  ],
])('%s on %s names operation, project and setting', (decision, target, message) => {
  expect(denied(decision, target)).toBe(message);
});

test('anonymous requests are denied by settings of their own', () => {
  expect(denied('project-forbidden', `/groups/${ID}`, 'anonymous')).toContain(
    'add its id to anonymous.projects.',
  );
});
