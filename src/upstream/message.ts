/** What is asked of Atlas: one GET. Nothing of the caller is in it, so nothing of the caller can reach Atlas. */
export interface UpstreamRequest {
  /** Operation id of the catalog, for metrics and logs. */
  readonly operation: string;
  /** Origin-form target with query, already encoded: `/api/atlas/v2/groups/…?itemsPerPage=500&pageNum=1`. */
  readonly target: string;
  /** The `Accept` header: the resolved version's media type. */
  readonly accept: string;
  /** Monotonic milliseconds at which the whole exchange, retries and waits included, has to be over. */
  readonly deadlineAt: number;
  /** A background refresh spends only budget that is spare. */
  readonly priority: 'foreground' | 'background';
  /** Which rate-limit bucket pays: Atlas's endpoint set and the project, organization or user it is counted for. */
  readonly endpointSet: string;
  readonly scope: string;
  /** Calls that this one pays for: a walk pays for all its pages ahead, and those that are paid for say 0. 1 where it is left out. */
  readonly cost?: number;
  /** The caller who caused it, for fairness; absent for the gateway's own questions. */
  readonly caller?: string;
}

/** Why no usable answer came; the codes are public (`errorCode` of the gateway's own 502, 503, 504 and 429). */
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
  /** The caller's own share of questions to Atlas is spent. */
  | 'CALLER_RATE_LIMITED';

/** No usable answer: the code, a sentence for people without secrets, and when asking again may help. */
export interface UpstreamFailure {
  readonly type: 'failed';
  readonly code: UpstreamFailureCode;
  readonly detail: string;
  readonly retryAfterMs?: number;
  /** Not even a connection was made. */
  readonly unconnected?: true;
  /** What was answered instead of a token or a digest challenge. */
  readonly status?: number;
}

/** Header names in lower case; a repeated header's values are joined with `, `. */
export type UpstreamHeaders = Readonly<Record<string, string | undefined>>;

/** A complete HTTP answer, whatever its status. The body is whole and decoded. */
export interface UpstreamResponse {
  readonly type: 'answered';
  readonly status: number;
  readonly headers: UpstreamHeaders;
  readonly body: Buffer;
}

/** An answer from Atlas is a value, never an exception. */
export type UpstreamResult = UpstreamResponse | UpstreamFailure;

/** One way to ask Atlas. A layer is a function that takes the next `Send` and returns one. */
export type Send = (request: UpstreamRequest) => Promise<UpstreamResult>;

/** A request with what the layers under the credential need: the headers to send. Only `transport` takes it. */
export interface WireRequest {
  readonly method: 'GET' | 'POST';
  readonly target: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: string;
  readonly deadlineAt: number;
}

/** One HTTP exchange with the configured origin. */
export type Exchange = (request: WireRequest) => Promise<UpstreamResult>;
