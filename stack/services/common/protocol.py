"""HTTP/1.1 with limits: how large a head may be, and how long a client may take for it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol

from stack.services.common.envelope import error_body

if TYPE_CHECKING:
    from uvicorn.config import Config
    from uvicorn.server import ServerState

__all__ = ["HEAD_BYTES", "URL_BYTES", "Limits", "limited"]

HEAD_BYTES = 32 * 1024
URL_BYTES = 4 * 1024
_END_OF_HEAD = b"\r\n\r\n"
_LINE = b"\n"
_LINGER_BYTES = 8 * 1024 * 1024
_LINGER_SECONDS = 2.0
_LONGEST_METHOD = 16


@dataclass(frozen=True, slots=True)
class Limits:
    """Of one connection.

    Args:
        head_seconds: for a request's head, from its first byte (from the connection's beginning for the first one).
        refused: told method and status of each request that no application ever sees.
    """

    head_seconds: float
    refused: Callable[[str, int], None]


def limited(limits: Limits) -> type[H11Protocol]:
    """A protocol with these limits, as uvicorn takes it."""
    return type("LimitedProtocol", (_LimitedProtocol,), {"limits": limits})


class _LimitedProtocol(H11Protocol):
    """Refuses before a request exists what could not be refused any more afterwards."""

    limits: Limits

    def __init__(
        self,
        config: Config,
        server_state: ServerState,
        app_state: dict[str, Any],
        _loop: asyncio.AbstractEventLoop | None = None,
    ) -> None:
        super().__init__(config, server_state, app_state, _loop)
        self._head = bytearray()
        self._waiting = True
        self._refused = False
        self._lingered = 0
        self._timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._begin()

    def connection_lost(self, exc: Exception | None) -> None:
        self._end()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        if self._refused:
            # Closing at once would reset the connection, and the client might never see why.
            self._lingered += len(data)
            if self._lingered > _LINGER_BYTES:
                self.transport.abort()
            return
        if self._waiting:
            if self._timer is None:
                self._begin()
            self._head += data
            end = self._head.find(_END_OF_HEAD)
            if (end if end >= 0 else len(self._head)) > HEAD_BYTES:
                first = self._head.split(_LINE, 1)[0]
                self._refuse(414 if len(first) > HEAD_BYTES // 2 else 431)
                return
            if end >= 0:
                self._waiting = False
                self._end()
        super().data_received(data)

    def on_response_complete(self) -> None:
        self._head.clear()
        self._waiting = True
        super().on_response_complete()

    def send_400_response(self, msg: str) -> None:  # noqa: ARG002 - the client's words are not repeated
        self._refuse(400)

    def _begin(self) -> None:
        self._timer = self.loop.call_later(self.limits.head_seconds, self._slow)

    def _end(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _slow(self) -> None:
        self._timer = None
        if self._head:
            self._refuse(408)
        else:
            self.transport.close()

    def _refuse(self, status: int) -> None:
        self._end()
        self._unset_keepalive_if_required()
        self._refused = True
        self.limits.refused(self._method(), status)
        if self.cycle is not None and not self.cycle.response_complete:
            # Something is being answered on this connection: another answer in between would be taken for that one.
            self.transport.close()
            return
        body = error_body(status)
        head = (
            f"HTTP/1.1 {status} Refused\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n"
            "Connection: close\r\n\r\n"
        )
        self.transport.write(head.encode("ascii") + body)
        if self.transport.can_write_eof():
            self.transport.write_eof()
        self.loop.call_later(_LINGER_SECONDS, self.transport.close)

    def _method(self) -> str:
        return bytes(self._head[:_LONGEST_METHOD]).split(b" ", 1)[0].decode("ascii", "replace")

    def shutdown(self) -> None:
        if self._refused or self.conn.our_state is h11.ERROR:
            self.transport.close()
            return
        super().shutdown()
