import type { TraceContext } from './trace-context.ts';

/** Names and values that describe a span. They never contain a secret, or text that a client chose other than its valid request id. */
export type SpanAttributes = Readonly<Record<string, string | number | boolean | undefined>>;

/** A part of a trace that is recorded from its beginning to its end. What is not recorded has no span. */
export interface TraceSpan {
  readonly traceId: string;
  /** Begins a span within this one. `client`: a call to another service. */
  begin(name: string, kind: 'internal' | 'client', attributes?: SpanAttributes): TraceSpan;
  /** Call once. */
  end(result: {
    readonly attributes: SpanAttributes;
    /** Whether what the span describes failed; callers' mistakes do not count. */
    readonly failed: boolean;
    /** Replaces the name that it began with. */
    readonly name?: string;
  }): void;
}

/** A request whose span begins. */
export interface TracedRequest {
  /** The client's span that the request belongs to. */
  readonly parent: TraceContext | undefined;
  /** Whether the client decides if the trace is recorded; otherwise anybody could fill the collector. */
  readonly isAuthenticated: boolean;
  /** Monotonic milliseconds. */
  readonly startedAt: number;
}

/** Begins the span of a request; undefined if its trace is not recorded. */
export type BeginTrace = (name: string, request: TracedRequest) => TraceSpan | undefined;
