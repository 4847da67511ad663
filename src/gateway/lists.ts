import { errorCodeOf } from '../atlas/api-error.ts';
import { type Operation, targetPath } from '../atlas/catalog.ts';
import { scopeOf } from '../atlas/endpoint-sets.ts';
import { pointLinksAt } from '../atlas/links.ts';
import { countItems, type Items } from '../atlas/list-body.ts';
import { canonicalQuery, type Filters, isCountable, type PageShape } from '../atlas/question.ts';
import type { Lifetimes } from '../cache/freshness.ts';
import type { Demand, ListCache, Loaded, Meaning, Read } from '../cache/list-cache.ts';
import type { Clock } from '../lib/clock.ts';
import type { Send, UpstreamFailure, UpstreamHeaders, UpstreamResponse } from '../upstream/message.ts';
import { fetchPage, type ListRequest, walk } from '../upstream/walk.ts';

/** A list as it is held: all of it, or one page of it. */
export interface HeldList {
  readonly type: 'list';
  /** Tells this listing from every other one this process has loaded. */
  readonly serial: number;
  readonly items: Items;
  /** Whether `items` is the whole list, rather than one page of it. */
  readonly whole: boolean;
  /** Number of items before the first one held. */
  readonly offset: number;
  /** What Atlas counted; absent where it did not count. */
  readonly totalCount?: number;
  readonly goesOn: boolean;
  /** `Deprecation` and `Sunset` as Atlas sent them. */
  readonly ageing: Readonly<Record<string, string>>;
}

/** Kept in place of a list that cannot be held whole: it is held a page at a time for as long as this is. */
interface LongList {
  readonly type: 'long';
}

/** What the cache of lists holds. */
export type Listing = HeldList | LongList;

/** A list that somebody asks for, resolved: two requests that mean the same give the same. */
export interface ListQuestion {
  readonly operation: Operation;
  readonly pathParameters: Readonly<Record<string, string>>;
  readonly mediaType: string;
  readonly filters: Filters;
  readonly shape: PageShape;
  readonly demand: Demand;
  readonly caller: string;
}

/** A credential that may be asked about a project or organization. */
export interface ChosenCredential {
  readonly name: string;
  readonly send: Send;
}

/** How lists of an operation are held. */
export interface Holding extends Lifetimes {
  readonly whole: boolean;
}

export interface ListsOptions {
  /** Scheme and host that links in items lead to. */
  readonly publicUrl: () => string;
  /** Longer lists are held a page at a time. */
  readonly maxItems: number;
  /** How long a load may take altogether. */
  readonly timeoutMs: number;
}

export interface ListsDependencies {
  readonly cache: ListCache<Listing>;
  readonly clock: Clock;
  readonly holdingOf: (operation: Operation) => Holding;
  readonly credentialFor: (pathParameters: Readonly<Record<string, string>>) => ChosenCredential | undefined;
  readonly onUpstreamCall: (caller: string) => void;
  /** Undefined where this caller may make the gateway ask Atlas now. */
  readonly mayLoad: (question: ListQuestion) => UpstreamFailure | undefined;
}

/** A list that was read, and how many questions to Atlas this request caused. */
export type ReadList = Exclude<Read<HeldList>, never> & { readonly upstreamCalls: number };

const LONG_LIST: LongList = { type: 'long' };
const LONG_LIST_LIFETIMES: Lifetimes = {
  freshMs: 600_000,
  staleWhileRevalidateMs: 0,
  staleIfErrorMs: 3_600_000,
};
const LONG_LIST_BYTES = 64;

/** Codes of Atlas's that mean: the list is still there and still ours, only not from this address. */
const ADDRESS_CODES: ReadonlySet<string> = new Set([
  'IP_ADDRESS_NOT_ON_ACCESS_LIST',
  'ORG_REQUIRES_WHITELIST',
]);
const GONE_STATUSES: ReadonlySet<number> = new Set([401, 403, 404, 410]);

function meaningOf(response: UpstreamResponse): Meaning {
  const gone = GONE_STATUSES.has(response.status) && !ADDRESS_CODES.has(errorCodeOf(response.body) ?? '');
  return gone ? 'gone' : 'no';
}

function ageingOf(headers: UpstreamHeaders): Record<string, string> {
  const { deprecation, sunset } = headers;
  return {
    ...(deprecation === undefined ? {} : { Deprecation: deprecation }),
    ...(sunset === undefined ? {} : { Sunset: sunset }),
  };
}

/** Which project's part of the cache a list belongs to: the project's, else the organization's, else one for all. */
export const cachePartOf = ({ groupId, orgId }: Readonly<Record<string, string>>): string =>
  groupId ?? orgId ?? '-';

