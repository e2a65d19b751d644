"""The controller behind the steps about traces: requests with a known trace, and what is in Jaeger and the logs."""

from __future__ import annotations

import json
import secrets
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import requests

from stack.addresses import TelemetryAddresses
from stack.errors import NeedMissingError
from stack.runtimes.base import Stack
from steps.components import until
from steps.people import People

__all__ = ["Span", "Tracing"]

_SECONDS = 10.0
_OK = 200
_DATABASES = ("db.system.name", "db.system")


@dataclass(frozen=True)
class Span:
    """One span as Jaeger shows it."""

    trace: str
    id: str
    parent: str
    service: str
    name: str
    tags: Mapping[str, str]


@dataclass
class Tracing:
    """Traces of one scenario."""

    stack: Stack
    people: People
    slow: float = 1.0
    trace: str = ""
    traces: list[str] = field(default_factory=list)
    slowest: float = 0.0
    dropped_before: float = 0.0
    exported_before: float = 0.0
    refused: list[str] = field(default_factory=list)

    @property
    def telemetry(self) -> TelemetryAddresses:
        """Where telemetry answers."""
        found = self.stack.addresses.telemetry
        if found is None:
            raise NeedMissingError("telemetry", "This stack has no telemetry")
        return found

    # -- requests ----------------------------------------------------------------------------------------------------

    def new_trace(self) -> dict[str, str]:
        """A traceparent nobody has used; its trace is the one that is looked for afterwards."""
        self.trace = secrets.token_hex(16)
        return {"traceparent": f"00-{self.trace}-{secrets.token_hex(8)}-01"}

    def ask_page(self, path: str, headers: Mapping[str, str]) -> int:
        """Ask web for a page; the status."""
        services = self.stack.addresses.services
        if services.web is None:
            raise NeedMissingError("web", "This stack has no web")
        answer = requests.get(services.web.url + path, headers=dict(headers), timeout=_SECONDS * self.slow)
        return answer.status_code

    def send(self, name: str, method: str, path: str, number: int) -> None:
        """Send requests, each in a trace of its own; how slow the slowest was and what was refused is kept."""
        self.traces, self.refused, self.slowest = [], [], 0.0
        self.people.token(name)
        self.dropped_before = self.counter("api", "otel_spans_dropped_total")
        self.exported_before = self.counter("api", "otel_spans_exported_total")
        for _ in range(number):
            headers = self.new_trace()
            begun = time.monotonic()
            answer = self.people.ask(name, method, path, headers=headers)
            self.slowest = max(self.slowest, time.monotonic() - begun)
            self.traces.append(self.trace)
            if answer.status != _OK:
                self.refused.append(f"{answer.status}: {answer.text[:200]}")

    def counter(self, service: str, name: str) -> float:
        """The sum of a counter in a service's own metrics; 0 when it isn't there."""
        address = getattr(self.stack.addresses.services, service.replace("-", "_"))
        text = requests.get(f"{address.url}/metrics", timeout=_SECONDS * self.slow).text
        lines = (line for line in text.splitlines() if line.startswith(name) and line[len(name)] in " {")
        return sum(float(line.rpartition(" ")[2]) for line in lines)

    # -- what Jaeger has ---------------------------------------------------------------------------------------------

    def spans(self, trace: str) -> list[Span]:
        """The spans of one trace; none when Jaeger does not know it."""
        if self.telemetry.jaeger is None:
            raise NeedMissingError("jaeger", "This stack has no Jaeger")
        answer = requests.get(f"{self.telemetry.jaeger}/api/traces/{trace}", timeout=_SECONDS * self.slow)
        if answer.status_code != _OK:
            return []
        return [span for found in answer.json().get("data") or [] for span in _spans(found)]

    def edges(self, trace: str) -> set[tuple[str, str]]:
        """Who called whom in a trace: caller's service -> callee's, or the kind of database that was called."""
        spans = self.spans(trace)
        by_id = {span.id: span for span in spans}
        found = {
            (by_id[span.parent].service, span.service)
            for span in spans
            if span.parent in by_id and by_id[span.parent].service != span.service
        }
        for span in spans:
            found |= {(span.service, span.tags[tag]) for tag in _DATABASES if tag in span.tags}
        return found

    def expect_edges(self, wanted: Sequence[tuple[str, str]], seconds: float) -> None:
        """Wait until the trace has these edges."""
        trace = self.trace
        until(
            lambda: set(wanted) <= self.edges(trace),
            seconds * self.slow,
            lambda: f"trace {trace} has {sorted(self.edges(trace))}",
        )

    def expect_all_there(self, seconds: float) -> None:
        """Wait until every trace that was sent has a span of api."""
        missing = list(self.traces)

        def there() -> bool:
            missing[:] = [trace for trace in missing if not self._has_span_of("api", trace)]
            return not missing

        until(there, seconds * self.slow, lambda: f"{len(missing)} of {len(self.traces)} traces are missing")

    def found(self, service: str) -> int:
        """How many of the traces that were sent have a span of a service."""
        return sum(self._has_span_of(service, trace) for trace in self.traces)

    def _has_span_of(self, service: str, trace: str) -> bool:
        return any(span.service == service for span in self.spans(trace))

    # -- what the logs have ------------------------------------------------------------------------------------------

    def logged(self, trace: str) -> set[str]:
        """Services that have a log line with this trace in VictoriaLogs."""
        return {
            str(line.get("service.name") or line.get("service") or "") for line in self.lines(f'trace_id:="{trace}"')
        }

    def lines(self, query: str, *, limit: int = 5000) -> list[dict[str, object]]:
        """Log lines by a LogsQL query."""
        if self.telemetry.logs is None:
            raise NeedMissingError("victorialogs", "This stack has no log store")
        answer = requests.post(
            f"{self.telemetry.logs}/select/logsql/query",
            data={"query": query, "limit": str(limit)},
            timeout=_SECONDS * self.slow,
        )
        answer.raise_for_status()
        return [_line(text) for text in answer.text.splitlines() if text]

    def expect_logged(self, services: Sequence[str], seconds: float) -> None:
        """Wait until each of these services has a log line with the trace."""
        trace = self.trace
        until(
            lambda: set(services) <= self.logged(trace),
            seconds * self.slow,
            lambda: f"lines with trace {trace}: {sorted(self.logged(trace))}",
        )


def _line(text: str) -> dict[str, object]:
    found = json.loads(text)
    return found if isinstance(found, dict) else {}


def _spans(found: Mapping[str, object]) -> Iterator[Span]:
    processes = found.get("processes")
    spans = found.get("spans")
    if not isinstance(processes, dict) or not isinstance(spans, list):
        return
    for span in spans:
        parents = [ref["spanID"] for ref in span.get("references") or [] if ref.get("refType") == "CHILD_OF"]
        yield Span(
            trace=str(span["traceID"]),
            id=str(span["spanID"]),
            parent=str(parents[0]) if parents else "",
            service=str(processes[span["processID"]]["serviceName"]),
            name=str(span["operationName"]),
            tags={str(tag["key"]): str(tag["value"]) for tag in span.get("tags") or []},
        )
