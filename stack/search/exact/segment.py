"""One immutable segment, read through memory that the kernel maps: what is not asked for is not read."""

from __future__ import annotations

import mmap
import os
import zlib
from pathlib import Path
from typing import Self

import numpy as np
from numpy.typing import NDArray

from stack.search.exact.errors import CorruptSegmentError
from stack.search.exact.format import DOCUMENT, HEADER_BYTES, SECTIONS, Header
from stack.search.exact.varint import decode, undo_differences

__all__ = ["Numbers", "Segment"]

Numbers = NDArray[np.uint32]
"""Document numbers of one segment, shape (n,)."""


class Segment:
    """A segment opened for reading; the file may be unlinked meanwhile."""

    def __init__(self, name: str, header: Header, data: NDArray[np.uint8]) -> None:
        """Keep views of the sections; use `open`."""
        self.name = name
        self.header = header
        self.size_bytes = data.size
        parts = [data[each.offset : each.offset + each.size] for each in header.sections]
        self._raw = dict(zip(SECTIONS, parts, strict=True))
        self._postings = self._raw["postings"]
        self.grams: NDArray[np.uint32] = self._raw["grams"].view("<u4")
        self.counts: NDArray[np.uint32] = self._raw["counts"].view("<u4")
        self._offsets: NDArray[np.uint64] = self._raw["offsets"].view("<u8")
        self.documents = self._raw["documents"].view(DOCUMENT)
        self._order: NDArray[np.uint32] = self._raw["order"].view("<u4")
        self._sorted_files: NDArray[np.bytes_] | None = None

    @classmethod
    def open(cls, path: Path) -> Self:
        """Map a file; everything but the postings is compared with its checksum.

        Args:
            path: the segment's file.

        Raises:
            CorruptSegmentError: cut short, altered, or of another version.
            FileNotFoundError: it was merged away.
        """
        with path.open("rb") as file:
            size = os.fstat(file.fileno()).st_size
            if size < HEADER_BYTES:
                raise CorruptSegmentError(path.name, "cut short within the header")
            mapped = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        header = Header.unpack(path.name, mapped[:HEADER_BYTES])
        end = max(each.offset + each.size for each in header.sections)
        if size != end:
            raise CorruptSegmentError(path.name, f"{size} bytes long, {end} expected")
        segment = cls(path.name, header, np.frombuffer(mapped, dtype=np.uint8))
        segment.check(everything=False)
        return segment

    def check(self, *, everything: bool) -> None:
        """Compare checksums.

        Args:
            everything: the postings too, which reads the whole file.

        Raises:
            CorruptSegmentError: one does not agree.
        """
        for section, name in zip(self.header.sections, SECTIONS, strict=True):
            if (everything or name != "postings") and zlib.crc32(self._raw[name].data) != section.checksum:
                raise CorruptSegmentError(self.name, f"the checksum of its {name} does not agree")
        sizes = (len(self.documents), len(self._order), len(self.grams), len(self.counts), len(self._offsets) - 1)
        grams = len(self.grams)
        if sizes != (self.header.documents, self.header.documents, grams, grams, grams):
            raise CorruptSegmentError(self.name, "its sections do not fit together")

    def gram_range(self, low: int, high: int) -> tuple[int, int]:
        """Positions of the trigrams `low <= trigram < high` in `grams`."""
        begin, end = np.searchsorted(self.grams, np.array([low, high], dtype=np.uint32))
        return int(begin), int(end)

    def posting_count(self, begin: int, end: int) -> int:
        """Pairs of trigram and document within a range of positions."""
        return int(self.counts[begin:end].sum(dtype=np.int64))

    def lists(self, begin: int, end: int) -> Numbers:
        """The documents of several trigrams, list after list, each ascending.

        Args:
            begin: position of the first trigram in `grams`.
            end: position after the last.

        Raises:
            CorruptSegmentError: they are no valid lists.
        """
        if begin >= end:
            return np.empty(0, dtype=np.uint32)
        counts = self.counts[begin:end]
        try:
            values = decode(self._postings[int(self._offsets[begin]) : int(self._offsets[end])])
            if values.size != counts.sum(dtype=np.int64):
                raise ValueError(f"{values.size} numbers, {counts.sum()} expected")  # noqa: TRY301
            numbers = undo_differences(values, counts)
            if numbers.max() >= self.header.documents:
                raise ValueError("a document's number is too high")  # noqa: TRY301
        except ValueError as error:
            raise CorruptSegmentError(self.name, f"postings: {error}") from error
        return numbers

    def find(self, keys: NDArray[np.bytes_]) -> Numbers:
        """Numbers of the documents with these file keys; unknown ones are left out."""
        if not len(self.documents) or not keys.size:
            return np.empty(0, dtype=np.uint32)
        if self._sorted_files is None:
            self._sorted_files = self.documents["file"][self._order]
        places = np.searchsorted(self._sorted_files, keys)
        places[places == len(self._sorted_files)] = 0
        found = self._sorted_files[places] == keys
        numbers: Numbers = self._order[places[found]]
        return numbers
