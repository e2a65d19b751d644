"""What will be in each repository of the reference forge: decided from the seed before anything is written."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import PurePosixPath

from stack.forge.corpus import words
from stack.forge.corpus.dice import Dice
from stack.forge.corpus.manifest import Package, Version
from stack.forge.corpus.people import BORN, Member, Society

__all__ = ["PlannedRepository", "PlannedWiki", "Post", "PullPlan", "Work", "plan_package", "plan_spare"]

_CODE = frozenset(
    [".rs", ".c", ".h", ".cc", ".cpp", ".hpp", ".go", ".js", ".ts", ".tsx", ".mjs", ".py", ".java", ".kt", ".lua"]
)


@dataclass(frozen=True, slots=True)
class Post:
    """One comment."""

    at: datetime
    author: Member
    body: str


@dataclass(frozen=True, slots=True)
class PullPlan:
    """What makes a piece of work a pull request: a branch with one commit that adds one file."""

    branch: str
    path: str
    content: bytes
    merged_by: Member | None


@dataclass(frozen=True, slots=True)
class Work:
    """One issue or pull request."""

    number: int
    at: datetime
    author: Member
    title: str
    body: str
    label: str | None
    comments: tuple[Post, ...]
    closed_at: datetime | None
    pull: PullPlan | None


@dataclass(frozen=True, slots=True)
class PlannedWiki:
    """A wiki, each page written in a commit of its own."""

    author: Member
    pages: tuple[tuple[datetime, str, str], ...]


@dataclass(frozen=True, slots=True)
class PlannedRepository:
    """One repository and everything around it.

    Attributes:
        owner: user or organisation.
        name: its name.
        description: one line.
        private: whether only some may see it.
        archived: whether it is no longer worked on.
        created_at: before its first commit.
        package: where its commits come from; `None` for a repository without a package.
        releases: author and date of each version's commit, in the order of the package's versions.
        files: the one commit of a repository without a package; empty for an empty repository.
        work: issues and pull requests by their numbers.
        wiki: its wiki, if it has one.
        stars: who likes it.
        collaborators: username and level.
        webhook: whether it has one.
    """

    owner: str
    name: str
    description: str
    private: bool
    archived: bool
    created_at: datetime
    package: Package | None
    releases: tuple[tuple[Version, Member, datetime], ...] = ()
    files: tuple[tuple[str, bytes], ...] = ()
    work: tuple[Work, ...] = ()
    wiki: PlannedWiki | None = None
    stars: tuple[Member, ...] = ()
    collaborators: tuple[tuple[Member, str], ...] = ()
    webhook: bool = False

    @property
    def full_name(self) -> str:
        """`owner/name`."""
        return f"{self.owner}/{self.name}"


def plan_package(seed: str, package: Package, paths: Sequence[str], society: Society) -> PlannedRepository:
    """The repository of a package.

    Args:
        seed: of the whole corpus.
        package: where the code comes from.
        paths: what its latest version holds.
        society: everybody.
    """
    dice = Dice(seed, package.full_name)
    crew = society.maintainers[package.owner] + society.owners[package.owner]
    releases = tuple((version, *_dated(dice, version, dice.choice(crew))) for version in package.versions)
    first, last = releases[0][2], releases[-1][2]
    code = [path for path in paths if PurePosixPath(path).suffix in _CODE and "/." not in path]
    subject = words.Subject(package.full_name, package.description, package.versions[-1].version, tuple(code or paths))
    # Only people who may read a private repository write in it.
    around = (*crew, *society.readers[package.owner]) if package.private else society.members
    outsiders = [member for member in society.members if member not in {*crew, *society.readers[package.owner]}]
    return PlannedRepository(
        owner=package.owner,
        name=package.repository,
        description=package.description,
        private=package.private,
        archived=package.archived,
        created_at=first - timedelta(days=1),
        package=package,
        releases=releases,
        work=_work(dice, subject, around, crew, start=first, end=last),
        wiki=_wiki(dice, subject, dice.choice(crew), last) if dice.chance(60) else None,
        stars=tuple(dice.some(around, dice.between(0, 12))),
        collaborators=((outsiders[0], "read"), (outsiders[1], "none")) if package.private else (),
        webhook=dice.chance(50),
    )


def plan_spare(seed: str, society: Society) -> list[PlannedRepository]:
    """Repositories without a package: prose about code, somebody's private files, and nothing at all."""
    dice = Dice(seed, "spare")
    author, other, third = dice.some(society.members, 3)
    written = dice.after(BORN, days=(200, 300))
    commit = (_no_version(written), author, written)
    return [
        PlannedRepository(
            owner="papyrus",
            name="handbook",
            description="How we write programs, and about programs",
            private=False,
            archived=False,
            created_at=written - timedelta(days=1),
            package=None,
            releases=(commit,),
            files=tuple((path, text.encode()) for path, text in _HANDBOOK),
        ),
        PlannedRepository(
            owner=other.username,
            name="dotfiles",
            description="My settings",
            private=True,
            archived=False,
            created_at=written - timedelta(days=1),
            package=None,
            releases=((_no_version(written), other, written),),
            files=((".bashrc", b"alias g=git\nexport EDITOR=vi\n"), ("bin/hello", b"#!/bin/sh\necho hello\n")),
        ),
        PlannedRepository(
            owner=third.username,
            name="sandbox",
            description="Nothing here yet",
            private=False,
            archived=False,
            created_at=written,
            package=None,
        ),
    ]


