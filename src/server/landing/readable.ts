import type { Operation } from '../../atlas/catalog.ts';
import type { Caller } from '../../gateway/auth/key-auth.ts';
import { parameterScopeOf } from '../../gateway/auth/parameter-scope.ts';
import { authorize } from '../../gateway/auth/policy.ts';
import type { ProjectNames } from '../../gateway/project-names.ts';

/** A project or organization; with its name, if that is known here and the caller may read it. */
export interface Scope {
  readonly id: string;
  readonly name: string | undefined;
}

/** What a caller may read. */
export interface Readable {
  readonly caller: string;
  readonly projects: 'all' | readonly Scope[];
  readonly organizations: 'all' | readonly Scope[];
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

/** Operations whose response contains the name of a project or organization that the caller may read. */
const NAMING = { projects: ['getGroup', 'listGroups'], organizations: ['getOrg', 'listOrgs'] } as const;

export function readableBy(
  caller: Caller,
  operations: readonly Operation[],
  projectNames: ProjectNames,
): Readable {
  const readable = operations.filter((operation) =>
    mayRead(caller, { operation, names: operation.pathParameters.map(({ name }) => name) }),
  );
  const scopesOf = (kind: keyof typeof NAMING): Readable['projects'] => {
    const ids = caller[kind];
    if (ids === 'all') return ids;
    const naming: ReadonlySet<string> = new Set(NAMING[kind]);
    const names = readable.some(({ id }) => naming.has(id)) ? projectNames() : undefined;
    return [...ids].sort().map((id) => ({ id, name: names?.get(id) }));
  };
  return {
    caller: caller.name,
    projects: scopesOf('projects'),
    organizations: scopesOf('organizations'),
    operations: readable,
  };
}
