import { extendFreshness, type FreshnessWindow, freshness, limitToErrors, markStale } from './freshness.ts';
import type { Forwarded } from './results.ts';

/** The `Cache-Control` request directives (RFC 9111 section 5.2.1). */
export interface CacheDirectives {
  readonly noCache: boolean;
  readonly onlyIfCached: boolean;
  readonly maxAgeMs?: number;
  readonly maxStaleMs?: number;
}

/** The directives of a request without `Cache-Control`. */
export const NO_DIRECTIVES: CacheDirectives = { noCache: false, onlyIfCached: false };

/** The cached entry that a request selects. */
export interface CachedCandidate {
  readonly window: FreshnessWindow;
  /** `refusal`: a 4xx response of Atlas, which is never served stale. */
  readonly kind: 'value' | 'refusal';
  readonly softPurged: boolean;
  /** A page of an earlier generation (`page-generation`), which is served only if Atlas fails. */
  readonly superseded: boolean;
  /** Factor by which freshness is extended now, at least 1. */
  readonly freshnessFactor: number;
  /** End of the cool-down after failed loads; in the past if the list does not cool down. */
  readonly coolingUntil: number;
}

/** What to do without an entry that may be served at once. `fallback`: the window of the entry to serve if the load fails or is not allowed. */
export type ColdDecision =
  | {
      readonly type: 'load';
      readonly forwarded: Forwarded;
      /** The entry could have been served without the request's directives. */
      readonly forced: boolean;
      readonly fallback: FreshnessWindow | undefined;
    }
  /** Loads have failed and the next attempt is not due yet. */
  | { readonly type: 'cool-down'; readonly fallback: FreshnessWindow | undefined }
  | { readonly type: 'not-cached' };

/** What to do with a request. `window`: the entry's window as of now, from which `Age` and `ttl` are computed. */
export type Decision =
  | { readonly type: 'serve'; readonly window: FreshnessWindow; readonly extended: boolean }
  /** Serve, and refresh in the background. */
  | { readonly type: 'revalidate'; readonly window: FreshnessWindow }
  | ColdDecision;

/**
 * Whether the directives accept an entry with this window. A request that limits the age or staleness itself gives up
 * stale-while-revalidate: without `max-stale`, `max-age` accepts no stale response (RFC 9111 section 5.2.1.1).
 */
export function satisfies(
  { noCache, maxAgeMs, maxStaleMs }: CacheDirectives,
  { loadedAt, freshUntil, revalidateUntil }: FreshnessWindow,
  now: number,
): boolean {
  if (noCache) return false;
  if (maxAgeMs !== undefined && now - loadedAt > maxAgeMs) return false;
  if (now < freshUntil) return true;
  if (maxStaleMs !== undefined) return now - freshUntil <= maxStaleMs;
  return maxAgeMs === undefined && now < revalidateUntil;
}

/** Decides about a request for which nothing is cached. */
export function decideCold(
  coolingUntil: number,
  { noCache, onlyIfCached }: CacheDirectives,
  now: number,
): ColdDecision {
  if (onlyIfCached) return { type: 'not-cached' };
  return now < coolingUntil
    ? { type: 'cool-down', fallback: undefined }
    : { type: 'load', forwarded: 'miss', forced: noCache, fallback: undefined };
}

/** Decides about a request for which an entry is cached. Pure: all that the decision depends on is passed in. */
export function decide(candidate: CachedCandidate, directives: CacheDirectives, now: number): Decision {
  const { kind, coolingUntil } = candidate;
  const window = currentWindow(candidate, now);
  const state = freshness(window, now);
  if (state === 'expired' || (kind === 'refusal' && state !== 'fresh'))
    return decideCold(coolingUntil, directives, now);
  const isCooling = now < coolingUntil;
  if (satisfies(directives, window, now)) {
    if (state === 'fresh') return { type: 'serve', window, extended: now >= candidate.window.freshUntil };
    return isCooling ? { type: 'cool-down', fallback: window } : { type: 'revalidate', window };
  }
  if (directives.onlyIfCached) return { type: 'not-cached' };
  if (isCooling) return { type: 'cool-down', fallback: window };
  return {
    type: 'load',
    forwarded: state === 'fresh' ? 'request' : 'stale',
    forced: directives.noCache || now < window.revalidateUntil,
    fallback: window,
  };
}

/** A soft purge ends freshness, a newer generation stale-while-revalidate as well; a factor over 1 extends that of a value, but does not make a stale one look younger than it is. */
function currentWindow(candidate: CachedCandidate, now: number) {
  const { window, kind, softPurged, superseded, freshnessFactor } = candidate;
  if (superseded) return limitToErrors(window, now);
  if (softPurged) return markStale(window, now);
  if (now < window.freshUntil || kind === 'refusal') return window;
  const extended = extendFreshness(window, freshnessFactor);
  return now < extended.freshUntil ? extended : window;
}