# The words `fn main` in prose, strings and comments: none of these defines anything.
_HANDBOOK = (
    ("README.md", "# Handbook\n\nEvery Rust program begins at `fn main`. Every Go program begins at `func main`.\n"),
    ("docs/rust.md", "# Rust\n\n    fn main() {}\n\nThat is the smallest program. `fn main` takes no arguments.\n"),
    ("docs/c.md", "# C\n\nStart with `#include <stdio.h>`, follow pointers with `->`.\n"),
    (
        "examples/words.py",
        'GREETING = "fn main is where Rust starts"\n\n# fn main is also in this comment\nprint(GREETING)\n',
    ),
    ("examples/words.js", '// fn main in a comment\nconsole.log("fn main in a string");\n'),
)


def _no_version(written: datetime) -> Version:
    return Version(version="", date=written.date(), sha256="")


def _dated(dice: Dice, version: Version, author: Member) -> tuple[Member, datetime]:
    day = version.date
    at = datetime(day.year, day.month, day.day, dice.between(8, 20), dice.below(60), dice.below(60), tzinfo=author.zone)
    return author, at


def _work(
    dice: Dice,
    subject: words.Subject,
    around: Sequence[Member],
    crew: Sequence[Member],
    *,
    start: datetime,
    end: datetime,
) -> tuple[Work, ...]:
    days = max((end - start).days, 2)
    drawn = [(dice.after(start, days=(1, days)), False) for _ in range(dice.between(3, 7))]
    # Pull requests build on the last version, so they come after it.
    drawn += [(dice.after(end, days=(1, 60)), True) for _ in range(dice.between(2, 3))]
    drawn.sort()
    work = []
    merged = False
    for number, (at, is_pull) in enumerate(drawn, start=1):
        author = dice.choice(around)
        pull, label = None, None
        if is_pull:
            title, body, note = words.pull_text(dice, subject)
            merged_by = None if merged else dice.choice(crew)
            merged = True
            pull = PullPlan(f"note-{number}", f"docs/notes/{number:04d}.md", note.encode(), merged_by)
        else:
            label, title, body = words.issue_text(dice, subject)
        comments = []
        when = at
        for _ in range(dice.below(4)):
            when = dice.after(when, days=(1, 9))
            comments.append(Post(when, dice.choice(around), words.comment_text(dice, subject)))
        closes = pull.merged_by is not None if pull else dice.chance(40)
        closed_at = dice.after(when, days=(1, 20)) if closes else None
        work.append(Work(number, at, author, title, body, label, tuple(comments), closed_at, pull))
    return tuple(work)


def _wiki(dice: Dice, subject: words.Subject, author: Member, after: datetime) -> PlannedWiki:
    pages = []
    when = after
    for path, text in words.wiki_pages(dice, subject):
        when = dice.after(when, days=(1, 5))
        pages.append((when, path, text))
    return PlannedWiki(author, tuple(pages))
