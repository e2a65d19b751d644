"""Names and first pages of WAL files, and what follows on what.

This file stands alone: a copy of it runs beside Barman, in Barman's own environment.
"""

from __future__ import annotations

import re
import struct
from dataclasses import dataclass

__all__ = ["SEGMENT_SIZE", "Header", "Lsn", "Segment", "lsn", "read_header", "show_lsn", "without_suffix"]

SEGMENT_SIZE = 16 << 20  # bytes; what initdb chooses unless told otherwise
_NAME = re.compile(r"([0-9A-F]{8})([0-9A-F]{8})([0-9A-F]{8})")
_SUFFIXES = (".lz4", ".gz")
# XLogLongPageHeaderData of access/xlog_internal.h: magic, info, timeline, address, remaining length, system, sizes.
_HEADER = struct.Struct("<HHIQI4xQII")
_LONG = 2  # XLP_LONG_HEADER

Lsn = int


@dataclass(frozen=True, order=True)
class Segment:
    """One segment of WAL: its timeline, and its number when segments are counted from the beginning of WAL."""

    timeline: int
    number: int

    @classmethod
    def parse(cls, name: str, size: int = SEGMENT_SIZE) -> Segment | None:
        """The segment of a file name without suffix; None for a history file and all else."""
        match = _NAME.fullmatch(name)
        if match is None:
            return None
        timeline, high, low = (int(part, 16) for part in match.groups())
        per_log = (1 << 32) // size
        return cls(timeline, high * per_log + low) if low < per_log else None

    def name(self, size: int = SEGMENT_SIZE) -> str:
        """Its file name."""
        high, low = divmod(self.number, (1 << 32) // size)
        return f"{self.timeline:08X}{high:08X}{low:08X}"

    def start(self, size: int = SEGMENT_SIZE) -> Lsn:
        """The position of its first byte."""
        return self.number * size


@dataclass(frozen=True)
class Header:
    """The first page's header."""

    timeline: int
    address: Lsn
    system: int
    segment_size: int


def read_header(data: bytes) -> Header | None:
    """The header of a segment's first bytes (at least 40); None when there is none."""
    if len(data) < _HEADER.size:
        return None
    _, info, timeline, address, _, system, segment_size, _ = _HEADER.unpack_from(data)
    if not info & _LONG or segment_size < 1 << 20 or segment_size & (segment_size - 1):
        return None
    return Header(timeline, address, system, segment_size)


def without_suffix(name: str) -> str:
    """A file name without the ending of its compression."""
    for suffix in _SUFFIXES:
        if name.endswith(suffix):
            return name[: -len(suffix)]
    return name


def lsn(text: str) -> Lsn:
    """A position as PostgreSQL writes it: `0/3000028`."""
    high, _, low = text.partition("/")
    return (int(high, 16) << 32) + int(low, 16)


def show_lsn(position: Lsn) -> str:
    """A position as PostgreSQL writes it."""
    return f"{position >> 32:X}/{position & 0xFFFFFFFF:X}"
