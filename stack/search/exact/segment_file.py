"""Writes one segment front to back."""

from __future__ import annotations

import os
import tempfile
import zlib
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, Self, cast

import numpy as np
from numpy.typing import NDArray

from stack.search.exact.format import ALIGNMENT, HEADER_BYTES, SECTIONS, Header, Section
from stack.search.exact.varint import encode

__all__ = ["GRAM_SHIFT", "NUMBER_MASK", "SegmentFile"]

GRAM_SHIFT = np.uint64(32)
"""A posting is one number that sorts: the trigram in the upper half, the document in the lower."""
NUMBER_MASK = np.uint64(0xFFFFFFFF)
_SPOOL = 4 * 1024 * 1024  # bytes of a column kept in memory before it goes to a temporary file


class SegmentFile:
    """Writes a segment front to back; columns that belong behind the postings wait in spooled files."""

    def __init__(self, path: Path) -> None:
        """Prepare to write a file that does not exist yet; it is removed again when the block raises."""
        self._path = path
        self._columns = {name: _Column(path.parent) for name in SECTIONS if name != "postings"}
        self._written = 0
        self._postings = 0
        self._documents = 0
        self._files: list[NDArray[np.bytes_]] = []
        self._checksum = 0
        self._file: BinaryIO | None = None

    def __enter__(self) -> Self:
        """Create the file."""
        self._file = self._path.open("xb")
        self._file.write(b"\0" * HEADER_BYTES)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close it."""
        for column in self._columns.values():
            column.close()
        if self._file is not None:
            self._file.close()
        if kind is not None:
            self._path.unlink(missing_ok=True)

    def add(self, keys: NDArray[np.uint64]) -> None:
        """Take sorted pairs of trigram and document; no trigram comes twice in different calls."""
        if not keys.size:
            return
        grams = (keys >> GRAM_SHIFT).astype(np.uint32)
        documents = (keys & NUMBER_MASK).astype(np.uint32)
        starts = np.flatnonzero(np.concatenate(([True], grams[1:] != grams[:-1])))
        counts = np.diff(np.append(starts, keys.size)).astype(np.uint32)
        differences = np.empty_like(documents)
        differences[0] = documents[0]
        np.subtract(documents[1:], documents[:-1], out=differences[1:])
        differences[starts] = documents[starts]
        data, lengths = encode(differences)
        sizes = np.add.reduceat(lengths, starts, dtype=np.int64)
        offsets = self._written + np.cumsum(sizes) - sizes
        self._columns["grams"].write(grams[starts].astype("<u4").tobytes())
        self._columns["counts"].write(counts.astype("<u4").tobytes())
        self._columns["offsets"].write(offsets.astype("<u8").tobytes())
        self._write(data.tobytes())
        self._postings += keys.size

    def add_documents(self, documents: NDArray[np.void]) -> None:
        """Take the next documents."""
        self._columns["documents"].write(documents.tobytes())
        self._files.append(documents["file"].copy())
        self._documents += len(documents)

    def finish(self) -> None:
        """Write the columns and the header, and wait until the disk has them."""
        file = cast("BinaryIO", self._file)
        self._columns["offsets"].write(np.array([self._written], dtype="<u8").tobytes())
        order = np.argsort(np.concatenate(self._files), kind="stable").astype("<u4")
        self._columns["order"].write(order.tobytes())
        sections = [Section(HEADER_BYTES, self._written, self._checksum)]
        for name in SECTIONS[1:]:
            end = sections[-1].offset + sections[-1].size
            file.write(b"\0" * (-end % ALIGNMENT))
            column = self._columns[name]
            sections.append(Section(end + -end % ALIGNMENT, column.size, column.checksum))
            column.copy_to(file.write)
        file.seek(0)
        file.write(Header(self._documents, self._postings, tuple(sections)).pack())
        file.flush()
        os.fsync(file.fileno())

    def _write(self, data: bytes) -> None:
        cast("BinaryIO", self._file).write(data)
        self._written += len(data)
        self._checksum = zlib.crc32(data, self._checksum)


class _Column:
    """Bytes that are written now and copied later."""

    def __init__(self, folder: Path) -> None:
        self._file = tempfile.SpooledTemporaryFile(max_size=_SPOOL, dir=str(folder))  # noqa: SIM115 - closed by its owner
        self.size = 0
        self.checksum = 0

    def write(self, data: bytes) -> None:
        self._file.write(data)
        self.size += len(data)
        self.checksum = zlib.crc32(data, self.checksum)

    def copy_to(self, write: Callable[[bytes], object]) -> None:
        self._file.seek(0)
        while data := self._file.read(_SPOOL):
            write(data)

    def close(self) -> None:
        self._file.close()
