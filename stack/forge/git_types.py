"""What git tells: the values that every way of reaching a repository answers with."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Literal

__all__ = ["Blob", "EntryType", "Head", "Touch", "TreeEntry", "instant"]

EntryType = Literal["blob", "commit", "tree"]

_BRANCHES = "refs/heads/"


@dataclass(frozen=True, slots=True)
class Head:
    """Where HEAD points.

    Attributes:
        ref: full name of the ref it is a symbol for; `None` when HEAD is detached.
        commit: the commit it resolves to; `None` when the branch is unborn.
    """

    ref: str | None
    commit: str | None

    @property
    def branch(self) -> str | None:
        """The branch without `refs/heads/`; `None` when HEAD is detached or points elsewhere."""
        if self.ref is None or not self.ref.startswith(_BRANCHES):
            return None
        return self.ref.removeprefix(_BRANCHES)


@dataclass(frozen=True, slots=True)
class TreeEntry:
    """One path of a commit.

    Attributes:
        path: bytes as git keeps them, `/` between parts, in no particular encoding.
        mode: six octal digits: `100644` file, `100755` executable, `120000` symlink, `160000` submodule, `040000` tree.
        oid: object id in hex.
        size: bytes of a blob; `None` for a submodule, and for a blob whose object can't be read.
        type: `"blob"`; `"commit"` for a submodule; `"tree"` only for a folder that could not be read.
        problem: why the object can't be read, `None` when nothing is wrong.
    """

    path: bytes
    mode: str
    oid: str
    size: int | None
    type: EntryType
    problem: str | None = None


@dataclass(frozen=True, slots=True)
class Blob:
    """The content of one object, or why there is none.

    Attributes:
        oid: object id in hex, as asked for.
        size: bytes; `None` when the object is missing or can't be read.
        data: the content; `None` when it is larger than the limit, missing or corrupt.
        missing: the repository doesn't have the object.
        corrupt: what is wrong with the object, `None` when nothing is.
    """

    oid: str
    size: int | None
    data: bytes | None
    missing: bool = False
    corrupt: str | None = None

    @property
    def too_large(self) -> bool:
        """Whether it is there and sound, but larger than the limit it was asked for with."""
        return self.data is None and not self.missing and self.corrupt is None


@dataclass(frozen=True, slots=True)
class Touch:
    """The newest commit that wrote a path; names and dates only, never an e-mail address."""

    path: bytes
    commit: str
    author_name: str
    author_date: datetime
    commit_date: datetime


def instant(seconds: str | bytes | int) -> datetime:
    """A moment in UTC from git's seconds; a broken or absurd date (git stores any) becomes the nearest that exists."""
    try:
        value = int(seconds)
    except ValueError:
        value = 0
    lowest, highest = 0, 253402300799  # the epoch, and the last second that datetime can hold
    return datetime.fromtimestamp(min(max(value, lowest), highest), tz=UTC)
