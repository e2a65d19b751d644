"""Where things lie in the bucket, below the archive's prefix; PostgreSQL's own part is in `postgresql.archive`."""

from __future__ import annotations

import re

__all__ = [
    "JOURNAL",
    "OBJECTS",
    "PACKS",
    "RESTIC",
    "SETS",
    "blob",
    "catalogue",
    "entry",
    "entry_id",
    "is_catalogue",
    "pack",
    "part",
]

RESTIC = "restic"
JOURNAL = "journal/"
PACKS = "packs/"
OBJECTS = "objects/"
SETS = "sets/"
_ENTRY = re.compile(r"^journal/(\d+)/(\d{15})\.json$")


def entry(repository: int, row: int) -> str:
    """A journal entry: of the repository with this id, for row `row` of `push_journal`. Keys sort as rows do."""
    return f"{JOURNAL}{repository}/{row:015d}.json"


def entry_id(key: str) -> tuple[int, int] | None:
    """Repository id and row of a journal entry's key; None for any other key."""
    match = _ENTRY.match(key)
    return (int(match[1]), int(match[2])) if match else None


def pack(sha256: str) -> str:
    """The new objects of a push; by the sha256 of the pack before it was sealed."""
    return f"{PACKS}{sha256}.pack"


def blob(sha256: str) -> str:
    """A content of the forge's object store (attachment, LFS object, job log), by its own sha256."""
    return f"{OBJECTS}{sha256[:2]}/{sha256}"


def part(set_id: str, name: str) -> str:
    """A part of a set that its catalogue names: `refs.json`, `objects.json`."""
    return f"{SETS}{set_id}/{name}"


def catalogue(set_id: str) -> str:
    """What makes a set exist; written last."""
    return part(set_id, "catalogue.json")


def is_catalogue(key: str) -> bool:
    """Whether this is a set's catalogue."""
    return key.startswith(SETS) and key.endswith("/catalogue.json")
