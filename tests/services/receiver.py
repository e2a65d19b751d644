"""Takes spans as a collector does, and keeps them."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

__all__ = ["CLIENT", "CONSUMER", "SERVER", "SPAN", "TRACE", "Received", "Receiver", "receiver"]

TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
SPAN = "00f067aa0ba902b7"
SERVER, CLIENT, CONSUMER = 2, 3, 5


@dataclass
class Received:
    """One span."""

    service: str
    span: Any
    attributes: dict[str, Any] = field(default_factory=dict)


class Receiver(ThreadingHTTPServer):
    """Takes OTLP over HTTP; `away` makes it refuse."""

    daemon_threads = True

    def __init__(self) -> None:
        """Listen on any port of loopback."""
        super().__init__(("127.0.0.1", 0), _Handler)
        self.spans: list[Received] = []
        self.raw = b""
        self.away = False

    @property
    def url(self) -> str:
        """Where it answers."""
        return f"http://127.0.0.1:{self.server_address[1]}"


class _Handler(BaseHTTPRequestHandler):
    server: Receiver

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        if not self.server.away:
            self.server.raw += body
            for one in ExportTraceServiceRequest.FromString(body).resource_spans:
                resource = {item.key: item.value.string_value for item in one.resource.attributes}
                for span in (span for scope in one.scope_spans for span in scope.spans):
                    attributes = {
                        item.key: getattr(item.value, item.value.WhichOneof("value")) for item in span.attributes
                    }
                    self.server.spans.append(Received(resource["service.name"], span, attributes))
        self.send_response(400 if self.server.away else 200)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    """Where spans go."""
    made = Receiver()
    threading.Thread(target=made.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
    yield made
    made.shutdown()
    made.server_close()
