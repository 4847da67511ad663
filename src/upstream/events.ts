import type { UnexpectedErrorEvent } from '../lib/unexpected-error.ts';
import type { LoadClass } from './slot-queue.ts';

/** Events the upstream layers report; `observability` turns them into metrics and log lines. */
export type UpstreamEvent =
  | {
      readonly type: 'upstream-exchange';
      readonly operation: string;
      readonly credential: string;
      /** HTTP status as text, or the failure's code. */
      readonly code: string;
      readonly durationMs: number;
    }
  | { readonly type: 'upstream-retry'; readonly reason: string }
  /** A call has left the queue for a slot: it was sent, or its deadline passed. */
  | { readonly type: 'upstream-queued'; readonly loadClass: LoadClass; readonly queuedMs: number }
  | {
      readonly type: 'credential-renewal';
      readonly credential: string;
      /** `rotated`: the new secrets are in use. `kept`: Atlas rejected the new secrets, the old ones stay in use. */
      readonly outcome: 'renewed' | 'refused' | 'failed' | 'rotated' | 'kept';
      readonly detail?: string;
    }
  | {
      readonly type: 'circuit';
      readonly credential: string;
      readonly state: 'open';
      /** The last of the failures that opened it, in the gateway's own words. */
      readonly code: string;
      readonly detail: string;
    }
  | {
      readonly type: 'circuit';
      readonly credential: string;
      readonly state: 'closed';
      readonly openMs: number;
    }
  /** A list changes its order from request to request, so that no walk can read it whole. */
  | { readonly type: 'unstable-order'; readonly operation: string; readonly scope: string }
  | UnexpectedErrorEvent;
