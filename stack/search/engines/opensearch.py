"""OpenSearch, and servers that speak the same (Elasticsearch), as an `Engine`."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future
from functools import partial
from typing import Any, TypeVar

from opensearchpy import OpenSearch
from opensearchpy.exceptions import OpenSearchException

from stack.addresses import EngineAddress
from stack.search.engines.base import (
    ALL,
    Document,
    Filter,
    Index,
    SearchRequest,
    SearchResponse,
    Ticket,
)
from stack.search.engines.filters import prepare
from stack.search.engines.opensearch_errors import translate
from stack.search.engines.opensearch_index import digest, layout
from stack.search.engines.opensearch_query import answer, body, clause
from stack.search.engines.opensearch_write import Batch, Refreshes, send
from stack.search.engines.patience import patiently
from stack.search.engines.question import read
from stack.search.engines.writer import Writer, result

__all__ = ["OpenSearchEngine"]

Answer = TypeVar("Answer")

_PAGE = 10_000  # ids per request; index.max_result_window
_FETCHED = 500  # documents per request; with content they may be large
_REQUEST_SECONDS = 60


class OpenSearchEngine:
    """One OpenSearch server or cluster; safe to use from several threads."""

    name = "opensearch"
    batch_bytes = 6 * 1024 * 1024  # larger ones gain nothing

    def __init__(self, address: EngineAddress, *, prefix: str, read_seconds: float, write_seconds: float) -> None:
        """Connect lazily.

        Args:
            address: `key` is `user:password`, or a whole `Authorization` header (`ApiKey …`, `Bearer …`).
            prefix: of every index name, so that a server can be shared.
            read_seconds: how long a question is tried again while the server is away.
            write_seconds: the same for a batch.
        """
        # The client logs each failed attempt with a traceback; the error raised here says the same once.
        logging.getLogger("opensearch").setLevel(logging.CRITICAL)
        options: dict[str, Any] = {}
        key = address.key.get_secret_value() if address.key else ""
        if " " in key:
            options["headers"] = {"Authorization": key}
        elif key:
            options["http_auth"] = key
        self._client = OpenSearch(address.url, timeout=_REQUEST_SECONDS, max_retries=0, pool_maxsize=8, **options)
        self._url = address.url
        self._prefix = prefix
        self._read_seconds = read_seconds
        self._write_seconds = write_seconds
        self._writer = Writer(self.name)
        self._refreshes = Refreshes(self._refresh)

    def version(self) -> str:
        """The server's own version."""
        return str(self._ask(self._client.info)["version"]["number"])

    def ensure(self, *, generation: str) -> str:
        """Create the indexes where they are missing or laid out otherwise; returns the generation they carry."""
        names = [self._made(index) for index in Index]
        found = self._ask(partial(self._client.indices.get, index=",".join(names), ignore_unavailable=True))
        marks = {str(state["mappings"].get("_meta", {}).get("engineroom")) for state in found.values()}
        meta: dict[str, Any] = next(
            (state["mappings"].get("_meta", {}).get("engineroom", {}) for state in found.values()), {}
        )
        if len(found) == len(names) and len(marks) == 1 and meta.get("layout") == digest():
            return str(meta["generation"])
        self.drop()
        for index in Index:
            asked = layout(index)
            asked["mappings"]["_meta"] = {"engineroom": {"generation": generation, "layout": digest()}}
            asked["aliases"] = {self._alias(index): {}}
            self._ask(partial(self._client.indices.create, index=self._made(index), body=asked), index)
        return generation

    def drop(self) -> None:
        """Remove every index."""
        names = ",".join(self._made(index) for index in Index)
        self._ask(partial(self._client.indices.delete, index=names, ignore_unavailable=True))

    def submit(
        self, index: Index, *, put: Sequence[Document] = (), patch: Sequence[Document] = (), delete: Sequence[str] = ()
    ) -> Ticket:
        """Start one write; whatever is wrong with it is raised by the ticket."""
        batch = Batch(index, tuple(put), tuple(patch), tuple(delete))
        return _Ticket(self._writer.submit(partial(self._write, batch)), self._refreshes, index, self._on(index))

    def search(self, request: SearchRequest) -> SearchResponse:
        """Answer one question."""
        question = read(request)
        ask = partial(
            self._client.search,
            index=self._alias(request.index),
            body=body(request, question),
            # Copies of a shard may have different deletes, hence scores: ask the same copy for every page.
            preference="engineroom",
            filter_path="-aggregations.several.values.buckets",
        )
        return answer(request, question, self._ask(ask, request.index))

    def fetch(self, index: Index, ids: Sequence[str], *, fields: tuple[str, ...] = ()) -> dict[str, Document]:
        """The stored documents with these ids; unknown ids are left out."""
        found: dict[str, Document] = {}
        options: dict[str, Any] = {"_source_includes": ",".join(fields)} if fields else {}
        for start in range(0, len(ids), _FETCHED):
            chunk = {"ids": list(ids[start : start + _FETCHED])}
            got = self._ask(partial(self._client.mget, body=chunk, index=self._alias(index), **options), index)
            found |= {entry["_id"]: entry["_source"] for entry in got["docs"] if entry.get("found")}
        return found

    def count(self, index: Index, where: Filter = ALL) -> int:
        """How many documents match, exactly."""
        query = {"query": clause(prepare(index, where))}
        return int(self._ask(partial(self._client.count, index=self._alias(index), body=query), index)["count"])

    def ids(self, index: Index, where: Filter = ALL) -> Iterator[str]:
        """Every id that matches, in the order of ids, so that a restart of the server in between does no harm."""
        asked: dict[str, Any] = {
            "query": clause(prepare(index, where)),
            "size": _PAGE,
            "sort": [{"id": "asc"}],
            "_source": False,
            "track_total_hits": False,
        }
        while True:
            got = self._ask(partial(self._client.search, index=self._alias(index), body=asked), index)
            hits = got["hits"]["hits"]
            yield from (hit["_id"] for hit in hits)
            if len(hits) < _PAGE:
                return
            asked["search_after"] = hits[-1]["sort"]

    def size_bytes(self) -> int:
        """Disk space of the indexes."""
        names = ",".join(self._alias(index) for index in Index)
        stats = self._ask(partial(self._client.indices.stats, index=names, metric="store"))
        return int(stats["_all"]["total"]["store"]["size_in_bytes"])

    def close(self) -> None:
        """Give connections back."""
        self._writer.close()
        self._client.close()

    def _alias(self, index: Index) -> str:
        return f"{self._prefix}_{index.value}"

    def _made(self, index: Index) -> str:
        return f"{self._alias(index)}_1"

    def _on(self, index: Index | None) -> str:
        return self._url if index is None else f"{self._url}, index {self._alias(index)}"

    def _ask(self, action: Callable[[], Any], index: Index | None = None, *, seconds: float | None = None) -> Any:
        return patiently(partial(self._once, action, index), seconds=seconds or self._read_seconds)

    def _once(self, action: Callable[[], Answer], index: Index | None) -> Answer:
        try:
            return action()
        except OpenSearchException as error:
            raise translate(error, self._on(index)) from error

    def _refresh(self, index: Index) -> None:
        self._ask(partial(self._client.indices.refresh, index=self._alias(index)), index, seconds=self._write_seconds)

    def _write(self, batch: Batch) -> int:
        # An alias is required, so that a write to a dropped index is refused instead of making one up.
        bulk = partial(self._client.bulk, index=self._alias(batch.index), require_alias=True)
        ask: Callable[[bytes], Any] = lambda data: self._once(partial(bulk, body=data), batch.index)  # noqa: E731
        send(batch, ask, on=self._on(batch.index), seconds=self._write_seconds)
        return self._refreshes.written(batch.index)


class _Ticket:
    """A batch in line, being written, or written."""

    def __init__(self, future: Future[int], refreshes: Refreshes, index: Index, on: str) -> None:
        self._future = future
        self._refreshes = refreshes
        self._index = index
        self._on = on

    def wait(self, timeout: float) -> None:
        """Return once it can be found."""
        self._refreshes.show(self._index, result(self._future, timeout, self._on))
