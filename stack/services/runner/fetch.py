"""Fetches one commit by git's protocol 2 over HTTP, here and not in a git process.

The token is then in no argument, no environment and no file that a step could read. Git only ever sees the pack.
"""

from __future__ import annotations

import http.client
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http import HTTPStatus
from urllib.parse import quote, urlsplit

from pydantic import SecretStr

from stack.errors import EngineRoomError
from stack.services.common.telemetry import client_span, inject

__all__ = ["CheckoutError", "Pack", "fetch", "limited"]

_SOCKET_SECONDS = 30.0
_CHUNK = 65536
_HEX = 4
_SHA1_DIGITS = 40
_DATA, _PROGRESS = 1, 2


class CheckoutError(EngineRoomError):
    """The commit could not be brought; `worth_retrying` says whether a later attempt may find it."""

    def __init__(self, what: str, *, on: str = "", got: str = "", fix: str = "", worth_retrying: bool) -> None:
        """Say also whether trying again makes sense."""
        super().__init__(what, on=on, got=got, fix=fix)
        self.worth_retrying = worth_retrying


class Pack:
    """What the server sends: commits at which history is cut off, and then the bytes of a pack."""

    def __init__(self, answer: http.client.HTTPResponse, on: str) -> None:
        """Read up to the beginning of the pack."""
        self._answer = answer
        self._on = on
        self.shallow: list[str] = []
        section = self._line()
        if section == b"shallow-info\n":
            while line := self._line():
                word, _, oid = line.strip().partition(b" ")
                if word == b"shallow":
                    self.shallow.append(oid.decode("ascii", "replace"))
            section = self._line()
        if section != b"packfile\n":
            raise self._broken(f"no pack, but {section[:80]!r}")

    def chunks(self) -> Iterator[bytes]:
        """The pack, piece by piece."""
        while line := self._line():
            band, data = line[0], line[1:]
            if band == _DATA:
                yield data
            elif band != _PROGRESS:
                raise self._broken(data[:200].decode("utf-8", "replace"))

    def _line(self) -> bytes:
        """One packet; empty for one that only divides."""
        head = self._exactly(_HEX)
        try:
            length = int(head, 16)
        except ValueError:
            raise self._broken(f"no packet, but {head!r}") from None
        if length < _HEX:
            return b""
        data = self._exactly(length - _HEX)
        if data.startswith(b"ERR "):
            refused = data[4:].decode("utf-8", "replace").strip()
            raise CheckoutError(
                "The repository doesn't have this commit", on=self._on, got=refused, worth_retrying=False
            )
        return data

    def _exactly(self, number: int) -> bytes:
        data = self._answer.read(number)
        if len(data) != number:
            raise self._broken("an answer that is cut off")
        return data

    def _broken(self, got: str) -> CheckoutError:
        return CheckoutError("The git server's answer can't be read", on=self._on, got=got, worth_retrying=True)


@contextmanager
def fetch(url: str, token: SecretStr, repository: str, commit: str) -> Iterator[Pack]:
    """Ask for one commit without its history.

    Args:
        url: of the git service.
        token: for it.
        repository: `owner/name`.
        commit: its id in hex.

    Raises:
        CheckoutError: it isn't there, or the service isn't.
    """
    parts = urlsplit(url)
    on = f"{repository} {commit}"
    kind = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
    connection = kind(parts.hostname or "", parts.port, timeout=_SOCKET_SECONDS)
    attributes: dict[str, str | int] = {
        "http.request.method": "POST",
        "server.address": parts.hostname or "",
        "peer.service": "git",
    }
    if parts.port:
        attributes["server.port"] = parts.port
    try:
        with client_span("POST", attributes) as made:
            path = f"{parts.path}/{quote(repository)}.git/git-upload-pack"
            headers = {
                **inject(),
                "Authorization": f"Bearer {token.get_secret_value()}",
                "X-Engineroom-Access": "read",
                "Git-Protocol": "version=2",
                "Content-Type": "application/x-git-upload-pack-request",
                "Accept": "application/x-git-upload-pack-result",
            }
            connection.request("POST", path, body=_request(commit), headers=headers)
            answer = connection.getresponse()
            made.set_attribute("http.response.status_code", answer.status)
            _check(answer.status, on)
            yield Pack(answer, on)
    except (OSError, http.client.HTTPException) as error:
        raise CheckoutError(
            "The git service doesn't answer", on=on, got=f"{type(error).__name__}", worth_retrying=True
        ) from error
    finally:
        connection.close()


def limited(pack: Pack, *, most: int, deadline: float, stop: Callable[[], bool]) -> Iterator[bytes]:
    """A pack's bytes, within limits.

    Raises:
        CheckoutError: it is larger than `most` bytes, came too slowly, or is not wanted any more.
    """
    seen = 0
    for chunk in pack.chunks():
        seen += len(chunk)
        if seen > most:
            raise CheckoutError(
                "The repository is too large to be checked out", got=f"more than {most} bytes", worth_retrying=False
            )
        if time.monotonic() > deadline:
            raise CheckoutError("The repository did not arrive in time", worth_retrying=True)
        if stop():
            raise CheckoutError("The checkout was called off", worth_retrying=True)
        yield chunk


def _check(status: int, on: str) -> None:
    if status == HTTPStatus.OK:
        return
    final = status in {HTTPStatus.NOT_FOUND, HTTPStatus.GONE, HTTPStatus.BAD_REQUEST}
    what = "There is no such repository" if final else "The git service doesn't serve this now"
    raise CheckoutError(what, on=on, got=f"HTTP {status}", worth_retrying=not final)


def _request(commit: str) -> bytes:
    form = "sha1" if len(commit) == _SHA1_DIGITS else "sha256"
    before = ["command=fetch\n", "agent=engineroom-runner\n", f"object-format={form}\n"]
    after = ["no-progress\n", "ofs-delta\n", "deepen 1\n", f"want {commit}\n", "done\n"]
    return b"".join(map(_packet, before)) + b"0001" + b"".join(map(_packet, after)) + b"0000"


def _packet(line: str) -> bytes:
    return f"{len(line) + _HEX:04x}{line}".encode("ascii")
