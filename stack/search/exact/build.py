"""Builds segments: from documents held in memory, and from other segments."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from stack.search.exact.fold import fold
from stack.search.exact.format import DOCUMENT
from stack.search.exact.segment import Numbers, Segment
from stack.search.exact.segment_file import GRAM_SHIFT, SegmentFile

__all__ = ["Batch", "distinct_grams", "merge"]

MAX_POSTINGS = 3_000_000
MAX_TEXT_BYTES = 32 * 1024 * 1024
MAX_DOCUMENTS = 65_536
_PIECE = 1024 * 1024  # bytes of text whose trigrams are sorted together
_SLICE = 1_000_000  # postings that are encoded, or merged, together


def distinct_grams(folded: bytes) -> Numbers:
    """The distinct trigrams of a folded text, ascending; one begins at every byte.

    Args:
        folded: any size; taken in pieces of 1 MiB.
    """
    padded = folded + b"\0\0\0"
    found = [_grams_between(padded, at, min(at + _PIECE, len(folded))) for at in range(0, len(folded), _PIECE)]
    if not found:
        return np.empty(0, dtype=np.uint32)
    return found[0] if len(found) == 1 else _distinct(np.concatenate(found))


def _grams_between(padded: bytes, start: int, end: int) -> Numbers:
    # Four bytes from every byte on, the fourth shifted out: one pass instead of three.
    windows: NDArray[np.uint32] = np.ndarray((end - start,), dtype=">u4", buffer=padded, offset=start, strides=(1,))
    grams = windows.astype(np.uint32)
    grams >>= np.uint32(8)
    return _distinct(grams)


def _distinct(values: Numbers) -> Numbers:
    values.sort()
    first = np.empty(values.size, dtype=np.bool_)
    first[0] = True
    np.not_equal(values[1:], values[:-1], out=first[1:])
    return values[first]


class Batch:
    """Documents on their way into one segment, in bounded memory."""

    def __init__(self) -> None:
        """Start empty."""
        self._clear()

    def _clear(self) -> None:
        self._records: list[tuple[bytes, bytes, int]] = []
        self._grams: list[Numbers] = []
        self._number_of: dict[bytes, int] = {}
        self._dead: set[int] = set()
        self._postings = 0
        self._text_bytes = 0

    def __len__(self) -> int:
        """Documents, dead ones included."""
        return len(self._records)

    @property
    def is_full(self) -> bool:
        """Time to write it."""
        return (
            self._postings >= MAX_POSTINGS or self._text_bytes >= MAX_TEXT_BYTES or len(self._records) >= MAX_DOCUMENTS
        )

    def add(self, file: bytes, blob: bytes, repository: int, text: str) -> None:
        """Take a document; an earlier one with the same file key is dead from now on.

        Args:
            file: the file's key.
            blob: the blob's key.
            repository: its number.
            text: the whole text.
        """
        folded = fold(text)
        grams = distinct_grams(folded)
        self.remove(file)
        self._number_of[file] = len(self._records)
        self._records.append((file, blob, repository))
        self._grams.append(grams)
        self._postings += grams.size
        self._text_bytes += len(folded)

    def remove(self, file: bytes) -> bool:
        """Mark the document with this file key dead; whether there is one."""
        number = self._number_of.pop(file, None)
        if number is not None:
            self._dead.add(number)
        return number is not None

    def write(self, path: Path) -> bool:
        """Write the living documents as a segment, and empty the batch.

        Args:
            path: a file that does not exist yet; it is complete and on disk when this returns.

        Returns:
            Whether there was anything to write.
        """
        living = [number for number in range(len(self._records)) if number not in self._dead]
        documents = np.array([self._records[number] for number in living], dtype=DOCUMENT)
        found = [self._grams[number] for number in living]
        self._clear()  # before the sort, which needs the memory
        if not living:
            return False
        keys = np.empty(sum(grams.size for grams in found), dtype=np.uint64)
        at = 0
        for number, grams in enumerate(found):
            part = keys[at : at + grams.size]
            part[:] = grams
            part <<= GRAM_SHIFT
            part |= np.uint64(number)
            at += grams.size
        found.clear()
        keys.sort()
        with SegmentFile(path) as file:
            for piece in _slices(keys):
                file.add(piece)
            file.add_documents(documents)
            file.finish()
        return True


def _slices(keys: NDArray[np.uint64]) -> Iterator[NDArray[np.uint64]]:
    """Cut sorted keys where a trigram ends."""
    start = 0
    while start < keys.size:
        end = min(start + _SLICE, keys.size)
        if end < keys.size:
            following = (keys[end - 1] >> GRAM_SHIFT) + np.uint64(1)
            end = start + int(np.searchsorted(keys[start:], following << GRAM_SHIFT))
        yield keys[start:end]
        start = end


def merge(sources: Sequence[tuple[Segment, NDArray[np.bool_] | None]], path: Path) -> int:
    """Write the living documents of several segments as one.

    Memory is that of one slice of postings and of the document table, whatever the size of the sources.

    Args:
        sources: segments, each with which of its documents live (`None`: all).
        path: a file that does not exist yet.

    Returns:
        How many documents the new segment has; with none, no file is written.

    Raises:
        CorruptSegmentError: a source is damaged.
    """
    renumber: list[NDArray[np.int64] | None] = []
    bases: list[int] = []
    total = 0
    for segment, alive in sources:
        bases.append(total)
        renumber.append(None if alive is None else np.cumsum(alive) - 1)
        total += len(segment.documents) if alive is None else int(np.count_nonzero(alive))
    if not total:
        return 0
    with SegmentFile(path) as file:
        for low, high in _gram_ranges([segment for segment, _ in sources]):
            parts = [
                _renumbered(segment, alive, numbers, base, (low, high))
                for (segment, alive), numbers, base in zip(sources, renumber, bases, strict=True)
            ]
            keys = np.concatenate(parts)
            keys.sort()
            file.add(keys)
        for segment, alive in sources:
            file.add_documents(segment.documents if alive is None else segment.documents[alive])
        file.finish()
    return total


def _gram_ranges(segments: Sequence[Segment]) -> Iterator[tuple[int, int]]:
    """Ranges of trigrams that have about one slice of postings in all segments together."""
    budget = max(1, _SLICE // len(segments))
    sums = [np.cumsum(segment.counts, dtype=np.int64) for segment in segments]
    places = [0] * len(segments)
    low = 0
    while True:
        ends: list[int] = []
        for segment, cumulative, place in zip(segments, sums, places, strict=True):
            if place < len(cumulative):
                before = int(cumulative[place - 1]) if place else 0
                end = max(place + 1, int(np.searchsorted(cumulative, before + budget)))
                ends.append(int(segment.grams[end]) if end < len(segment.grams) else int(segment.grams[-1]) + 1)
        if not ends:
            return
        high = max(min(ends), low + 1)
        yield low, high
        places = [segment.gram_range(low, high)[1] for segment in segments]
        low = high


def _renumbered(
    segment: Segment,
    alive: NDArray[np.bool_] | None,
    numbers: NDArray[np.int64] | None,
    base: int,
    grams: tuple[int, int],
) -> NDArray[np.uint64]:
    """One segment's living postings within a range of trigrams, as sortable keys with the new numbers."""
    begin, end = segment.gram_range(*grams)
    documents = segment.lists(begin, end)
    keys = np.repeat(segment.grams[begin:end], segment.counts[begin:end]).astype(np.uint64) << GRAM_SHIFT
    if alive is not None and numbers is not None:
        living = alive[documents]
        keys, documents = keys[living], numbers[documents[living]].astype(np.uint32)
    return keys | (documents.astype(np.uint64) + np.uint64(base))
