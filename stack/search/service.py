"""The search: one query surface over words, exact text and records, with one permission filter for all it shows."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from types import TracebackType
from typing import Self

from stack.forge.adapter import Forge
from stack.forge.errors import ForgeError
from stack.forge.git import GitAccess
from stack.search.access import Access
from stack.search.engines.base import (
    And,
    Engine,
    Equals,
    Filter,
    Hit,
    Index,
    IndexMissingError,
    JsonValue,
    Not,
    SearchRequest,
)
from stack.search.exact.index import ExactIndex
from stack.search.exact_search import ExactSearch, Verified
from stack.search.extract.decode import NotText, decode
from stack.search.extract.document import part_id
from stack.search.extract.symbol import Symbol
from stack.search.lines import best_line, excerpt, window
from stack.search.mapping import numbers, symbols, texts
from stack.search.plan import Plan, filter_of, plan
from stack.search.query import Query, Regex, TextAtom, Word, parse, render
from stack.search.ranking import Features, Score, rank_key, score
from stack.search.results import CodeHit, RecordHit, Results
from stack.search.state import IndexedRepository, State, translated
from stack.search.textmatch import TextTest

__all__ = ["Search"]

_RANKED = 200
"""How many of the engine's best are ranked anew."""

_FACETS: dict[Index, tuple[str, ...]] = {
    Index.CODE: ("language", "repository", "author", "year"),
    Index.ISSUES: ("state", "repository", "author", "labels", "year"),
    Index.PULL_REQUESTS: ("state", "repository", "author", "labels", "year"),
    Index.WIKI: ("repository", "author", "year"),
    Index.REPOSITORIES: ("owner", "visibility"),
    Index.USERS: (),
    Index.ORGANIZATIONS: (),
}
_OF_NOBODY = frozenset({Index.USERS, Index.ORGANIZATIONS})
_FACET_VALUES = 20
_MAX_PER_PAGE = 100
_LATE = 100  # events that are looked at to find out whether the index is behind
_MAX_BLOB = 64 * 1024 * 1024
_CODE_FIELDS = (
    "file_id",
    "repository_id",
    "repository",
    "path",
    "basename",
    "language",
    "status",
    "author",
    "date",
    "blob",
    "stars",
    "symbols",
    "is_test",
    "is_vendored",
    "is_generated",
)


@dataclass(frozen=True, slots=True)
class _Asked:
    """One question, understood."""

    query: Query
    plan: Plan
    access: Access
    names: _Names
    viewer: str | None
    page: int
    per_page: int

    @property
    def where(self) -> Filter:
        """Everything but the text: what was asked for, and what the viewer may see."""
        if self.plan.index in _OF_NOBODY:
            return And((self.plan.filter, Not(Equals("state", "inactive"))))
        return And((self.access.filter(), self.plan.filter))

    @property
    def start(self) -> int:
        """How many hits come before the page."""
        return (self.page - 1) * self.per_page

    @property
    def texts(self) -> list[str]:
        """The wanted words and literals, for choosing lines."""
        return [atom.text for atom in self.query.texts() if not isinstance(atom, Regex)] or list(self.plan.words)


@dataclass(frozen=True, slots=True)
class _Answer:
    total: int
    exact: bool
    hits: tuple[CodeHit | RecordHit, ...]
    facets: Mapping[str, Mapping[str, int]]


@dataclass(frozen=True, slots=True)
class _Ranked:
    """A file with its place; `text` if it was read already."""

    fields: Mapping[str, JsonValue]
    features: Features
    score: Score
    text: str | None = field(default=None, repr=False)

    @property
    def repository_id(self) -> int:
        return numbers(self.fields, "repository_id")

    @property
    def blob(self) -> str:
        return texts(self.fields, "blob")


