"""What the steps of a scenario share: a forge with its people and repositories, one engine, and the last answer."""

from __future__ import annotations

import shutil
import time
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime

from stack.addresses import EngineKind
from stack.errors import EngineRoomError, UsageError
from stack.forge.errors import AlreadyExistsError, NotFoundError
from stack.forge.fixtures import odd_files, push_odd
from stack.forge.hosting import Hosting
from stack.forge.model import Issue, Level, Visibility
from stack.forge.repositories import Files, Person
from stack.reference import Reference
from stack.search.extract.document import display_path
from stack.search.indexer import Report
from stack.search.results import CodeHit, RecordHit, Results

__all__ = ["Row", "World", "split"]


def split(full_name: str) -> tuple[str, str]:
    """`owner/name` in two."""
    owner, _, name = full_name.partition("/")
    return owner, name


@dataclass(frozen=True)
class Row:
    """One file of a table: path, content, and optionally who committed it when."""

    path: str
    content: str
    author: str = "Ada"
    date: datetime | None = None


@dataclass
class World:
    """The controller that steps delegate to."""

    reference: Reference
    engine: EngineKind
    slow: float = 1.0
    results: Results | None = None
    refusal: UsageError | None = None
    viewer: str | None = None
    report: Report | None = None
    failure: EngineRoomError | None = None
    issue: tuple[str, Issue] | None = None
    _spoilt: set[str] = field(default_factory=set)

    def user(self, name: str) -> None:
        """Make sure that there is such a user."""
        try:
            self.reference.forge.create_user(name, full_name=name.capitalize())
        except AlreadyExistsError:
            return

    @property
    def hosting(self) -> Hosting:
        """Forge and git as one."""
        return self.reference.hosting

    def repository(self, full_name: str, *, visibility: Visibility = "public") -> None:
        """Make sure that there is such a repository with this visibility, and that its default branch is main."""
        owner, name = split(full_name)
        self.user(owner)
        found = self.reference.forge.find_repository(owner, name)
        if found is None:
            self.hosting.create_repository(owner, name, visibility=visibility)
            return
        if found.visibility != visibility:
            self.reference.forge.set_visibility(owner, name, visibility)
        if found.default_branch != "main":
            self.hosting.set_default_branch(owner, name, "main")

    def fill(self, full_name: str, rows: Iterable[Row], *, visibility: Visibility = "public") -> None:
        """Make a repository hold exactly these files, each row a commit."""
        self.repository(full_name, visibility=visibility)
        for number, row in enumerate(rows):
            self.push(full_name, {row.path: row.content.encode()}, author=row.author, date=row.date, fresh=number == 0)

    def push(
        self,
        full_name: str,
        files: Files,
        *,
        author: str = "Ada",
        date: datetime | None = None,
        fresh: bool = False,
        branch: str = "main",
    ) -> None:
        """Push one commit as a user would; `fresh` starts over with nothing but these files."""
        self.hosting.push(
            *split(full_name),
            files,
            branch=branch,
            author=Person(author, f"{author.lower()}@forge.example"),
            date=date or datetime.now(UTC),
            force=fresh,
            orphan=fresh,
        )

    def fill_odd(self, full_name: str) -> None:
        """Make a repository hold every odd file; once is enough, it takes a while."""
        if self.reference.forge.find_repository(*split(full_name)) is None:
            self.repository(full_name)
            _, update = push_odd(self.reference.repositories, f"{full_name}.git")
            self.hosting.announce(*split(full_name), [update])

    def odd_words_not_found(self, full_name: str) -> list[str]:
        """Which odd files that have text are not found by the word in them."""
        missed = []
        for odd in odd_files():
            if odd.word is not None:
                self.search(f"repo:{full_name} {odd.word}")
                if display_path(odd.path) not in [hit.path for hit in self.code()]:
                    missed.append(odd.what)
        return missed

    def write_wiki(self, full_name: str, path: str, text: str) -> None:
        """Write one wiki page as a commit."""
        self.repository(full_name)
        owner, name = split(full_name)
        person = Person("Ada", "ada@forge.example")
        self.hosting.write_wiki(
            owner, name, {path: text.encode()}, username=owner, author=person, date=datetime.now(UTC)
        )

    def open_issue(self, full_name: str, title: str, *, author: str = "ada", body: str = "") -> None:
        """Open an issue, and remember it."""
        self.repository(full_name, visibility=self.visibility(full_name))
        self.user(author)
        issue = self.reference.forge.open_issue(*split(full_name), author=author, title=title, body=body)
        self.issue = (full_name, issue)

    def comment(self, text: str) -> None:
        """Comment on the last issue."""
        full_name, issue = self._last_issue()
        self.reference.forge.add_comment(*split(full_name), issue.number, author=issue.author, body=text)

    def close_issue(self) -> None:
        """Close the last issue."""
        full_name, issue = self._last_issue()
        self.reference.forge.edit(*split(full_name), issue.number, state="closed")

    def _last_issue(self) -> tuple[str, Issue]:
        assert self.issue is not None, "no issue was opened yet"
        return self.issue

    def visibility(self, full_name: str) -> Visibility:
        """What a repository is now; public when it is not there."""
        found = self.reference.forge.find_repository(*split(full_name))
        return found.visibility if found else "public"

    def let_read(self, full_name: str, user: str) -> None:
        """Make a user a collaborator who may read."""
        self.user(user)
        self.reference.forge.add_collaborator(*split(full_name), user, level=Level.READ)

    def delete(self, full_name: str) -> None:
        """Delete a repository, if there is one, as its owner would."""
        with suppress(NotFoundError):
            self.hosting.delete_repository(*split(full_name))

    def rename(self, full_name: str, new_name: str) -> None:
        """Rename a repository; one that has the new name already is deleted first."""
        owner, name = split(full_name)
        self.delete(f"{owner}/{new_name}")
        self.hosting.rename_repository(owner, name, new_name)

    def lose_git_data(self, full_name: str) -> None:
        """Remove the git repository behind the forge's back."""
        shutil.rmtree(self.reference.repositories.path(f"{full_name}.git"))
        self._spoilt.add(full_name)

    def content(self, full_name: str, path: str) -> bytes:
        """What a file holds on the default branch."""
        git, name = self.reference.git, f"{full_name}.git"
        blob = next(iter(git.blobs(name, [self._oid(full_name, path)], limit=100_000_000)))
        assert blob.data is not None, f"{path} cannot be read"
        return blob.data

    def damage(self, full_name: str, path: str) -> None:
        """Overwrite the object of a file by garbage; it must be a loose one, as a small push leaves it."""
        oid = self._oid(full_name, path)
        loose = self.reference.repositories.path(f"{full_name}.git") / "objects" / oid[:2] / oid[2:]
        loose.chmod(0o644)
        loose.write_bytes(b"not an object")
        self._spoilt.add(full_name)

    def _oid(self, full_name: str, path: str) -> str:
        git, name = self.reference.git, f"{full_name}.git"
        head = git.head(name)
        assert head.commit is not None, f"{full_name} has no commit"
        return next(entry.oid for entry in git.tree(name, head.commit) if entry.path == path.encode())

    def tidy(self) -> None:
        """Delete what a scenario spoilt on purpose, so that no later run meets it."""
        for full_name in self._spoilt:
            self.delete(full_name)
        self._spoilt.clear()

    def index(self, seconds: float | None = None, *, full: bool = False) -> None:
        """Index the forge; longer than `seconds` is a broken promise."""
        begun = time.monotonic()
        self.report = self.reference.index(self.engine, full=full)
        took = time.monotonic() - begun
        assert seconds is None or took <= seconds * self.slow, f"indexing took {took:.1f} s, promised were {seconds} s"

    def try_index(self) -> None:
        """Index the forge; whatever trouble there is, is kept for the next step."""
        self.failure = None
        try:
            self.report = self.reference.index(self.engine)
        except EngineRoomError as error:
            self.failure = error

    def search(self, query: str, viewer: str | None = None) -> None:
        """Ask, and keep the answer or the refusal."""
        self.viewer, self.results, self.refusal = viewer, None, None
        with self.reference.search(self.engine) as search:
            try:
                self.results = search.search(query, viewer=viewer, per_page=50)
            except UsageError as error:
                self.refusal = error

    @property
    def answer(self) -> Results:
        """The last answer; a refused query is a failed expectation."""
        assert self.refusal is None, f"the query was refused: {self.refusal}"
        assert self.results is not None, "nothing was asked yet"
        return self.results

    def code(self, number: int | None = None) -> list[CodeHit]:
        """The first hits of the last answer, which must be files; all of them without a number."""
        hits = self.answer.hits if number is None else self.answer.hits[:number]
        assert number is None or len(hits) == number, f"only {len(hits)} hits of {self.answer.total}"
        return [hit for hit in hits if isinstance(hit, CodeHit)]

    def records(self) -> list[RecordHit]:
        """The hits of the last answer, which must be records."""
        return [hit for hit in self.answer.hits if isinstance(hit, RecordHit)]

    def blob(self, hit: CodeHit) -> str:
        """The text of the blob that a hit shows."""
        blob = next(iter(self.reference.git.blobs(f"{hit.repository}.git", [hit.blob], limit=10_000_000)))
        assert blob.data is not None, f"{hit.path}: the shown blob {hit.blob} is not in git"
        return blob.data.decode("utf-8", "replace")

    def status_of(self, full_name: str, path: str) -> str | None:
        """What the index says became of a file."""
        repository = self.reference.forge.find_repository(*split(full_name))
        assert repository is not None, f"there is no repository {full_name}"
        with self.reference.state(self.engine) as state:
            return next((row.status for row in state.files(repository.id) if row.display == path), None)
