"""A restored forge, as the checks are handed it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO, Protocol

__all__ = ["FolderObjects", "Objects", "Restored"]


class Objects(Protocol):
    """The restored object store."""

    def sizes(self) -> Mapping[str, int]:
        """Bytes by key."""

    def open(self, key: str) -> BinaryIO:
        """A content."""


@dataclass(frozen=True)
class FolderObjects:
    """Objects as files below a folder, each under its key."""

    folder: Path

    def sizes(self) -> Mapping[str, int]:
        """Bytes by key."""
        found = (path for path in self.folder.rglob("*") if path.is_file())
        return {path.relative_to(self.folder).as_posix(): path.stat().st_size for path in found}

    def open(self, key: str) -> BinaryIO:
        """A content."""
        return (self.folder / key).open("rb")


@dataclass(frozen=True)
class Restored:
    """What there is to agree.

    Attributes:
        conninfo: the forge's database, as a superuser.
        git_root: its git repositories.
        objects: its object store; None when it has none.
        vault_keys: key files that came back.
        canary: label that a row and a commit from before the point have; empty when none was written.
        later: label of those that were written after the point.
        canary_repository: the git repository of canary commits, `owner/name.git`.
        note: told what was looked at beyond the findings.
    """

    conninfo: str
    git_root: Path
    objects: Objects | None = None
    vault_keys: tuple[Path, ...] = ()
    canary: str = ""
    later: str = ""
    canary_repository: str = ""
    note: Callable[[str], None] = field(default=lambda _: None)
