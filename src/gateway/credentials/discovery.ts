import type { Catalog } from '../../atlas/catalog.ts';
import { identityFieldsOf } from '../../atlas/identity-fields.ts';
import { countItems, type Items, itemFields } from '../../atlas/list-parser.ts';
import type { Clock } from '../../lib/clock.ts';
import { listIdOf } from '../../upstream/list-id.ts';
import { walkList } from '../../upstream/walk/walk.ts';
import type { Discover } from './selection.ts';

/** The lists of the projects and organizations that a credential sees. */
const SOURCES = ['listGroups', 'listOrgs'];
const MAX_ITEMS = 100_000;
const MAX_BYTES = 268_435_456;

function* idsOf(items: Items): Generator<string> {
  for (let index = 0; index < countItems(items); index++) {
    const { id } = itemFields(items, index);
    if (typeof id === 'string') yield id;
  }
}

/** Discovers the projects and organizations that a credential sees. */
export function createDiscover({
  catalog,
  clock,
  timeoutMs,
}: {
  catalog: Catalog;
  clock: Clock;
  timeoutMs: number;
}): Discover {
  return async ({ send }) => {
    const ids = new Set<string>();
    for (const source of SOURCES) {
      const operation = catalog.find(source);
      if (operation === undefined) return undefined;
      const result = await walkList(
        {
          maxItems: MAX_ITEMS,
          maxBytes: MAX_BYTES,
          longestMs: timeoutMs,
          list: {
            operation: operation.id,
            path: operation.path,
            filters: '',
            list: listIdOf(operation.path, ''),
            countable: true,
            identityFields: identityFieldsOf(operation.id),
            accept: `application/vnd.atlas.${operation.versions.at(-1)?.name ?? ''}+json`,
            deadlineAt: clock.now() + timeoutMs,
            priority: 'background',
            endpointSet: operation.endpointSet,
            scope: 'user',
          },
        },
        { send, clock },
      );
      if (result.type !== 'walked') return undefined;
      for (const part of result.parts) for (const id of idsOf(part)) ids.add(id);
    }
    return ids;
  };
}
