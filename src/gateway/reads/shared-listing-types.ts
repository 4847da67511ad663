import type { FreshnessWindow, Lifetimes } from '../../cache/freshness.ts';
import type { CacheDirectives, LoadResult } from '../../cache/read-cache.ts';

/** A list that is to be loaded, unless another gateway has it. */
export interface SharedQuery {
  readonly partition: string;
  readonly operation: string;
  readonly key: string;
  /** Names of the credentials it is asked with. */
  readonly credentials: readonly string[];
  readonly lifetimes: Lifetimes;
  readonly directives: CacheDirectives;
}

/** A load of it. */
export interface SharedLoading extends SharedQuery {
  readonly priority: 'foreground' | 'background';
  /** Whether this gateway holds nothing it could answer with. */
  readonly cold: boolean;
  /** Monotonic milliseconds at which the load has to be over. */
  readonly deadlineAt: number;
}

/** Lists that gateways have in common. */
export interface SharedLists<Value> {
  /** The list as another gateway has loaded it, or as `load` brings it, for all of them. Never rejects, as `load` never does. */
  load(loading: SharedLoading, load: () => Promise<LoadResult<Value>>): Promise<LoadResult<Value>>;
  /** The list as another gateway has loaded it, for those who want nothing loaded. */
  find(query: SharedQuery): Promise<{ value: Value; window: FreshnessWindow } | undefined>;
}
