"""Stimuli of telemetry itself: spans that can't be delivered."""

from __future__ import annotations

import secrets
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import requests
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue
from opentelemetry.proto.resource.v1.resource_pb2 import Resource
from opentelemetry.proto.trace.v1.trace_pb2 import ResourceSpans, ScopeSpans, Span

from stack.errors import NeedMissingError
from steps.stimuli import people
from steps.stimuli.base import OWNER, Bench, Stimulus, StimulusError, calm
from steps.stimuli.outages import killed, paused

__all__ = ["STIMULI", "flooded", "send_spans"]

_EXPORTER = "redis-exporter"
_SERVICE = "made-up"
_AT_ONCE = 2500
_MORE_THAN_FITS = 130_000  # spans; the collector's queue for a destination holds 100 000
_PART = 10_000
_SECONDS = 20.0


def send_spans(bench: Bench, number: int) -> None:
    """Give the collector made-up spans by OTLP, as a service would."""
    if bench.telemetry.otlp_http is None:
        raise NeedMissingError("collector", "This stack has no collector")
    for sent in range(0, number, _AT_ONCE):
        answer = requests.post(
            f"{bench.telemetry.otlp_http}/v1/traces",
            data=_request(min(_AT_ONCE, number - sent)),
            headers={"Content-Type": "application/x-protobuf"},
            timeout=_SECONDS * bench.slow,
        )
        if answer.status_code != requests.codes.ok:
            raise StimulusError("The collector did not take spans", got=f"{answer.status_code}: {answer.text[:200]}")


@contextmanager
def flooded(bench: Bench) -> Iterator[None]:
    """More spans come than can wait for Jaeger, which takes none."""
    with paused("jaeger")(bench):
        for _ in range(0, _MORE_THAN_FITS, _PART):
            try:
                send_spans(bench, _PART)
            except StimulusError:
                break  # the collector has no room left, which is what this is about
        else:
            raise StimulusError("The collector took more spans than its queue holds", got=str(_MORE_THAN_FITS))
        yield


@contextmanager
def _more_spans(bench: Bench) -> Iterator[None]:
    def send(_: int) -> None:
        with suppress(StimulusError):
            send_spans(bench, _AT_ONCE)

    with bench.repeated(send, every=0.5, most=60):
        yield


def _request(number: int) -> bytes:
    now = time.time_ns()
    spans = [
        Span(
            trace_id=secrets.token_bytes(16),
            span_id=secrets.token_bytes(8),
            name="made up",
            kind=Span.SPAN_KIND_INTERNAL,
            start_time_unix_nano=now,
            end_time_unix_nano=now + 1,
        )
        for _ in range(number)
    ]
    resource = Resource(attributes=[KeyValue(key="service.name", value=AnyValue(string_value=_SERVICE))])
    of_scope = [ScopeSpans(spans=spans)]
    request = ExportTraceServiceRequest(resource_spans=[ResourceSpans(resource=resource, scope_spans=of_scope)])
    return bytes(request.SerializeToString())


@contextmanager
def _requests(bench: Bench) -> Iterator[None]:
    with people.STIMULI["api-requests"].traffic(bench):
        yield


def _prepare(bench: Bench) -> None:
    people.STIMULI["api-requests"].prepare(bench)
    bench.people.token(OWNER)


STIMULI: dict[str, Stimulus] = {
    "collector-overflow": Stimulus(_more_spans, flooded, needs=("collector", "jaeger"), within=30.0),
    "firing-alert": Stimulus(calm, killed(_EXPORTER), needs=("prometheus", _EXPORTER), within=40.0),
    "jaeger-away": Stimulus(_requests, paused("jaeger"), prepare=_prepare, needs=("api", "collector", "jaeger")),
    "scrape": Stimulus(calm, needs=("prometheus",), within=10.0),
    "spans-undelivered": Stimulus(
        _requests, killed("collector"), prepare=_prepare, needs=("api", "collector"), within=60.0
    ),
}
