import type { Operation } from '../../atlas/catalog.ts';
import type { Caller } from '../../gateway/auth/key-auth.ts';
import { parameterScopeOf } from '../../gateway/auth/parameter-scope.ts';
import { authorize } from '../../gateway/auth/policy.ts';

/** What a caller may read. */
export interface Readable {
  readonly caller: string;
  /** Ids, or `all`. */
  readonly projects: 'all' | readonly string[];
  readonly organizations: 'all' | readonly string[];
  readonly operations: readonly Operation[];
}

/** Stands for any project, organization or other object in a path. */
const ANY_ID = '0'.repeat(24);

/** One of the ids that the caller may name; without any, one that it may not. */
function exampleOf(ids: Caller['projects']): string {
  if (ids === 'all') return ANY_ID;
  const [first = ANY_ID] = ids;
  return first;
}

function exampleFor(caller: Caller, name: string): string {
  switch (parameterScopeOf(name)) {
    case 'project':
      return exampleOf(caller.projects);
    case 'organization':
      return exampleOf(caller.organizations);
    case 'user':
    case 'other':
    case undefined:
      return ANY_ID;
  }
}

/** Decides as for a request that names a project and an organization of the caller. */
function mayRead(caller: Caller, { operation, names }: { operation: Operation; names: readonly string[] }) {
  const path = Object.fromEntries(names.map((name) => [name, exampleFor(caller, name)]));
  return !authorize(caller, operation, path, []).endsWith('forbidden');
}

const listed = (ids: Caller['projects']) => (ids === 'all' ? ids : [...ids].sort());

export function readableBy(caller: Caller, operations: readonly Operation[]): Readable {
  return {
    caller: caller.name,
    projects: listed(caller.projects),
    organizations: listed(caller.organizations),
    operations: operations.filter((operation) =>
      mayRead(caller, { operation, names: operation.pathParameters.map(({ name }) => name) }),
    ),
  };
}
