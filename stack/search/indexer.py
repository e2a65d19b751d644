"""One run of the indexer over a whole forge, for one engine."""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from typing import Protocol

from stack.forge.adapter import Forge
from stack.forge.errors import ForgeError
from stack.forge.git import GitAccess
from stack.forge.model import EventKind, OutboxEvent, Repository
from stack.search.code_index import (
    CodeIndexer,
    FileProblem,
    RepositoryOutcome,
    facts_digest,
    repository_facts,
)
from stack.search.engines.base import Engine, Index
from stack.search.extract.build import DEFAULT_MAX_BYTES
from stack.search.extract.document import part_id
from stack.search.extract.symbol import SymbolSource
from stack.search.mapping import repository_patch
from stack.search.pipeline import ExactWriter, Pipeline
from stack.search.records_index import RecordIndexer
from stack.search.state import BusyError, IndexedRepository, State, translated

__all__ = ["ExactStore", "Indexer", "Progress", "Report"]

_EVENTS = 1000
_DELETE_SECONDS = 300.0
_ABANDON_SECONDS = 10.0
_NARROWING = frozenset(
    {EventKind.VISIBILITY, EventKind.DELETED, EventKind.TRANSFERRED, EventKind.RENAMED, EventKind.ACCESS}
)


class ExactStore(ExactWriter, Protocol):
    """The exact index as a run needs it."""

    def generation(self) -> str | None:
        """The generation of the state it belongs to."""

    def reset(self, generation: str) -> None:
        """Empty it, for another generation."""

    def file_ids(self) -> Iterator[str]:
        """Every file it holds."""


@dataclass(slots=True)
class Progress:
    """Where a run stands; `repositories` of `total` are behind it."""

    total: int = 0
    repositories: int = 0
    files: int = 0
    size: int = 0
    current: str = ""
    started: float = field(default_factory=time.monotonic)

    @property
    def rate(self) -> float:
        """Bytes of source per second so far."""
        return self.size / max(time.monotonic() - self.started, 1e-6)

    @property
    def remaining(self) -> float | None:
        """Estimated seconds left, by repositories done; `None` before the first."""
        if not self.repositories:
            return None
        return (time.monotonic() - self.started) / self.repositories * (self.total - self.repositories)


@dataclass(slots=True)
class Report:
    """What one run did.

    Args:
        engine: which engine.
        repositories: how many the forge has.
        outcomes: of every repository that was not simply unchanged.
        writes: files and records put, patched or removed; 0 means the run changed nothing.
        documents: documents put.
        text_bytes: characters of text in them.
        seconds: how long it took.
        counts: files by status, over the whole index.
        rebuilt: the engine's indexes were new or not those the state knew, so everything was done.
        refused: ids of records the engine would not take.
        lost: files that the state called held and engine or exact index did not have (a full run looks).
        extra: documents that engine or exact index had and the state did not know.
        stopped: it was told to end before it was through.
    """

    engine: str
    repositories: int = 0
    outcomes: list[RepositoryOutcome] = field(default_factory=list)
    writes: int = 0
    documents: int = 0
    text_bytes: int = 0
    seconds: float = 0.0
    counts: dict[str, int] = field(default_factory=dict)
    rebuilt: bool = False
    refused: list[str] = field(default_factory=list)
    lost: int = 0
    extra: int = 0
    stopped: bool = False

    @property
    def problems(self) -> list[FileProblem]:
        """Every file that could not be indexed as usual in this run."""
        return [problem for outcome in self.outcomes for problem in outcome.problems]

    @property
    def broken(self) -> list[RepositoryOutcome]:
        """Repositories whose git data could not be read."""
        return [outcome for outcome in self.outcomes if outcome.status in {"broken", "gone"}]

    @property
    def clean(self) -> bool:
        """Everything that can be indexed is."""
        lost = {"missing_object", "corrupt_object", "refused"}
        return not self.broken and not self.refused and not lost & set(self.counts)


