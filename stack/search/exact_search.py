"""Answers what words cannot: candidates from trigrams, each checked on the real text."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from itertools import islice

from stack.forge.adapter import Forge
from stack.forge.errors import ForgeError
from stack.forge.git import GitAccess
from stack.search.access import Access
from stack.search.engines.base import And, Engine, Filter, Index, JsonValue
from stack.search.exact.index import ExactIndex
from stack.search.exact.snapshot import AllowedRepos, Candidate
from stack.search.extract.decode import NotText, decode
from stack.search.extract.document import part_id
from stack.search.extract.symbol import Symbol
from stack.search.filters import matches
from stack.search.mapping import path_tokens, symbols, year
from stack.search.state import IndexedFile, IndexedRepository, State
from stack.search.textmatch import Subject, TextTest, grams_of

__all__ = ["ExactSearch", "Found", "Verified", "row_fields"]

_CHUNK = 256
_MAX_BLOB = 64 * 1024 * 1024
_KEPT_CHARACTERS = 16 * 1024 * 1024
"""Of texts that were read, for a page that shows them; what was found later is read again if it is shown."""

_END = object()


@dataclass(frozen=True, slots=True)
class Verified:
    """A file whose text was seen to match.

    Args:
        repository: that it is in.
        row: as it is indexed.
        fields: what filters and facets look at.
        lines: that hold a match, as (1-based number, text), each once and in order.
        text: `None` where it was not kept.
    """

    repository: IndexedRepository
    row: IndexedFile
    fields: Mapping[str, JsonValue]
    lines: tuple[tuple[int, str], ...]
    text: str | None


@dataclass(slots=True)
class Found:
    """What was verified; not `complete` when time or number ran out before the candidates did."""

    files: list[Verified] = field(default_factory=list)
    complete: bool = True
    _kept: int = 0

    def add(self, file: Verified) -> None:
        """Take one more, and its text as long as there is room."""
        self._kept += len(file.text or "")
        self.files.append(file if self._kept <= _KEPT_CHARACTERS else replace(file, text=None))

    def facets(self, names: Iterable[str], limit: int) -> dict[str, dict[str, int]]:
        """Files by value of each field, the commonest first."""
        counted = {name: Counter(str(file.fields[name]) for file in self.files) for name in names}
        return {
            name: dict(sorted(counts.items(), key=lambda item: (-item[1], item[0]))[:limit])
            for name, counts in counted.items()
        }


def row_fields(repository: IndexedRepository, row: IndexedFile) -> dict[str, JsonValue]:
    """The fields of a file that filters and facets look at, as the engine has them."""
    return {
        "repository_id": repository.repository_id,
        "repository": repository.name,
        "owner": repository.name.partition("/")[0],
        "visibility": repository.visibility,
        "branch": repository.branch,
        "archived": repository.archived,
        "stars": repository.stars,
        "file_id": row.file_id,
        "path": row.display,
        "path_tokens": path_tokens(row.display),
        "language": row.language or "",
        "author": row.author,
        "date": row.date,
        "year": year(row.date),
        "status": row.status,
        "size": row.size,
        "is_test": row.is_test,
        "is_vendored": row.is_vendored,
        "is_generated": row.is_generated,
    }


@dataclass(frozen=True, slots=True)
class ExactSearch:
    """The exact layer on one engine's files.

    Args:
        forge: names of repositories.
        git: their blobs.
        engine: definitions of files, where a query asks for them.
        exact: trigrams.
        state: what is indexed.
        seconds: time after which it stops and says that it is not complete.
        files: number of candidates likewise.
    """

    forge: Forge
    git: GitAccess
    engine: Engine
    exact: ExactIndex
    state: State
    seconds: float = 3.0
    files: int = 20_000

    def run(self, test: TextTest, where: Filter, access: Access) -> Found:
        """Every file that the viewer may see, that passes the filter and whose text passes the test."""
        repositories = {
            number: repository for number, repository in self.state.repositories().items() if access.allows(repository)
        }
        found = Found()
        deadline = time.monotonic() + self.seconds
        if self.exact.damaged:
            found.complete = False  # what the damaged part held is missing until the next run of the indexer
        candidates = self.exact.candidates(grams_of(test.root), AllowedRepos.only(repositories))
        taken = 0
        while chunk := list(islice(candidates, _CHUNK)):
            taken += len(chunk)
            looked_at = self._look_at(chunk, repositories, And((access.filter(), where)), test)
            for verified in looked_at:
                if verified is not None:
                    found.add(verified)
                if time.monotonic() > deadline:
                    break
            if taken >= self.files or time.monotonic() > deadline:
                done = next(looked_at, _END) is _END and next(candidates, None) is None
                found.complete = found.complete and done
                break
        return found

    def _look_at(
        self, chunk: list[Candidate], repositories: dict[int, IndexedRepository], where: Filter, test: TextTest
    ) -> Iterator[Verified | None]:
        """Each text of a chunk that was looked at; `None` for one that does not match."""
        for repository, rows in self._rows(chunk, repositories, where):
            yield from self._verified(repository, rows, test)

    def _rows(
        self, chunk: list[Candidate], repositories: dict[int, IndexedRepository], where: Filter
    ) -> Iterator[tuple[IndexedRepository, list[tuple[IndexedFile, dict[str, JsonValue]]]]]:
        grouped: dict[int, list[tuple[IndexedFile, dict[str, JsonValue]]]] = {}
        rows = self.state.files_by_id([candidate.file_id for candidate in chunk])
        for number, row in rows.values():
            repository = repositories.get(number)
            if repository is None:
                continue
            fields = row_fields(repository, row)
            if matches(where, fields):
                grouped.setdefault(number, []).append((row, fields))
        for number, entries in grouped.items():
            yield repositories[number], entries

    def _verified(
        self,
        repository: IndexedRepository,
        rows: list[tuple[IndexedFile, dict[str, JsonValue]]],
        test: TextTest,
    ) -> Iterator[Verified | None]:
        known = self.forge.repository(repository.repository_id)
        if known is None:
            return
        try:
            blobs = self.git.blobs(self.forge.git_name(known), [row.blob for row, _ in rows], limit=_MAX_BLOB)
            for (row, fields), blob in zip(rows, blobs, strict=True):
                decoded = decode(blob.data) if blob.data is not None else None
                if decoded is None or isinstance(decoded, NotText):
                    continue
                subject = Subject(decoded.text, fields, partial(self._symbols, row))
                if test.holds(subject):
                    lines = dict.fromkeys((match.line, match.line_text) for match in test.found(subject))
                    yield Verified(repository, row, fields, tuple(lines), decoded.text)
                else:
                    yield None
        except ForgeError:
            # Its git data is gone or unreadable now: nothing of it can be shown.
            return

    def _symbols(self, row: IndexedFile) -> list[Symbol]:
        ids = [part_id(row.file_id, part) for part in range(row.parts)]
        found = self.engine.fetch(Index.CODE, ids, fields=("symbols",))
        return [symbol for key in ids if key in found for symbol in symbols(found[key].get("symbols"))]
