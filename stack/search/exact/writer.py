"""Writes to the exact index: many additions and removals, one commit that is there as a whole or not at all."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterable
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from types import TracebackType
from typing import Self

import numpy as np
import structlog
from numpy.typing import NDArray

from stack.search.exact.build import Batch, merge
from stack.search.exact.errors import CorruptSegmentError, ExactIndexError
from stack.search.exact.format import DOCUMENT, key_of, keys_of
from stack.search.exact.manifest import Entry, Manifest, exclusive, sweep, write_dead, write_manifest
from stack.search.exact.segment import Segment
from stack.search.exact.snapshot import Snapshot

__all__ = ["Writer"]

_log = structlog.get_logger(__name__)
_MERGED_TOGETHER = 8
_MAX_DOCUMENTS = 400_000  # of a merged segment: its table is held in memory while it is written
_MAX_POSTINGS = 400_000_000


@dataclass(slots=True)
class _Working:
    """A segment of the next commit."""

    segment: Segment
    entry: Entry
    alive: NDArray[np.bool_] | None
    is_new: bool = False
    is_changed: bool = False

    @property
    def living(self) -> int:
        return self.entry.documents if self.alive is None else int(np.count_nonzero(self.alive))

    @property
    def living_postings(self) -> int:
        return self.entry.postings * self.living // max(1, self.entry.documents)

    def kill(self, keys: NDArray[np.bytes_]) -> set[bytes]:
        """Mark documents dead; the keys, without zero bytes at their ends, of those that lived."""
        numbers = self.segment.find(keys)
        if self.alive is not None:
            numbers = numbers[self.alive[numbers]]
        if not numbers.size:
            return set()
        if self.alive is None:
            self.alive = np.ones(self.entry.documents, dtype=np.bool_)
        self.alive[numbers] = False
        self.is_changed = True
        return set(self.segment.documents["file"][numbers].tolist())


class Writer:
    """The only writer while it is open. What is not committed when it closes never happened."""

    def __init__(self, folder: Path, *, max_segments: int, committed: Callable[[], Snapshot]) -> None:
        """Use `ExactIndex.writer`.

        Args:
            folder: of the index.
            max_segments: above this, the smallest segments are merged.
            committed: gives the state committed last; asked once, under the lock.
        """
        self._folder = folder
        self._max_segments = max_segments
        self._committed = committed
        self._batch = Batch()
        self._batch_keys: list[bytes] = []
        self._manifest = Manifest()
        self._working: list[_Working] = []
        self._is_changed = False
        self._exit = ExitStack()
        self._is_open = False

    def __enter__(self) -> Self:
        """Take the lock, and begin with the state committed last."""
        self._exit.enter_context(exclusive(self._folder))
        try:
            base = self._committed()
            self._manifest = base.manifest
            sweep(self._folder, base.manifest)
            self._working = [
                _Working(live.segment, live.entry, None if live.alive is None else live.alive.copy())
                for live in base.segments
            ]
            self._is_changed = bool(base.damaged)
        except BaseException:
            self._exit.close()
            raise
        self._is_open = True
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Forget what was not committed, and let go of the lock."""
        self._is_open = False
        try:
            sweep(self._folder, self._manifest)
        finally:
            self._exit.close()

    def add(self, file_id: str, repository_id: int, blob: str, text: str) -> None:
        """Add a document, or replace the one with this id.

        Args:
            file_id: 2 to 64 hexadecimal digits.
            repository_id: the forge's number.
            blob: git object id.
            text: all of it.

        Raises:
            ExactIndexError: an id is not hexadecimal, or the writer is closed.
        """
        self._check_open()
        key = key_of(file_id)
        self._batch.add(key, key_of(blob), repository_id, text)
        self._batch_keys.append(key)
        if self._batch.is_full:
            self._flush()

    def remove(self, file_ids: Iterable[str]) -> int:
        """Remove documents; unknown ids are no error.

        Returns:
            How many there were.
        """
        self._check_open()
        ids = list(file_ids)
        keys = keys_of(ids)
        removed = {key.rstrip(b"\0") for key in map(key_of, ids) if self._batch.remove(key)}
        # A document may be in the batch and, replaced by that, in a segment too.
        return len(removed.union(*(working.kill(keys) for working in self._working)))

    def commit(self, *, generation: str | None = None) -> tuple[str, ...]:
        """Make everything since the last commit visible at once, and durable.

        Args:
            generation: of the index from now on; `None` leaves it.

        Returns:
            Names of the new segments.
        """
        self._check_open()
        self._flush()
        self._drop_empty()
        self._merge_while_many()
        sequence = self._manifest.sequence + 1
        for working in self._working:
            if working.is_changed and working.alive is not None:
                dead = f"{working.entry.name}.dead-{sequence}"
                write_dead(self._folder, dead, ~working.alive)
                count = working.entry.documents - working.living
                working.entry = replace(working.entry, dead=dead, dead_count=count)
        entries = tuple(working.entry for working in self._working)
        following = self._manifest.next(entries, generation)
        if self._is_changed or replace(following, sequence=self._manifest.sequence) != self._manifest:
            write_manifest(self._folder, following)
            self._manifest = following
            sweep(self._folder, following)
        names = tuple(working.entry.name for working in self._working if working.is_new)
        for working in self._working:
            working.is_new = working.is_changed = False
        self._is_changed = False
        return names

    def compact(self, *, everything: bool = False) -> None:
        """Merge segments and commit.

        Args:
            everything: merge as far as the limits of one segment allow, and leave out every dead document.
        """
        self._check_open()
        self._flush()
        for group in self._groups(len(self._working)) if everything else ():
            if len(group) > 1 or group[0].alive is not None:
                self._merge(group)
        self.commit()

    def _check_open(self) -> None:
        if not self._is_open:
            raise ExactIndexError("the writer of the exact index is closed", on=str(self._folder))

    def _flush(self) -> None:
        """Write the batch as a segment; what it replaces in the others is dead."""
        if not self._batch_keys:
            return
        keys = np.unique(np.array(self._batch_keys, dtype=DOCUMENT["file"]))
        self._batch_keys = []
        path = self._new_path()
        self._is_open = False  # until it is done: a batch that could not be written must not be missed by a commit
        is_written = self._batch.write(path)
        for working in self._working:
            working.kill(keys)
        if is_written:
            self._working.append(self._opened(path))
        self._merge_while_many()
        self._is_open = True

    def _new_path(self) -> Path:
        # Never a name used before: a reader may still have the old file of that name open.
        return self._folder / f"{self._manifest.sequence + 1:08d}-{secrets.token_hex(8)}.segment"

    def _opened(self, path: Path) -> _Working:
        segment = Segment.open(path)
        entry = Entry(path.name, segment.header.documents, segment.header.postings)
        return _Working(segment, entry, None, is_new=True)

    def _drop_empty(self) -> None:
        self._working = [working for working in self._working if working.living]

    def _merge_while_many(self) -> None:
        while len(self._working) > self._max_segments:
            smallest = self._groups(_MERGED_TOGETHER)[0]
            if len(smallest) == 1:
                return
            self._merge(smallest)

    def _groups(self, most: int) -> list[list[_Working]]:
        """The segments, the smallest first, in groups of which each fits into one segment."""
        groups: list[list[_Working]] = []
        documents = postings = 0
        for working in sorted(self._working, key=lambda each: each.living_postings):
            documents += working.living
            postings += working.living_postings
            fits = documents <= _MAX_DOCUMENTS and postings <= _MAX_POSTINGS
            if groups and fits and len(groups[-1]) < most:
                groups[-1].append(working)
            else:
                groups.append([working])
                documents, postings = working.living, working.living_postings
        return groups

    def _merge(self, group: list[_Working]) -> None:
        """Put one segment in the place of several."""
        whole = [working for working in group if self._is_whole(working)]
        path = self._new_path()
        count = merge([(working.segment, working.alive) for working in whole], path) if whole else 0
        gone = {id(working) for working in group}
        self._working = [working for working in self._working if id(working) not in gone]
        if count:
            self._working.append(self._opened(path))

    def _is_whole(self, working: _Working) -> bool:
        """Look at every byte before copying it: a damaged segment is left out, so that its documents are missed."""
        try:
            working.segment.check(everything=True)
        except CorruptSegmentError as error:
            _log.error("exact index damaged", file=error.name, reason=error.reason)
            return False
        return True
