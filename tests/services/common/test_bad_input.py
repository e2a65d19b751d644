"""Whatever a client sends: the right status, the envelope, one log line, no stack trace, no new series."""

from __future__ import annotations

import json
import socket
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from tests.services.common.conftest import TOKEN
from tests.services.kit import Running, eventually

AUTHORIZED = f"Authorization: Bearer {TOKEN}\r\n"


@contextmanager
def connected(service: Running) -> Iterator[socket.socket]:
    """A connection to the service."""
    with socket.create_connection(("127.0.0.1", service.port), timeout=20) as connection:
        yield connection


def rest(connection: socket.socket) -> bytes:
    """Everything until the service closes."""
    whole = b""
    while data := connection.recv(65536):
        whole += data
    return whole


def sent(service: Running, data: bytes) -> tuple[int, dict[str, object]]:
    """Send bytes, and read status and body."""
    with connected(service) as connection:
        connection.sendall(data)
        head, _, body = rest(connection).partition(b"\r\n\r\n")
    return int(head.split()[1]), json.loads(body)


def requests(service: Running) -> list[dict[str, Any]]:
    """Lines of requests that were logged since the test began."""
    return [line for line in service.lines()[service.seen :] if line["message"] == "request"]


@pytest.fixture(autouse=True)
def _from_now_on(service: Running) -> None:
    """What other tests left in the log doesn't count."""
    service.seen = len(service.lines())


