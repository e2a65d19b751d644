"""Brings one repository's files in an engine to the state of its default branch."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing
from dataclasses import dataclass, field, replace

from stack.forge.errors import ForgeError, RepositoryMissingError
from stack.forge.git import Blob, GitAccess, Head, Touch, TreeEntry
from stack.forge.model import Repository
from stack.search.diff import Change, Step, compare
from stack.search.extract.build import build
from stack.search.extract.document import FileFacts, FileStatus, LastTouch, RepositoryFacts, display_path
from stack.search.extract.symbol import SymbolSource
from stack.search.mapping import year
from stack.search.pipeline import Pipeline
from stack.search.state import REFUSED, IndexedFile, IndexedRepository, State
from stack.search.touches import LastChange, Touches

__all__ = [
    "CodeIndexer",
    "FileProblem",
    "RepositoryOutcome",
    "branch_of",
    "facts_digest",
    "repository_facts",
    "settings_digest",
]

_EXTRACTION = 2
"""Raised whenever the same blob gives other documents than before, so that everything is made anew."""

_LOST = frozenset({FileStatus.MISSING_OBJECT.value, FileStatus.CORRUPT_OBJECT.value})

_WINDOW_FILES = 256
_WINDOW_BYTES = 8 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class FileProblem:
    """A file that could not be indexed as it normally would."""

    repository: str
    path: str
    status: str
    detail: str = ""


@dataclass(slots=True)
class RepositoryOutcome:
    """What became of one repository: `indexed`, `unchanged`, `empty`, `gone` or `broken` (with the reason)."""

    repository: str
    status: str
    detail: str = ""
    files: int = 0
    problems: list[FileProblem] = field(default_factory=list)


def repository_facts(repository: Repository) -> RepositoryFacts:
    """What every document of a repository repeats."""
    return RepositoryFacts(
        id=repository.id,
        owner=repository.owner,
        name=repository.name,
        visibility=repository.visibility,
        stars=repository.stars,
        archived=repository.archived,
        fork=repository.fork,
    )


def facts_digest(facts: RepositoryFacts) -> str:
    """Changes when any fact does."""
    return hashlib.sha256(repr(facts).encode()).hexdigest()[:32]


def settings_digest(limit: int) -> str:
    """Changes when the same blob would give other documents."""
    return hashlib.sha256(f"{_EXTRACTION}:{limit}".encode()).hexdigest()[:16]


@dataclass(frozen=True, slots=True)
class CodeIndexer:
    """Streams tree, blobs and state past each other; what it keeps of a repository are the paths that changed.

    Args:
        git: where repositories are.
        state: what the engine holds.
        pipeline: takes the changes.
        symbols: finds definitions.
        limit: bytes; of a larger file only the name is indexed.
        advance: told files and bytes as they are read.
    """

    git: GitAccess
    state: State
    pipeline: Pipeline
    symbols: SymbolSource
    limit: int
    advance: Callable[[int, int], None]

    def index(
        self, repository: Repository, name: str, known: IndexedRepository | None, *, force: bool = False
    ) -> RepositoryOutcome:
        """Index one repository.

        Args:
            repository: the forge's record.
            name: its git name.
            known: the state's row, if the engine holds it at all.
            force: compare all of it even if its head has not moved.

        Returns:
            What became of it; trouble with git is an outcome, trouble with the engine is raised.
        """
        try:
            head = self.git.head(name)
            if known and not force and self._is_current(known, head):
                return RepositoryOutcome(repository.full_name, "unchanged")
            return self._update(repository, name, known, head)
        except RepositoryMissingError as error:
            return RepositoryOutcome(repository.full_name, "gone", str(error))
        except ForgeError as error:
            return RepositoryOutcome(repository.full_name, "broken", str(error))

    def _is_current(self, known: IndexedRepository, head: Head) -> bool:
        wanted = (head.commit or "", branch_of(head), settings_digest(self.limit))
        return known.complete and (known.head, known.branch, known.settings) == wanted

    def _update(
        self, repository: Repository, name: str, known: IndexedRepository | None, head: Head
    ) -> RepositoryOutcome:
        facts = repository_facts(repository)
        outcome = RepositoryOutcome(repository.full_name, "indexed" if head.commit else "empty")
        settings = settings_digest(self.limit)
        row = IndexedRepository(
            repository_id=repository.id,
            name=repository.full_name,
            head=known.head if known else "",
            branch=known.branch if known else "",
            facts=facts_digest(facts),
            visibility=facts.visibility,
            fork=facts.fork,
            archived=facts.archived,
            stars=facts.stars,
            settings=known.settings if known else settings,
            complete=False,
        )
        self.state.save_repository(row)
        job = _Job(self, facts, name, head, known, outcome)
        job.run()
        done = replace(row, head=head.commit or "", branch=branch_of(head), settings=settings)
        self.pipeline.then(lambda: self._finish(done, job))
        return outcome

    def _finish(self, row: IndexedRepository, job: _Job) -> None:
        refused = self.pipeline.refused_in(row.repository_id)
        job.outcome.problems += [FileProblem(job.outcome.repository, path, REFUSED) for path in refused]
        lost = any(problem.status in _LOST for problem in job.outcome.problems)
        self.state.save_repository(replace(row, complete=not (job.unread or refused or lost)))


@dataclass(slots=True)
class _Job:
    """One run over one repository."""

    to: CodeIndexer
    facts: RepositoryFacts
    name: str
    head: Head
    known: IndexedRepository | None
    outcome: RepositoryOutcome
    follows: bool = False
    unread: list[bytes] = field(default_factory=list)

    def run(self) -> None:
        """Compare, then put; remove only after the whole tree was read, so that half a tree removes nothing."""
        with closing(Touches()) as touches:
            self._find_touches(touches)
            self._compare(touches)

    def _compare(self, touches: Touches) -> None:
        redo = self.known is not None and self.known.settings != settings_digest(self.to.limit)
        moved = self.known is not None and self.known.branch not in ("", branch_of(self.head))
        removed = False
        window = _Window(self.to.limit)
        for change in compare(self._tree(), self._rows(), redo=redo or moved):
            if change.entry is None:
                removed = True
            elif change.step is Step.KEEP:
                self._keep(change, touches.get(change.path))
            elif window.add(change):
                self._put(window.take(), touches)
        self._put(window.take(), touches)
        # Looked at once more instead of kept: a force-push may remove a million of them.
        for change in compare(self._entries(), self._rows()) if removed else ():
            if change.entry is None and change.row is not None and not change.path.startswith(tuple(self.unread)):
                self.to.pipeline.remove(self.facts.id, change.row)

    def _entries(self) -> Iterator[TreeEntry]:
        if self.head.commit is not None:
            for entry in self.to.git.tree(self.name, self.head.commit):
                if entry.type != "tree":
                    yield entry

    def _tree(self) -> Iterator[TreeEntry]:
        if self.head.commit is None:
            return
        for entry in self.to.git.tree(self.name, self.head.commit):
            if entry.type == "tree":
                # What is under it is unknown, not gone: nothing below is removed, and the run says so.
                self.unread.append(entry.path + b"/")
                self._problem(entry.path, FileStatus.CORRUPT_OBJECT, entry.problem or "the folder can't be read")
            else:
                yield entry

    def _rows(self) -> Iterable[IndexedFile]:
        return self.to.state.files(self.facts.id) if self.known else ()

    def _find_touches(self, touches: Touches) -> None:
        """The last touch of every path that can have got another one since the last run."""
        git, new = self.to.git, self.head.commit
        if new is None:
            return
        old = self.known.head if self.known else ""
        self.follows = bool(old) and git.is_ancestor(self.name, old, new)
        if not self.follows:
            touches.add(git.touches(self.name, new))
            return
        # A path that comes back may have been touched last before it went: look for new ones in all of history.
        fresh = {change.path for change in compare(self._tree(), self._rows()) if change.row is None}
        self.unread.clear()
        self.outcome.problems.clear()
        touches.add(self._first_of(fresh, git.touches(self.name, new)) if fresh else ())
        touches.add(git.touches(self.name, new, old))

    @staticmethod
    def _first_of(wanted: set[bytes], touches: Iterator[Touch]) -> Iterator[Touch]:
        """The newest touch of each of these paths, until all are found."""
        for touch in touches:
            if touch.path in wanted:
                yield touch
                wanted.discard(touch.path)
                if not wanted:
                    return

    def _keep(self, change: Change, found: LastChange | None) -> None:
        row = change.row
        if row is None or found is None:
            return
        last = self._last(row, found)
        if last == _of_row(row):
            return
        self.to.pipeline.patch(
            self.facts.id,
            replace(row, author=last.author, commit=last.commit, date=last.date, committed=last.committed),
            {"author": last.author, "commit": last.commit, "date": last.date, "year": year(last.date)},
        )

    def _last(self, row: IndexedFile | None, found: LastChange | None) -> LastChange:
        """The last change of a path; where history only grew, the known one may still be the newest."""
        known = _of_row(row) if row is not None else None
        if known is None or found is None:
            return found or known or LastChange()
        if self.follows and (known.committed, known.commit) > (found.committed, found.commit):
            return known
        return found

    def _put(self, window: list[Change], touches: Touches) -> None:
        entries = [change.entry for change in window if change.entry is not None]
        oids = [entry.oid for entry in entries if entry.type == "blob"]
        blobs = iter(self.to.git.blobs(self.name, oids, limit=self.to.limit) if oids else ())
        for change in window:
            entry = change.entry
            if entry is not None:
                blob = next(blobs) if entry.type == "blob" else None
                self._put_one(entry, blob, change.row, self._last(change.row, touches.get(entry.path)))

    def _put_one(self, entry: TreeEntry, blob: Blob | None, known: IndexedFile | None, last: LastChange) -> None:
        documents = build(
            self.facts,
            FileFacts(entry.path, entry.mode, entry.oid, entry.size if blob is None else blob.size),
            blob.data if blob else None,
            branch=branch_of(self.head),
            touch=LastTouch(last.author, last.commit, last.date),
            symbols=self.to.symbols,
            problem=_problem_of(blob),
            max_bytes=self.to.limit,
        )
        first = documents[0]
        row = IndexedFile(
            path=entry.path,
            display=first.path,
            file_id=first.file_id,
            mode=entry.mode,
            blob=entry.oid,
            status=first.status.value,
            parts=len(documents),
            size=first.size,
            language=first.language,
            author=last.author,
            commit=last.commit,
            date=last.date,
            committed=last.committed,
            is_test=first.is_test,
            is_vendored=first.is_vendored,
            is_generated=first.is_generated,
        )
        if first.status.is_problem:
            self._problem(entry.path, first.status, (blob.corrupt if blob else None) or "")
        self.to.pipeline.put(self.facts.id, documents, row, old_parts=known.parts if known else 0)
        self.outcome.files += 1
        self.to.advance(1, first.size)

    def _problem(self, path: bytes, status: FileStatus, detail: str) -> None:
        self.outcome.problems.append(FileProblem(self.outcome.repository, display_path(path), status.value, detail))


def _of_row(row: IndexedFile) -> LastChange:
    return LastChange(row.author, row.commit, row.date, row.committed)


class _Window:
    """Changes whose blobs are asked for together: many enough to be quick, few enough to stay small."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._changes: list[Change] = []
        self._bytes = 0

    def add(self, change: Change) -> bool:
        """Take one more; true when it is time to `take` them."""
        self._changes.append(change)
        self._bytes += min((change.entry.size or 0) if change.entry else 0, self._limit)
        return len(self._changes) >= _WINDOW_FILES or self._bytes >= _WINDOW_BYTES

    def take(self) -> list[Change]:
        """What was collected; the window is empty afterwards."""
        changes, self._changes, self._bytes = self._changes, [], 0
        return changes


def _problem_of(blob: Blob | None) -> FileStatus | None:
    if blob is None:
        return None
    if blob.missing:
        return FileStatus.MISSING_OBJECT
    if blob.corrupt is not None:
        return FileStatus.CORRUPT_OBJECT
    return FileStatus.TOO_LARGE if blob.data is None else None


def branch_of(head: Head) -> str:
    """The branch's name; a detached or otherwise odd HEAD is called HEAD."""
    return head.branch or "HEAD"
