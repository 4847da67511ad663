/** Where an answer came from, as metrics and logs name it. `none`: no list was looked for. */
export type CacheOutcome = 'hit' | 'stale' | 'miss' | 'coalesced' | 'bypass' | 'none';

/** What the gateway tells of a request that it has answered. Names come from the configuration and the catalog, never from the request. */
export interface RequestCompletedEvent {
  readonly type: 'answered';
  readonly requestId: string;
  readonly method: string;
  readonly caller: string | undefined;
  readonly operation: string | undefined;
  /** The path of a request that matches no operation: bounded, printable ASCII. */
  readonly path: string | undefined;
  readonly project: string | undefined;
  readonly status: number;
  readonly cache: CacheOutcome;
  /** Monotonic milliseconds. */
  readonly endedAt: number;
  readonly durationMs: number;
  readonly bytes: number;
  readonly upstreamCalls: number;
  /** The error code of an answer that is an error. */
  readonly errorCode: string | undefined;
  /** Why, in a sentence without anything the caller presented. */
  readonly reason: string | undefined;
}

/** What became of the file that keeps the cache across a restart. */
export interface PersistenceEvent {
  readonly type: 'cache-file';
  readonly outcome: 'restored' | 'not-read' | 'not-written';
  readonly listings?: number;
  readonly detail?: string;
}

/** A credential's secret ends soon; negative where it has ended. */
export interface ExpiryEvent {
  readonly type: 'credential-expiry';
  readonly credential: string;
  readonly daysLeft: number;
}

/** A caller read a version of a list that has a sunset. */
export interface DeprecatedEvent {
  readonly type: 'deprecated';
  readonly operation: string;
  readonly caller: string;
  readonly version: string;
}