class Search:
    """Answers queries for one engine. Not for use by several threads at once."""

    def __init__(self, *, forge: Forge, git: GitAccess, engine: Engine, exact: ExactIndex, state: State) -> None:
        """Use these; `state` is closed with the search."""
        self._forge = forge
        self._git = git
        self._engine = engine
        self._state = state
        self._exact = ExactSearch(forge, git, engine, exact, state)

    def __enter__(self) -> Self:
        """Use it as a context that closes."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close."""
        self.close()

    def close(self) -> None:
        """Close what was handed over."""
        self._state.close()

    def search(self, text: str, *, viewer: str | None = None, page: int = 1, per_page: int = 20) -> Results:
        """Answer one query.

        Args:
            text: in the language of docs/query-language.md.
            viewer: username; `None` is an anonymous visitor.
            page: from 1.
            per_page: hits on a page, at most 100.

        Raises:
            QueryError: the query cannot be understood; says what, where and what would be right.
            EngineError: the engine does not answer.
        """
        with translated(self._state.place):
            return self._answered(text, viewer, page, per_page)

    def _answered(self, text: str, viewer: str | None, page: int, per_page: int) -> Results:
        begun = time.monotonic()
        query = parse(text)
        access = Access.of(self._forge, self._state, viewer)
        names = _Names(self._state, access)
        wanted = plan(query, names)
        asked = _Asked(query, wanted, access, names, viewer, max(page, 1), min(max(per_page, 1), _MAX_PER_PAGE))
        try:
            if wanted.index is not Index.CODE:
                answer = self._records(asked)
            elif wanted.exact is not None:
                answer = self._exactly(asked)
            else:
                answer = self._by_words(asked)
        except IndexMissingError:
            # On a forge where nothing was indexed yet that is the truth; anywhere else the engine has lost something.
            if self._state.repositories():
                raise
            answer = _Answer(total=0, exact=True, hits=(), facets={})
        return Results(
            query=render(query),
            total=answer.total,
            exact=answer.exact,
            hits=answer.hits,
            facets=answer.facets,
            page=asked.page,
            per_page=asked.per_page,
            engine=self._engine.name,
            milliseconds=(time.monotonic() - begun) * 1000,
            hints=(*query.hints, *(() if answer.total else self._late(viewer))),
        )

    def _late(self, viewer: str | None) -> tuple[str, ...]:
        """Why nothing may have been found that is there; tells a viewer only of what they may read."""
        known = self._state.repositories()
        if not known:
            return ("nothing is indexed here yet: `engineroom index` does it",)
        late = {number for number, row in known.items() if not row.complete} | self._state.behind("record")
        late |= {event.repository_id for event in self._forge.events(limit=_LATE) if event.repository_id is not None}
        if not self._forge.readable(viewer, late):
            return ()
        return ("the index is behind the forge: `engineroom index` brings it up to date, or says what it cannot read",)

    def _by_words(self, asked: _Asked) -> _Answer:
        """The engine finds and counts; its best are ranked again by what they define."""
        end = asked.start + asked.per_page
        response = self._engine.search(
            SearchRequest(
                index=Index.CODE,
                words=asked.plan.words,
                within=asked.plan.within,
                none_of=asked.plan.none_of,
                filter=asked.where,
                facets=_FACETS[Index.CODE],
                facet_limit=_FACET_VALUES,
                limit=max(_RANKED, end),
                distinct="file_id",
                fields=_CODE_FIELDS,
            )
        )
        atoms = asked.query.texts() or tuple(map(Word, asked.plan.words))
        found = [self._ranked(hit.source, symbols_of(hit), atoms, place) for place, hit in enumerate(response.hits)]
        ranked = [*sorted(found[:_RANKED], key=_order), *found[_RANKED:]]
        return _Answer(
            total=response.total,
            exact=response.total_exact,
            hits=self._shown(ranked[asked.start : end], asked),
            facets={name: _named(values) for name, values in response.facets.items()},
        )

    def _exactly(self, asked: _Asked) -> _Answer:
        """Every hit was seen in the text; definitions of the first few hundred are asked for to rank them."""
        tree = asked.plan.exact
        assert tree is not None  # noqa: S101 - the caller looked
        test = TextTest(tree, asked.query.case, lambda leaf: filter_of(leaf, Index.CODE, asked.names))
        found = self._exact.run(test, asked.plan.filter, asked.access)
        defined = self._symbols(found.files[:_RANKED])
        ranked = sorted(
            (
                self._ranked(
                    {**file.fields, "blob": file.row.blob},
                    defined.get(file.row.file_id, []),
                    asked.query.texts(),
                    place,
                    verified=file,
                )
                for place, file in enumerate(found.files)
            ),
            key=_order,
        )
        return _Answer(
            total=len(found.files),
            exact=found.complete,
            hits=self._shown(ranked[asked.start : asked.start + asked.per_page], asked),
            facets={name: _named(values) for name, values in found.facets(_FACETS[Index.CODE], _FACET_VALUES).items()},
        )

    def _records(self, asked: _Asked) -> _Answer:
        response = self._engine.search(
            SearchRequest(
                index=asked.plan.index,
                words=asked.plan.words,
                none_of=asked.plan.none_of,
                filter=asked.where,
                facets=_FACETS[asked.plan.index],
                facet_limit=_FACET_VALUES,
                limit=asked.per_page,
                offset=asked.start,
                distinct="file_id",
                fields=("kind", "title", "repository", "repository_id", "number", "state", "author", "updated", "url"),
            )
        )
        ids = {numbers(hit.source, "repository_id") for hit in response.hits} - {0}
        readable = self._forge.readable(asked.viewer, ids)
        return _Answer(
            total=response.total,
            exact=response.total_exact,
            hits=tuple(
                _record(hit)
                for hit in response.hits
                if asked.plan.index in _OF_NOBODY or numbers(hit.source, "repository_id") in readable
            ),
            facets={name: _named(values) for name, values in response.facets.items()},
        )

    def _ranked(
        self,
        fields: Mapping[str, JsonValue],
        defined: list[Symbol],
        atoms: tuple[TextAtom, ...],
        place: int,
        verified: Verified | None = None,
    ) -> _Ranked:
        features = Features(
            repository=texts(fields, "repository"),
            path=texts(fields, "path"),
            language=texts(fields, "language"),
            symbols=tuple(defined),
            is_test=bool(fields.get("is_test")),
            is_vendored=bool(fields.get("is_vendored")),
            is_generated=bool(fields.get("is_generated")),
            stars=numbers(fields, "stars"),
            date=numbers(fields, "date"),
            engine_rank=place,
            lines=verified.lines if verified else (),
        )
        return _Ranked(fields, features, score(features, atoms), verified.text if verified else None)

    def _symbols(self, files: list[Verified]) -> dict[str, list[Symbol]]:
        ids = [part_id(file.row.file_id, part) for file in files for part in range(file.row.parts)]
        found: dict[str, list[Symbol]] = {}
        for key, source in self._engine.fetch(Index.CODE, ids, fields=("file_id", "symbols")).items():
            found.setdefault(key[: -len(part_id("", 0))], []).extend(symbols(source.get("symbols")))
        return found

    def _shown(self, ranked: list[_Ranked], asked: _Asked) -> tuple[CodeHit, ...]:
        """Read the blobs of one page, and drop what the forge does not let this viewer see at this very moment."""
        ids = {entry.repository_id for entry in ranked}
        readable = self._forge.readable(asked.viewer, ids)
        repositories = self._state.repositories()
        read: dict[tuple[int, str], str] = {}
        for number in ids & readable:
            wanted = [entry.blob for entry in ranked if entry.repository_id == number and entry.text is None]
            read |= {(number, oid): text for oid, text in self._texts(number, wanted)}
        return tuple(
            _hit(
                entry,
                entry.text if entry.text is not None else read.get((entry.repository_id, entry.blob), ""),
                asked.texts,
                repositories.get(entry.repository_id),
            )
            for entry in ranked
            if entry.repository_id in readable
        )

    def _texts(self, number: int, oids: list[str]) -> Iterator[tuple[str, str]]:
        repository = self._forge.repository(number)
        if repository is None or not oids:
            return
        try:
            for blob in self._git.blobs(self._forge.git_name(repository), oids, limit=_MAX_BLOB):
                decoded = decode(blob.data) if blob.data is not None else None
                if decoded is not None and not isinstance(decoded, NotText):
                    yield blob.oid, decoded.text
        except ForgeError:
            return


