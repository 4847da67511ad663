import { createHash } from 'node:crypto';
import type { Operation } from '../../atlas/catalog.ts';
import type { Filters } from '../../atlas/query.ts';
import { answerScopeOf, type CrossProjectRule, type Grant } from './answer-scope.ts';
import type { Caller } from './key-auth.ts';
import { parameterScopeOf } from './parameter-scope.ts';

/**
 * Whether a caller may read an operation of a project or organization; if not, which part of the policy denies it: its operations, its
 * projects and organizations, or what else the response may contain. `if-own-project`: only if the path names one of its projects.
 */
export type Decision =
  | 'allowed'
  | 'if-own-project'
  | 'operation-forbidden'
  | 'response-forbidden'
  | 'project-forbidden';

/** The words that grant an operation, besides its id and its older name; a sensitive operation has none. */
export function grantingWords({ kind, sensitivity, tag }: Operation): readonly string[] {
  if (sensitivity !== 'open') return [];
  const reads = ['reads', `reads:${tag}`];
  return kind === 'list' ? ['lists', tag, ...reads] : reads;
}

function mayReadOperation({ operations }: Caller, operation: Operation): boolean {
  if (operations.has(operation.id)) return true;
  if (operation.alias !== undefined && operations.has(operation.alias)) return true;
  return grantingWords(operation).some((word) => operations.has(word));
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

const ALL_GRANTS: readonly Grant[] = ['projects', 'organizations'];

/** The grants of which a caller needs `all`, since the response may contain more than the request names. */
export function requiredGrants(operationId: string): readonly Grant[] {
  const scope = answerScopeOf(operationId);
  return scope.type === 'several' ? scope.grants : ALL_GRANTS;
}

/** Whether a caller may see all that the response may contain. The ids in the request have been checked before. */
function decideResponse(
  caller: Caller,
  operation: Operation,
  path: readonly NamedValue[],
  filters: readonly NamedValue[],
): Decision {
  const seesAll = requiredGrants(operation.id).every((grant) => caller[grant] === 'all');
  const allowedIf = (allowed: boolean) => (allowed ? 'allowed' : 'response-forbidden');
  switch (answerScopeOf(operation.id).type) {
    case 'public':
    case 'cut':
      return 'allowed';
    case 'named':
      // The limits of a user do not belong to the project that the same query names.
      return allowedIf(seesAll || namesScope(path) || (namesScope(filters) && !namesUser(filters)));
    case 'several':
      return allowedIf(seesAll || (namesScope(path) && grantCoversResponse(operation)));
    case 'project-name':
      return caller.projects === 'all' ? 'allowed' : 'if-own-project';
    case 'unscoped':
      return allowedIf(seesAll);
  }
}

/**
 * Pure, and called before the cache lookup: the decision is the same whether something is cached, not cached or does not exist. Checks every
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
  return decideResponse(caller, operation, path, filters);
}