@pytest.mark.parametrize(
    ("request_", "status", "code"),
    [
        (b"GET /nothing HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n", 404, "NOT_FOUND"),
        (b"GET /search/ HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n", 404, "NOT_FOUND"),
        (b"GET /%2e%2e/search%00 HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n", 404, "NOT_FOUND"),
        (b"BREW /search HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n", 405, "METHOD_NOT_ALLOWED"),
        (b"TRACE /search HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n", 405, "METHOD_NOT_ALLOWED"),
        (b"POST /search HTTP/1.1\r\nHost: a\r\nContent-Type: text/odd\r\nContent-Length: 2\r\n\r\n{}", 405, None),
        (b"POST /search HTTP/1.1\r\nHost: a\r\nContent-Length: 2000000\r\n\r\n", 413, "PAYLOAD_TOO_LARGE"),
        (b"GET /search?q=a HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n", 401, "UNAUTHORIZED"),
        (b"GET /search?q=a HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer \xff\r\nConnection: close\r\n\r\n", 401, None),
        (b"GET /search?q=%s HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n" % (b"a" * 5000), 414, "URI_TOO_LONG"),
        (b"GET /search?q=%s HTTP/1.1\r\nHost: a\r\n\r\n" % (b"a" * 500_000), 414, "URI_TOO_LONG"),
        (b"GET / HTTP/1.1\r\nHost: a\r\nX: %s\r\n\r\n" % (b"a" * 1024**2), 431, "HEADERS_TOO_LARGE"),
        (b"GET / HTTP/1.1\r\nHost: a\r\n%s\r\n" % (b"X: y\r\n" * 9000), 431, "HEADERS_TOO_LARGE"),
        (b"nonsense\r\n\r\n", 400, "BAD_REQUEST"),
        (b"GET / HTTP/9.9\r\nConnection: close\r\n\r\n", 404, "NOT_FOUND"),
        (b"GET / HTTP/1.1\r\nHost: a\r\nContent-Length: x\r\n\r\n", 400, "BAD_REQUEST"),
        (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n", 400, "BAD_REQUEST"),
    ],
)
def test_refused(service: Running, request_: bytes, status: int, code: str | None) -> None:
    """Status and code fit, it is logged once, and the service is as well as before."""
    got, body = sent(service, request_)
    assert got == status
    error = body["error"]
    assert isinstance(error, dict)
    assert code in {None, error["code"]}
    eventually(lambda: [line["http_response_status_code"] for line in requests(service)] == [status])
    assert service.get("/healthz").json["status"] == "ok"
    assert "Traceback" not in service.log.read_text()


@pytest.mark.parametrize(
    ("path", "headers", "names"),
    [
        ("/search", {}, "q"),
        ("/search?q=", {}, "q"),
        ("/search?q=a&q=b", {}, "q"),
        ("/search?q=a%00b", {}, "q"),
        ("/search?q=a&page=0", {}, "page"),
        ("/search?q=a&page=99999999999999999999", {}, "page"),
        ("/search?q=a&page=-1", {}, "page"),
        ("/search?q=a&page=%D9%A1", {}, "page"),
        ("/search?q=a&page=9999&per_page=100", {}, "page"),
        ("/search?q=a&per_page=101", {}, "per_page"),
        ("/suggest?q=a&limit=21", {}, "limit"),
        ("/suggest", {}, "q"),
        ("/search?q=a", {"X-Engineroom-User": "../etc"}, "X-Engineroom-User"),
        ("/search?q=a", {"X-Engineroom-User": "a" * 41}, "X-Engineroom-User"),
    ],
)
def test_bad_values(service: Running, path: str, headers: dict[str, str], names: str) -> None:
    """Each is a 400 that names what is wrong."""
    answer = service.get(path, headers={"Authorization": f"Bearer {TOKEN}", **headers})
    assert (answer.status, answer.code) == (400, "BAD_REQUEST")
    assert names in answer.json["error"]["details"]


def test_a_slow_client(service: Running) -> None:
    """A head that doesn't end is a 408; a connection that says nothing is closed."""
    with connected(service) as slow, connected(service) as silent:
        slow.sendall(b"GET /healthz HTTP/1.1\r\nHost")
        assert rest(slow).startswith(b"HTTP/1.1 408 ")
        assert rest(silent) == b""
    assert service.get("/healthz").status == 200


def test_a_connection_is_used_again(service: Running) -> None:
    """Several requests, also sent at once, are answered in their order; limits hold for each."""
    one = b"GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n"
    last = b"GET /healthz HTTP/1.1\r\nHost: a\r\nX: %s\r\n\r\n" % (b"a" * 40_000)
    with connected(service) as connection:
        connection.sendall(one + one)
        seen = b""
        while seen.count(b'"status": "ok"') < 2:
            seen += connection.recv(65536)
        connection.sendall(last)
        assert rest(connection).startswith(b"HTTP/1.1 431 ")


def test_a_body_that_is_cut_off(service: Running) -> None:
    """It is answered without waiting for the rest."""
    with connected(service) as connection:
        connection.sendall(b"POST /search HTTP/1.1\r\nHost: a\r\nContent-Length: 1000\r\n\r\nabc")
        assert rest(connection).startswith(b"HTTP/1.1 405 ")


@pytest.mark.parametrize(
    "traceparent",
    [
        "nonsense",
        "00-" + "0" * 32 + "-" + "0" * 16 + "-01",
        "00-" + "g" * 32 + "-" + "1" * 16 + "-01",
        "ff-" + "1" * 32 + "-" + "1" * 16 + "-01",
        "00-" + "1" * 32 + "-" + "1" * 16,
        "a" * 20_000,
    ],
)
def test_a_malformed_traceparent(service: Running, traceparent: str) -> None:
    """It is as good as none."""
    headers = {"traceparent": traceparent, "tracestate": "=,=,=", "baggage": "a=b;;;=,"}
    assert service.get("/nothing", headers=headers).status == 404
    line = eventually(lambda: requests(service))[0]
    assert "trace_id" not in line


def test_a_traceparent_is_in_the_log(service: Running) -> None:
    """Also where no spans are sent anywhere."""
    trace = "4bf92f3577b34da6a3ce929d0e0e4736"
    service.get("/nothing", headers={"traceparent": f"00-{trace}-00f067aa0ba902b7-01"})
    assert eventually(lambda: requests(service))[0]["trace_id"] == trace


def test_request_ids(service: Running) -> None:
    """A good one is kept, an odd one replaced; the log has the same."""
    assert service.get("/nothing", headers={"X-Request-Id": "it-is.mine_1"}).headers["x-request-id"] == "it-is.mine_1"
    odd = service.get("/nothing", headers={"X-Request-Id": "a b"}).headers["x-request-id"]
    assert odd != "a b"
    eventually(lambda: [line["request_id"] for line in requests(service)] == ["it-is.mine_1", odd])


def test_the_number_of_series_is_constant(service: Running) -> None:
    """Unknown paths and odd methods share their labels."""
    service.get("/first", method="FIRST")
    service.get("/first")
    service.get("/metrics")
    before = service.metrics()
    for number in range(50):
        service.get(f"/path-{number}", method=f"METHOD{number}")
        service.get(f"/path-{number}")
    after = service.metrics()
    assert after.keys() == before.keys()
    risen: Counter[str] = Counter()
    for name, labels in after:
        given = dict(labels)
        if name == "http_server_request_duration_seconds_count" and given["http_route"] == "unmatched":
            risen[given["http_request_method"]] += int(after[name, labels] - before[name, labels])
    assert (risen["_OTHER"], risen["GET"]) == (50, 50)


def test_away_is_503(service: Running) -> None:
    """A database that can't be reached is neither an empty answer nor somebody who isn't there."""
    for path in ("/search?q=a", "/suggest?q=ab"):
        answer = service.get(path, headers={"Authorization": f"Bearer {TOKEN}", "X-Engineroom-User": "ada"})
        assert (answer.status, answer.code) == (503, "UNAVAILABLE")
        assert "retry-after" in answer.headers
    ready = service.get("/readyz")
    assert ready.status == 503
    assert set(ready.json["error"]["details"]) == {"database", "engine"}
    assert "password" not in service.log.read_text()


def test_every_line_has_its_fields(service: Running) -> None:
    """Time in UTC with its fraction, level, service, message."""
    service.get("/nothing")
    for line in eventually(lambda: requests(service) and service.lines()):
        assert line["timestamp"].endswith("Z")
        assert "." in line["timestamp"]
        assert line["level"] in {"debug", "info", "warn", "error"}
        assert line["service"] == "search"
    request = requests(service)[0]
    assert request["http_request_method"] == "GET"
    assert request["http_route"] == "unmatched"
    assert isinstance(request["duration_seconds"], float)
