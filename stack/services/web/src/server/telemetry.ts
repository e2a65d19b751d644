/** Spans by the standard variables of OpenTelemetry; none where no collector is named. */

import {
  context,
  INVALID_SPAN_CONTEXT,
  propagation,
  trace,
  type Context,
  type Span,
  type Tracer,
  type TracerOptions,
  type TracerProvider,
} from "@opentelemetry/api";
import { ExportResultCode, W3CTraceContextPropagator, type ExportResult } from "@opentelemetry/core";
import { OTLPTraceExporter } from "@opentelemetry/exporter-trace-otlp-proto";
import { defaultResource, detectResources, envDetector, resourceFromAttributes } from "@opentelemetry/resources";
import { AsyncLocalStorageContextManager } from "@opentelemetry/context-async-hooks";
import {
  BatchSpanProcessor,
  NodeTracerProvider,
  type ReadableSpan,
  type Span as SdkSpan,
  type SpanExporter,
  type SpanProcessor,
} from "@opentelemetry/sdk-trace-node";
import type { Metrics } from "./metrics";

const SERVICE = "web";

type Environment = Readonly<Record<string, string | undefined>>;

export interface Telemetry {
  tracer: Tracer;
  shutdown(): Promise<void>;
}

/** Hands spans to the collector, and counts what became of them. */
class CountedExporter implements SpanExporter {
  waiting = 0;

  constructor(
    private readonly inner: SpanExporter,
    private readonly metrics: Pick<Metrics, "exported" | "dropped">,
  ) {}

  export(spans: ReadableSpan[], done: (result: ExportResult) => void): void {
    this.waiting -= spans.length;
    this.inner.export(spans, (result) => {
      const counter = result.code === ExportResultCode.SUCCESS ? this.metrics.exported : this.metrics.dropped;
      counter.inc(spans.length);
      done(result);
    });
  }

  shutdown(): Promise<void> {
    return this.inner.shutdown();
  }

  forceFlush(): Promise<void> {
    return this.inner.forceFlush?.() ?? Promise.resolve();
  }
}

/** A queue that counts what it has no place for; the batches behind it do not say so. */
export class BoundedProcessor implements SpanProcessor {
  private readonly exporter: CountedExporter;
  private readonly batches: BatchSpanProcessor;

  constructor(
    exporter: SpanExporter,
    private readonly metrics: Pick<Metrics, "exported" | "dropped">,
    private readonly places: number,
  ) {
    this.exporter = new CountedExporter(exporter, metrics);
    this.batches = new BatchSpanProcessor(this.exporter);
  }

  onStart(span: SdkSpan, parent: Context): void {
    this.batches.onStart(span, parent);
  }

  onEnd(span: ReadableSpan): void {
    if ((span.spanContext().traceFlags & 1) === 0) return;
    if (this.exporter.waiting >= this.places) {
      this.metrics.dropped.inc();
      return;
    }
    this.exporter.waiting += 1;
    this.batches.onEnd(span);
  }

  forceFlush(): Promise<void> {
    return this.batches.forceFlush();
  }

  async shutdown(): Promise<void> {
    // It fails when a batch did; what is still here then is lost, and counted.
    await this.batches.shutdown().catch(() => undefined);
    if (this.exporter.waiting > 0) this.metrics.dropped.inc(this.exporter.waiting);
    this.exporter.waiting = 0;
  }
}

/** A tracer without spans of its own: what is current stays current. */
const passing: Tracer = {
  startSpan(_name, _options, at = context.active()) {
    return trace.wrapSpanContext(trace.getSpanContext(at) ?? INVALID_SPAN_CONTEXT);
  },
  startActiveSpan(...given: unknown[]): never {
    const act = given.at(-1) as (span: Span) => never;
    const at = given.length > 3 ? (given[2] as Context) : context.active();
    const span = passing.startSpan("", {}, at);
    return context.with(trace.setSpan(at, span), act, undefined, span);
  },
};

/** Next traces its own insides when it finds a provider; one request is one span here, so it finds one that does not. */
class OwnSpansOnly implements TracerProvider {
  constructor(private readonly own: TracerProvider) {}

  getTracer(name: string, version?: string, options?: TracerOptions): Tracer {
    return name === SERVICE ? this.own.getTracer(name, version, options) : passing;
  }
}

const isOn = (env: Environment): boolean =>
  env.OTEL_SDK_DISABLED?.trim().toLowerCase() !== "true" &&
  env.OTEL_TRACES_EXPORTER !== "none" &&
  Boolean(env.OTEL_EXPORTER_OTLP_ENDPOINT || env.OTEL_EXPORTER_OTLP_TRACES_ENDPOINT);

/** Start; the context is kept even without a collector, so that traces of others pass through. */
export function startTelemetry(env: Environment, version: string, metrics: Metrics): Telemetry {
  context.setGlobalContextManager(new AsyncLocalStorageContextManager().enable());
  propagation.setGlobalPropagator(new W3CTraceContextPropagator());
  if (!isOn(env)) return { tracer: trace.getTracer(SERVICE), shutdown: () => Promise.resolve() };

  const places = Number(env.OTEL_BSP_MAX_QUEUE_SIZE) || 2048;
  const provider = new NodeTracerProvider({
    resource: defaultResource()
      .merge(resourceFromAttributes({ "service.name": SERVICE, "service.version": version }))
      .merge(detectResources({ detectors: [envDetector] })),
    spanProcessors: [new BoundedProcessor(new OTLPTraceExporter(), metrics, places)],
  });
  trace.setGlobalTracerProvider(new OwnSpansOnly(provider));
  return { tracer: provider.getTracer(SERVICE, version), shutdown: () => provider.shutdown() };
}
