"""Compares the tree that is indexed with the tree that should be: states, never history.

Force-push, revert, orphan branch, file turned symlink, renamed default branch and a file crossing the size limit are
then nothing special: each is a path whose (mode, object) differs, is new, or is gone.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import Enum
from typing import TypeVar

from stack.forge.errors import GitError
from stack.forge.git import TreeEntry
from stack.search.extract.status import FileStatus
from stack.search.state import REFUSED, IndexedFile

__all__ = ["Change", "Step", "compare"]


class Step(Enum):
    """What has to happen to one path."""

    ADD = "add"
    MODIFY = "modify"
    REMOVE = "remove"
    KEEP = "keep"


@dataclass(frozen=True, slots=True)
class Change:
    """One path: the wanted entry, the known row, and the step between them."""

    step: Step
    entry: TreeEntry | None
    row: IndexedFile | None

    @property
    def path(self) -> bytes:
        """The raw path."""
        if self.entry is not None:
            return self.entry.path
        assert self.row is not None  # noqa: S101 - one of the two is always there
        return self.row.path


def compare(wanted: Iterable[TreeEntry], known: Iterable[IndexedFile], *, redo: bool = False) -> Iterator[Change]:
    """Merge two streams, both in the byte order of their paths, in constant memory.

    Args:
        wanted: the tree, recursive.
        known: what the engine holds.
        redo: treat what is the same as modified (after a change of how documents are made).

    Raises:
        GitError: a stream is out of order or names a path twice, which would make files look removed.
    """
    left, right = _ordered(wanted), _ordered(known)
    entry, row = next(left, None), next(right, None)
    while entry is not None or row is not None:
        if row is None or (entry is not None and entry.path < row.path):
            yield Change(Step.ADD, entry, None)
            entry = next(left, None)
        elif entry is None or row.path < entry.path:
            yield Change(Step.REMOVE, None, row)
            row = next(right, None)
        else:
            same = (entry.mode, entry.oid) == (row.mode, row.blob) and row.status not in _AGAIN and not redo
            yield Change(Step.KEEP if same else Step.MODIFY, entry, row)
            entry, row = next(left, None), next(right, None)


_AGAIN = frozenset({REFUSED, FileStatus.MISSING_OBJECT.value, FileStatus.CORRUPT_OBJECT.value})
"""Statuses of files that are tried again by every run that looks at their repository."""

_T = TypeVar("_T", TreeEntry, IndexedFile)


def _ordered(items: Iterable[_T]) -> Iterator[_T]:
    last: bytes | None = None
    for item in items:
        if last is not None and item.path <= last:
            raise GitError(
                "The tree is not in order, so what is missing from it can't be told",
                got=f"{item.path!r} after {last!r}",
                fix="run `git fsck`; a tree with a path twice has to be written anew",
            )
        last = item.path
        yield item
