import { countItems, type Items, itemValue } from '../atlas/list-parser.ts';
import type { CacheEntry } from '../cache/entry-store.ts';
import { type FreshnessWindow, freshness } from '../cache/freshness.ts';
import type { ListCache } from '../cache/read-cache.ts';
import type { Clock } from '../lib/clock.ts';
import { isRecord } from '../lib/record.ts';
import { isLastWholeKey } from './reads/cache-key.ts';
import type { CachedList, Listing } from './reads/listing.ts';

/** The list whose items metrics and status pages show. */
export const PRIVATE_LINK_CONNECTIONS = 'listGroupStreamPrivateLinkConnections';

/** The number of a project's private link connections with the same provider, vendor and state. */
export interface PrivateLinkCount {
  readonly project: string;
  readonly provider: string;
  readonly vendor: string;
  readonly state: string;
  readonly connections: number;
}

/** A project's private link connections as currently cached. */
export interface CachedConnections {
  /** Items as Atlas sent them; values that are not objects are omitted. */
  readonly items: readonly Readonly<Record<string, unknown>>[];
  /** False if only some pages of the list are cached. */
  readonly whole: boolean;
  readonly window: FreshnessWindow;
}

/** Private link connections, read from cached listings only. */
export interface PrivateLinks {
  /** Counts by project, provider, vendor and state; their number is bounded, whatever Atlas sends. */
  counts(): readonly PrivateLinkCount[];
  /** Undefined if no list of the project's connections is cached. */
  connectionsOf(project: string): CachedConnections | undefined;
}

type Kind = 'provider' | 'vendor' | 'state';
type Tuple = readonly [provider: string, vendor: string, state: string];

/** Values that Atlas is known to send [documented; states are those of its examples]: always named, however many other values occur. */
const KNOWN: Record<Kind, readonly string[]> = {
  provider: ['AWS', 'AZURE', 'GCP'],
  vendor: ['MSK', 'CONFLUENT', 'KINESIS', 'S3', 'EVENTHUB', 'GENERIC'],
  state: ['IDLE', 'WORKING', 'DONE', 'FAILED', 'DELETE_REQUESTED', 'DELETED', 'REJECTED'],
};
const PLAIN = /^[A-Z][A-Z0-9_]{0,31}$/;
/** Maximum number of named values per kind; further ones become `other`. */
const MAX_VALUES = 16;
const MAX_SERIES = 2_000;
const OTHER = 'other';

/** Maps values to label values: plain names, up to a bound for the life of the process; all else is `other`, absent values are `none`. */
function createNames(known: readonly string[]) {
  const names = new Set(known);
  return (value: unknown): string => {
    if (value === undefined || value === null || value === '') return 'none';
    if (typeof value !== 'string') return OTHER;
    if (names.has(value)) return value;
    if (names.size >= MAX_VALUES || !PLAIN.test(value)) return OTHER;
    names.add(value);
    return value;
  };
}

function* itemsOf(items: Items): Iterable<Readonly<Record<string, unknown>>> {
  for (let index = 0; index < countItems(items); index++) {
    const item = itemValue(items, index);
    if (isRecord(item)) yield item;
  }
}

type CachedConnectionsListing = CacheEntry<CachedList> & { readonly value: Listing };

const isList = (listing: CacheEntry<CachedList>): listing is CachedConnectionsListing =>
  listing.value.type === 'list';

/** The newest whole list; otherwise the cached pages in order of offset, without overlapping ones. */
function newest(listings: readonly CachedConnectionsListing[]): readonly CachedConnectionsListing[] {
  const byAge = listings.toSorted((one, other) => other.window.loadedAt - one.window.loadedAt);
  const whole = byAge.find(({ value }) => value.whole);
  if (whole !== undefined) return [whole];
  const pages: CachedConnectionsListing[] = [];
  let end = 0;
  for (const page of byAge.toSorted((one, other) => one.value.offset - other.value.offset)) {
    if (page.value.offset < end) continue;
    pages.push(page);
    end = page.value.offset + countItems(page.value.items);
  }
  return pages;
}

