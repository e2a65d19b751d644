"""Sends spans in batches from a bounded queue, and counts both what was sent and what was not."""

from __future__ import annotations

import threading
import time
from collections import deque
from typing import TYPE_CHECKING

from opentelemetry.context import Context, attach, detach, set_value
from opentelemetry.sdk.trace import ReadableSpan, Span, SpanProcessor
from opentelemetry.sdk.trace.export import SpanExporter, SpanExportResult
from prometheus_client import CollectorRegistry, Counter

if TYPE_CHECKING:
    from stack.services.common.settings import ServiceSettings

__all__ = ["CountingProcessor", "SpanCounters"]

_SUPPRESS = "suppress_instrumentation"


class SpanCounters:
    """`otel_spans_exported_total` and `otel_spans_dropped_total`."""

    def __init__(self, registry: CollectorRegistry) -> None:
        """Register both, at 0."""
        self.exported = Counter("otel_spans_exported", "Spans that the collector took.", registry=registry)
        self.dropped = Counter(
            "otel_spans_dropped", "Spans that no collector took: queue full, refused, away.", registry=registry
        )


class CountingProcessor(SpanProcessor):
    """A batch processor as the specification of `OTEL_BSP_*` has it; the SDK's own doesn't count what it drops."""

    def __init__(self, exporter: SpanExporter, counters: SpanCounters, settings: ServiceSettings) -> None:
        """Start the thread that sends."""
        self._exporter = exporter
        self._counters = counters
        self._delay = settings.span_delay / 1000
        self._most = settings.span_queue
        self._batch = min(settings.span_batch, settings.span_queue)
        self._queue: deque[ReadableSpan] = deque()
        self._changed = threading.Condition()
        self._closed = False
        self._flushing = False
        self._sending = 0
        self._thread = threading.Thread(target=self._run, name="spans", daemon=True)
        self._thread.start()

    def on_start(self, span: Span, parent_context: Context | None = None) -> None:
        """Nothing to do."""

    def on_end(self, span: ReadableSpan) -> None:
        """Queue a finished span; a full queue drops it. Never waits."""
        if not span.context or not span.context.trace_flags.sampled:
            return
        with self._changed:
            if self._closed or len(self._queue) >= self._most:
                self._counters.dropped.inc()
                return
            self._queue.append(span)
            if len(self._queue) == self._batch:
                self._changed.notify_all()

    def force_flush(self, timeout_millis: int = 30000) -> bool:
        """Send what is queued now; false when time ran out before."""
        deadline = time.monotonic() + timeout_millis / 1000
        with self._changed:
            self._flushing = True
            self._changed.notify_all()
            while self._queue or self._sending:
                left = deadline - time.monotonic()
                if left <= 0 or not self._changed.wait(min(left, 0.1)):
                    if left <= 0:
                        return False
                    self._flushing = True
                    self._changed.notify_all()
        return True

    def shutdown(self) -> None:
        """Send what is queued, for a few seconds at most; the rest is dropped and counted."""
        self.force_flush(3000)
        with self._changed:
            self._closed = True
            self._changed.notify_all()
        self._exporter.shutdown()
        self._thread.join(3)
        with self._changed:
            self._counters.dropped.inc(len(self._queue))
            self._queue.clear()

    def _run(self) -> None:
        while True:
            with self._changed:
                due = time.monotonic() + self._delay
                while not (self._closed or self._flushing or len(self._queue) >= self._batch):
                    left = due - time.monotonic()
                    if left <= 0:
                        break
                    self._changed.wait(left)
                if self._closed:
                    return
                spans = [self._queue.popleft() for _ in range(min(self._batch, len(self._queue)))]
                self._sending = len(spans)
                self._flushing = self._flushing and bool(self._queue)
            if spans:
                self._send(spans)
            with self._changed:
                self._sending = 0
                self._changed.notify_all()

    def _send(self, spans: list[ReadableSpan]) -> None:
        token = attach(set_value(_SUPPRESS, value=True))
        try:
            taken = self._exporter.export(spans) is SpanExportResult.SUCCESS
        except Exception:  # noqa: BLE001 - whatever an exporter does, the service must not notice
            taken = False
        finally:
            detach(token)
        (self._counters.exported if taken else self._counters.dropped).inc(len(spans))