class _Names:
    """Looks patterns up in what the viewer may see of the index, so that not even an error tells of the rest."""

    def __init__(self, state: State, access: Access) -> None:
        self._state = state
        self._rows = [row for row in state.repositories().values() if access.allows(row)]

    def repositories(self, test: Callable[[str], bool]) -> list[int]:
        return [row.repository_id for row in self._rows if test(row.name)]

    def forks(self) -> list[int]:
        return [row.repository_id for row in self._rows if row.fork]

    def authors(self, test: Callable[[str], bool]) -> list[str]:
        return [name for name in self._state.authors(self._ids()) if test(name)]

    def files(self, test: Callable[[str], bool], *, limit: int) -> list[str]:
        found = (file_id for file_id, path in self._state.paths(self._ids()) if test(path))
        return list(islice(found, limit))

    def _ids(self) -> list[int]:
        return [row.repository_id for row in self._rows]


def symbols_of(hit: Hit) -> list[Symbol]:
    """The definitions that an engine stored with a document."""
    return symbols(hit.source.get("symbols"))


def _order(entry: _Ranked) -> tuple[object, ...]:
    return rank_key(entry.features, entry.score)


def _hit(entry: _Ranked, text: str, wanted: Sequence[str], repository: IndexedRepository | None) -> CodeHit:
    line = _line(entry, text, wanted)
    symbol = next((found for found in entry.features.symbols if found.line == line), None)
    shown = excerpt(text, line, [number for number, _ in entry.features.lines])
    return CodeHit(
        repository=entry.features.repository,
        path=entry.features.path,
        blob=entry.blob,
        commit=repository.head if repository else "",
        language=entry.features.language,
        status=texts(entry.fields, "status"),
        line=line if shown else 0,
        text=window(text, line),
        lines=shown,
        symbol=symbol.name if symbol else "",
        kind=symbol.kind if symbol else "",
        author=texts(entry.fields, "author"),
        date=entry.features.date,
        score=entry.score.value,
        reasons=entry.score.reasons,
    )


def _line(entry: _Ranked, text: str, wanted: Sequence[str]) -> int:
    """The definition's line, or the one that holds most; where matches were verified, one of theirs."""
    line = entry.score.line or best_line(text, wanted)
    verified = [number for number, _ in entry.features.lines]
    if not verified or line in verified:
        return line
    line = best_line(text, wanted)
    return line if line in verified else verified[0]


def _record(hit: Hit) -> RecordHit:
    kind = texts(hit.source, "kind")
    return RecordHit(
        kind=kind,
        title=texts(hit.source, "repository" if kind == "repository" else "title"),
        repository=texts(hit.source, "repository"),
        number=numbers(hit.source, "number"),
        state=texts(hit.source, "state"),
        author=texts(hit.source, "author"),
        updated=numbers(hit.source, "updated"),
        url=texts(hit.source, "url"),
        score=hit.score,
    )


def _named(values: Mapping[str, int]) -> dict[str, int]:
    """Facet values without the empty one, which nobody can choose."""
    return {value: count for value, count in values.items() if value}