@dataclass(slots=True)
class Indexer:
    """Everything a run needs; `engine`, `exact` and `state` belong together.

    Args:
        forge: the records.
        git: the repositories.
        engine: words and facets.
        exact: substrings and regular expressions.
        state: what both are known to hold.
        symbols: finds definitions.
        limit: bytes; of a larger file only the name is indexed.
        progress: called now and then.
        lock_wait: seconds to wait for another indexer to end.
        stop: asked between repositories; once it says so, the run ends there with all that was done recorded.
    """

    forge: Forge
    git: GitAccess
    engine: Engine
    exact: ExactStore
    state: State
    symbols: SymbolSource
    limit: int = DEFAULT_MAX_BYTES
    progress: Callable[[Progress], None] = lambda _: None
    lock_wait: float = 60.0
    stop: Callable[[], bool] = lambda: False

    def run(self, *, full: bool = False) -> Report:
        """Bring the engine up to date.

        Args:
            full: compare everything, instead of what events, heads and facts say has changed.

        Returns:
            What was done. Trouble with single repositories and files is in it.

        Raises:
            EngineError: the engine is down, full or refuses; what it acknowledged is recorded, the rest is for the
                next run.
            BusyError: another indexer did not end in time.
        """
        begun = time.monotonic()
        report = Report(self.engine.name)
        with translated(self.state.place), _Patient(self.state, self.lock_wait):
            report.rebuilt = self._same_generation()
            self._take_events()
            run = _Run(self, report, full=full or report.rebuilt)
            try:
                run.go()
            finally:
                run.end()
            report.counts = self.state.counts()
        report.seconds = time.monotonic() - begun
        return report

    def _same_generation(self) -> bool:
        """Make engine, exact index and state speak of the same thing; start anew where they don't."""
        known = self.state.generation()
        proposed = _new_generation()
        held = self.engine.ensure(generation=proposed)
        if held == known and self.exact.generation() == known:
            return False
        if held != proposed:
            # Documents that nothing here knows about: of another database, or of a state that was lost.
            self.engine.drop()
            held = self.engine.ensure(generation=proposed)
        self.state.adopt(held)
        self.exact.reset(held)
        return True

    def _take_events(self) -> None:
        while events := self.forge.events(limit=_EVENTS):
            self.state.raise_scopes(scope for event in events for scope in _scopes(event))
            if any(event.kind in {EventKind.USER, EventKind.ORGANIZATION} and event.previous for event in events):
                # Somebody has another name now, and may have written anywhere.
                self.state.raise_scopes(f"work:{repository.id}" for repository in self.forge.repositories())
            self.forge.acknowledge([event.id for event in events])


class _Patient:
    """Holds the engine's lock, after waiting for whoever has it."""

    def __init__(self, state: State, wait: float) -> None:
        self._state = state
        self._until = time.monotonic() + wait
        self._lock = state.lock("index")

    def __enter__(self) -> None:
        while True:
            try:
                self._lock.__enter__()
            except BusyError:
                if time.monotonic() >= self._until:
                    raise
                time.sleep(0.2)
                self._lock = self._state.lock("index")
            else:
                return

    def __exit__(self, *error: object) -> None:
        self._lock.__exit__(None, None, None)


def _new_generation() -> str:
    return secrets.token_hex(8)


def _scopes(event: OutboxEvent) -> Iterator[str]:
    number = event.repository_id
    if number is not None:
        yield f"record:{number}"
    if number is not None and event.kind in _NARROWING:
        yield f"closed:{number}"
        yield f"work:{number}"
        yield f"wiki:{number}"
    if number is not None and event.kind in {EventKind.ISSUE, EventKind.PULL_REQUEST, EventKind.COMMENT}:
        yield f"work:{number}"
    if number is not None and event.kind is EventKind.WIKI:
        yield f"wiki:{number}"
    if event.kind in {EventKind.USER, EventKind.ORGANIZATION}:
        yield "people"