/** Reads lists through the cache: whole where that is possible, so that Atlas is asked once for all pages and shapes; by the page where not. */
export function createLists(
  options: ListsOptions,
  { cache, clock, holdingOf, credentialFor, mayLoad, onUpstreamCall }: ListsDependencies,
) {
  let serials = 0;

  function held(
    items: Items,
    headers: UpstreamHeaders,
    rest: Pick<HeldList, 'whole' | 'offset' | 'goesOn'> & { totalCount?: number },
  ): Loaded<Listing> {
    const pointed = pointLinksAt(options.publicUrl(), items);
    const value: HeldList = {
      type: 'list',
      serial: ++serials,
      items: pointed,
      ageing: ageingOf(headers),
      ...rest,
    };
    return { type: 'loaded', value, bytes: pointed.bytes.length + pointed.starts.byteLength };
  }

  async function loadWhole(send: Send, list: ListRequest): Promise<Loaded<Listing>> {
    const result = await walk(send, list, options.maxItems);
    switch (result.type) {
      case 'walked':
        return held(result.items, result.headers, {
          whole: true,
          offset: 0,
          goesOn: false,
          totalCount: countItems(result.items),
        });
      case 'too-long':
      case 'torn':
        return { type: 'loaded', value: LONG_LIST, bytes: LONG_LIST_BYTES, lifetimes: LONG_LIST_LIFETIMES };
      case 'refused':
        return { ...result, meaning: meaningOf(result.response) };
      case 'failed':
        return result;
    }
  }

  async function loadPage(send: Send, list: ListRequest, shape: PageShape): Promise<Loaded<Listing>> {
    const page = await fetchPage(send, list, shape);
    switch (page.type) {
      case 'list': {
        const { items, headers, hasNext: goesOn, totalCount } = page;
        return held(items, headers, {
          whole: false,
          offset: (shape.pageNum - 1) * shape.itemsPerPage,
          goesOn,
          ...(totalCount === undefined ? {} : { totalCount }),
        });
      }
      case 'refused':
        return { ...page, meaning: meaningOf(page.response) };
      case 'failed':
        return page;
    }
  }

  /** Undefined where no credential covers the project. */
  function read(question: ListQuestion): ReadList | Promise<ReadList> | undefined {
    const { operation, pathParameters, mediaType, filters, shape } = question;
    const credential = credentialFor(pathParameters);
    if (credential === undefined) return undefined;
    let upstreamCalls = 0;
    const send: Send = (request) => {
      upstreamCalls++;
      onUpstreamCall(question.caller);
      return credential.send(request);
    };
    const path = targetPath(operation, pathParameters);
    const filterQuery = canonicalQuery(filters);
    const holding = holdingOf(operation);
    const requestFor = (purpose: 'foreground' | 'background'): ListRequest => ({
      operation: operation.id,
      path,
      filters: filterQuery,
      countable: isCountable(operation),
      accept: mediaType,
      deadlineAt: clock.now() + options.timeoutMs,
      purpose,
      endpointSet: operation.endpointSet,
      scope: scopeOf(pathParameters),
      caller: question.caller,
    });
    const listKey = `${credential.name} ${mediaType} ${path}?${filterQuery}`;
    const ask = (key: string, load: (list: ListRequest) => Promise<Loaded<Listing>>) =>
      cache.read({
        project: cachePartOf(pathParameters),
        operation: operation.id,
        key,
        lifetimes: holding,
        demand: question.demand,
        mayLoad: () => mayLoad(question),
        load: (purpose) => load(requestFor(purpose)),
      });
    const readPage = () =>
      ask(`${listKey}#${shape.pageNum}/${shape.itemsPerPage}/${shape.includeCount}`, (list) =>
        loadPage(send, list, shape),
      );
    const counted = (result: Read<HeldList>): ReadList => ({ ...result, upstreamCalls });
    const settle = (result: Read<Listing>): ReadList | Promise<ReadList> => {
      if (result.type !== 'value') return counted(result);
      if (result.value.type === 'list') return counted({ ...result, value: result.value });
      const page = readPage();
      return page instanceof Promise ? page.then(settlePage) : settlePage(page);
    };
    const settlePage = (result: Read<Listing>): ReadList => {
      if (result.type !== 'value') return counted(result);
      // A page's key never holds anything but a page.
      return result.value.type === 'list'
        ? counted({ ...result, value: result.value })
        : counted({ type: 'not-cached' });
    };
    if (!holding.whole) {
      const page = readPage();
      return page instanceof Promise ? page.then(settlePage) : settlePage(page);
    }
    const whole = ask(listKey, (list) => loadWhole(send, list));
    return whole instanceof Promise ? whole.then(settle) : settle(whole);
  }

  return { read };
}
