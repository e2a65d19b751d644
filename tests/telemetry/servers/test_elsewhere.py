"""Log lines that also go to servers that somebody else runs: Loki by OTLP, Elasticsearch by bulk."""

from __future__ import annotations

import gzip
import json
import secrets
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from pydantic import SecretStr

from stack.runtimes import running
from stack.settings import Settings

from .kit import Servers, eventually, json_line


@dataclass(frozen=True)
class Request:
    path: str
    authorization: str
    body: bytes


@dataclass
class StandIn:
    """Speaks as much of Loki's and of Elasticsearch's protocol as the Collector uses."""

    url: str
    seen: list[Request] = field(default_factory=list)

    def bodies(self, path: str) -> list[Request]:
        return [request for request in self.seen if request.path.partition("?")[0] == path]


@pytest.fixture
def stand_in() -> Iterator[StandIn]:
    """Listens on loopback for the time of a test."""
    seen: list[Request] = []

    class Handler(BaseHTTPRequestHandler):
        def _answer(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            if self.headers.get("Content-Encoding") == "gzip":
                body = gzip.decompress(body)
            seen.append(Request(self.path, self.headers.get("Authorization", ""), body))
            answer = b""
            if self.path.startswith("/_bulk"):
                items = [{"create": {"status": 201}} for _ in range(body.count(b"\n") // 2)]
                answer = json.dumps({"items": items}).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        do_POST = do_PUT = _answer  # noqa: N815 - the library's names

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002
            """Nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield StandIn(f"http://127.0.0.1:{server.server_port}", seen)
    server.shutdown()
    thread.join()
    server.server_close()


def test_lines_also_go_to_loki_and_elasticsearch(
    servers: Servers, telemetry_settings: Settings, stand_in: StandIn
) -> None:
    """By their addresses and tokens in the settings; OpenSearch and VictoriaLogs have them all the same."""
    settings = telemetry_settings.model_copy(
        update={
            "loki_url": f"{stand_in.url}/otlp",
            "loki_token": SecretStr("token-of-loki"),
            "elastic_url": stand_in.url,
            "elastic_key": SecretStr("key-of-elastic"),
        }
    )
    mark = f"elsewhere{secrets.token_hex(6)}"
    running(settings)[0].restart("collector")
    try:
        servers.write_log([json_line(f"{mark} one"), json_line(f"{mark} two, by someone@mail.example.org")])
        for path, authorization in (("/otlp/v1/logs", "Bearer token-of-loki"), ("/_bulk", "ApiKey key-of-elastic")):

            def there(path: str = path) -> bool:
                return sum(request.body.count(mark.encode()) for request in stand_in.bodies(path)) == 2

            eventually(lambda path=path: stand_in.bodies(path), there)  # type: ignore[misc]
            assert {request.authorization for request in stand_in.bodies(path)} == {authorization}
            assert not [request for request in stand_in.bodies(path) if b"someone@" in request.body]
        laid = json.loads(stand_in.bodies("/_index_template/logs-forge")[0].body)
        assert laid["template"]["settings"]["number_of_replicas"] == 1
        eventually(lambda: servers.stored("message", mark), lambda: len(servers.stored("message", mark)) == 2)
        assert len(servers.logged(mark)) == 2
    finally:
        servers.stack.restart("collector")
