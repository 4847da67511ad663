/** Where an answer came from, as metrics and logs name it. `none`: no list was looked for. */
export type CacheOutcome = 'hit' | 'stale' | 'miss' | 'coalesced' | 'bypass' | 'none';

/** What the gateway tells of a request that it has answered. Names come from the configuration and the catalog, never from the request. */
export interface AnsweredEvent {
  readonly type: 'answered';
  readonly requestId: string;
  readonly method: string;
  readonly caller?: string;
  readonly operation?: string;
  readonly project?: string;
  readonly status: number;
  readonly cache: CacheOutcome;
  readonly durationMs: number;
  readonly bytes: number;
  readonly upstreamCalls: number;
  /** The error code of an answer that is an error. */
  readonly errorCode?: string;
  /** Why, in a sentence without anything the caller presented. */
  readonly reason?: string;
}

/** A caller read a version of a list that has a sunset. */
export interface DeprecatedEvent {
  readonly type: 'deprecated';
  readonly operation: string;
  readonly caller: string;
  readonly version: string;
}
