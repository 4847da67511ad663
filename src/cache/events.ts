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
  /** A list or page pauses because its loads fail, or pauses longer than before. */
  | {
      readonly type: 'cool-down';
      readonly state: 'begun';
      readonly operation: string;
      readonly project: string;
      readonly kind: CoolingKind;
      /** Failed loads in a row. */
      readonly failures: number;
      readonly pauseMs: number;
      /** The code of the last failure. */
      readonly code: string;
    }
  /** It was loaded again, after so many failures. */
  | {
      readonly type: 'cool-down';
      readonly state: 'ended';
      readonly operation: string;
      readonly project: string;
      readonly kind: CoolingKind;
      readonly failures: number;
    }
  | UnexpectedErrorEvent;

/** What cools down: a whole list, or a page of a list that is cached by the page. */
export type CoolingKind = 'list' | 'page';
