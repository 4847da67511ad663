import type { ElementOfList } from '../atlas/catalog.ts';
import type { BucketSize } from '../atlas/rate-limit-buckets.ts';
import type { Clock } from '../lib/clock.ts';
import { type ChangingList, createChangingList } from './changing-list.ts';
import { createDerivedLists, ORGANIZATIONS } from './derived-lists.ts';
import { type Address, fixedItem, newestView, type StoredItem, type View } from './generated-items.ts';
import { createGeneratedLists, GENERIC_COUNT } from './generated-lists.ts';
import { genericItem } from './items.ts';
import type { Json, PageSource } from './pages.ts';
import { createProjects, type SimulatedProject } from './projects.ts';
import type { Weather } from './weather.ts';
import { NO_CHURN } from './weather-settings.ts';

export type { SimulatedProject } from './projects.ts';

const [{ id: ORG_STORE }, { id: ORG_LAB }] = ORGANIZATIONS;
const project = (
  id: string,
  name: string,
  orgId: string,
  connections: number,
  visible = true,
): SimulatedProject => ({ id, name, orgId, connections, visible });

/** The projects of every simulator. `payments` has a long list, `empty` an empty one; the sample credentials have no access to `hidden`. */
export const SAMPLE_PROJECTS = {
  payments: project('64b7c0ffee0000000000a001', 'payments', ORG_STORE, 1_234),
  empty: project('64b7c0ffee0000000000a002', 'empty', ORG_STORE, 0),
  hidden: project('64b7c0ffee0000000000a003', 'hidden', ORG_LAB, 7, false),
  orders: project('64b7c0ffee0000000000a004', 'orders', ORG_STORE, 42),
  search: project('64b7c0ffee0000000000a005', 'search', ORG_STORE, 500),
  ledger: project('64b7c0ffee0000000000a006', 'ledger', ORG_LAB, 501),
  single: project('64b7c0ffee0000000000a007', 'single', ORG_LAB, 1),
} as const;

/** Credentials that every simulator accepts. They are valid nowhere else. */
export const SAMPLE_CREDENTIALS = {
  serviceAccount: {
    clientId: 'mdb_sa_id_64b7c0ffee0000000000c001',
    clientSecret: 'mdb_sa_sk_sample_secret_of_the_simulator',
  },
  apiKey: { publicKey: 'simulatr', privateKey: '64b7c0ff-ee00-4000-a000-00000000c002' },
} as const;

/** The data of the simulated Atlas. Lists can be replaced while it runs, and data changes as the weather says. */
export interface World {
  /** The sample projects, those of the options, and those of the weather. */
  readonly projects: readonly SimulatedProject[];
  findProject(id: string | undefined): SimulatedProject | undefined;
  /** The items of a list, an array or an unpaged list at this moment, in the newest version unless a view is given. */
  items(list: Address, view?: View): readonly Json[];
  /** The same items, made only as they are read. */
  page(list: Address, view: View): PageSource;
  /** The item of a list with an identity, such as a name; undefined if the list does not contain it. */
  find(list: Address, view: View, identity: string, element: ElementOfList): Json | undefined;
  /** A document, which is another one after each change that the weather makes. */
  document(address: Address, view: View): Json;
  /** Prepends an item to the list at this path; only for a list that was replaced before. */
  prepend(path: string, item: Json): void;
  /** Sets the items of the list at this path, regardless of filters. `create` makes the items that the weather adds. */
  replace(path: string, items: readonly Json[], create?: (index: number) => Json): void;
}

const ATLAS = 'https://cloud.mongodb.com';

/** The id of a project of the weather, from 0. */
export const weatherProjectId = (index: number): string => `5eed${index.toString(16).padStart(20, '0')}`;

const weatherProjects = (count: number): readonly SimulatedProject[] =>
  Array.from({ length: count }, (_none, index) =>
    project(weatherProjectId(index), `weather-${index}`, ORG_STORE, GENERIC_COUNT),
  );

/** A deterministic world with the sample projects and those of the options. */
export function createWorld(
  options: {
    readonly projects: readonly SimulatedProject[];
    readonly limits: Readonly<Record<string, BucketSize>>;
    /** The origin of links in items and documents. */
    readonly linkOrigin?: string;
  },
  { weather, clock }: { readonly weather: Weather; readonly clock: Clock },
): World {
  const lasting: readonly SimulatedProject[] = [...Object.values(SAMPLE_PROJECTS), ...options.projects];
  let current = lasting;
  const replaced = new Map<string, ChangingList<StoredItem>>();
  const linkOrigin = options.linkOrigin ?? ATLAS;

  /** The projects change only with the weather, so that the array can be compared. */
  function currentProjects(): readonly SimulatedProject[] {
    const { projects: wanted } = weather.settings;
    if (current.length !== lasting.length + wanted) current = [...lasting, ...weatherProjects(wanted)];
    return current;
  }

  const projects = createProjects(currentProjects);
  const generated = createGeneratedLists({ linkOrigin }, { weather, clock, projects });
  const derived = createDerivedLists({ linkOrigin, limits: options.limits, projects: currentProjects });

  /** The items at this moment. */
  function itemsAt(address: Address): readonly StoredItem[] {
    const list = replaced.get(address.path);
    if (list === undefined) return derived.items(address)?.map(fixedItem) ?? generated.items(address);
    list.changeRates(generated.churnOf(address));
    return list.items();
  }

  function replace(
    path: string,
    items: readonly Json[],
    create = (index: number) => genericItem(path, index),
  ): void {
    const list = createChangingList(items.map(fixedItem), NO_CHURN, {
      create: (index) => fixedItem(create(index)),
      clock,
      fraction: weather.fraction,
    });
    replaced.set(path, list);
  }

  return {
    get projects() {
      return currentProjects();
    },
    findProject: projects.find,
    items: (address, view = newestView(address.operation)) => itemsAt(address).map((item) => item.seen(view)),
    page(list, view) {
      const items = itemsAt(list);
      return {
        length: items.length,
        slice: (start, end) => items.slice(start, end).map((item) => item.seen(view)),
      };
    },
    find(list, view, identity, element) {
      return itemsAt(list)
        .find((item) => item.identities(element).includes(identity))
        ?.seen(view);
    },
    document: (address, view) => itemsAt(address)[0]?.seen(view) ?? null,
    prepend(path, item) {
      const list = replaced.get(path);
      if (list === undefined) replace(path, [item]);
      else list.prepend(fixedItem(item));
    },
    replace,
  };
}
