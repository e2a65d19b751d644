"""What can go wrong with the exact index."""

from __future__ import annotations

from stack.errors import EngineRoomError

__all__ = ["CorruptSegmentError", "ExactIndexError", "IndexBusyError"]


class ExactIndexError(EngineRoomError):
    """The exact index did not do what it was asked."""


class CorruptSegmentError(ExactIndexError):
    """A file of the index is cut short, altered, or of another format: its documents count as not indexed."""

    def __init__(self, name: str, reason: str) -> None:
        """Name the file.

        Args:
            name: the file, without its folder.
            reason: what does not agree.
        """
        super().__init__(
            "a file of the exact index is damaged",
            on=name,
            got=reason,
            fix="nothing is lost: index the documents that file_ids() no longer names again",
        )
        self.name = name
        self.reason = reason


class IndexBusyError(ExactIndexError):
    """Another process, or another part of this one, is writing to the same index."""
