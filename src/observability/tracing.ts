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
  { observe }: { observe: (event: TraceExportEvent) => void },
): Tracing {
  let tracer: OtlpTracer | undefined;
  return {
    beginTrace: (name, parent) => tracer?.beginTrace(name, parent),
    async open() {
      if (options === undefined) return;
      const { createOtlpTracer } = await import('./otlp-tracer.ts');
      tracer = createOtlpTracer(options, { observe });
    },
    async close() {
      await tracer?.close();
    },
  };
}
