import { createCatalog } from '../../src/atlas/catalog.ts';
import { countItems, type Items, itemValue } from '../../src/atlas/list-parser.ts';
import { type CacheDirectives, NO_DIRECTIVES } from '../../src/cache/decide.ts';
import { createPinnedListings } from '../../src/cache/pinned-listings.ts';
import { createListCache } from '../../src/cache/read-cache.ts';
import type { Credential } from '../../src/gateway/credentials/selection.ts';
import { isRepeatable } from '../../src/gateway/reads/list-cache.ts';
import { createListLoader } from '../../src/gateway/reads/list-loader.ts';
import type { CachedList, Listing, ReadQuery, ReadResult } from '../../src/gateway/reads/listing.ts';
import { createReadService } from '../../src/gateway/reads/read-service.ts';
import type { SharedLists } from '../../src/gateway/reads/shared-listing-types.ts';
import { writePage } from '../../src/simulator/pages.ts';
import { upstreamFailure } from '../../src/upstream/failure.ts';
import type { UpstreamFailure, UpstreamRequest, UpstreamResult } from '../../src/upstream/message.ts';
import type { FakeClock } from './fake-clock.ts';
import { lists as operations } from './lists.ts';

/** An item of the list: which one, and which request of which walk it was read by, after how many purges. */
export interface WorldItem {
  readonly id: string;
  readonly walk: number;
  readonly credential: string;
  readonly sentAt: number;
  readonly purges: number;
}

/** A request for a page that waits until the test answers it. */
export interface PageCall {
  readonly credential: string;
  readonly pageNum: number;
  readonly itemsPerPage: number;
  readonly counted: boolean;
  /** Equal for all pages of one attempt to walk the list; a page that is requested by itself has one of its own. */
  readonly walk: number;
  readonly isWalk: boolean;
  readonly loadClass: UpstreamRequest['loadClass'];
  readonly at: number;
  /** The page as the list is now. */
  answer(): void;
  fail(result: UpstreamResult): void;
  /** Rejects, which no layer may do. */
  crash(error: Error): void;
}

export interface WorldRead {
  readonly arrivedAt: number;
  readonly purges: number;
  readonly noCache: boolean;
  readonly page: Pick<ReadQuery['shape'], 'pageNum' | 'itemsPerPage'>;
  /** Undefined until the read is answered. */
  result: ReadResult | undefined;
  error: unknown;
  readonly done: Promise<ReadResult | undefined>;
}

export interface ListWorldOptions {
  readonly items?: number;
  readonly maxItems?: number;
  readonly credentials?: readonly string[];
  readonly sharing?: SharedLists<CachedList>;
  readonly spare?: () => boolean;
}

export const TIMEOUT_MS = 10_000;
const MINUTE_MS = 60_000;
const PATH = '/api/atlas/v2/groups/64b7c0ffee000000000a0001/clusters';
const matched = createCatalog(operations).match(PATH);

export const refusal = (status: number, errorCode: string): UpstreamResult => ({
  type: 'answered',
  status,
  headers: {},
  body: Buffer.from(JSON.stringify({ error: status, errorCode, detail: '', reason: '', parameters: [] })),
});

const isRecord = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null;

export function worldItems(items: Items): WorldItem[] {
  return Array.from({ length: countItems(items) }, (_none, index) => {
    const value = itemValue(items, index);
    if (!isRecord(value)) throw new Error('an item is an object');
    return {
      id: String(value['id']),
      walk: Number(value['walk']),
      credential: String(value['credential']),
      sentAt: Number(value['sentAt']),
      purges: Number(value['purges']),
    };
  });
}

/** The items that answer a read; undefined if it failed. */
export function itemsOf({ result, page: { pageNum, itemsPerPage } }: WorldRead): WorldItem[] | undefined {
  if (result?.type !== 'value') return undefined;
  const from = (pageNum - 1) * itemsPerPage - result.value.offset;
  return worldItems(result.value.items).slice(from, from + itemsPerPage);
}

