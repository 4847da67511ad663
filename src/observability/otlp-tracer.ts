import type { Agent } from 'node:http';
import { ROOT_CONTEXT, type Span, SpanKind, SpanStatusCode, TraceFlags, trace } from '@opentelemetry/api';
import { ExportResultCode } from '@opentelemetry/core';
import { OTLPTraceExporter } from '@opentelemetry/exporter-trace-otlp-http';
import { resourceFromAttributes } from '@opentelemetry/resources';
import {
  BasicTracerProvider,
  BatchSpanProcessor,
  ParentBasedSampler,
  type SpanExporter,
  TraceIdRatioBasedSampler,
} from '@opentelemetry/sdk-trace-base';
import type { Clock } from '../lib/clock.ts';
import type { Random } from '../lib/random.ts';
import type { TraceContext } from '../lib/trace-context.ts';
import type { BeginTrace, TraceSpan } from '../lib/trace-span.ts';
import type { TraceExportEvent } from './events.ts';

export interface TracingOptions {
  /** The URL of the collector; without a path, that of OTLP is appended. */
  readonly endpoint: string;
  /** Fraction of the requests that are recorded where no authenticated client decides. */
  readonly sampleRatio: number;
  /** The gateway's version. */
  readonly version: string;
}

/** A tracer that sends its spans to a collector. */
export interface OtlpTracer {
  readonly beginTrace: BeginTrace;
  close(): Promise<void>;
}

/** Spans that wait for the collector; further ones are dropped. */
const MAX_QUEUED_SPANS = 2_048;
const MAX_BATCH_SPANS = 512;
const BATCH_EVERY_MS = 2_000;
/** Includes retries. */
const EXPORT_TIMEOUT_MS = 3_000;
const CLOSE_TIMEOUT_MS = 2_000;
const OTLP_PATH = '/v1/traces';

function tracesUrl(endpoint: string): string {
  const url = new URL(endpoint);
  if (url.pathname === '/') url.pathname = OTLP_PATH;
  return url.href;
}

const contextOf = (parent: TraceContext | undefined) =>
  parent === undefined
    ? ROOT_CONTEXT
    : trace.setSpanContext(ROOT_CONTEXT, {
        traceId: parent.traceId,
        spanId: parent.spanId,
        traceFlags: parent.sampled ? TraceFlags.SAMPLED : TraceFlags.NONE,
        isRemote: true,
      });

/** Reports what becomes of each batch. */
const observed = (exporter: SpanExporter, observe: (event: TraceExportEvent) => void): SpanExporter => ({
  export(spans, done) {
    exporter.export(spans, (result) => {
      const outcome = result.code === ExportResultCode.SUCCESS ? 'sent' : 'failed';
      observe({ type: 'trace-export', outcome, spans: spans.length });
      done(result);
    });
  },
  shutdown: () => exporter.shutdown(),
});

/** An exporter whose connections can be closed: those to a collector that does not answer would keep the process alive. */
function createExporter(endpoint: string) {
  let agent: Agent | undefined;
  const exporter = new OTLPTraceExporter({
    url: tracesUrl(endpoint),
    timeoutMillis: EXPORT_TIMEOUT_MS,
    httpAgentOptions: async (protocol) => {
      const http = protocol === 'http:' ? await import('node:http') : await import('node:https');
      agent = new http.Agent({ keepAlive: true });
      return agent;
    },
  });
  return { exporter, disconnect: () => agent?.destroy() };
}

/** Records spans with the OpenTelemetry SDK. Recording never waits: spans are queued and sent in batches. */
export function createOtlpTracer(
  { endpoint, sampleRatio, version }: TracingOptions,
  {
    clock,
    random,
    observe,
  }: {
    readonly clock: Clock;
    readonly random: Random;
    readonly observe: (event: TraceExportEvent) => void;
  },
): OtlpTracer {
  const { exporter, disconnect } = createExporter(endpoint);
  const provider = new BasicTracerProvider({
    resource: resourceFromAttributes({ 'service.name': 'atlas-gateway', 'service.version': version }),
    sampler: new ParentBasedSampler({ root: new TraceIdRatioBasedSampler(sampleRatio) }),
    spanProcessors: [
      new BatchSpanProcessor(observed(exporter, observe), {
        maxQueueSize: MAX_QUEUED_SPANS,
        maxExportBatchSize: MAX_BATCH_SPANS,
        scheduledDelayMillis: BATCH_EVERY_MS,
        exportTimeoutMillis: EXPORT_TIMEOUT_MS,
      }),
    ],
  });
  const tracer = provider.getTracer('atlas-gateway', version);

  /** `endTime`: Unix milliseconds; by default the SDK's own measure. */
  const recorded = (span: Span, endTime?: () => number): TraceSpan => ({
    traceId: span.spanContext().traceId,
    begin: (name, kind, attributes = {}) =>
      recorded(
        tracer.startSpan(
          name,
          { kind: kind === 'client' ? SpanKind.CLIENT : SpanKind.INTERNAL, attributes },
          trace.setSpan(ROOT_CONTEXT, span),
        ),
      ),
    end({ name, attributes, failed }) {
      if (name !== undefined) span.updateName(name);
      if (failed) span.setStatus({ code: SpanStatusCode.ERROR });
      span.setAttributes(attributes).end(endTime?.());
    },
  });

  return {
    beginTrace(name, { parent, isAuthenticated, startedAt }) {
      // By chance rather than by the trace id, which the client has chosen.
      if (parent?.sampled === true && !isAuthenticated && random.fraction() >= sampleRatio) return undefined;
      const elapsedMs = () => clock.now() - startedAt;
      const startTime = clock.wall() - elapsedMs();
      const span = tracer.startSpan(name, { kind: SpanKind.SERVER, startTime }, contextOf(parent));
      return span.isRecording() ? recorded(span, () => startTime + elapsedMs()) : undefined;
    },
    async close() {
      // The SDK rejects if the collector does not take a batch, which was reported already.
      const flushed = provider.shutdown().catch(() => undefined);
      let timer: NodeJS.Timeout | undefined;
      const timeout = new Promise<void>((resolve) => {
        timer = setTimeout(resolve, CLOSE_TIMEOUT_MS);
      });
      await Promise.race([flushed, timeout]);
      clearTimeout(timer);
      disconnect();
    },
  };
}
