import { createHash } from 'node:crypto';
import type { Operation } from '../../atlas/catalog.ts';
import type { Filters } from '../../atlas/query.ts';
import { answerScopeOf, type CrossProjectRule } from './answer-scope.ts';
import type { Caller } from './key-auth.ts';
import { parameterScopeOf } from './parameter-scope.ts';

/** Whether a caller may read an operation of a project or organization; if not, which part of the policy denies it. */
export type Decision = 'allowed' | 'operation-forbidden' | 'project-forbidden';

/** Grants every list that contains no secrets and no personal data. */
export const ALL_LISTS = 'lists';

function mayReadOperation(caller: Caller, operation: Operation): boolean {
  if (caller.operations.has(operation.id)) return true;
  if (operation.alias !== undefined && caller.operations.has(operation.alias)) return true;
  // A list that contains secrets is granted only by its own name, never by its tag.
  if (operation.sensitivity !== 'open') return false;
  return caller.operations.has(ALL_LISTS) || caller.operations.has(operation.tag);
}

/** How an operation's list is filtered to callers; undefined if every caller that may read it sees all of it. */
export function crossProjectRule(operationId: string): CrossProjectRule | undefined {
  const scope = answerScopeOf(operationId);
  return scope.type === 'cut' ? scope : undefined;
}

/** How a list across projects is filtered to one caller. */
export interface Cut {
  /** The field of an item with its project or organization id. */
  readonly field: string;
  /** The ids whose items the caller may see. */
  readonly ids: ReadonlySet<string>;
  /** Equal for callers with equal `ids`, and for no others. */
  readonly fingerprint: string;
}

const fingerprints = new WeakMap<ReadonlySet<string>, string>();

function fingerprintOf(ids: ReadonlySet<string>): string {
  const known = fingerprints.get(ids);
  if (known !== undefined) return known;
  const fingerprint = createHash('sha256')
    .update(JSON.stringify([...ids].sort()))
    .digest('base64url');
  fingerprints.set(ids, fingerprint);
  return fingerprint;
}

/** How an operation's list is filtered to this caller; undefined if the caller sees all of it. */
export function cutOf(caller: Caller, operationId: string): Cut | undefined {
  const rule = crossProjectRule(operationId);
  if (rule === undefined) return undefined;
  const ids = caller[rule.grants];
  return ids === 'all' ? undefined : { field: rule.field, ids, fingerprint: fingerprintOf(ids) };
}

const includes = (granted: 'all' | ReadonlySet<string>, id: string) => granted === 'all' || granted.has(id);

type NamedValue = readonly [name: string, value: string];

function mayName(caller: Caller, [name, value]: NamedValue): boolean {
  switch (parameterScopeOf(name)) {
    case 'project':
      return includes(caller.projects, value);
    case 'organization':
      return includes(caller.organizations, value);
    case 'user':
    case 'other':
    case undefined:
      return true;
  }
}

const namesScope = (values: readonly NamedValue[]) =>
  values.some(([name]) => parameterScopeOf(name) === 'project' || parameterScopeOf(name) === 'organization');
const namesUser = (values: readonly NamedValue[]) =>
  values.some(([name]) => parameterScopeOf(name) === 'user');

/**
 * A sensitive operation is granted only by its id: by naming it, the operator has allowed exactly this response. Bills of linked
 * organizations are not meant by that.
 */
const grantCoversResponse = ({ sensitivity }: Operation) =>
  sensitivity === 'secret' || sensitivity === 'personal';

/** Whether a caller may see all that the response may contain. The ids in the request have been checked before. */
function maySeeResponse(
  caller: Caller,
  operation: Operation,
  path: readonly NamedValue[],
  filters: readonly NamedValue[],
): boolean {
  const seesEverything = caller.projects === 'all' && caller.organizations === 'all';
  const scope = answerScopeOf(operation.id);
  switch (scope.type) {
    case 'public':
    case 'cut':
      return true;
    case 'named':
      // The limits of a user do not belong to the project that the same query names.
      return seesEverything || namesScope(path) || (namesScope(filters) && !namesUser(filters));
    case 'several':
      return (
        scope.grants.every((grant) => caller[grant] === 'all') ||
        (namesScope(path) && grantCoversResponse(operation))
      );
    case 'unscoped':
      return seesEverything;
  }
}

/**
 * Pure, and called before the cache lookup: the decision is the same whether a list is cached, not cached or does not exist. Checks every
 * project and organization that the path or the query names.
 */
export function authorize(
  caller: Caller,
  operation: Operation,
  pathParameters: Readonly<Record<string, string>>,
  filters: Filters,
): Decision {
  if (!mayReadOperation(caller, operation)) return 'operation-forbidden';
  const path = Object.entries(pathParameters);
  if (![...path, ...filters].every((named) => mayName(caller, named))) return 'project-forbidden';
  return maySeeResponse(caller, operation, path, filters) ? 'allowed' : 'operation-forbidden';
}
