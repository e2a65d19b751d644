"""What the toolchain raises."""

from __future__ import annotations

from stack.errors import EngineRoomError

__all__ = ["GivenPathError", "LockMismatchError", "SourcesChangedError", "ToolchainError"]


class ToolchainError(EngineRoomError):
    """A server's program could not be obtained, unpacked, found or run."""


class LockMismatchError(ToolchainError):
    """What was obtained is not what the lock file promises: nothing of it is kept."""

    def __init__(self, file: str, *, expected: str, got: str, lock: str = "") -> None:
        """Name the file and both checksums.

        Args:
            file: name of the artefact.
            expected: SHA-256 in the lock file, or `nothing` when the file is not in it.
            got: SHA-256 of the artefact, or `nothing` when it was not obtained.
            lock: the lock file.
        """
        super().__init__(
            f"{file} is not what its lock promises",
            on=lock,
            got=f"expected {expected}, got {got}",
            fix="if it is meant, renew the lock (python -m stack.toolchain.lock NAME) and review the difference",
        )
        self.file = file
        self.expected = expected
        self.actual = got


class SourcesChangedError(ToolchainError):
    """A program was being built from this checkout while its sources changed: what came of it is of no version."""


class GivenPathError(ToolchainError):
    """A path that the user gave (`MEILISEARCH_BIN`, `ZOEKT_BIN`) does not lead to a usable program."""
