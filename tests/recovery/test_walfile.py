"""Names and headers of WAL files."""

from __future__ import annotations

import struct

import pytest

from stack.recovery.postgresql.walfile import SEGMENT_SIZE, Segment, lsn, read_header, show_lsn, without_suffix


@pytest.mark.parametrize(
    ("name", "timeline", "number"),
    [
        ("000000010000000000000001", 1, 1),
        ("0000000100000000000000FF", 1, 255),
        ("000000010000000100000000", 1, 256),
        ("0000000A000000020000000F", 10, 527),
    ],
)
def test_a_name_and_its_segment(name: str, timeline: int, number: int) -> None:
    """With segments of 16 MB, 256 of them make one step of the middle part."""
    assert Segment.parse(name) == Segment(timeline, number)
    assert Segment(timeline, number).name() == name


@pytest.mark.parametrize(
    "name", ["00000002.history", "000000010000000000000001.partial", "0000000100000000000001FF", ""]
)
def test_other_files_are_no_segments(name: str) -> None:
    """History files, partial files, and a low part that no segment has."""
    assert Segment.parse(name) is None


def test_positions_are_read_and_written_as_postgresql_does() -> None:
    """Both halves in hexadecimal, without leading zeros."""
    assert lsn("1/2000028") == (1 << 32) + 0x2000028
    assert show_lsn(lsn("1/2000028")) == "1/2000028"
    assert Segment(1, 3).start() == 3 * SEGMENT_SIZE


def test_the_ending_of_a_compression_goes() -> None:
    """Whatever Barman compressed it with."""
    assert without_suffix("000000010000000000000001.lz4") == without_suffix("000000010000000000000001.gz")


def test_a_header_tells_whose_segment_it_is() -> None:
    """As access/xlog_internal.h lays it; a page in the middle has a short header, which tells no system."""
    page = struct.pack("<HHIQI4xQII", 0xD118, 2, 7, 3 * SEGMENT_SIZE, 0, 4711, SEGMENT_SIZE, 8192)
    header = read_header(page)
    assert header is not None
    assert (header.system, header.timeline, header.address) == (4711, 7, 3 * SEGMENT_SIZE)
    assert read_header(page[:39]) is None
    assert read_header(b"\0" * 64) is None
