"""Speaks to the servers of telemetry as services and people do."""

from __future__ import annotations

import json
import secrets
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import requests

from stack.addresses import TelemetryAddresses
from stack.runtimes.base import Stack
from stack.telemetry.collector import LOG_INDEX

__all__ = ["Servers", "attributes", "eventually", "json_line", "new_trace"]

_PATIENCE = 40.0  # seconds; what is waited for takes one or two
_TIMEOUT = 10.0
SERVER, CLIENT = 2, 3  # span kinds, as OTLP numbers them
_ERROR = 2


def eventually(what: Callable[[], object], wanted: Callable[[], bool]) -> None:
    """Fail with what was last seen unless the condition comes true within `_PATIENCE` seconds."""
    deadline = time.monotonic() + _PATIENCE
    while not wanted():
        assert time.monotonic() < deadline, f"after {_PATIENCE} s: {what()}"
        time.sleep(0.1)


def new_trace() -> str:
    """A trace id that nobody has used."""
    return secrets.token_hex(16)


def attributes(values: Mapping[str, str | int]) -> list[dict[str, object]]:
    """Attributes as OTLP writes them in JSON."""
    return [
        {"key": key, "value": {"intValue": str(value)} if isinstance(value, int) else {"stringValue": value}}
        for key, value in values.items()
    ]


def json_line(message: str, **fields: object) -> str:
    """A log line as services write them."""
    timestamp = datetime.now(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")
    return json.dumps({"timestamp": timestamp, "level": "info", "service": "api", "message": message, **fields}) + "\n"


@dataclass(frozen=True)
class Servers:
    """A running stack with telemetry."""

    stack: Stack

    @property
    def telemetry(self) -> TelemetryAddresses:
        """Where telemetry answers."""
        found = self.stack.addresses.telemetry
        assert found is not None
        return found

    # -- what services do --------------------------------------------------------------------------------------------

    def send_spans(
        self,
        trace: str,
        *,
        service: str = "api",
        name: str = "GET /probe",
        count: int = 1,
        failed: bool = False,
        kind: int = SERVER,
        tags: Mapping[str, str | int] | None = None,
        status: str = "",
        state: str = "",
        resource: Mapping[str, str | int] | None = None,
    ) -> None:
        """Send spans by OTLP over HTTP; returns once the Collector has acknowledged them."""
        end = time.time_ns()
        spans = [
            {
                "traceId": trace,
                "spanId": secrets.token_hex(8),
                "traceState": state,
                "name": name,
                "kind": kind,
                "startTimeUnixNano": str(end - 20_000_000),
                "endTimeUnixNano": str(end),
                "attributes": attributes(tags or {}),
                "status": {"code": _ERROR if failed else 0, "message": status},
            }
            for _ in range(count)
        ]
        about = {"attributes": attributes({"service.name": service, **(resource or {})})}
        body = {"resourceSpans": [{"resource": about, "scopeSpans": [{"scope": {"name": "probe"}, "spans": spans}]}]}
        answer = requests.post(f"{self.telemetry.otlp_http}/v1/traces", json=body, timeout=_TIMEOUT)
        answer.raise_for_status()
        assert not answer.json().get("partialSuccess"), answer.text

    def send_names(self, count: int) -> None:
        """Send spans of as many names, as a service does that names them after its clients' paths."""
        end = str(time.time_ns())
        spans = [
            {
                "traceId": new_trace(),
                "spanId": secrets.token_hex(8),
                "name": f"GET /{secrets.token_hex(6)}",
                "kind": SERVER,
                "startTimeUnixNano": end,
                "endTimeUnixNano": end,
            }
            for _ in range(count)
        ]
        about = {"attributes": attributes({"service.name": "careless"})}
        body = {"resourceSpans": [{"resource": about, "scopeSpans": [{"spans": spans}]}]}
        requests.post(f"{self.telemetry.otlp_http}/v1/traces", json=body, timeout=_TIMEOUT).raise_for_status()

    def send_log(self, message: str, **fields: str | int) -> None:
        """Send one log record by OTLP over HTTP."""
        record = {
            "timeUnixNano": str(time.time_ns()),
            "severityText": "info",
            "body": {"stringValue": message},
            "attributes": attributes(fields),
        }
        about = {"attributes": attributes({"service.name": "web"})}
        body = {"resourceLogs": [{"resource": about, "scopeLogs": [{"logRecords": [record]}]}]}
        requests.post(f"{self.telemetry.otlp_http}/v1/logs", json=body, timeout=_TIMEOUT).raise_for_status()

    def write_log(self, lines: Iterable[str], component: str = "api") -> None:
        """Append to a component's log file, as its process would."""
        with (self.stack.folder / "logs" / f"{component}.log").open("a", encoding="utf-8") as file:
            file.writelines(lines)

    # -- what people ask ---------------------------------------------------------------------------------------------

    def spans(self, trace: str) -> list[dict[str, Any]]:
        """The spans of a trace in Jaeger."""
        answer = requests.get(f"{self.telemetry.jaeger}/api/traces/{trace}", timeout=_TIMEOUT)
        if answer.status_code == requests.codes.not_found:
            return []
        answer.raise_for_status()
        return [span for found in answer.json()["data"] for span in found["spans"]]

    def services(self) -> set[str]:
        """The services that Jaeger knows."""
        answer = requests.get(f"{self.telemetry.jaeger}/api/services", timeout=_TIMEOUT)
        answer.raise_for_status()
        return set(answer.json()["data"] or [])

    def logged(self, query: str) -> list[dict[str, Any]]:
        """Records in VictoriaLogs, by LogsQL."""
        answer = requests.post(
            f"{self.telemetry.logs}/select/logsql/query", data={"query": query, "limit": "1000"}, timeout=_TIMEOUT
        )
        answer.raise_for_status()
        return [json.loads(line) for line in answer.text.splitlines()]

    def stored(self, field: str, value: str) -> list[dict[str, Any]]:
        """Records in OpenSearch that have a field with this value."""
        engine = self.stack.addresses.engine("opensearch")
        assert engine is not None
        query = {"match": {field: value}} if field == "message" else {"term": {field: value}}
        answer = requests.post(
            f"{engine.url}/{LOG_INDEX}-*/_search?ignore_unavailable=true&size=1000",
            json={"query": query},
            timeout=_TIMEOUT,
        )
        if answer.status_code == requests.codes.service_unavailable:
            return []  # the day's index was made this very moment
        answer.raise_for_status()
        return [hit["_source"] for hit in answer.json()["hits"]["hits"]]

    def query(self, expression: str) -> list[dict[str, Any]]:
        """An instant query to Prometheus."""
        answer = requests.get(
            f"{self.telemetry.prometheus}/api/v1/query", params={"query": expression}, timeout=_TIMEOUT
        )
        answer.raise_for_status()
        result: list[dict[str, Any]] = answer.json()["data"]["result"]
        return result

    def value(self, expression: str) -> float:
        """The only value of an instant query; 0 when there is none."""
        found = self.query(expression)
        assert len(found) <= 1, found
        return float(found[0]["value"][1]) if found else 0.0

    def series(self) -> str:
        """Everything that the Collector makes metrics of, as text."""
        answer = requests.get(
            f"{self.telemetry.prometheus}/api/v1/series",
            params={"match[]": '{job="spanmetrics"}'},
            timeout=_TIMEOUT,
        )
        answer.raise_for_status()
        return answer.text
