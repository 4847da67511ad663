import type { UnexpectedErrorEvent } from '../lib/unexpected-error.ts';
import type { EvictionReason } from './memory-tier.ts';

/** What the cache tells about itself. */
export type CacheEvent =
  | { readonly type: 'evicted'; readonly reason: EvictionReason | 'purge' | 'refused' }
  | {
      readonly type: 'refreshed';
      readonly operation: string;
      readonly project: string;
      /** `kept`: the refresh failed and the old listing stays. */
      readonly outcome: 'replaced' | 'kept' | 'refused';
      readonly detail?: string;
    }
  | UnexpectedErrorEvent;
