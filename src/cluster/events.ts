/** Operations on the shared tier, as metric label values. */
export type SharedOperation =
  | 'join'
  | 'announce'
  | 'exchange'
  | 'read'
  | 'lease'
  | 'renew'
  | 'publish'
  | 'release'
  | 'discard';

/**
 * The outcome of an operation. `hit`, `miss`: of a read. `leased`: this gateway holds the lease and loads; `held`: another gateway does.
 * `done`: success of any other operation. `refused`: the engine returned an error. `timeout`: no reply before the deadline. `unavailable`:
 * not connected, connection lost, or circuit breaker open. `busy`: not sent, too many requests are pending.
 */
export type SharedOutcome =
  | 'hit'
  | 'miss'
  | 'leased'
  | 'held'
  | 'done'
  | 'refused'
  | 'timeout'
  | 'unavailable'
  | 'busy';

/** Events the shared tier reports. */
export type SharedEvent =
  | {
      readonly type: 'shared-exchange';
      readonly operation: SharedOperation;
      readonly outcome: SharedOutcome;
      readonly durationMs: number;
    }
  | {
      readonly type: 'shared-state';
      readonly connected: boolean;
      /** An error code, never a message: messages may contain addresses. */
      readonly detail?: string;
    };
