"""One write to OpenSearch: `_bulk` bodies of a bounded size, item by item answers, searchable after a refresh."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from threading import Lock
from typing import Any

from stack.search.engines.base import (
    Document,
    EngineFullError,
    EngineRefusedError,
    EngineUnavailableError,
    Index,
)
from stack.search.engines.documents import bodies, check, encode
from stack.search.engines.opensearch_errors import BUSY, is_full, reason
from stack.search.engines.patience import patiently

__all__ = ["Batch", "Refreshes", "lines", "send"]

Bulk = Callable[[bytes], Mapping[str, Any]]

_MAX_BODY = 8 * 1024 * 1024  # OpenSearch advises 5 to 15 MiB; http.max_content_length is 100 MiB
_MISSING = 404
_SHOWN = 3


@dataclass(frozen=True)
class Batch:
    """What was asked to be written."""

    index: Index
    put: Sequence[Document] = ()
    patch: Sequence[Document] = ()
    delete: Sequence[str] = ()


@dataclass
class Refreshes:
    """Makes writes searchable, once for all that were finished before."""

    refresh: Callable[[Index], None]
    _lock: Lock = field(default_factory=Lock)
    _written: dict[Index, int] = field(default_factory=dict)
    _shown: dict[Index, int] = field(default_factory=dict)

    def written(self, index: Index) -> int:
        """One more batch is stored; returns its number."""
        with self._lock:
            self._written[index] = self._written.get(index, 0) + 1
            return self._written[index]

    def show(self, index: Index, number: int) -> None:
        """Return once the batch with this number can be found."""
        with self._lock:
            if self._shown.get(index, 0) >= number:
                return
            reached = self._written.get(index, 0)
            self.refresh(index)
            self._shown[index] = reached


def lines(batch: Batch) -> Iterator[bytes]:
    """Each change as one chunk of a bulk body: its action and, but for a delete, its document."""
    for document in batch.put:
        yield _action("index", str(document["id"])) + encode(document) + b"\n"
    for document in batch.patch:
        yield _action("update", str(document["id"])) + b'{"doc":' + encode(document) + b"}\n"
    for name in batch.delete:
        yield _action("delete", name)


def _action(kind: str, name: str) -> bytes:
    return json.dumps({kind: {"_id": name}}, separators=(",", ":")).encode() + b"\n"


def send(batch: Batch, bulk: Bulk, *, on: str, seconds: float) -> None:
    """Write a batch, trying items again that OpenSearch was too busy for.

    Args:
        batch: the changes.
        bulk: sends one body and returns the answer.
        on: address and index, for errors.
        seconds: how long to try, for each body.

    Raises:
        EngineRefusedError: it will not take some documents (named) or the whole batch.
        EngineUnavailableError: it was away, busy or full for longer than that.
    """
    check(batch.index, (*batch.put, *batch.patch), batch.delete)
    refused: dict[str, str] = {}
    for body in bodies(lines(batch), _MAX_BODY):
        patiently(_Sending(body, bulk, on, refused).once, seconds=seconds)
    if refused:
        shown = "; ".join(f"{name}: {why}" for name, why in list(refused.items())[:_SHOWN])
        raise EngineRefusedError(f"OpenSearch refused {len(refused)} documents", ids=tuple(refused), on=on, got=shown)


@dataclass
class _Sending:
    """One body, which shrinks to the items that have to be sent again."""

    body: bytes
    bulk: Bulk
    on: str
    refused: dict[str, str]

    def once(self) -> None:
        answer = self.bulk(self.body)
        if not answer["errors"]:
            return
        results = [(kind, item) for entry in answer["items"] for kind, item in entry.items()]
        busy = [self._judge(kind, item) for kind, item in results]
        if any(busy):
            self.body = b"".join(_again(self.body, busy))
            first = next(item for again, (_, item) in zip(busy, results, strict=True) if again)
            raise EngineUnavailableError(
                f"OpenSearch was too busy for {sum(busy)} documents", on=self.on, got=reason(first["error"])
            )

    def _judge(self, kind: str, item: Mapping[str, Any]) -> bool:
        """Note a refusal; say whether to send this item again."""
        error = item.get("error")
        if error is None:  # a delete of an unknown id has a status and no error
            return False
        if is_full(error):
            raise EngineFullError("OpenSearch's disk is full", on=self.on, got=reason(error), fix="make room on it")
        if item["status"] == _MISSING and kind == "update" and error["type"] == "document_missing_exception":
            return False
        if item["status"] in BUSY:
            return True
        self.refused[item["_id"]] = reason(error)
        return False


def _again(body: bytes, busy: Sequence[bool]) -> Iterator[bytes]:
    """The chunks of a body whose items are to be sent again."""
    rows = iter(body.splitlines(keepends=True))
    for again, action in zip(busy, rows, strict=False):
        chunk = action if action.startswith(b'{"delete"') else action + next(rows)
        if again:
            yield chunk