class _Run:
    """The steps of one run, in the order in which lateness hurts: closing doors first."""

    def __init__(self, indexer: Indexer, report: Report, *, full: bool) -> None:
        self._to = indexer
        self._report = report
        self._full = full
        self._progress = Progress()
        self._pipeline = Pipeline(indexer.engine, indexer.exact, indexer.state)
        self._records = RecordIndexer(indexer.forge, indexer.git, indexer.engine, indexer.state)
        self._scopes = indexer.state.scopes()
        self._held = indexer.state.held()
        self._to_hold: list[str] = []
        self._patched: list[IndexedRepository] = []

    def go(self) -> None:
        self._undo()
        known = self._to.state.repositories()
        present = {repository.id: repository for repository in self._to.forge.repositories()}
        self._report.repositories = self._progress.total = len(present)
        self._forget([row for number, row in known.items() if number not in present])
        if self._full and not self._report.rebuilt:
            self._reconcile()
        self._facts(known, present)
        self._code(present)
        if not self._report.stopped:
            self._work(present)
        self._report.refused += self._records.refused
        self._report.writes = self._pipeline.written.writes + self._records.changed
        self._report.documents = self._pipeline.written.documents
        self._report.text_bytes = self._pipeline.written.text_bytes

    def end(self) -> None:
        """Leave nothing under way, whatever happened."""
        self._pipeline.abandon(_ABANDON_SECONDS)

    def _settle(self) -> None:
        """Wait until the engine holds everything so far, then say so."""
        self._pipeline.checkpoint()
        self._records.flush()
        patched, self._patched = self._patched, []
        for row in patched:
            if row.repository_id not in self._records.spoilt and not self._pipeline.refused_in(row.repository_id):
                self._to.state.save_repository(row)
        holds, self._to_hold = self._to_hold, []
        for scope in holds:
            _, _, number = scope.partition(":")
            if (int(number) if number else None) not in self._records.spoilt:
                self._hold(scope)

    def _undo(self) -> None:
        """Remove what a run that died had sent: nobody knows whether it arrived, and it may be outdated by now."""
        left = self._to.state.sent()
        for collection in sorted({entry[0] for entry in left}):
            entries = [entry for entry in left if entry[0] == collection]
            keys = [key for _, key, _, _ in entries]
            code = collection == Index.CODE.value
            documents = [part_id(key, part) if code else key for _, key, _, parts in entries for part in range(parts)]
            for start in range(0, len(documents), _EVENTS):
                self._to.engine.submit(Index(collection), delete=documents[start : start + _EVENTS]).wait(
                    _DELETE_SECONDS
                )
            if code:
                self._to.exact.remove(keys)
                self._to.exact.commit()
            self._to.state.undo(collection, keys)
            for number in {number for _, _, number, _ in entries}:
                self._look_again(number, code=code)

    def _look_again(self, number: int | None, *, code: bool) -> None:
        if code and number is not None:
            self._to.state.incomplete(number)
            return
        for scope in ("people",) if number is None else (f"record:{number}", f"work:{number}", f"wiki:{number}"):
            self._to.state.release(scope)
            self._held.pop(scope, None)

    def _forget(self, rows: list[IndexedRepository]) -> None:
        for row in rows:
            for file in self._to.state.files(row.repository_id):
                self._pipeline.remove(row.repository_id, file)
            self._records.forget(row.repository_id)
        self._settle()
        for row in rows:
            self._to.state.forget(row.repository_id)

    def _reconcile(self) -> None:
        """Believe neither the state nor the engine: what only one of them has is removed there, to be made anew."""
        engine, exact, state = self._to.engine, self._to.exact, self._to.state
        held = set(engine.ids(Index.CODE))
        exactly = set(exact.file_ids())
        lost = []
        for file_id, parts, has_text in state.file_ids():
            ids = {part_id(file_id, part) for part in range(parts)}
            if not ids <= held or (has_text and file_id not in exactly):
                lost.append(file_id)
            held -= ids
            exactly.discard(file_id)
        state.doubt(lost)
        self._report.lost, self._report.extra = len(lost), len(held) + len(exactly)
        for start in range(0, len(extra := sorted(held)), _EVENTS):
            engine.submit(Index.CODE, delete=extra[start : start + _EVENTS]).wait(_DELETE_SECONDS)
        if exactly:
            exact.remove(sorted(exactly))
            exact.commit()

    def _facts(self, known: dict[int, IndexedRepository], present: dict[int, Repository]) -> None:
        """Visibility, name, stars: what all documents of a repository repeat."""
        for number, row in known.items():
            repository = present.get(number)
            if repository is None:
                continue
            if row.facts != facts_digest(repository_facts(repository)):
                self._patch(row, repository)
            if self._behind(f"closed:{number}"):
                self._to_hold.append(f"closed:{number}")
        self._settle()

    def _patch(self, row: IndexedRepository, repository: Repository) -> None:
        facts = repository_facts(repository)
        # Until all of it is patched, it is not known what the documents say.
        self._to.state.save_repository(replace(row, facts=""))
        for file in self._to.state.files(row.repository_id):
            self._pipeline.patch(row.repository_id, file, repository_patch(facts), record=False)
        patched = replace(
            row,
            name=facts.full_name,
            facts=facts_digest(facts),
            visibility=facts.visibility,
            fork=facts.fork,
            archived=facts.archived,
            stars=facts.stars,
        )
        self._patched.append(patched)
        self._records.repository(repository)
        self._records.work(repository)
        self._wiki(repository)

    def _code(self, present: dict[int, Repository]) -> None:
        rows = self._to.state.repositories()
        code = CodeIndexer(
            self._to.git, self._to.state, self._pipeline, self._to.symbols, limit=self._to.limit, advance=self._advance
        )
        for repository in present.values():
            if self._told_to_stop():
                break
            self._progress.current = repository.full_name
            name = self._to.forge.git_name(repository)
            outcome = code.index(repository, name, rows.get(repository.id), force=self._full)
            self._to_hold.append(f"closed:{repository.id}")
            if outcome.status != "unchanged":
                self._report.outcomes.append(outcome)
            self._progress.repositories += 1
            self._to.progress(self._progress)
        self._settle()

    def _work(self, present: dict[int, Repository]) -> None:
        looks: dict[str, Callable[[Repository], bool | None]] = {
            "record": self._records.repository,
            "work": self._records.work,
            "wiki": self._wiki,
        }
        for repository in present.values():
            if self._told_to_stop():
                break
            for what, look in looks.items():
                if self._due(f"{what}:{repository.id}") and look(repository) is not False:
                    self._to_hold.append(f"{what}:{repository.id}")
        if not self._report.stopped and self._due("people"):
            self._records.people()
            self._to_hold.append("people")
        self._settle()

    def _wiki(self, repository: Repository) -> bool:
        """Index a wiki; false when it could not be read, and is tried again by the next run."""
        try:
            self._records.wiki(repository)
        except ForgeError as error:
            self._report.outcomes.append(RepositoryOutcome(f"{repository.full_name}.wiki", "broken", str(error)))
            return False
        return True

    def _told_to_stop(self) -> bool:
        self._report.stopped = self._report.stopped or self._to.stop()
        return self._report.stopped

    def _due(self, scope: str) -> bool:
        """Never looked at, changed since, or everything is due."""
        return self._full or scope not in self._held or self._behind(scope)

    def _behind(self, scope: str) -> bool:
        return self._scopes.get(scope, 0) != self._held.get(scope, 0)

    def _hold(self, scope: str) -> None:
        version = self._scopes.get(scope, 0)
        if self._held.get(scope) != version:
            self._to.state.hold(scope, version)
            self._held[scope] = version

    def _advance(self, files: int, size: int) -> None:
        self._progress.files += files
        self._progress.size += size
        self._to.progress(self._progress)
