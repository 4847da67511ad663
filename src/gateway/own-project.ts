import type { Catalog } from '../atlas/catalog.ts';
import { countItems, itemFields } from '../atlas/list-parser.ts';
import { resolveQuery } from '../atlas/query.ts';
import { NO_DIRECTIVES } from '../cache/decide.ts';
import type { TraceSpan } from '../lib/trace-span.ts';
import type { Caller } from './auth/key-auth.ts';
import type { Listing, ReadResult } from './reads/listing.ts';
import type { ReadService } from './reads/read-service.ts';
import { readTraced } from './request-span.ts';

/** The list of all projects; filtered to the caller, like every list across projects. */
const PROJECTS = 'listGroups';

/** Whether a project of a name is one of the caller's; or why this is not known. Undefined if no credential can list projects. */
export type OwnProject =
  | { readonly type: 'own' }
  | { readonly type: 'foreign' }
  | { readonly type: 'unknown'; readonly read: ReadResult | undefined };

export interface ProjectLookup {
  readonly caller: Caller;
  readonly name: string;
  /** The span of the request, if it is traced. */
  readonly span?: TraceSpan | undefined;
}

function namesIn({ items }: Listing): ReadonlySet<string> {
  const names = new Set<string>();
  for (let index = 0; index < countItems(items); index++) {
    const { name } = itemFields(items, index);
    if (typeof name === 'string') names.add(name);
  }
  return names;
}

/**
 * Whether a project, as Atlas answered it, is one of the caller's. Names can change: after the caller's list of projects was loaded, a project
 * of others may have taken a name that is in it.
 */
export function isOwnProject({ projects }: Caller, project: Listing): boolean {
  if (projects === 'all') return true;
  if (countItems(project.items) !== 1) return false;
  const { id } = itemFields(project.items, 0);
  return typeof id === 'string' && projects.has(id);
}

/**
 * Looks up project names in the caller's own list of projects. Nothing else is consulted, so that the result is the same for a project of
 * others and for one that does not exist.
 */
export function createOwnProject({ catalog, lists }: { catalog: Catalog; lists: ReadService }) {
  const namesByListing = new WeakMap<Listing, ReadonlySet<string>>();

  function readerFor(caller: Caller) {
    const operation = catalog.find(PROJECTS);
    const version = operation?.versions.at(-1)?.name;
    const parameters = operation && resolveQuery(operation, '');
    if (operation === undefined || version === undefined || parameters?.type !== 'resolved')
      throw new Error(`${PROJECTS} is not in the catalog`);
    const { filters, shape } = parameters;
    const mediaType = `application/vnd.atlas.${version}+json`;
    return lists.createReader({
      ...{ operation, pathParameters: {}, mediaType, version, filters, shape, caller },
    });
  }

  function namesOf(listing: Listing): ReadonlySet<string> {
    const known = namesByListing.get(listing) ?? namesIn(listing);
    namesByListing.set(listing, known);
    return known;
  }

  /** Whether the caller may read a project of this name. */
  return async function ownProject({ caller, name, span }: ProjectLookup): Promise<OwnProject> {
    const read = await readTraced(readerFor(caller), NO_DIRECTIVES, span);
    if (read?.type !== 'value') return { type: 'unknown', read };
    return { type: namesOf(read.value).has(name) ? 'own' : 'foreign' };
  };
}