/** What answers a read: `hit`, `miss partial`, a failure's code, a refusal's status. */
export function outcomeOf({ result, error }: WorldRead): string {
  if (error !== undefined) return 'threw';
  switch (result?.type) {
    case undefined:
      return 'waiting';
    case 'value':
      return [result.cacheStatus.outcome, result.cacheStatus.detail ?? ''].join(' ').trim();
    case 'refused':
      return String(result.response.status);
    case 'failed':
      return result.failure.code;
    case 'not-cached':
    case 'overloaded':
      return result.type;
  }
}

/** An Atlas with one list, whose pages are answered when the test says so. */
function createScriptedAtlas(items: number, { clock }: { clock: FakeClock }) {
  let list = Array.from({ length: items }, (_none, index) => `item-${index}`);
  let purges = 0;
  let created = 0;
  let walks = 0;
  const walkOf = new WeakMap<object, number>();
  const calls: PageCall[] = [];
  const pending = new Set<PageCall>();
  const failed = new Set<PageCall>();
  const versionAt = new Map<PageCall, readonly string[]>();

  function numberOf({ reservation }: UpstreamRequest): number {
    const known = reservation === undefined ? undefined : walkOf.get(reservation);
    const number = known ?? ++walks;
    if (reservation !== undefined) walkOf.set(reservation, number);
    return number;
  }

  /** As the pipeline does, a call that is not answered in time fails. */
  const send = (credential: string, request: UpstreamRequest) =>
    new Promise<UpstreamResult>((resolve, reject) => {
      const query = new URLSearchParams(request.target.split('?')[1]);
      const page = {
        pageNum: Number(query.get('pageNum')),
        itemsPerPage: Number(query.get('itemsPerPage')),
        includeCount: query.get('includeCount') !== 'false',
      };
      const walk = numberOf(request);
      const made = { walk, credential, sentAt: clock.now(), purges };
      const settle = (act: () => void) => {
        if (pending.delete(call)) act();
      };
      const call: PageCall = {
        ...{ credential, pageNum: page.pageNum, itemsPerPage: page.itemsPerPage, walk, at: clock.now() },
        ...{ counted: page.includeCount, loadClass: request.loadClass },
        isWalk: request.reservation !== undefined,
        answer: () =>
          settle(() => {
            versionAt.set(call, list);
            const shape = {
              ...page,
              countable: true,
              pretty: false,
              envelope: false,
              others: [],
              address: 'https://atlas/list',
              uncounted: 'absent',
            } as const;
            const body = writePage(
              // The name identifies an item of this list; the rest differs from call to call.
              list.map((id) => ({ id, name: id, ...made })),
              shape,
            );
            resolve({ type: 'answered', status: 200, headers: {}, body: Buffer.from(body) });
          }),
        fail: (result) =>
          settle(() => {
            failed.add(call);
            resolve(result);
          }),
        crash: (error) => settle(() => reject(error)),
      };
      calls.push(call);
      pending.add(call);
      request.onSent?.();
      clock.after(TIMEOUT_MS, () => call.fail(upstreamFailure('UPSTREAM_TIMEOUT', 'No answer.')));
    });

  return {
    send,
    calls,
    failed,
    versionAt,
    pending: () => [...pending],
    purged() {
      purges++;
    },
    get purges() {
      return purges;
    },
    insert() {
      list = [`new-${++created}`, ...list];
    },
    remove(fraction: number) {
      list = list.toSpliced(Math.floor(fraction * list.length), 1);
    },
    replace(fraction: number) {
      const from = Math.floor(fraction * list.length);
      list = list.map((id, index) => (index < from ? id : `new-${++created}`));
    },
    resize(count: number) {
      list = Array.from({ length: count }, (_none, index) => `item-${index}`);
    },
  };
}

