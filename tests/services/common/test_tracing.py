"""Spans of a service, as a collector gets them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tests.services.kit import Running, eventually
from tests.services.receiver import CLIENT, SERVER, SPAN, TRACE, Receiver, receiver
from tests.services.search.conftest import TOKEN, index, people, variables

__all__ = ["index", "people", "receiver", "variables"]


@pytest.fixture
def traced(
    run: Callable[..., Running], variables: dict[str, str], index: Callable[[], Any], receiver: Receiver
) -> Running:
    """A search service that sends its spans."""
    index()
    sent = {"OTEL_EXPORTER_OTLP_ENDPOINT": receiver.url, "OTEL_BSP_SCHEDULE_DELAY": "100"}
    service = run("stack.services.search", variables | sent | {"OTEL_RESOURCE_ATTRIBUTES": "deployment=test"})
    service.headers |= {"Authorization": f"Bearer {TOKEN}", "traceparent": f"00-{TRACE}-{SPAN}-01"}
    return service


def test_a_request_and_what_it_asked(traced: Running, receiver: Receiver) -> None:
    """The server's span has the caller's as parent, database and engine are below it, and no value is in any."""
    assert traced.get("/search?q=spawn_blocking", headers={"X-Engineroom-User": "ada"}).status == 200
    server = eventually(lambda: [one for one in receiver.spans if one.span.kind == SERVER])[0]
    assert server.service == "search"
    assert server.span.name == "GET /search"
    assert server.span.trace_id.hex() == TRACE
    assert server.span.parent_span_id.hex() == SPAN
    assert server.attributes["http.request.method"] == "GET"
    assert server.attributes["http.route"] == "/search"
    assert server.attributes["http.response.status_code"] == 200
    ours = [one for one in receiver.spans if one.span.trace_id.hex() == TRACE]
    below = {one.span.span_id: one for one in ours}
    clients = [one for one in ours if one.span.kind == CLIENT]
    for one in clients:
        while one.span.span_id != server.span.span_id:
            one = below[one.span.parent_span_id]  # noqa: PLW2901 - up to the root
    assert {one.attributes["peer.service"] for one in clients} == {"postgresql", "opensearch"}
    database = [one for one in clients if one.attributes["db.system.name"] == "postgresql"]
    assert {"SELECT"} <= {one.attributes["db.operation.name"] for one in database}
    assert all(one.attributes["db.query.text"] for one in database)
    assert all(one.attributes["server.port"] for one in clients)
    for secret in (b"spawn_blocking", TOKEN.encode(), b"ada@example.org"):
        assert secret not in receiver.raw
    eventually(lambda: (traced.metric("otel_spans_exported_total") or 0) == len(receiver.spans))
    assert traced.metric("otel_spans_dropped_total") == 0
    line = next(line for line in traced.lines() if line.get("http_route") == "/search")
    assert (line["trace_id"], line["span_id"]) == (TRACE, server.span.span_id.hex())


def test_probes_make_no_spans(traced: Running, receiver: Receiver) -> None:
    """They would be most of what there is."""
    for path in ("/healthz", "/readyz", "/metrics"):
        traced.get(path)
    traced.get("/nothing")
    eventually(lambda: receiver.spans)
    assert [one.span.name for one in receiver.spans] == ["GET"]


def test_a_collector_that_is_away(traced: Running, receiver: Receiver) -> None:
    """The service answers as ever, and counts what it could not send; afterwards spans arrive again."""
    receiver.away = True
    assert traced.get("/search?q=spawn_blocking").status == 200
    eventually(lambda: (traced.metric("otel_spans_dropped_total") or 0) > 0)
    receiver.away = False
    assert traced.get("/search?q=spawn_blocking").status == 200
    eventually(lambda: receiver.spans)


def test_what_is_queued_is_sent_at_the_end(
    run: Callable[..., Running], variables: dict[str, str], receiver: Receiver
) -> None:
    """SIGTERM loses no span."""
    service = run("stack.services.search", variables | {"OTEL_EXPORTER_OTLP_ENDPOINT": receiver.url})
    service.get("/nothing")
    assert service.end() == 0
    assert len(receiver.spans) == 1


def test_a_sampler_is_obeyed(run: Callable[..., Running], variables: dict[str, str], receiver: Receiver) -> None:
    """Spans that are not sampled are neither sent nor counted as lost."""
    chosen = {"OTEL_EXPORTER_OTLP_ENDPOINT": receiver.url, "OTEL_TRACES_SAMPLER": "always_off"}
    service = run("stack.services.search", variables | chosen)
    service.get("/nothing")
    assert service.metric("otel_spans_dropped_total") == 0
    assert service.end() == 0
    assert receiver.spans == []


def test_a_full_queue_drops_and_counts(
    run: Callable[..., Running], variables: dict[str, str], receiver: Receiver
) -> None:
    """What doesn't fit is gone, and known to be."""
    small = {
        "OTEL_EXPORTER_OTLP_ENDPOINT": receiver.url,
        "OTEL_BSP_MAX_QUEUE_SIZE": "5",
        "OTEL_BSP_MAX_EXPORT_BATCH_SIZE": "100",
        "OTEL_BSP_SCHEDULE_DELAY": "60000",
    }
    receiver.away = True
    service = run("stack.services.search", variables | small)
    for _ in range(30):
        service.get("/nothing")
    eventually(lambda: (service.metric("otel_spans_dropped_total") or 0) >= 5)
