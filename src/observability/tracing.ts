import type { Clock } from '../lib/clock.ts';
import type { Random } from '../lib/random.ts';
import type { BeginTrace } from '../lib/trace-span.ts';
import type { TraceExportEvent } from './events.ts';
import type { OtlpTracer, TracingOptions } from './otlp-tracer.ts';

/** Records requests as traces and sends them to a collector, if one is configured. */
export interface Tracing {
  readonly beginTrace: BeginTrace;
  /** Loads the tracer; nothing is recorded before. */
  open(): Promise<void>;
  /** Sends the spans that are queued, for a bounded time. */
  close(): Promise<void>;
}

/** OpenTelemetry is loaded only if tracing is configured: it takes longer to load than the rest of the gateway. */
export function createTracing(
  options: TracingOptions | undefined,
  dependencies: {
    readonly clock: Clock;
    readonly random: Random;
    readonly observe: (event: TraceExportEvent) => void;
  },
): Tracing {
  let tracer: OtlpTracer | undefined;
  return {
    beginTrace: (name, request) => tracer?.beginTrace(name, request),
    async open() {
      if (options === undefined) return;
      const { createOtlpTracer } = await import('./otlp-tracer.ts');
      tracer = createOtlpTracer(options, dependencies);
    },
    async close() {
      await tracer?.close();
    },
  };
}
