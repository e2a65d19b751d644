"""What is new of a file that PostgreSQL's receiver still writes to."""

from __future__ import annotations

from pathlib import Path

import pytest

from stack.recovery.postgresql.receiver import _new_bytes
from stack.recovery.postgresql.walfile import SEGMENT_SIZE


def _file(path: Path, content: bytes) -> Path:
    with path.open("wb") as file:
        file.write(content)
        file.truncate(SEGMENT_SIZE)
    return path


def test_only_what_was_written_is_new(tmp_path: Path) -> None:
    """The file is as long as a segment from the beginning; zeros at its end were not written yet."""
    path = _file(tmp_path / "f", b"abc\0\0def")
    assert _new_bytes(path, 0, finished=False) == b"abc\0\0def"
    assert _new_bytes(path, 5, finished=False) == b"def"
    assert _new_bytes(path, 8, finished=False) == b""


@pytest.mark.parametrize("length", [1, 256 << 10, (256 << 10) + 1, SEGMENT_SIZE])
def test_zeros_in_between_are_kept(tmp_path: Path, length: int) -> None:
    """However long they are: a record may hold them."""
    content = b"a" + b"\0" * (length - 2) + b"b" if length > 1 else b"a"
    assert _new_bytes(_file(tmp_path / "f", content), 0, finished=False) == content


def test_of_a_finished_segment_all_is_new(tmp_path: Path) -> None:
    """Zeros at its end belong to it."""
    path = _file(tmp_path / "f", b"abc")
    assert len(_new_bytes(path, 3, finished=True)) == SEGMENT_SIZE - 3
