import type { TraceSpan } from '../lib/trace-span.ts';
import type { Reservation } from './budget/reservation.ts';
import type { LoadClass } from './slot-queue.ts';

/** A GET request to Atlas. Nothing of the caller can reach Atlas but validated parameters of the operation. */
export interface UpstreamRequest {
  /** Operation id of the catalog, for metrics and logs. */
  readonly operation: string;
  /** Origin-form target with query, already encoded: `/api/atlas/v2/groups/…?itemsPerPage=500&pageNum=1`. */
  readonly target: string;
  /** The `Accept` header: the resolved version's media type. */
  readonly accept: string;
  /** Further headers of the request, by name: the operation's header parameters. */
  readonly headerParameters?: readonly (readonly [name: string, value: string])[];
  /** Deadline in monotonic milliseconds for the whole exchange, including retries and waits. */
  readonly deadlineAt: number;
  /** A background refresh uses only spare budget. */
  readonly priority: 'foreground' | 'background';
  /** The rate-limit bucket to charge: Atlas's endpoint set, and the project, organization or user that the limit applies to. */
  readonly endpointSet: string;
  readonly scope: string;
  /** Identifies the list across its pages, filters included; the target if absent. */
  readonly list?: string;
  /**
   * The class in which the request waits for a slot; by default it follows from `priority`. `internal`: a request that the gateway makes
   * for itself, which has connections of its own.
   */
  readonly loadClass?: LoadClass | 'internal';
  /** Another attempt of a request that failed: the circuit breaker counts all attempts as one. */
  readonly retry?: true;
  /** The calls that a walk has reserved; absent for a single request. */
  readonly reservation?: Reservation;
  /** With a reservation, the calls to charge: this one, and those to add to the reservation. 0: this call is drawn from the reservation. */
  readonly cost?: number;
  /** Monotonic milliseconds after which the request is no longer worth sending; a call on the wire goes on. */
  readonly sendBy?: number;
  /** Called when the request is on the wire, so that waits in queues can be distinguished from waits for Atlas. */
  readonly onSent?: () => void;
  /** 1: a single attempt without retries; a list that keeps failing is not worth more. */
  readonly attempts?: 1;
  /** The caller on whose behalf the request is made, for fair queuing; absent for the gateway's own requests. */
  readonly caller?: string;
  /** Called when the request begins to wait for a connection, before `onSent`. */
  readonly onQueued?: () => void;
  /** The span that each call is recorded in; absent if the request is not traced. Nothing of it reaches Atlas. */
  readonly span?: TraceSpan;
}

/** The headers of a request, without those that authenticate it. */
export const headersOf = ({ accept, headerParameters = [] }: UpstreamRequest): Record<string, string> => ({
  accept,
  ...Object.fromEntries(headerParameters),
});

/** Identifies the list that a request belongs to. */
export const listOf = ({ list, target }: UpstreamRequest): string => list ?? target;

/** Monotonic milliseconds after which the request is not sent any more. */
export const sendDeadlineOf = ({ deadlineAt, sendBy = deadlineAt }: UpstreamRequest): number =>
  Math.min(deadlineAt, sendBy);

/** Why there is no usable response; the codes are public (`errorCode` of the gateway's own 502, 503, 504 and 429). */
export type UpstreamFailureCode =
  | 'UPSTREAM_UNREACHABLE'
  | 'UPSTREAM_TLS'
  | 'UPSTREAM_PROTOCOL'
  | 'UPSTREAM_BAD_BODY'
  | 'UPSTREAM_TOO_LARGE'
  | 'UPSTREAM_REDIRECT'
  | 'UPSTREAM_AUTH'
  | 'UPSTREAM_FAILED'
  | 'UPSTREAM_TIMEOUT'
  | 'UPSTREAM_RATE_LIMITED'
  | 'CREDENTIALS_UNAVAILABLE'
  /** The deadline passed while the request waited for a connection, or soon after it had waited too long for one. */
  | 'OVERLOADED'
  /** The caller has used up its own quota of Atlas calls. */
  | 'CALLER_RATE_LIMITED';

/** No usable response: the code, a readable message without secrets, and when a retry may succeed. */
export interface UpstreamFailure {
  readonly type: 'failed';
  readonly code: UpstreamFailureCode;
  readonly detail: string;
  readonly retryAfterMs?: number;
  /** No connection was established. */
  readonly unconnected?: true;
  /** The circuit breaker rejected the request. */
  readonly circuitOpen?: true;
  /** No request was sent, so that Atlas has not counted it: the breaker is open, the budget is used up, or the queue is full. */
  readonly unsent?: true;
  /** The status that was returned instead of a token or a digest challenge. */
  readonly status?: number;
}

/** Header names in lower case; a repeated header's values are joined with `, `. */
export type UpstreamHeaders = Readonly<Record<string, string | undefined>>;

/** A complete HTTP response of any status. The body is complete and decoded. */
export interface UpstreamResponse {
  readonly type: 'answered';
  readonly status: number;
  readonly headers: UpstreamHeaders;
  readonly body: Buffer;
}

/** The result of a request to Atlas is a value, never an exception. */
export type UpstreamResult = UpstreamResponse | UpstreamFailure;

/** Sends a request to Atlas. A layer is a function that takes the next `Send` and returns one. */
export type Send = (request: UpstreamRequest) => Promise<UpstreamResult>;

/** A request below the credential layer, with its final headers. Only `transport` accepts it. */
export interface WireRequest {
  readonly method: 'GET' | 'POST';
  readonly target: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: string;
  readonly deadlineAt: number;
}

/** One HTTP exchange with the configured origin. */
export type Exchange = (request: WireRequest) => Promise<UpstreamResult>;
