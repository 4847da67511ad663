import type { Operation } from '../atlas/catalog.ts';
import type { Filters } from '../atlas/question.ts';
import type { Caller } from './callers.ts';

/** Whether a caller may read an operation of a project or organization, and if not, which part of the policy says so. */
export type Verdict = 'allowed' | 'operation-forbidden' | 'project-forbidden';

/** The word that stands for every list that holds no secrets and no personal data. */
export const ALL_LISTS = 'lists';

function mayReadOperation(caller: Caller, operation: Operation): boolean {
  if (caller.operations.has(operation.id)) return true;
  if (operation.alias !== undefined && caller.operations.has(operation.alias)) return true;
  // A list that holds secrets is opened by its own name only, never with its tag.
  if (operation.sensitivity !== 'open') return false;
  return caller.operations.has(ALL_LISTS) || caller.operations.has(operation.tag);
}

/** How a list across projects is cut down to a caller: the field of its items that names the project or organization. */
export interface Crossing {
  readonly field: string;
  readonly grants: 'projects' | 'organizations';
}

const CROSSINGS: ReadonlyMap<string, Crossing> = new Map([
  ['listGroups', { field: 'id', grants: 'projects' }],
  ['getOrgGroups', { field: 'id', grants: 'projects' }],
  ['listClusterDetails', { field: 'groupId', grants: 'projects' }],
  ['listOrgs', { field: 'id', grants: 'organizations' }],
]);

/** Lists that are the same for everybody. */
const GENERAL: ReadonlySet<string> = new Set(['listEventTypes', 'listSkus', 'listDefaultGroupLimits']);

/** How an operation's list is cut down to a caller; undefined where all who may read it see all of it. */
export const crossing = (operationId: string): Crossing | undefined => CROSSINGS.get(operationId);

const mayRead = (granted: 'all' | ReadonlySet<string>, id: string): Verdict =>
  granted === 'all' || granted.has(id) ? 'allowed' : 'project-forbidden';

/**
 * Pure, and asked before the cache is looked at: the verdict on a list that is held is the verdict on one that is not, or that does not
 * exist. `filters` matter to `rateLimits`, which names its project or organization there.
 */
export function judge(
  caller: Caller,
  operation: Operation,
  pathParameters: Readonly<Record<string, string>>,
  filters: Filters,
): Verdict {
  if (!mayReadOperation(caller, operation)) return 'operation-forbidden';
  const { groupId, orgId } = {
    ...Object.fromEntries(operation.id === 'listRateLimits' ? filters : []),
    ...pathParameters,
  };
  if (groupId !== undefined) return mayRead(caller.projects, groupId);
  if (orgId !== undefined) return mayRead(caller.organizations, orgId);
  if (CROSSINGS.has(operation.id) || GENERAL.has(operation.id)) return 'allowed';
  // Any other list across projects tells of all that the credential sees.
  return caller.projects === 'all' && caller.organizations === 'all' ? 'allowed' : 'operation-forbidden';
}
