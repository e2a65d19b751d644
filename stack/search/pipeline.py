"""Carries documents to an engine and the exact index, and records them as held only once both say so."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import Protocol

from stack.search.engines.base import Document, Engine, EngineError, EngineRefusedError, Index, Ticket
from stack.search.extract.document import CodeDocument, part_id
from stack.search.mapping import code, weight
from stack.search.state import CODE, REFUSED, IndexedFile, State

__all__ = ["ExactWriter", "Pipeline", "Written"]

_BATCH_DOCUMENTS = 2000
_IN_FLIGHT = 2
_CHECKPOINT_BYTES = 48 * 1024 * 1024
_CHECKPOINT_FILES = 20_000


class ExactWriter(Protocol):
    """What the pipeline needs of the exact index."""

    def add(self, file_id: str, repository_id: int, blob: str, text: str) -> None:
        """Stage a file's whole text."""

    def remove(self, file_ids: Sequence[str]) -> None:
        """Stage removals."""

    def commit(self) -> None:
        """Make everything staged durable and visible, at once."""


@dataclass(slots=True)
class Written:
    """Running totals: files put, removed and patched, documents, characters of text."""

    files: int = 0
    removed: int = 0
    patched: int = 0
    documents: int = 0
    text_bytes: int = 0

    @property
    def writes(self) -> int:
        """How many files and records were changed at all."""
        return self.files + self.removed + self.patched


@dataclass(slots=True)
class _Batch:
    documents: list[Document] = field(default_factory=list)
    patches: list[Document] = field(default_factory=list)
    deletes: list[str] = field(default_factory=list)
    sent: list[tuple[str, int | None, int]] = field(default_factory=list)
    size: int = 0

    def __len__(self) -> int:
        return len(self.documents) + len(self.patches) + len(self.deletes)


@dataclass(slots=True)
class _Pending:
    put: dict[int, list[IndexedFile]] = field(default_factory=dict)
    delete: dict[int, list[bytes]] = field(default_factory=dict)
    gone: dict[int, list[str]] = field(default_factory=dict)
    after: list[Callable[[], None]] = field(default_factory=list)
    files: int = 0
    text: int = 0


