/** How the cache served a response, as metrics and logs name it. `none`: the request did not reach the cache. */
export type CacheOutcome = 'hit' | 'stale' | 'miss' | 'coalesced' | 'bypass' | 'none';

/** A request has completed. Names come from the configuration and the catalog, never from the request. */
export interface RequestCompletedEvent {
  readonly type: 'answered';
  readonly requestId: string;
  /** The trace that the request belongs to: the client's, or one that the gateway records. */
  readonly traceId: string | undefined;
  readonly clientIp: string | undefined;
  /** Bounded, printable ASCII. */
  readonly userAgent: string | undefined;
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
  /** The error code, if the response is an error. */
  readonly errorCode: string | undefined;
  /** Why the request was rejected, without any value that the caller sent. */
  readonly reason: string | undefined;
}

/** A caller caused a call to Atlas; background refreshes count as caused by the caller whose request began them. */
export interface CallerCallEvent {
  readonly type: 'caller-call';
  readonly caller: string;
  readonly operation: string;
  /** The set of endpoints of Atlas that share a rate limit with the operation. */
  readonly endpointSet: string;
}

/** The outcome of reading or writing the snapshot file, which preserves the cache across restarts. */
export interface PersistenceEvent {
  readonly type: 'cache-file';
  readonly outcome: 'restored' | 'not-read' | 'not-written';
  readonly listings?: number;
  readonly detail?: string;
}

/** A credential's secret expires soon; `daysLeft` is negative once it has expired. */
export interface ExpiryEvent {
  readonly type: 'credential-expiry';
  readonly credential: string;
  readonly daysLeft: number;
}

/** A page was answered while the rest of its list was still being loaded. */
export interface PartialResponseEvent {
  readonly type: 'partial-response';
  readonly operation: string;
}

/** A caller read a version of a list that has a sunset date. */
export interface DeprecatedEvent {
  readonly type: 'deprecated';
  readonly operation: string;
  readonly caller: string;
  readonly version: string;
}
