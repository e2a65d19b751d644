"""What the index is at one moment: a manifest and its open segments."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from stack.search.exact.errors import CorruptSegmentError, ExactIndexError
from stack.search.exact.evaluate import matching
from stack.search.exact.format import hex_of
from stack.search.exact.grams import TrigramQuery
from stack.search.exact.manifest import Entry, Manifest, read_dead, read_manifest
from stack.search.exact.segment import Numbers, Segment

__all__ = ["AllowedRepos", "Candidate", "LiveSegment", "Snapshot", "load"]

_RACES = 20
_BATCH = 1024


@dataclass(frozen=True, slots=True)
class Candidate:
    """A document that can contain a match; only its text can tell."""

    file_id: str
    repository_id: int
    blob: str


@dataclass(frozen=True, slots=True)
class AllowedRepos:
    """Which repositories may be looked into.

    Args:
        ids: repository numbers.
        excluded: the numbers are the ones that may not be looked into (all private ones but the reader's, say).
    """

    ids: frozenset[int]
    excluded: bool = False

    @classmethod
    def only(cls, ids: Iterable[int]) -> AllowedRepos:
        """These and no others."""
        return cls(frozenset(ids))

    @classmethod
    def all_but(cls, ids: Iterable[int]) -> AllowedRepos:
        """All others."""
        return cls(frozenset(ids), excluded=True)

    def array(self) -> NDArray[np.int64]:
        """The numbers, ascending."""
        return np.array(sorted(self.ids), dtype=np.int64)


@dataclass(frozen=True, slots=True)
class LiveSegment:
    """A segment, its entry, and which of its documents live (`None`: all)."""

    entry: Entry
    segment: Segment
    alive: NDArray[np.bool_] | None

    def living(self) -> Numbers:
        """Numbers of the living documents, ascending."""
        if self.alive is None:
            return np.arange(self.entry.documents, dtype=np.uint32)
        return np.flatnonzero(self.alive).astype(np.uint32)

    def matching(self, query: TrigramQuery, repositories: NDArray[np.int64] | None, *, excluded: bool) -> Numbers:
        """Numbers of the living documents in allowed repositories that can match, ascending."""
        found = matching(self.segment, query)
        if found is None:
            found = self.living()
        elif self.alive is not None:
            found = found[self.alive[found]]
        if repositories is not None and found.size:
            column = self.segment.documents["repository"][found]
            found = found[np.isin(column, repositories, invert=excluded)]
        return found

    def candidates(self, numbers: Numbers) -> Iterator[Candidate]:
        """The documents with these numbers."""
        for start in range(0, numbers.size, _BATCH):
            for record in self.segment.documents[numbers[start : start + _BATCH]].tolist():
                file, blob, repository = record
                yield Candidate(hex_of(file), repository, hex_of(blob))


@dataclass(frozen=True, slots=True)
class Snapshot:
    """One moment.

    Args:
        manifest: as committed.
        segments: those that could be opened, the oldest first.
        damaged: what could not.
    """

    manifest: Manifest
    segments: tuple[LiveSegment, ...] = ()
    damaged: tuple[CorruptSegmentError, ...] = ()


def load(folder: Path, previous: Snapshot | None = None, known: tuple[CorruptSegmentError, ...] = ()) -> Snapshot:
    """Open the committed state; segments that are open already are used again.

    A writer may remove a file between the reading of the manifest and the opening of the file: then the manifest has
    changed too, and is read again.

    Args:
        folder: of the index.
        previous: an older snapshot.
        known: segments that were found damaged before, to be left out.

    Raises:
        ExactIndexError: the index changed at each of 20 attempts.
    """
    opened = {(live.entry.name, live.entry.dead): live for live in previous.segments} if previous else {}
    segments = {live.entry.name: live.segment for live in previous.segments} if previous else {}
    for _ in range(_RACES):
        try:
            manifest = read_manifest(folder)
        except CorruptSegmentError as error:
            return Snapshot(Manifest(), damaged=(error,))
        try:
            return _open(folder, manifest, opened, segments, known)
        except FileNotFoundError:
            if read_manifest(folder).sequence == manifest.sequence:
                return _open(folder, manifest, opened, segments, known, missing_is_damage=True)
    raise ExactIndexError(f"the exact index changed {_RACES} times while it was opened", on=str(folder))


def _open(
    folder: Path,
    manifest: Manifest,
    opened: dict[tuple[str, str], LiveSegment],
    segments: dict[str, Segment],
    known: tuple[CorruptSegmentError, ...],
    *,
    missing_is_damage: bool = False,
) -> Snapshot:
    live: list[LiveSegment] = []
    names = {entry.name for entry in manifest.entries}
    damaged = [error for error in known if error.name in names]
    out = {error.name for error in damaged}
    for entry in manifest.entries:
        if entry.name in out:
            continue
        try:
            if (entry.name, entry.dead) not in opened:
                segment = segments.get(entry.name) or Segment.open(folder / entry.name)
                dead = read_dead(folder, entry)
                opened[entry.name, entry.dead] = LiveSegment(entry, segment, None if dead is None else ~dead)
            live.append(opened[entry.name, entry.dead])
        except CorruptSegmentError as error:
            damaged.append(CorruptSegmentError(entry.name, error.reason))
        except FileNotFoundError:
            if not missing_is_damage:
                raise
            damaged.append(CorruptSegmentError(entry.name, "the file is not there"))
    return Snapshot(manifest, tuple(live), tuple(damaged))
