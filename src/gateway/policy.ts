import type { Operation } from '../atlas/catalog.ts';
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

/** Pure, and asked before the cache is looked at: the verdict on a list that is held is the verdict on one that is not, or that does not exist. */
export function judge(
  caller: Caller,
  operation: Operation,
  pathParameters: Readonly<Record<string, string>>,
): Verdict {
  if (!mayReadOperation(caller, operation)) return 'operation-forbidden';
  const { groupId, orgId } = pathParameters;
  if (groupId !== undefined)
    return caller.projects === 'all' || caller.projects.has(groupId) ? 'allowed' : 'project-forbidden';
  if (orgId !== undefined)
    return caller.organizations === 'all' || caller.organizations.has(orgId)
      ? 'allowed'
      : 'project-forbidden';
  // A list across projects tells of all that the credential sees.
  return caller.projects === 'all' ? 'allowed' : 'operation-forbidden';
}
