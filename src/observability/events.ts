/** Start, reload and shutdown messages. They contain nothing from outside the gateway. */
export interface LifecycleEvent {
  readonly type: 'life';
  readonly level: 'info' | 'warn' | 'error';
  readonly message: string;
}

/**
 * A configuration reload: the new configuration is in force, or it is invalid and the previous one stays in force; `partial`: the new one is
 * in force with previous secrets in place of some that could not be read.
 */
export interface ReloadEvent {
  readonly type: 'config-reload';
  readonly outcome: 'applied' | 'partial' | 'rejected';
  /** Each with file, line and remedy; never with the value of a secret. */
  readonly problems: readonly string[];
}

/** A purge of this gateway's cache. */
export interface PurgeEvent {
  readonly type: 'purge';
  /** What was purged; both undefined: everything. */
  readonly project: string | undefined;
  readonly operation: string | undefined;
  /** The lists stay, as stale ones. */
  readonly soft: boolean;
  /**
   * `api` and `status-page`: a request to the admin listener. `gateway`: another gateway purged. `resync`: purges of other gateways may
   * have been missed.
   */
  readonly origin: 'api' | 'status-page' | 'gateway' | 'resync';
  /** Of the request. */
  readonly requestId?: string | undefined;
  readonly clientIp?: string | undefined;
}

/** The progress of a shutdown. */
export type ShutdownEvent =
  | {
      readonly type: 'shutdown';
      readonly phase: 'begun';
      readonly signal: string | undefined;
      readonly inFlight: number;
      /** How long new requests are still accepted, and how long those in flight may take after that. */
      readonly delayMs: number;
      readonly deadlineMs: number;
    }
  /** `drained`: no connection is left; requests that are still in flight were cut off. */
  | {
      readonly type: 'shutdown';
      readonly phase: 'draining' | 'drained' | 'stopped';
      readonly inFlight: number;
      readonly elapsedMs: number;
    };

/** Spans were sent to the collector, or not. */
export interface TraceExportEvent {
  readonly type: 'trace-export';
  readonly outcome: 'sent' | 'failed';
  readonly spans: number;
}

/** A rejected admin sign-in: the token was wrong, or it was not compared because the attempt limit was reached. */
export interface SignInEvent {
  readonly type: 'admin-sign-in-refused';
  readonly reason: 'wrong-token' | 'too-many-attempts';
  /** Undefined for requests without a socket. */
  readonly clientIp: string | undefined;
}
