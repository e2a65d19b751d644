"""What every search engine offers: one interface, so that the rest of the search never knows which one answers."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Protocol

from stack.errors import EngineRoomError

__all__ = [
    "ALL",
    "And",
    "Document",
    "Engine",
    "EngineError",
    "EngineFullError",
    "EngineRefusedError",
    "EngineUnavailableError",
    "Equals",
    "Exists",
    "Filter",
    "Hit",
    "Index",
    "IndexMissingError",
    "JsonValue",
    "Not",
    "OneOf",
    "Or",
    "Range",
    "SearchRequest",
    "SearchResponse",
    "Ticket",
    "chunks",
]

JsonValue = str | int | float | bool | None | Sequence["JsonValue"] | Mapping[str, "JsonValue"]
Document = Mapping[str, JsonValue]


class Index(StrEnum):
    """The indexes, one per kind of record."""

    CODE = "code"
    ISSUES = "issues"
    PULL_REQUESTS = "pull_requests"
    WIKI = "wiki"
    USERS = "users"
    ORGANIZATIONS = "organizations"
    REPOSITORIES = "repositories"


class EngineError(EngineRoomError):
    """A search engine did not do what it was asked."""


class EngineUnavailableError(EngineError):
    """The engine did not answer, answered 429 or 5xx, or is full, after the bounded retries."""


class EngineFullError(EngineUnavailableError):
    """The engine has no room left on its disk: it is not asked again until somebody makes some."""


class EngineRefusedError(EngineError):
    """The engine answered that it will not take a document, a batch, a query or a setting."""

    def __init__(self, what: str, *, ids: Sequence[str] = (), on: str = "", got: str = "", fix: str = "") -> None:
        """Name the refused documents, when the engine says which."""
        super().__init__(what, on=on, got=got, fix=fix)
        self.ids = tuple(ids)


class IndexMissingError(EngineRefusedError):
    """The engine has no such index: nothing was ever put there, or somebody removed it."""


@dataclass(frozen=True)
class Equals:
    """The field (or one of its values) equals the value."""

    field: str
    value: str | int | bool


@dataclass(frozen=True)
class OneOf:
    """The field (or one of its values) is among the values; no values match nothing."""

    field: str
    values: tuple[str | int, ...]


@dataclass(frozen=True)
class Range:
    """low <= field < high; `None` is open."""

    field: str
    low: int | None = None
    high: int | None = None


@dataclass(frozen=True)
class Exists:
    """The field has a value."""

    field: str


@dataclass(frozen=True)
class Not:
    """The inner filter does not hold."""

    inner: Filter


@dataclass(frozen=True)
class And:
    """Every inner filter holds; none at all holds always."""

    inner: tuple[Filter, ...]


@dataclass(frozen=True)
class Or:
    """At least one inner filter holds; none at all never holds."""

    inner: tuple[Filter, ...]


Filter = Equals | OneOf | Range | Exists | Not | And | Or

ALL = And(())


@dataclass(frozen=True)
class SearchRequest:
    """One question to one index.

    Args:
        index: where to look.
        words: all must occur, each as a whole word or the last one as a prefix (see `prefix_last`), in any searchable
            field.
        within: restrict the words to these fields (`("symbol_names",)` for `sym:`); empty is all searchable fields.
        phrases: word sequences that must occur adjacent in one field.
        none_of: words that must not occur, in the fields of `within` if there are any.
        filter: applied to hits, totals and facets alike.
        facets: fields whose values are counted over everything that matches.
        facet_limit: values per facet.
        limit: hits wanted; `offset`: hits left out before them.
        sort: fields, `-` in front for descending; empty is by relevance.
        prefix_last: the last word also matches as a prefix.
        distinct: count and return only the best document per value of this field.
        fields: stored fields wanted in the hits; empty is all but `content`.
    """

    index: Index
    words: tuple[str, ...] = ()
    within: tuple[str, ...] = ()
    phrases: tuple[str, ...] = ()
    none_of: tuple[str, ...] = ()
    filter: Filter = ALL
    facets: tuple[str, ...] = ()
    facet_limit: int = 20
    limit: int = 20
    offset: int = 0
    sort: tuple[str, ...] = ()
    prefix_last: bool = False
    distinct: str | None = None
    fields: tuple[str, ...] = ()


@dataclass(frozen=True)
class Hit:
    """One document that matches; `score` is comparable only within one response."""

    id: str
    score: float
    source: Document


@dataclass(frozen=True)
class SearchResponse:
    """What an engine answered.

    Args:
        hits: best first; equal scores are ordered by id.
        total: documents that match (after `distinct`).
        total_exact: false when the engine only estimates the total, or cut the search off.
        facets: field -> value -> documents.
    """

    hits: tuple[Hit, ...]
    total: int
    total_exact: bool
    facets: Mapping[str, Mapping[str, int]] = field(default_factory=dict)


class Ticket(Protocol):
    """A write under way."""

    def wait(self, timeout: float) -> None:
        """Return once the engine says that every document of the batch is stored and searchable.

        Args:
            timeout: seconds.

        Raises:
            EngineRefusedError: it refused; nothing or only a part of the batch is stored.
            EngineUnavailableError: it did not say so in time.
        """


class Engine(Protocol):
    """A search engine. All of its errors are `EngineError`s.

    Attributes:
        name: its kind.
        batch_bytes: about how large a write it takes best.
    """

    name: str
    batch_bytes: int

    def version(self) -> str:
        """The server's own version."""

    def ensure(self, *, generation: str) -> str:
        """Create the indexes with their settings where they are missing.

        Returns:
            The generation the indexes carry: the given one if they were just created, else the stored one. State kept
            elsewhere about another generation is void. Indexes left by other settings are dropped and made again.
        """

    def drop(self) -> None:
        """Remove every index."""

    def submit(
        self, index: Index, *, put: Sequence[Document] = (), patch: Sequence[Document] = (), delete: Sequence[str] = ()
    ) -> Ticket:
        """Start one write: whole documents, partial documents (`id` and the changed fields), and ids to remove.

        A patch or a delete of an unknown id is not an error.
        """

    def search(self, request: SearchRequest) -> SearchResponse:
        """Answer one question."""

    def fetch(self, index: Index, ids: Sequence[str], *, fields: tuple[str, ...] = ()) -> dict[str, Document]:
        """The stored documents with these ids; unknown ids are left out."""

    def count(self, index: Index, where: Filter = ALL) -> int:
        """How many documents match, exactly."""

    def ids(self, index: Index, where: Filter = ALL) -> Iterator[str]:
        """Every id that matches, in no order, however many."""

    def size_bytes(self) -> int:
        """Disk space of the indexes."""

    def close(self) -> None:
        """Give connections back."""


def chunks(documents: Iterable[tuple[Document, int]], *, max_bytes: int, max_count: int) -> Iterator[list[Document]]:
    """Cut a stream of (document, size in bytes) into batches no larger than asked; one larger document stands alone."""
    batch: list[Document] = []
    size = 0
    for document, weight in documents:
        if batch and (size + weight > max_bytes or len(batch) >= max_count):
            yield batch
            batch, size = [], 0
        batch.append(document)
        size += weight
    if batch:
        yield batch
