"""What became of each file: nothing is skipped silently."""

from __future__ import annotations

from enum import StrEnum

__all__ = ["FileStatus"]


class FileStatus(StrEnum):
    """The one status of a file in the index; every file has one, is findable by name and is counted."""

    INDEXED = "indexed"
    """Decoded without loss; symbols found, or the language has none."""
    LOSSY = "lossy"
    """Indexed, but some bytes fit no encoding and stand as U+FFFD."""
    EMPTY = "empty"
    """No bytes at all."""
    TOO_LARGE = "too_large"
    """Larger than the limit: name only."""
    BINARY = "binary"
    """Not text: name only."""
    SYMLINK = "symlink"
    """Mode 120000: name only, the target is not followed and not indexed."""
    SUBMODULE = "submodule"
    """Mode 160000, a commit of another repository: name only."""
    SYMBOLS_TIMED_OUT = "symbols_timed_out"
    """Content indexed; symbol extraction took longer than its cap and was killed."""
    SYMBOLS_FAILED = "symbols_failed"
    """Content indexed; symbol extraction crashed or answered nonsense."""
    MISSING_OBJECT = "missing_object"
    """The tree names a blob that the repository does not have: name only."""
    CORRUPT_OBJECT = "corrupt_object"
    """The blob cannot be read back: name only."""

    @property
    def has_content(self) -> bool:
        """Whether the text itself can be found."""
        return self in _WITH_CONTENT

    @property
    def is_problem(self) -> bool:
        """Whether a report should name the file: something about it could not be indexed that normally can."""
        return self in _PROBLEMS


_WITH_CONTENT = frozenset(
    {FileStatus.INDEXED, FileStatus.LOSSY, FileStatus.SYMBOLS_TIMED_OUT, FileStatus.SYMBOLS_FAILED}
)
_PROBLEMS = frozenset(
    {
        FileStatus.LOSSY,
        FileStatus.SYMBOLS_TIMED_OUT,
        FileStatus.SYMBOLS_FAILED,
        FileStatus.MISSING_OBJECT,
        FileStatus.CORRUPT_OBJECT,
    }
)
