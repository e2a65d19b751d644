"""Meilisearch as an `Engine`.

Two things it does differently, which a caller should know: it compares keywords without regard to case and accents, and
it counts such values as one in facets. `SearchResponse.total_exact` is false wherever it only comes close to what was
asked: phrases, words written with punctuation inside, beginnings of words.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from functools import partial
from typing import Any

from meilisearch.models.task import TaskInfo

from stack.addresses import EngineAddress
from stack.search.engines.base import (
    ALL,
    Document,
    EngineRefusedError,
    Filter,
    Index,
    SearchRequest,
    SearchResponse,
    Ticket,
)
from stack.search.engines.documents import bodies, check, encode, fields_of
from stack.search.engines.filters import NONE, prepare
from stack.search.engines.meilisearch_client import Connection
from stack.search.engines.meilisearch_documents import prepared
from stack.search.engines.meilisearch_index import digest, settings
from stack.search.engines.meilisearch_query import answer, expression, impossible, nothing, queries
from stack.search.engines.meilisearch_write import Enqueued, TaskTicket
from stack.search.engines.question import read
from stack.search.engines.writer import Writer

__all__ = ["MeilisearchEngine"]

_OLDEST = (1, 50)  # ranking by attribute apart from position; escapes in filters that work
_MAX_BODY = 24 * 1024 * 1024  # its default --http-payload-size-limit is 100 MB
_DELETES = 10_000
_FETCHED = 500
_PAGE = 10_000
_SETUP_SECONDS = 120.0
_STATE = "state"
_NDJSON = "application/x-ndjson"


class MeilisearchEngine:
    """One Meilisearch server; safe to use from several threads."""

    name = "meilisearch"
    batch_bytes = 16 * 1024 * 1024  # each batch rebuilds its word dictionary

    def __init__(self, address: EngineAddress, *, prefix: str, read_seconds: float, write_seconds: float) -> None:
        """Connect lazily.

        Args:
            address: `key` is the master key, or one that may do everything with the indexes of this prefix.
            prefix: of every index name, so that a server can be shared.
            read_seconds: how long a question is tried again while the server is away.
            write_seconds: the same for a batch.
        """
        self._to = Connection(address, prefix=prefix, read_seconds=read_seconds, write_seconds=write_seconds)
        self._writer = Writer(self.name)

    def version(self) -> str:
        """The server's own version."""
        return str(self._to.ask(self._to.client.get_version)["pkgVersion"])

    def ensure(self, *, generation: str) -> str:
        """Create the indexes where they are missing or set up otherwise; returns the generation they carry."""
        self._new_enough()
        present = self._to.ask(self._to.client.get_all_stats)["indexes"]
        state = self._state() if self._to.meta in present else {}
        if state.get("layout") == digest() and all(self._to.uid(index) in present for index in Index):
            return str(state["generation"])
        self.drop()
        tasks = [task for index in Index for task in self._create(index)]
        tasks.append(self._to.enqueue(lambda: self._to.client.create_index(self._to.meta, {"primaryKey": "id"})))
        self._to.finish(tasks, seconds=_SETUP_SECONDS)
        # Last, so that a setup that was cut off is not taken for one that was finished.
        state = {"id": _STATE, "generation": generation, "layout": digest()}
        task = self._to.enqueue(lambda: self._to.client.index(self._to.meta).add_documents([state]))
        self._to.finish([task], seconds=_SETUP_SECONDS)
        return generation

    def drop(self) -> None:
        """Remove every index."""
        uids = (self._to.meta, *(self._to.uid(index) for index in Index))
        tasks = [self._to.enqueue(partial(self._to.client.delete_index, uid)) for uid in uids]
        self._to.finish(tasks, seconds=_SETUP_SECONDS, missing_ok=True)

    def submit(
        self, index: Index, *, put: Sequence[Document] = (), patch: Sequence[Document] = (), delete: Sequence[str] = ()
    ) -> Ticket:
        """Start one write; whatever is wrong with it is raised by the ticket."""
        send = partial(self._send, index, tuple(put), tuple(patch), tuple(delete))
        return TaskTicket(self._writer.submit(send), self._to.look, self._to.on(index))

    def search(self, request: SearchRequest) -> SearchResponse:
        """Answer one question."""
        question = read(request)
        if impossible(question):
            return nothing(request, exact=not question.inexact)
        asked = queries(request, question, self._to.uid(request.index))
        got = self._to.ask(lambda: self._to.client.multi_search(asked), request.index)
        return answer(request, question, got["results"])

    def fetch(self, index: Index, ids: Sequence[str], *, fields: tuple[str, ...] = ()) -> dict[str, Document]:
        """The stored documents with these ids; unknown ids are left out."""
        wanted = fields or fields_of(index)
        asked = list(dict.fromkeys(("id", *wanted)))
        found: dict[str, Document] = {}
        for start in range(0, len(ids), _FETCHED):
            chunk = list(ids[start : start + _FETCHED])
            for document in self._documents(index, {"ids": chunk, "fields": asked, "limit": len(chunk)}):
                found[document["id"]] = {name: document[name] for name in wanted if name in document}
        return found

    def count(self, index: Index, where: Filter = ALL) -> int:
        """How many documents match, exactly."""
        return self.search(SearchRequest(index, filter=where, limit=0)).total

    def ids(self, index: Index, where: Filter = ALL) -> Iterator[str]:
        """Every id that matches, page by page: complete as long as nothing is written meanwhile."""
        prepared_filter = prepare(index, where)
        if prepared_filter == NONE:
            return
        asked: dict[str, Any] = {"fields": ["id"], "limit": _PAGE, "offset": 0}
        if prepared_filter != ALL:
            asked["filter"] = expression(prepared_filter)
        while True:
            page = self._documents(index, dict(asked))
            yield from (document["id"] for document in page)
            if len(page) < _PAGE:
                return
            asked["offset"] += _PAGE

    def size_bytes(self) -> int:
        """Disk space of the whole server: Meilisearch does not tell indexes apart here."""
        return int(self._to.ask(self._to.client.get_all_stats)["databaseSize"])

    def close(self) -> None:
        """Stop writing; the client keeps no connections."""
        self._writer.close()

    def _new_enough(self) -> None:
        version = self.version()
        if tuple(int(part) for part in version.split(".")[:2]) < _OLDEST:
            oldest = ".".join(map(str, _OLDEST))
            raise EngineRefusedError("This Meilisearch is too old", on=self._to.url, got=version, fix=f">= {oldest}")

    def _state(self) -> dict[str, Any]:
        asked = {"ids": [_STATE], "limit": 1}
        found = self._to.ask(lambda: self._to.client.index(self._to.meta).get_documents(asked)).results
        return dict(found[0]) if found else {}

    def _documents(self, index: Index, asked: dict[str, Any]) -> list[dict[str, Any]]:
        got = self._to.ask(lambda: self._to.client.index(self._to.uid(index)).get_documents(asked), index)
        return [dict(document) for document in got.results]

    def _create(self, index: Index) -> list[Enqueued]:
        uid = self._to.uid(index)
        return [
            self._to.enqueue(lambda: self._to.client.create_index(uid, {"primaryKey": "id"}), index),
            self._to.enqueue(lambda: self._to.client.index(uid).update_settings(settings(index)), index),
        ]

    def _send(
        self, index: Index, put: Sequence[Document], patch: Sequence[Document], delete: Sequence[str]
    ) -> list[Enqueued]:
        check(index, (*put, *patch), delete)
        # Meilisearch makes up an index for documents sent to one that is not there; ask before.
        self._to.ask(partial(self._to.client.get_raw_index, self._to.uid(index)), index)
        of = self._to.client.index(self._to.uid(index))
        actions: Iterable[partial[TaskInfo]] = (
            *(partial(of.add_documents_raw, body, "id", _NDJSON) for body in _bodies(index, put, partial_=False)),
            # Its annotation says `str`, but only bytes are sent as they are.
            *(
                partial(of.update_documents_raw, body, "id", _NDJSON, skip_creation=True)  # type: ignore[arg-type]
                for body in _bodies(index, patch, partial_=True)
            ),
            *(partial(self._delete, index, delete[i : i + _DELETES]) for i in range(0, len(delete), _DELETES)),
        )
        return [self._to.enqueue(action, index) for action in actions]

    def _delete(self, index: Index, ids: Sequence[str]) -> TaskInfo:
        # Not by the client's `delete_documents`, which warns that deleting by id, its server's advice, is outdated.
        path = f"indexes/{self._to.uid(index)}/documents/delete-batch"
        return TaskInfo(**self._to.client.http.post(path, list(ids)))


def _bodies(index: Index, documents: Sequence[Document], *, partial_: bool) -> Iterator[bytes]:
    lines = (encode(prepared(index, document, partial=partial_)) + b"\n" for document in documents)
    return bodies(lines, _MAX_BODY)