class Pipeline:
    """Batches by size, a bounded number of batches under way, checkpoints in between.

    Everything recorded in `State` was first acknowledged by the engine and made durable in the exact index. A process
    that dies in between leaves work to do again, never work wrongly called done.
    """

    def __init__(self, engine: Engine, exact: ExactWriter, state: State, *, timeout: float = 600) -> None:
        """Write to these; `timeout` is the longest wait in seconds for one batch."""
        self._engine = engine
        self._exact = exact
        self._state = state
        self._timeout = timeout
        self._batch = _Batch()
        self._pending = _Pending()
        self._in_flight: deque[tuple[Ticket, _Batch]] = deque()
        self._refused: dict[str, tuple[int, str]] = {}
        self._named: dict[str, tuple[int, str]] = {}
        self.written = Written()

    def put(self, repository_id: int, documents: Sequence[CodeDocument], row: IndexedFile, *, old_parts: int) -> None:
        """Replace a file: all its parts, and none of the parts it used to have beyond them."""
        for document in documents:
            self._batch.documents.append(code(document))
            self._batch.size += weight(document)
            self.written.documents += 1
        self._batch.deletes += [part_id(row.file_id, part) for part in range(len(documents), old_parts)]
        text = "".join(document.content[document.overlap :] for document in documents)
        if documents[0].status.has_content:
            self._exact.add(row.file_id, repository_id, row.blob, text)
        elif old_parts:
            self._exact.remove([row.file_id])
        self._batch.sent.append((row.file_id, repository_id, max(len(documents), old_parts)))
        self._pending.put.setdefault(repository_id, []).append(row)
        self._named[row.file_id] = (repository_id, row.display)
        self._pending.files += 1
        self._pending.text += len(text)
        self.written.files += 1
        self.written.text_bytes += len(text)
        self._maybe_send()

    def patch(self, repository_id: int, row: IndexedFile, changes: Document, *, record: bool = True) -> None:
        """Change some fields of every part of a file; `record` keeps the new row in the state."""
        self._named[row.file_id] = (repository_id, row.display)
        if record:
            self._batch.sent.append((row.file_id, repository_id, row.parts))
        self._batch.patches += [{"id": part_id(row.file_id, part), **changes} for part in range(row.parts)]
        self._batch.size += 300 * row.parts
        if record:
            self._pending.put.setdefault(repository_id, []).append(row)
            self._pending.files += 1
        self.written.patched += 1
        self._maybe_send()

    def remove(self, repository_id: int, row: IndexedFile) -> None:
        """Remove a file with all its parts."""
        self._batch.sent.append((row.file_id, repository_id, row.parts))
        self._pending.gone.setdefault(repository_id, []).append(row.file_id)
        self._batch.deletes += [part_id(row.file_id, part) for part in range(row.parts)]
        self._batch.size += 80 * row.parts
        self._exact.remove([row.file_id])
        self._pending.delete.setdefault(repository_id, []).append(row.path)
        self._pending.files += 1
        self.written.removed += 1
        self._maybe_send()

    def then(self, action: Callable[[], None]) -> None:
        """Do this once everything before it is held."""
        self._pending.after.append(action)

    def checkpoint(self) -> None:
        """Wait until everything so far is held, and record it."""
        self._send()
        while self._in_flight:
            self._finish_oldest()
        self._exact.commit()
        pending, self._pending = self._pending, _Pending()
        self._named.clear()
        for repository_id in {*pending.put, *pending.delete}:
            rows = [self._judged(row) for row in pending.put.get(repository_id, [])]
            arrived = [*(row.file_id for row in rows), *pending.gone.get(repository_id, [])]
            self._state.change_files(repository_id, rows, pending.delete.get(repository_id, []), arrived)
        for action in pending.after:
            action()

    def abandon(self, seconds: float) -> None:
        """Let what is under way end, well or badly, for at most so many seconds each: the run is over."""
        while self._in_flight:
            ticket, _ = self._in_flight.popleft()
            with suppress(EngineError):
                ticket.wait(seconds)

    def refused_in(self, repository_id: int) -> list[str]:
        """Paths of the files of a repository of which the engine refused a document."""
        return sorted(path for repository, path in self._refused.values() if repository == repository_id)

    def _judged(self, row: IndexedFile) -> IndexedFile:
        return replace(row, status=REFUSED) if row.file_id in self._refused else row

    def _maybe_send(self) -> None:
        if self._batch.size >= self._engine.batch_bytes or len(self._batch) >= _BATCH_DOCUMENTS:
            self._send()
        if self._pending.text >= _CHECKPOINT_BYTES or self._pending.files >= _CHECKPOINT_FILES:
            self.checkpoint()

    def _send(self) -> None:
        if not len(self._batch):
            return
        while len(self._in_flight) >= _IN_FLIGHT:
            self._finish_oldest()
        batch, self._batch = self._batch, _Batch()
        self._in_flight.append((self._submit(batch), batch))

    def _submit(self, batch: _Batch) -> Ticket:
        self._state.send(CODE, batch.sent)
        return self._engine.submit(Index.CODE, put=batch.documents, patch=batch.patches, delete=batch.deletes)

    def _finish_oldest(self) -> None:
        ticket, batch = self._in_flight.popleft()
        try:
            ticket.wait(self._timeout)
        except EngineRefusedError as error:
            if not error.ids:
                raise
            self._without(batch, set(error.ids))

    def _without(self, batch: _Batch, ids: set[str]) -> None:
        """Send a refused batch again without the documents that the engine named."""
        for document in (*batch.documents, *batch.patches):
            if document["id"] in ids:
                key = str(document["id"])[: -len(part_id("", 0))]
                self._refused[key] = self._named.get(key, (0, key))
        rest = _Batch(
            documents=[document for document in batch.documents if document["id"] not in ids],
            patches=[document for document in batch.patches if document["id"] not in ids],
            # What the engine held of a refused file before is not what the file says now.
            deletes=[*batch.deletes, *ids],
        )
        if len(rest):
            self._submit(rest).wait(self._timeout)
