"""A small HTTP server beside the git server: answers what `GitAccess` asks, of one folder, and nothing else.

`python -m stack.forge.git_agent --root DIR --port PORT --token-file FILE`
"""

from __future__ import annotations

import hmac
import json
import signal
import sys
from collections.abc import Callable, Iterator
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import FrameType
from urllib.parse import parse_qs, urlsplit

import click
import structlog
from pydantic import SecretStr

from stack.forge import git_wire as wire
from stack.forge.errors import ForgeError, InvalidError
from stack.forge.git_local import LocalGit

__all__ = ["GitAgent", "main"]

_log = structlog.get_logger(__name__)

_BUFFERED = 1 << 16

_Verb = Callable[[LocalGit, dict[str, str], bytes], Iterator[bytes]]


class GitAgent(ThreadingHTTPServer):
    """The server; `serve_forever` answers until `shutdown`."""

    daemon_threads = True
    allow_reuse_address = True

    def __init__(self, root: Path, token: SecretStr, *, host: str = "127.0.0.1", port: int = 0) -> None:
        """Listen.

        Args:
            root: folder of the repositories.
            token: what clients must send as bearer token.
            host: address to listen on; loopback by default.
            port: 0 takes a free one.
        """
        if not token.get_secret_value():
            raise InvalidError("The git agent needs a token", fix="put a long random one into the token file")
        self.git = LocalGit(root)
        self.token = token
        super().__init__((host, port), _Handler)

    @property
    def url(self) -> str:
        """Where it answers."""
        host, port = self.server_address[:2]
        return f"http://{host!s}:{port}"

    def handle_error(self, request: object, client_address: object) -> None:  # noqa: ARG002 - socketserver's signature
        """Log what ended one connection; the client sees an answer without its last line."""
        error = sys.exception()
        if isinstance(error, ConnectionError):
            return  # the client had read enough, or is gone
        _log.warning("request_failed", client=str(client_address), error=repr(error))

    def server_close(self) -> None:
        """Stop listening and end git's processes."""
        super().server_close()
        self.git.close()


class _Handler(BaseHTTPRequestHandler):
    server: GitAgent
    protocol_version = "HTTP/1.1"
    timeout = 120  # seconds that a client may keep one read or write waiting

    def do_GET(self) -> None:
        """Liveness, and every question that fits an address."""
        if self.path == "/healthz":
            self._plain(HTTPStatus.OK, {"status": "ok"})
        else:
            self._answer(b"")

    def do_POST(self) -> None:
        """Questions about many objects."""
        length = self.headers.get("Content-Length", "")
        if not length.isdigit() or int(length) > wire.MAX_REQUEST:
            self.close_connection = True
            self._plain(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, {"status": f"at most {wire.MAX_REQUEST} bytes"})
            return
        self._answer(self.rfile.read(int(length)))

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the name is http.server's
        """Log through structlog; a token is only ever in a header, which isn't logged."""
        _log.debug("request", client=self.client_address[0], line=format % args)

    def _answer(self, body: bytes) -> None:
        given = self.headers.get("Authorization", "").removeprefix("Bearer ").encode()
        if not hmac.compare_digest(given, self.server.token.get_secret_value().encode()):
            self._plain(HTTPStatus.UNAUTHORIZED, {"status": "a bearer token is needed"})
            return
        address = urlsplit(self.path)
        question = {name: values[-1] for name, values in parse_qs(address.query).items()}
        if address.path not in _VERBS:
            self._plain(HTTPStatus.NOT_FOUND, {"status": "there is no such question"})
            return
        self.send_response(HTTPStatus.OK)
        self.send_header("Content-Type", "application/octet-stream")
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        self._stream(self._pieces(_VERBS[address.path], question, body))

    def _pieces(self, verb: _Verb, question: dict[str, str], body: bytes) -> Iterator[bytes]:
        try:
            yield from verb(self.server.git, question, body)
            yield wire.line(wire.end_record())
        except ForgeError as error:
            yield wire.line(wire.error_record(error))
        except (KeyError, ValueError) as error:
            yield wire.line(wire.error_record(InvalidError("The question is not complete", got=repr(error))))

    def _stream(self, pieces: Iterator[bytes]) -> None:
        waiting = bytearray()
        for piece in pieces:
            waiting += piece
            if len(waiting) >= _BUFFERED:
                self._chunk(waiting)
                waiting.clear()
        if waiting:
            self._chunk(waiting)
        self.wfile.write(b"0\r\n\r\n")

    def _chunk(self, data: bytes | bytearray) -> None:
        self.wfile.write(b"%x\r\n" % len(data))
        self.wfile.write(data)
        self.wfile.write(b"\r\n")

    def _plain(self, status: HTTPStatus, record: dict[str, str]) -> None:
        body = json.dumps(record).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


def _exists(git: LocalGit, question: dict[str, str], _: bytes) -> Iterator[bytes]:
    yield wire.line({"value": git.exists(question["repo"])})


def _refs(git: LocalGit, question: dict[str, str], _: bytes) -> Iterator[bytes]:
    for name, oid in git.refs(question["repo"]).items():
        yield wire.line({"name": name, "oid": oid})


def _head(git: LocalGit, question: dict[str, str], _: bytes) -> Iterator[bytes]:
    yield wire.line(wire.head_record(git.head(question["repo"])))


def _tree(git: LocalGit, question: dict[str, str], _: bytes) -> Iterator[bytes]:
    for entry in git.tree(question["repo"], question["commit"]):
        yield wire.line(wire.tree_record(entry))


def _blobs(git: LocalGit, question: dict[str, str], body: bytes) -> Iterator[bytes]:
    oids = body.decode("ascii", "replace").split()
    for blob in git.blobs(question["repo"], oids, limit=int(question["limit"])):
        yield wire.line(wire.blob_record(blob))
        if blob.data:
            yield blob.data


def _touches(git: LocalGit, question: dict[str, str], _: bytes) -> Iterator[bytes]:
    for touch in git.touches(question["repo"], question["new"], question.get("old")):
        yield wire.line(wire.touch_record(touch))


def _is_ancestor(git: LocalGit, question: dict[str, str], _: bytes) -> Iterator[bytes]:
    yield wire.line({"value": git.is_ancestor(question["repo"], question["a"], question["b"])})


_VERBS: dict[str, _Verb] = {
    "/v1/exists": _exists,
    "/v1/refs": _refs,
    "/v1/head": _head,
    "/v1/tree": _tree,
    "/v1/blobs": _blobs,
    "/v1/touches": _touches,
    "/v1/is-ancestor": _is_ancestor,
}


@click.command()
@click.option("--root", type=click.Path(exists=True, file_okay=False, path_type=Path), required=True)
@click.option("--port", type=int, required=True, help="0 takes a free one")
@click.option("--host", default="127.0.0.1", show_default=True, help="address to listen on")
@click.option("--token-file", type=click.Path(exists=True, dir_okay=False, path_type=Path), required=True)
def main(root: Path, port: int, host: str, token_file: Path) -> None:
    """Answer questions about the git repositories below ROOT until SIGTERM or Ctrl-C."""
    agent = GitAgent(root, SecretStr(token_file.read_text("utf-8").strip()), host=host, port=port)

    def stop(_signal: int, _frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    signal.signal(signal.SIGTERM, stop)
    click.echo(f"git agent at {agent.url}")
    try:
        agent.serve_forever()
    except KeyboardInterrupt:
        agent.server_close()


if __name__ == "__main__":
    main()