/** Reads of one list down to the calls to Atlas, each of which the test answers when it likes. */
export function createListWorld(
  {
    items = 1_234,
    maxItems = 10_000,
    credentials: names = ['main'],
    sharing,
    spare = () => true,
  }: ListWorldOptions,
  { clock }: { clock: FakeClock },
) {
  const atlas = createScriptedAtlas(items, { clock });
  let revision = 0;
  const cache = createListCache<CachedList, UpstreamFailure>(
    {
      ...{ maxBytes: 50_000_000, projectShare: 1, negativeTtlMs: 5_000, refreshPauseMs: 5_000 },
      ...{ longestPauseMs: MINUTE_MS, isRepeatable, maxLoads: 100, maxWaiting: 1_000 },
      kindOf: () => 'list' as const,
    },
    { clock, observe: () => undefined },
  );

  const credentials = names.map(
    (name): Credential => ({
      name,
      send: (request) => atlas.send(name, request),
      freshnessFactor: () => (spare() ? 1 : 2),
    }),
  );
  const nextRevision = () => ++revision;
  const loader = createListLoader(
    {
      ...{ publicUrl: () => 'http://gateway.test', nextRevision, maxItems, maxBytes: 50_000_000 },
      isShared: sharing !== undefined,
    },
    { clock, observe: () => undefined },
  );
  const service = createReadService(
    { timeoutMs: TIMEOUT_MS },
    {
      ...{ cache, clock, loader, sharing },
      cachePolicyOf: () => ({
        ...{ freshMs: 30_000, staleWhileRevalidateMs: 5 * MINUTE_MS, staleIfErrorMs: 60 * MINUTE_MS },
        whole: true,
      }),
      credentials: { candidatesFor: () => credentials, all: () => credentials },
      pinnedListings: createPinnedListings<Listing>({ maxBytes: 1_000_000, projectShare: 1 }, { clock }),
      admitLoad: () => undefined,
      onUpstreamCall: () => undefined,
      onGone: () => undefined,
      filterFor: (_caller, _operation, whole) => whole,
    },
  );

  function queryFor(shape: WorldRead['page']): ReadQuery {
    if (matched.type !== 'matched') throw new Error(`${PATH} is not the path of a list`);
    return {
      operation: matched.operation,
      pathParameters: matched.pathParameters,
      ...{ mediaType: 'application/vnd.atlas.2023-02-01+json', version: '2023-02-01', filters: [] },
      shape: { ...shape, includeCount: true, pretty: false, envelope: false },
      caller: { name: 'team', projects: 'all', organizations: 'all', operations: new Set(['lists']) },
    };
  }

  return {
    /** All calls, in their order. */
    calls: atlas.calls,
    /** The calls that failed or were refused. */
    failed: atlas.failed,
    /** The list when a call was answered. */
    versionAt: atlas.versionAt,
    pending: atlas.pending,
    loader,
    stored: () => [...cache.listings()],
    read(pageNum: number, itemsPerPage = 100, directives: CacheDirectives = NO_DIRECTIVES): WorldRead {
      const page = { pageNum, itemsPerPage };
      const answered = Promise.resolve(service.createReader(queryFor(page)).read(directives));
      const read: WorldRead = {
        ...{ arrivedAt: clock.now(), purges: atlas.purges, noCache: directives.noCache, page },
        ...{ result: undefined, error: undefined, done: answered.catch(() => undefined) },
      };
      answered.then(
        (result) => {
          read.result = result;
        },
        (error: unknown) => {
          read.error = error;
        },
      );
      return read;
    },
    purge({ soft = false } = {}) {
      if (!soft) atlas.purged();
      cache.purge({ soft });
    },
    get purges() {
      return atlas.purges;
    },
    /** An item is created before all others. */
    insert: atlas.insert,
    /** An item at this fraction of the list is deleted. */
    remove: atlas.remove,
    /** All items from this fraction of the list on are replaced by new ones. */
    replace: atlas.replace,
    /** The list gets another length. */
    resize: atlas.resize,
    /** Lets everything that can happen without time happen. */
    settle: () => clock.advance(0),
    /** Answers all calls, and those that follow from them, until none is left. */
    async answerAll() {
      await clock.advance(0);
      while (atlas.pending().length > 0) {
        for (const call of atlas.pending()) call.answer();
        await clock.advance(0);
      }
    },
  };
}

export type ListWorld = ReturnType<typeof createListWorld>;
