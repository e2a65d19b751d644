"""An engine that puts a span around each call, and counts what is written."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import TypeVar
from urllib.parse import urlsplit

from opentelemetry.util.types import AttributeValue

from stack.search.engines.base import ALL, Document, Engine, Filter, Index, SearchRequest, SearchResponse, Ticket
from stack.services.common.telemetry import client_span

__all__ = ["TracedEngine", "Written"]

Answer = TypeVar("Answer")
Written = Callable[[str, int], None]
"""Told an operation (`put`, `patch`, `delete`) and how many documents the engine holds by it now."""


class TracedEngine:
    """See `Engine`; safe to use from several threads where that one is."""

    def __init__(
        self,
        engine: Engine,
        url: str,
        *,
        written: Written = lambda _operation, _number: None,
        anew: Callable[[], None] = lambda: None,
    ) -> None:
        """Stand before an engine.

        Args:
            engine: that does the work.
            url: where it answers.
            written: told of every write that arrived.
            anew: called when its indexes turn out to be new, so that all has to be written again.
        """
        self._engine = engine
        self.name = engine.name
        self.batch_bytes = engine.batch_bytes
        self._written = written
        self._anew = anew
        parts = urlsplit(url)
        self._where: dict[str, AttributeValue] = {"server.address": parts.hostname or "", "peer.service": engine.name}
        if parts.port:
            self._where["server.port"] = parts.port

    def version(self) -> str:
        """The server's own version."""
        return self._call("version", None, self._engine.version)

    def ensure(self, *, generation: str) -> str:
        """Create the indexes where they are missing; returns the generation they carry."""
        held = self._call("ensure", None, lambda: self._engine.ensure(generation=generation))
        if held == generation:
            self._anew()
        return held

    def drop(self) -> None:
        """Remove every index."""
        self._call("drop", None, self._engine.drop)

    def submit(
        self, index: Index, *, put: Sequence[Document] = (), patch: Sequence[Document] = (), delete: Sequence[str] = ()
    ) -> Ticket:
        """Start one write; its ticket counts it once it has arrived."""
        ticket = self._engine.submit(index, put=put, patch=patch, delete=delete)
        numbers = {"put": len(put), "patch": len(patch), "delete": len(delete)}
        return _Ticket(ticket, lambda timeout: self._arrived(index, ticket, timeout, numbers))

    def search(self, request: SearchRequest) -> SearchResponse:
        """Answer one question."""
        return self._call("search", request.index, lambda: self._engine.search(request))

    def fetch(self, index: Index, ids: Sequence[str], *, fields: tuple[str, ...] = ()) -> dict[str, Document]:
        """The stored documents with these ids."""
        return self._call("fetch", index, lambda: self._engine.fetch(index, ids, fields=fields))

    def count(self, index: Index, where: Filter = ALL) -> int:
        """How many documents match, exactly."""
        return self._call("count", index, lambda: self._engine.count(index, where))

    def ids(self, index: Index, where: Filter = ALL) -> Iterator[str]:
        """Every id that matches."""
        return self._engine.ids(index, where)

    def size_bytes(self) -> int:
        """Disk space of the indexes."""
        return self._call("stats", None, self._engine.size_bytes)

    def close(self) -> None:
        """Give connections back."""
        self._engine.close()

    def _arrived(self, index: Index, ticket: Ticket, timeout: float, numbers: dict[str, int]) -> None:
        self._call("bulk", index, lambda: ticket.wait(timeout))
        for operation, number in numbers.items():
            if number:
                self._written(operation, number)

    def _call(self, operation: str, index: Index | None, action: Callable[[], Answer]) -> Answer:
        attributes: dict[str, AttributeValue] = {
            "db.system.name": self.name,
            "db.operation.name": operation,
            **self._where,
        }
        if index is not None:
            attributes["db.collection.name"] = index.value
        with client_span(f"{operation} {index.value}" if index else operation, attributes):
            return action()


class _Ticket:
    """A write under way."""

    def __init__(self, ticket: Ticket, wait: Callable[[float], None]) -> None:
        self._ticket = ticket
        self._wait = wait
        self._arrived = False

    def wait(self, timeout: float) -> None:
        """Return once the engine holds it."""
        if self._arrived:
            self._ticket.wait(timeout)
            return
        self._wait(timeout)
        self._arrived = True
