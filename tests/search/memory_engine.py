"""An engine in memory, for tests of what is sent to an engine; it answers filters and counts, but ranks nothing."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from stack.search.engines.base import (
    ALL,
    Document,
    EngineRefusedError,
    EngineUnavailableError,
    Filter,
    Index,
    SearchRequest,
    SearchResponse,
)
from stack.search.filters import matches


@dataclass
class Done:
    """A write that is over, well or badly."""

    error: Exception | None = None

    def wait(self, timeout: float) -> None:
        """Raise what went wrong; `timeout` is not needed."""
        assert timeout > 0
        if self.error:
            raise self.error


@dataclass
class MemoryEngine:
    """Holds documents in dictionaries; `refuse` names ids it will not take, `down` after so many writes fails them."""

    name: str = "memory"
    batch_bytes: int = 2000
    documents: dict[Index, dict[str, Document]] = field(default_factory=lambda: {index: {} for index in Index})
    generation: str | None = None
    refuse: set[str] = field(default_factory=set)
    writes: int = 0
    down_after: int | None = None
    applies: bool = False  # an engine that is "down" may have taken the write and died before it said so

    def version(self) -> str:
        return "0"

    def ensure(self, *, generation: str) -> str:
        if self.generation is None:
            self.generation = generation
        return self.generation

    def drop(self) -> None:
        self.generation = None
        self.documents = {index: {} for index in Index}

    def submit(
        self, index: Index, *, put: Sequence[Document] = (), patch: Sequence[Document] = (), delete: Sequence[str] = ()
    ) -> Done:
        self.writes += 1
        down = self.down_after is not None and self.writes > self.down_after
        if down and not self.applies:
            return Done(EngineUnavailableError("The engine is down"))
        held = self.documents[index]
        refused = [str(document["id"]) for document in put if document["id"] in self.refuse]
        for document in put:
            if document["id"] not in self.refuse:
                held[str(document["id"])] = document
        for document in patch:
            key = str(document["id"])
            if key in held:
                held[key] = {**held[key], **document}
        for key in delete:
            held.pop(key, None)
        if down:
            return Done(EngineUnavailableError("The engine went down"))
        return Done(EngineRefusedError("Refused", ids=refused) if refused else None)

    def search(self, request: SearchRequest) -> SearchResponse:
        raise NotImplementedError

    def fetch(self, index: Index, ids: Sequence[str], *, fields: tuple[str, ...] = ()) -> dict[str, Document]:
        held = self.documents[index]
        return {
            key: {name: value for name, value in held[key].items() if not fields or name in fields}
            for key in ids
            if key in held
        }

    def count(self, index: Index, where: Filter = ALL) -> int:
        return sum(1 for _ in self.ids(index, where))

    def ids(self, index: Index, where: Filter = ALL) -> Iterator[str]:
        return iter([key for key, document in self.documents[index].items() if matches(where, document)])

    def size_bytes(self) -> int:
        return 0

    def close(self) -> None:
        return
