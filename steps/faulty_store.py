"""A way to an object store that can be made to fail: what S3 does on a bad day, in front of a store that is real.

Requests pass as they came, so their signatures stay right. While there is a fault, those that it is about are refused,
cut off or slowed down; all others pass.
"""

from __future__ import annotations

import http.client
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit

__all__ = ["BUSY", "CUT", "FULL", "REVOKED", "SLOW", "Fault", "FaultyStore"]

_PIECE = 64 << 10
_SECONDS = 60.0  # for the real store to answer in
_PER_HOP = frozenset({"connection", "keep-alive", "transfer-encoding"})
_WRITES = frozenset({"PUT", "POST"})


@dataclass(frozen=True)
class Fault:
    """What goes wrong.

    Attributes:
        name: in a sentence about the store.
        status: what is answered instead, if anything is.
        code: the error code of S3 that goes with it.
        methods: the requests that it is about; empty for all.
        is_cut: connections end in the middle of a body.
        rate: bytes a second, when it is only slow.
        latency: seconds before each answer.
    """

    name: str
    status: HTTPStatus | None = None
    code: str = ""
    methods: frozenset[str] = frozenset()
    is_cut: bool = False
    rate: float = 0.0
    latency: float = 0.0


BUSY = Fault("answers 503", HTTPStatus.SERVICE_UNAVAILABLE, "SlowDown")
FULL = Fault("is full", HTTPStatus.INSUFFICIENT_STORAGE, "InsufficientStorage", methods=_WRITES)
REVOKED = Fault("has revoked the key", HTTPStatus.FORBIDDEN, "InvalidAccessKeyId")
CUT = Fault("cuts connections", is_cut=True)
SLOW = Fault("is slow", rate=1e6, latency=0.1)


class FaultyStore:
    """Listens on a port of its own.

    Args:
        endpoint: URL of the real store.
    """

    def __init__(self, endpoint: str) -> None:
        """Listen, and pass everything on."""
        self._server = _Server(urlsplit(endpoint).netloc)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), name="store", daemon=True)
        self._thread.start()

    @property
    def endpoint(self) -> str:
        """Its own URL."""
        return f"http://127.0.0.1:{self._server.server_port}"

    @contextmanager
    def failing(self, fault: Fault) -> Iterator[None]:
        """Fail meanwhile."""
        self._server.hits = 0
        self._server.fault = fault
        try:
            yield
        finally:
            self._server.fault = None

    @property
    def hits(self) -> int:
        """Requests that the last fault was done to."""
        return self._server.hits

    def close(self) -> None:
        """Listen no more."""
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, store: str) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.store = store
        self.fault: Fault | None = None
        self.hits = 0

    def handle_error(self, request: object, client_address: object) -> None:
        """A client that was killed, or a store, is what this is for."""


class _CutError(Exception):
    """The connection ends here."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: _Server

    def _answer(self) -> None:
        fault = self.server.fault
        if fault is not None and fault.methods and self.command not in fault.methods:
            fault = None
        if fault is not None:
            self.server.hits += 1
        try:
            if fault is not None and fault.status is not None:
                self._refuse(fault.status, fault.code)
            else:
                self._pass(fault)
        except (OSError, http.client.HTTPException, _CutError):
            self.close_connection = True
            with suppress(OSError):
                # Closing alone would not end it: a process that was forked meanwhile may hold it as well.
                self.connection.shutdown(socket.SHUT_RDWR)

    do_GET = do_HEAD = do_PUT = do_POST = do_DELETE = _answer  # noqa: N815 - named by http.server

    def _refuse(self, status: HTTPStatus, code: str) -> None:
        for _ in self._body():
            pass
        told = f"<Error><Code>{code}</Code><Message>{status.phrase}</Message></Error>".encode()
        self.send_response_only(status)
        self.send_header("Content-Type", "application/xml")
        self.send_header("Content-Length", str(len(told)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(told)

    def _pass(self, fault: Fault | None) -> None:
        store = http.client.HTTPConnection(self.server.store, timeout=_SECONDS)
        try:
            store.putrequest(self.command, self.path, skip_host=True, skip_accept_encoding=True)
            for name, value in self.headers.items():
                if name.lower() != "expect":  # answered here already
                    store.putheader(name, value)
            store.endheaders()
            for piece in self._body():
                store.send(_bad(piece, fault))
                if fault is not None and fault.is_cut:
                    raise _CutError
            self._relay(store.getresponse(), fault)
        finally:
            store.close()

    def _relay(self, answer: http.client.HTTPResponse, fault: Fault | None) -> None:
        if fault is not None:
            time.sleep(fault.latency)
        self.send_response_only(answer.status, answer.reason)
        for name, value in answer.getheaders():
            if name.lower() not in _PER_HOP:
                self.send_header(name, value)
        is_empty = self.command == "HEAD" or answer.status in {HTTPStatus.NO_CONTENT, HTTPStatus.NOT_MODIFIED}
        is_chunked = answer.getheader("Content-Length") is None and not is_empty
        if is_chunked:
            self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        while not is_empty and (piece := answer.read1(_PIECE)):
            self.wfile.write(b"%x\r\n%b\r\n" % (len(piece), piece) if is_chunked else _bad(piece, fault))
            if fault is not None and fault.is_cut:
                raise _CutError
        if is_chunked:
            self.wfile.write(b"0\r\n\r\n")

    def _body(self) -> Iterator[bytes]:
        """What the client sends, as it came; a chunked body with its frames."""
        if "chunked" in self.headers.get("Transfer-Encoding", ""):
            yield from self._chunks()
            return
        left = int(self.headers.get("Content-Length", 0))
        while left > 0:
            piece = self.rfile.read1(min(left, _PIECE))
            if not piece:
                raise _CutError
            left -= len(piece)
            yield piece

    def _chunks(self) -> Iterator[bytes]:
        while True:
            head = self.rfile.readline()
            size = int(head.partition(b";")[0], 16)
            yield head + self.rfile.read(size + 2)
            if size == 0:
                return

    def log_message(self, *arguments: object) -> None:
        """Say nothing: the store itself keeps a log."""


def _bad(piece: bytes, fault: Fault | None) -> bytes:
    """A piece of a body as the fault lets it through."""
    if fault is None:
        return piece
    if fault.rate:
        time.sleep(len(piece) / fault.rate)
    return piece[: len(piece) // 2] if fault.is_cut else piece
