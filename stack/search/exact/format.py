r"""What the files of the exact index look like.

A segment is one immutable file: a header, then sections, each aligned to 8 bytes.

| section | content |
|---|---|
| postings | for every trigram in ascending order its documents: differences, as `stack.search.exact.varint` has them |
| grams | the distinct trigrams, ascending: uint32, `first byte << 16 | second << 8 | third` |
| counts | documents per trigram: uint32 |
| offsets | where each trigram's postings begin, and where the last ones end: uint64 |
| documents | one record per document (`DOCUMENT`) |
| order | document numbers in ascending order of file id: uint32 |

Two zero bytes are thought at the end of each document, so that every byte of it begins a trigram: whatever is shorter
than three bytes is found as the range of trigrams that begin with it.
"""

from __future__ import annotations

import struct
import zlib
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from stack.search.exact.errors import CorruptSegmentError, ExactIndexError
from stack.search.exact.fold import FOLDING

__all__ = ["ALIGNMENT", "DOCUMENT", "HEADER_BYTES", "SECTIONS", "Header", "Section", "hex_of", "key_of", "keys_of"]

SECTIONS = ("postings", "grams", "counts", "offsets", "documents", "order")
ALIGNMENT = 8
HEADER_BYTES = 256

_MAGIC = b"ERexact1"
_FIXED = struct.Struct("<8sI16sQQ")
_SECTION = struct.Struct("<QQI")
_CRC = struct.Struct("<I")
_ID_BYTES = 32
_KEY_BYTES = _ID_BYTES + 1

DOCUMENT = np.dtype([("file", f"S{_KEY_BYTES}"), ("blob", f"S{_KEY_BYTES}"), ("repository", "<i8")])
"""One document: file id and blob as keys (see `key_of`), and the repository's number."""


@dataclass(frozen=True, slots=True)
class Section:
    """Where a section lies: bytes from the file's beginning, bytes, and its CRC-32."""

    offset: int
    size: int
    checksum: int


@dataclass(frozen=True, slots=True)
class Header:
    """The first 256 bytes of a segment.

    Args:
        documents: how many.
        postings: pairs of trigram and document.
        sections: in the order of `SECTIONS`.
    """

    documents: int
    postings: int
    sections: tuple[Section, ...]

    def pack(self) -> bytes:
        """The bytes, with a checksum of their own."""
        folding = FOLDING.encode("ascii")
        data = _FIXED.pack(_MAGIC, len(self.sections), folding, self.documents, self.postings)
        data += b"".join(_SECTION.pack(each.offset, each.size, each.checksum) for each in self.sections)
        return (data + _CRC.pack(zlib.crc32(data))).ljust(HEADER_BYTES, b"\0")

    @classmethod
    def unpack(cls, name: str, data: bytes) -> Header:
        """Read them back.

        Args:
            name: the file, for the message.
            data: at least the first 256 bytes.

        Raises:
            CorruptSegmentError: they are not what `pack` gives.
        """
        if len(data) < HEADER_BYTES:
            raise CorruptSegmentError(name, "cut short within the header")
        magic, count, folding, documents, postings = _FIXED.unpack_from(data)
        size = _FIXED.size + _SECTION.size * len(SECTIONS)
        if magic != _MAGIC or count != len(SECTIONS):
            raise CorruptSegmentError(name, "not a segment of this version")
        if _CRC.unpack_from(data, size)[0] != zlib.crc32(data[:size]):
            raise CorruptSegmentError(name, "the header's checksum does not agree")
        if folding.rstrip(b"\0").decode("ascii", "replace") != FOLDING:
            raise CorruptSegmentError(name, "its text was folded by other tables")
        sections = tuple(
            Section(*_SECTION.unpack_from(data, _FIXED.size + _SECTION.size * number)) for number in range(count)
        )
        return cls(documents, postings, sections)


def key_of(identifier: str) -> bytes:
    """A hexadecimal id as 1 + n bytes, its length first, so that ids of different lengths never look alike.

    Args:
        identifier: 2 to 64 lower-case hexadecimal digits, an even number.

    Raises:
        ExactIndexError: it is something else.
    """
    try:
        raw = bytes.fromhex(identifier)
    except ValueError:
        raw = b""
    if not 0 < len(raw) <= _ID_BYTES or raw.hex() != identifier:
        raise ExactIndexError(
            "an id of the exact index must be 2 to 64 lower-case hexadecimal digits", got=repr(identifier)
        )
    return bytes((len(raw),)) + raw


def keys_of(identifiers: list[str]) -> NDArray[np.bytes_]:
    """Keys of ids as an array that can be compared with the `file` of documents."""
    return np.array([key_of(identifier) for identifier in identifiers], dtype=f"S{_KEY_BYTES}")


def hex_of(key: bytes) -> str:
    """The id of a key; zero bytes at its end may have been cut off."""
    return key[1:].ljust(key[0], b"\0").hex() if key else ""
