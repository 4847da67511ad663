import type { UnexpectedErrorEvent } from '../lib/unexpected-error.ts';
import type { EvictionReason } from './memory-tier.ts';

/** Events the cache reports. */
export type CacheEvent =
  | { readonly type: 'evicted'; readonly reason: EvictionReason | 'purge' | 'refused' }
  | {
      readonly type: 'refreshed';
      readonly operation: string;
      readonly project: string;
      /** `kept`: the refresh failed and the stale listing stays cached. */
      readonly outcome: 'replaced' | 'kept' | 'refused';
      readonly detail?: string;
    }
  | UnexpectedErrorEvent;
