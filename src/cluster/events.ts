/** What is asked of the shared tier, as metrics name it. */
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
 * What came of it. `hit`, `miss`: of reading. `leased`: this gateway loads; `held`: another one does. `done`: of everything else.
 * `refused`: the engine answered with an error; `timeout`, `unavailable`, `busy`: it was not waited for longer, or not asked at all.
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

/** What the shared tier tells about itself. */
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
      /** A code, never a message: messages can hold addresses. */
      readonly detail?: string;
    };
