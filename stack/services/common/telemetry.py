"""OpenTelemetry from the environment: a tracer provider when there is a collector, none when there isn't."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext

from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.trace import Link, Span, SpanKind, Status, StatusCode
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator
from opentelemetry.util.types import AttributeValue
from prometheus_client import CollectorRegistry

from stack.errors import UsageError
from stack.services.common.settings import ServiceSettings
from stack.services.common.spans import CountingProcessor, SpanCounters
from stack.services.common.version import VERSION

__all__ = ["AbstractSpan", "Telemetry", "client_span", "extract", "inject", "link_to", "no_span", "span", "start"]

AbstractSpan = AbstractContextManager[Span]

# Trace context alone: baggage is somebody else's data, neither kept nor passed on.
_PROPAGATOR = TraceContextTextMapPropagator()
_TRACER = "engineroom"


class Telemetry:
    """The spans of this process."""

    def __init__(self, provider: TracerProvider | None) -> None:
        """Keep the provider, to end it."""
        self._provider = provider

    def shutdown(self) -> None:
        """Send what is left, for a few seconds at most."""
        if self._provider is not None:
            self._provider.shutdown()


def start(service: str, settings: ServiceSettings, registry: CollectorRegistry) -> Telemetry:
    """Begin to record spans, if there is anywhere to send them.

    Args:
        service: `service.name`, unless the environment has another.
        settings: where to.
        registry: of the two counters, which are there in any case.

    Raises:
        UsageError: a variable `OTEL_*` can't be understood.
    """
    counters = SpanCounters(registry)
    if not settings.traced:
        return Telemetry(None)
    try:
        # Sampler, resource, endpoint, headers and timeouts: the SDK reads their variables itself.
        provider = TracerProvider(resource=_resource(service), shutdown_on_exit=False)
        exporter = OTLPSpanExporter()
    except (ValueError, TypeError) as error:
        raise UsageError("The environment is not valid", got=f"OTEL_*: {error}") from error
    provider.add_span_processor(CountingProcessor(exporter, counters, settings))
    trace.set_tracer_provider(provider)
    return Telemetry(provider)


def _resource(service: str) -> Resource:
    given = Resource.create(
        {"service.version": VERSION, "service.instance.id": f"{socket.gethostname()}:{os.getpid()}"}
    )
    named = str(given.attributes.get("service.name", ""))
    return given.merge(Resource({"service.name": service})) if named.startswith("unknown_service") else given


def extract(headers: Mapping[str, str]) -> Context:
    """The trace a caller is in; a malformed header is as good as none."""
    return _PROPAGATOR.extract({name: headers[name] for name in ("traceparent", "tracestate") if name in headers})


def inject() -> dict[str, str]:
    """Headers that carry the present trace on."""
    carrier: dict[str, str] = {}
    _PROPAGATOR.inject(carrier)
    return carrier


def link_to(traceparent: str | None) -> list[Link]:
    """A link to the span that a traceparent names; none for a malformed one."""
    if not traceparent:
        return []
    context = trace.get_current_span(_PROPAGATOR.extract({"traceparent": traceparent}, context=Context()))
    found = context.get_span_context()
    return [Link(found)] if found.is_valid else []


@contextmanager
def span(
    name: str,
    *,
    kind: SpanKind = SpanKind.INTERNAL,
    attributes: Mapping[str, AttributeValue] | None = None,
    links: list[Link] | None = None,
    context: Context | None = None,
) -> Iterator[Span]:
    """A span around a block; an exception makes it an error by its type, without the exception's words."""
    with trace.get_tracer(_TRACER, VERSION).start_as_current_span(
        name,
        context=context,
        kind=kind,
        attributes=attributes,
        links=links,
        record_exception=False,
        set_status_on_exception=False,
    ) as made:
        try:
            yield made
        except BaseException as error:
            made.set_attribute("error.type", type(error).__name__)
            made.set_status(Status(StatusCode.ERROR))
            raise


@contextmanager
def client_span(name: str, attributes: Mapping[str, AttributeValue]) -> Iterator[Span]:
    """A span around a call to another server, if there is a trace to put it into."""
    if not trace.get_current_span().is_recording():
        yield trace.INVALID_SPAN
        return
    with span(name, kind=SpanKind.CLIENT, attributes=attributes) as made:
        yield made


def no_span() -> AbstractSpan:
    """A block without a span."""
    return nullcontext(trace.INVALID_SPAN)
