import type { Operation } from '../atlas/catalog.ts';
import { operations } from '../atlas/operations.ts';
import { type BucketSize, bucketSizeOf, endpointSetOf } from '../atlas/rate-limit-buckets.ts';
import type { Clock } from '../lib/clock.ts';
import { type ChangingList, createChangingList } from './changing-list.ts';
import { genericItem, padded, privateLinkConnection } from './items.ts';
import type { Json } from './pages.ts';
import type { Weather } from './weather.ts';
import { NO_CHURN } from './weather-settings.ts';

/** A project of the simulated Atlas. */
export interface SimulatedProject {
  readonly id: string;
  readonly name: string;
  readonly orgId: string;
  /** Number of seeded private link connections. */
  readonly connections: number;
  /** False if the sample credentials have no access. */
  readonly visible: boolean;
}

const ORG_STORE = '5f0a1b2c3d4e5f6071829301';
const ORG_LAB = '5f0a1b2c3d4e5f6071829302';
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

/** A list of the world: its operation, its path with parameters substituted, and its remaining query parameters. */
export interface ListAddress {
  readonly operation: Operation;
  readonly path: string;
  readonly pathParameters: Readonly<Record<string, string>>;
  readonly filters: string;
}

/** The data of the simulated Atlas. Lists can be replaced while it runs, and change as the weather says. */
export interface World {
  /** The sample projects, those of the options, and those of the weather. */
  readonly projects: readonly SimulatedProject[];
  /** The items of a list at this moment. */
  items(list: ListAddress): readonly Json[];
  /** Prepends an item to the list at this path; only for a list that was replaced before. */
  prepend(path: string, item: Json): void;
  /** Sets the items of the list at this path, regardless of filters. `create` makes the items that the weather adds. */
  replace(path: string, items: readonly Json[], create?: (index: number) => Json): void;
}

const GENERIC_COUNT = 37;
const MAX_LISTS = 5_000;
const MAX_ITEM_BYTES = 1_048_576;

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
  },
  { weather, clock }: { readonly weather: Weather; readonly clock: Clock },
): World {
  const lasting: readonly SimulatedProject[] = [...Object.values(SAMPLE_PROJECTS), ...options.projects];
  let projects = lasting;
  const replaced = new Map<string, ChangingList<Json>>();
  const generated = new Map<string, ChangingList<Json>>();

  /** The projects change only with the weather, so that the array can be compared. */
  function currentProjects(): readonly SimulatedProject[] {
    const { projects: wanted } = weather.settings;
    if (projects.length !== lasting.length + wanted) projects = [...lasting, ...weatherProjects(wanted)];
    return projects;
  }

  const groups = (orgId?: string): Json[] =>
    currentProjects()
      .filter((one) => one.visible && (orgId === undefined || one.orgId === orgId))
      .map(({ id, name, orgId: org }) => ({
        id,
        name,
        orgId: org,
        created: '2026-01-02T03:04:05Z',
        clusterCount: 0,
        links: [],
      }));

  const organizations = (): Json[] =>
    [ORG_STORE, ORG_LAB].map((id, index) => ({
      id,
      name: index === 0 ? 'store' : 'lab',
      isDeleted: false,
      links: [],
    }));

  /** In the format of the OpenAPI description; no recording contains one. */
  const rateLimits = (): Json[] =>
    Object.entries({ streams: bucketSizeOf('streams'), ...options.limits }).map(
      ([name, { capacity, refill, perMs }]) => ({
        capacity: { value: capacity },
        endpointSetId: name,
        endpointSetName: name,
        endpoints: operations
          .filter(({ path }) => endpointSetOf(path) === name)
          .map(({ path }) => ({ method: 'GET', path })),
        refillDurationSeconds: { value: perMs / 1_000 },
        refillRate: { value: refill },
      }),
    );

  function rulesOf({ operation, pathParameters }: ListAddress) {
    return weather.rulesOf({ operation: operation.id, project: pathParameters['groupId'] });
  }

  /** The item with a number in a list; every number gives another item. */
  function itemOf(list: ListAddress, index: number): Json {
    const { operation, path, pathParameters, filters } = list;
    const item =
      operation.id === 'listGroupStreamPrivateLinkConnections'
        ? privateLinkConnection(pathParameters['groupId'] ?? '', index)
        : genericItem(`${path}?${filters}`, index);
    const { itemBytes = 0 } = rulesOf(list);
    return padded(item, Math.min(itemBytes, MAX_ITEM_BYTES));
  }

  function countOf(list: ListAddress): number {
    const { items } = rulesOf(list);
    if (items !== undefined) return items;
    const found = currentProjects().find(({ id }) => id === list.pathParameters['groupId']);
    if (list.operation.id === 'listGroupStreamPrivateLinkConnections') return found?.connections ?? 0;
    return found?.connections === 0 ? 0 : GENERIC_COUNT;
  }

  /** Lists that follow from other data, and do not change on their own. */
  function derived({ operation, pathParameters }: ListAddress): readonly Json[] | undefined {
    switch (operation.id) {
      case 'listGroups':
        return groups();
      case 'getOrgGroups':
        return groups(pathParameters['orgId']);
      case 'listOrgs':
        return organizations();
      case 'listRateLimits':
        return rateLimits();
      default:
        return undefined;
    }
  }

  const changing = (items: readonly Json[], create: (index: number) => Json, churn = NO_CHURN) =>
    createChangingList(items, churn, { create, clock, fraction: weather.fraction });

  /** A list as the weather sizes it; it stays the same list while size and item size do. */
  function generatedList(list: ListAddress): ChangingList<Json> {
    const { items, itemBytes, churn = NO_CHURN } = rulesOf(list);
    const key = `${list.path}?${list.filters} ${items} ${itemBytes}`;
    const known = generated.get(key);
    if (known !== undefined) return known;
    const create = (index: number) => itemOf(list, index);
    const made = changing(
      Array.from({ length: countOf(list) }, (_none, index) => create(index)),
      create,
      churn,
    );
    if (generated.size < MAX_LISTS) generated.set(key, made);
    return made;
  }

  function replace(
    path: string,
    items: readonly Json[],
    create = (index: number) => genericItem(path, index),
  ): void {
    replaced.set(path, changing(items, create));
  }

  return {
    get projects() {
      return currentProjects();
    },
    items(list) {
      const found = replaced.get(list.path);
      const fixed = found === undefined ? derived(list) : undefined;
      if (fixed !== undefined) return fixed;
      const { churn = NO_CHURN } = rulesOf(list);
      const current = found ?? generatedList(list);
      current.changeRates(churn);
      return current.items();
    },
    prepend(path, item) {
      const list = replaced.get(path);
      if (list === undefined) replace(path, [item]);
      else list.prepend(item);
    },
    replace,
  };
}
