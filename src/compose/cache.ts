import { type JoinedCaches, joinCaches } from '../cache/joined-caches.ts';
import { createPinnedListings, type PinnedListings } from '../cache/pinned-listings.ts';
import type { PurgeScope } from '../cache/purge-log.ts';
import { createListCache } from '../cache/read-cache.ts';
import { createRenderedPages } from '../cache/rendered-pages.ts';
import { createCacheFile } from '../cache/snapshot-file.ts';
import type { ResolvedConfig } from '../config/reload-settings.ts';
import { MAX_LOADS } from '../gateway/auth/caller-limits.ts';
import { cacheKindOf } from '../gateway/reads/cache-key.ts';
import { isRepeatable, type ListCache } from '../gateway/reads/list-cache.ts';
import type { CachedList, Listing } from '../gateway/reads/listing.ts';
import { createPersistence, type Persistence } from '../gateway/reads/persistence.ts';
import { createRequestMemo, type RequestMemo } from '../gateway/request-memo.ts';
import { type ResolvedRequest, textBytesOf } from '../gateway/resolve-request.ts';
import type { CachedHeads } from '../gateway/response.ts';
import type { Clock } from '../lib/clock.ts';
import type { Random } from '../lib/random.ts';
import type { LogEvent } from '../observability/log.ts';
import type { UpstreamFailure } from '../upstream/message.ts';
import { allCredentialSettings } from './live-settings.ts';
import type { ComposeOptions } from './options.ts';

const NEGATIVE_TTL_MS = 5_000;
const REFRESH_PAUSE_MS = 5_000;
const LONGEST_REFRESH_PAUSE_MS = 60_000;
const MAX_WAITING = 10_000;
/** Fraction of `cache.maxBytes` for rendered pages. Lists use the remainder. */
const RENDERED_PAGES_FRACTION = 0.15;
/** Fraction of what lists and documents use, and of a project's share of it, for documents of a time range. */
const TIME_RANGES_FRACTION = 0.1;
/** Fraction for memoized requests, and the fraction of it that each caller may use. */
const REQUEST_MEMO_FRACTION = 0.05;
const REQUEST_MEMO_PER_CALLER_FRACTION = 0.5;
/** What a list takes in addition to its items: offsets, its key and its entry. */
const LIST_OVERHEAD_BYTES = 8_192;
/** Fraction for pinned listings. */
const PINNED_LISTINGS_FRACTION = 0.2;
/** A snapshot file may be larger than the cache was: keys and windows are stored with the lists. */
const SNAPSHOT_FILE_FACTOR = 2;

/** All that this gateway caches in memory, within `cache.maxBytes` together. */
export interface Caches {
  readonly lists: ListCache<CachedList>;
  /** Documents of a time range: never persisted or shared. */
  readonly timeRanges: ListCache<CachedList>;
  /** Both, as operators see them. */
  readonly all: JoinedCaches<CachedList, UpstreamFailure>;
  readonly pinned: PinnedListings<Listing>;
  readonly renderedPages: ReturnType<typeof createRenderedPages<CachedHeads>>;
  readonly requestMemo: RequestMemo<ResolvedRequest>;
  /** The largest list that a project's share can hold, in bytes of its items. */
  readonly maxListBytes: number;
  /** Purges lists and documents. */
  purge(scope: PurgeScope & { soft: boolean }): void;
  /** Bytes of all of them. */
  bytes(): number;
  /** Numbers listings; unique in this process. */
  nextRevision(): number;
}

/** Divides `cache.maxBytes` among the caches by fixed fractions. */
export function buildCaches(
  { config: { cache }, requestMemoBytes }: Pick<ComposeOptions, 'config' | 'requestMemoBytes'>,
  { clock, observe }: { clock: Clock; observe: (event: LogEvent) => void },
): Caches {
  const { maxBytes, projectShare } = cache;
  const bytesFor = (fraction: number) => Math.floor(maxBytes * fraction);
  const cachedBytes = bytesFor(
    1 - RENDERED_PAGES_FRACTION - REQUEST_MEMO_FRACTION - PINNED_LISTINGS_FRACTION,
  );
  const createCache = (bytes: number) =>
    createListCache<CachedList, UpstreamFailure>(
      {
        maxBytes: bytes,
        projectShare,
        negativeTtlMs: NEGATIVE_TTL_MS,
        refreshPauseMs: REFRESH_PAUSE_MS,
        longestPauseMs: LONGEST_REFRESH_PAUSE_MS,
        isRepeatable,
        kindOf: cacheKindOf,
        maxLoads: MAX_LOADS,
        maxWaiting: MAX_WAITING,
      },
      { clock, observe },
    );
  const timeRangeBytes = Math.floor(cachedBytes * TIME_RANGES_FRACTION);
  const listBytes = cachedBytes - timeRangeBytes;
  const lists = createCache(listBytes);
  const timeRanges = createCache(timeRangeBytes);
  const all = joinCaches([lists, timeRanges]);
  const pinned = createPinnedListings<Listing>(
    { maxBytes: bytesFor(PINNED_LISTINGS_FRACTION), projectShare },
    { clock },
  );
  const renderedPages = createRenderedPages<CachedHeads>({
    maxBytes: bytesFor(RENDERED_PAGES_FRACTION),
    projectShare,
  });
  const memoBytes = requestMemoBytes ?? bytesFor(REQUEST_MEMO_FRACTION);
  const requestMemo = createRequestMemo<ResolvedRequest>({
    maxBytes: memoBytes,
    perCallerBytes: memoBytes * REQUEST_MEMO_PER_CALLER_FRACTION,
    textBytes: textBytesOf,
  });
  let revisions = 0;
  return {
    lists,
    timeRanges,
    all,
    pinned,
    renderedPages,
    requestMemo,
    purge(scope) {
      lists.purge(scope);
      // A document of a time range is never served stale.
      timeRanges.purge({ ...scope, soft: false });
    },
    maxListBytes: Math.max(0, listBytes * projectShare - LIST_OVERHEAD_BYTES),
    bytes: () => all.bytes + pinned.bytes + renderedPages.bytes + requestMemo.bytes,
    nextRevision: () => ++revisions,
  };
}

/** The snapshot file, which is valid for one upstream origin, one public URL and these credentials; undefined if none is configured. */
export function buildPersistence(
  { config, secretOf }: ResolvedConfig,
  {
    caches,
    clock,
    random,
    observe,
  }: { caches: Caches; clock: Clock; random: Random; observe: (event: LogEvent) => void },
): Persistence | undefined {
  const { snapshot, maxBytes } = config.cache;
  if (snapshot === undefined) return undefined;
  const { publicUrl, host, port } = config.listen;
  const ids = allCredentialSettings({ config, secretOf }).map(({ name, secrets: { id } }) => [name, id]);
  const file = createCacheFile(
    {
      path: snapshot.path,
      encryptionKey: secretOf(snapshot.encryptionKey),
      namespace: JSON.stringify([config.upstream.origin, publicUrl ?? [host, port], ids]),
      maxBytes: SNAPSHOT_FILE_FACTOR * maxBytes,
    },
    { random },
  );
  return createPersistence(
    { everyMs: snapshot.every, nextRevision: caches.nextRevision },
    { cache: caches.lists, file, clock, observe },
  );
}
