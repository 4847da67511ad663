import type { FreshnessWindow, Lifetimes } from './freshness.ts';

/** What the cache needs to know about a failed load; the layers below define the failures. */
export interface LoadFailure {
  readonly type: 'failed';
  readonly code: string;
  /** When a retry may succeed. */
  readonly retryAfterMs?: number;
  /** The load failed before a request was sent to Atlas. */
  readonly unsent?: true;
}

/** A 4xx response of Atlas. */
export interface RefusedResponse {
  readonly status: number;
  /** By name in lower case. */
  readonly headers: Readonly<Record<string, string | undefined>>;
  readonly body: Buffer;
}

/** A value to cache. */
export interface Loaded<Value, Failure extends LoadFailure> {
  readonly type: 'loaded';
  readonly value: Value;
  readonly bytes: number;
  /** Monotonic milliseconds at which the value was read, from which its age counts; by default the end of the load. */
  readonly loadedAt?: number;
  /** Overrides the lifetimes of the request. */
  readonly lifetimes?: Lifetimes;
  /** Set if another gateway loaded the value: its freshness window, and why no newer value could be loaded. */
  readonly shared?: SharedOrigin<Failure>;
}

/** Where a value of another gateway comes from. `failure`: this gateway tried to load a newer one. */
export interface SharedOrigin<Failure extends LoadFailure> {
  readonly window: FreshnessWindow;
  readonly failure?: Failure;
}

/** A 4xx response of Atlas instead of a list. */
export interface Refused {
  readonly type: 'refused';
  readonly response: RefusedResponse;
  /** The list no longer exists or is no longer visible to the credential: a cached copy must not be served. */
  readonly invalidatesCache: boolean;
}

/** The result of a load. */
export type LoadResult<Value, Failure extends LoadFailure> = Loaded<Value, Failure> | Refused | Failure;

/** How the cache handled a request: the `cache` label of metrics and the parameters of `Cache-Status` (RFC 9211). */
export interface CacheStatus {
  readonly outcome: 'hit' | 'stale' | 'miss' | 'coalesced' | 'bypass';
  /** Why a request was sent to Atlas; absent if none was, which `Cache-Status` calls a hit. */
  readonly forwarded?: Forwarded;
  readonly stored?: boolean;
  readonly collapsed?: boolean;
  readonly detail?: string;
}

/**
 * RFC 9211 section 2.2. `miss`: nothing usable was cached; `stale`: the cached entry was stale; `request`: it was fresh, but the directives
 * of the request did not allow it.
 */
export type Forwarded = 'miss' | 'stale' | 'request';

/** The result of a cache read. */
export type CacheRead<Value, Failure extends LoadFailure> =
  | {
      readonly type: 'value';
      readonly value: Value;
      readonly window: FreshnessWindow;
      readonly cacheStatus: CacheStatus;
    }
  | {
      readonly type: 'refused';
      readonly response: RefusedResponse;
      readonly window: FreshnessWindow;
      readonly cacheStatus: CacheStatus;
    }
  | { readonly type: 'failed'; readonly failure: Failure; readonly cacheStatus: CacheStatus }
  | { readonly type: 'not-cached' }
  | { readonly type: 'overloaded' };

/** Permission for one load, with the quota reserved for it. */
export interface LoadPermit {
  readonly type: 'reserved';
  /** Charges one call to Atlas. */
  charge(): void;
  /** Call when the load has completed or was not started: returns the unused quota. */
  end(): void;
}

/** How a load is to be made. */
export interface LoadStart {
  /** Identifies the load among all of this process. */
  readonly flight: number;
  /** `background`: no caller waits for it. */
  readonly priority: 'foreground' | 'background';
  readonly permit: LoadPermit | undefined;
  /** False after a cool-down: one attempt without retries. */
  readonly retry: boolean;
}