/** Reads private link connections from the list cache; reading causes no upstream calls. */
export function createPrivateLinks({
  cache,
  clock,
}: {
  cache: Pick<ListCache<CachedList>, 'listings'>;
  clock: Clock;
}): PrivateLinks {
  const nameOf = {
    provider: createNames(KNOWN.provider),
    vendor: createNames(KNOWN.vendor),
    state: createNames(KNOWN.state),
  };
  /** Every combination seen so far; their number is bounded by the named values of each kind. */
  const tuples: Tuple[] = [];
  const indexes = new Map<string, number>();
  /** Listings are immutable, so each is counted once: alternating indexes into `tuples` and numbers of connections. */
  const counted = new WeakMap<Listing, Uint32Array>();
  /** The parsed items of the project viewed last; only one is cached, because objects take more memory than their bytes. */
  let lastViewed:
    | { readonly of: readonly Listing[]; readonly items: readonly Readonly<Record<string, unknown>>[] }
    | undefined;

  function listingsByProject(only?: string): Map<string, CachedConnectionsListing[]> {
    const byProject = new Map<string, CachedConnectionsListing[]>();
    const now = clock.now();
    for (const listing of cache.listings()) {
      const { project, operation, window } = listing;
      if (operation !== PRIVATE_LINK_CONNECTIONS || (only !== undefined && project !== only)) continue;
      if (!isList(listing) || isLastWholeKey(listing.key) || freshness(window, now) === 'expired') continue;
      const known = byProject.get(project);
      if (known === undefined) byProject.set(project, [listing]);
      else known.push(listing);
    }
    return byProject;
  }

  function indexOf(tuple: Tuple): number {
    const key = tuple.join(' ');
    const known = indexes.get(key);
    if (known !== undefined) return known;
    indexes.set(key, tuples.length);
    return tuples.push(tuple) - 1;
  }

  function countOf(list: Listing): Uint32Array {
    const known = counted.get(list);
    if (known !== undefined) return known;
    const counts = new Map<number, number>();
    for (const { provider, vendor, state } of itemsOf(list.items)) {
      const index = indexOf([nameOf.provider(provider), nameOf.vendor(vendor), nameOf.state(state)]);
      counts.set(index, (counts.get(index) ?? 0) + 1);
    }
    const flat = Uint32Array.from([...counts].flat());
    counted.set(list, flat);
    return flat;
  }

  function* combinations(list: Listing): Iterable<readonly [tuple: Tuple, connections: number]> {
    const counts = countOf(list);
    for (let at = 0; at < counts.length; at += 2) {
      const tuple = tuples[counts[at] ?? -1];
      if (tuple !== undefined) yield [tuple, counts[at + 1] ?? 0];
    }
  }

  return {
    counts() {
      const series = new Map<string, PrivateLinkCount>();
      const count = (project: string, [provider, vendor, state]: Tuple, connections: number) => {
        const key = `${project} ${provider} ${vendor} ${state}`;
        const before = series.get(key)?.connections;
        // Past the bound only the state stays distinct, because operators act on it.
        if (before === undefined && series.size >= MAX_SERIES && project !== OTHER)
          count(OTHER, [OTHER, OTHER, state], connections);
        else series.set(key, { project, provider, vendor, state, connections: (before ?? 0) + connections });
      };
      for (const [project, listings] of listingsByProject())
        for (const { value } of newest(listings))
          for (const [tuple, connections] of combinations(value)) count(project, tuple, connections);
      return [...series.values()];
    },
    connectionsOf(project) {
      const listings = newest(listingsByProject(project).get(project) ?? []);
      const [first] = listings;
      if (first === undefined) return undefined;
      const lists = listings.map(({ value }) => value);
      if (
        lastViewed?.of.length !== lists.length ||
        !lists.every((list, index) => lastViewed?.of[index] === list)
      )
        lastViewed = { of: lists, items: lists.flatMap(({ items }) => [...itemsOf(items)]) };
      const oldest = listings.reduce((one, other) =>
        other.window.loadedAt < one.window.loadedAt ? other : one,
      );
      return { items: lastViewed.items, whole: first.value.whole, window: oldest.window };
    },
  };
}
