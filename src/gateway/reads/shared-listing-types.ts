import type { CacheDirectives } from '../../cache/decide.ts';
import type { FreshnessWindow, Lifetimes } from '../../cache/freshness.ts';
import type { LoadResult } from './list-cache.ts';

/** A list to load, unless another gateway has cached it. */
export interface SharedQuery {
  readonly partition: string;
  readonly operation: string;
  readonly key: string;
  /** Names of the credentials that load it. */
  readonly credentials: readonly string[];
  readonly lifetimes: Lifetimes;
  readonly directives: CacheDirectives;
  /** Monotonic milliseconds: a value of another gateway that was loaded before does not fit the other pages cached here. */
  readonly notBefore: number;
}

/** A load of such a list. */
export interface SharedLoading extends SharedQuery {
  readonly priority: 'foreground' | 'background';
  /** Whether this gateway has nothing cached to serve. */
  readonly cold: boolean;
  /** Monotonic milliseconds until which to wait for a load of another gateway, which may have died. */
  readonly waitUntil: number;
}

/** Lists that gateways share. */
export interface SharedLists<Value> {
  /** Returns the list that another gateway has loaded, or loads it with `load` and shares it. Never rejects, as `load` never does. */
  load(loading: SharedLoading, load: () => Promise<LoadResult<Value>>): Promise<LoadResult<Value>>;
  /** Returns the list that another gateway has loaded, without loading anything. */
  find(query: SharedQuery): Promise<{ value: Value; window: FreshnessWindow } | undefined>;
}
