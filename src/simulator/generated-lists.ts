import type { ElementOfList } from '../atlas/catalog.ts';
import { operations } from '../atlas/operations.ts';
import type { Clock } from '../lib/clock.ts';
import { type ChangingList, createChangingList } from './changing-list.ts';
import { type Address, createItemGenerator, type StoredItem } from './generated-items.ts';
import type { Projects } from './projects.ts';
import type { Weather } from './weather.ts';
import { type Churn, NO_CHURN } from './weather-settings.ts';

/** The lists and documents that are generated, sized and changed as the weather says. */
export interface GeneratedLists {
  /** The items at this moment; a document is a list of one. */
  items(address: Address): readonly StoredItem[];
  /** The same object until the weather changes. */
  churnOf(address: Address): Churn;
}

export const GENERIC_COUNT = 37;
/** Arrays and lists without pages are short. */
const UNPAGED_COUNT = 5;
const MAX_LISTS = 5_000;
const MAX_ITEM_BYTES = 1_048_576;
/** As many items show whether the identity of a list is of an enumeration, which makes it a short list. */
const DISTINCT_SAMPLE = 64;

/** The first element operation of each list. */
const elementsOfLists = (): ReadonlyMap<string, ElementOfList> =>
  new Map(
    operations
      .toReversed()
      .flatMap(({ element }) => (element === undefined ? [] : [[element.list, element]])),
  );

const isDocument = ({ operation: { kind } }: Address) => kind === 'document' || kind === 'element';

/** The items without those that have the identity of an earlier one, if the first items show that there are such. */
function distinct(items: readonly StoredItem[], element: ElementOfList | undefined): readonly StoredItem[] {
  if (element === undefined) return items;
  const sample = items.slice(0, DISTINCT_SAMPLE);
  const known = new Set<string>();
  const unique = sample.filter((item) => {
    const [identity = ''] = item.identities(element);
    return known.size < known.add(identity).size;
  });
  return unique.length === sample.length ? items : unique;
}

export function createGeneratedLists(
  { linkOrigin }: { readonly linkOrigin: string },
  {
    weather,
    clock,
    projects,
  }: { readonly weather: Weather; readonly clock: Clock; readonly projects: Projects },
): GeneratedLists {
  const elements = elementsOfLists();
  const generate = createItemGenerator({ linkOrigin, elements }, projects);
  const lists = new Map<string, ChangingList<StoredItem>>();
  const churnOfDocuments = new WeakMap<Churn, Churn>();

  const rulesOf = ({ operation, pathParameters }: Address) =>
    weather.rulesOf({ operation: operation.id, project: pathParameters['groupId'] });

  function countOf(address: Address): number {
    const { operation, pathParameters } = address;
    if (isDocument(address)) return 1;
    const { items } = rulesOf(address);
    if (items !== undefined) return items;
    const project = projects.find(pathParameters['groupId']);
    if (operation.id === 'listGroupStreamPrivateLinkConnections') return project?.connections ?? 0;
    if (project?.connections === 0) return 0;
    return operation.kind === 'list' ? GENERIC_COUNT : UNPAGED_COUNT;
  }

  function churnOf(address: Address): Churn {
    const { churn = NO_CHURN } = rulesOf(address);
    if (!isDocument(address)) return churn;
    const known = churnOfDocuments.get(churn);
    if (known !== undefined) return known;
    // A document does not disappear: it is replaced whenever the weather creates or deletes.
    const pairs = { ...NO_CHURN, pairs: churn.creates + churn.deletes + churn.pairs };
    churnOfDocuments.set(churn, pairs);
    return pairs;
  }

  function createList(address: Address, itemBytes: number): ChangingList<StoredItem> {
    const create = (index: number) => generate(address, index, Math.min(itemBytes, MAX_ITEM_BYTES));
    const items = Array.from({ length: countOf(address) }, (_none, index) => create(index));
    return createChangingList(distinct(items, elements.get(address.operation.id)), churnOf(address), {
      ...{ create, clock },
      fraction: weather.fraction,
    });
  }

  /** A list stays the same while the weather gives it the same size and the same item size. */
  function listAt(address: Address): ChangingList<StoredItem> {
    const { items, itemBytes = 0 } = rulesOf(address);
    const key = `${address.path}?${address.filters} ${items} ${itemBytes}`;
    const known = lists.get(key);
    if (known !== undefined) return known;
    const made = createList(address, itemBytes);
    if (lists.size < MAX_LISTS) lists.set(key, made);
    return made;
  }

  return {
    items(address) {
      const list = listAt(address);
      list.changeRates(churnOf(address));
      return list.items();
    },
    churnOf,
  };
}
