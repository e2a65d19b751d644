"""Small file systems that are mounted to be filled."""

from __future__ import annotations

import os
from pathlib import Path

from stack.errors import NeedMissingError
from stack.process import ProgramFailedError, run

__all__ = ["mount", "unmount"]


def mount(folder: Path, *, size: int, mode: int, owner: tuple[int, int] | None = None) -> None:
    """Lay a file system in memory over a folder.

    Args:
        folder: what it hides until it is unmounted.
        size: in bytes.
        mode: of its root.
        owner: user and group of its root; ours otherwise.

    Raises:
        NeedMissingError: we are not root, or nothing can be mounted here.
    """
    options = f"size={size},mode={mode:04o}" + (f",uid={owner[0]},gid={owner[1]}" if owner else "")
    _run(["mount", "-t", "tmpfs", "-o", options, "tmpfs", folder])


def unmount(folder: Path) -> None:
    """Take it away again, whoever still uses it."""
    _run(["umount", "--lazy", folder])


def _run(words: list[str | Path]) -> None:
    if os.geteuid() != 0:
        raise NeedMissingError("root", "Only root can mount a file system to fill it")
    try:
        run(words, timeout=20)
    except ProgramFailedError as error:
        raise NeedMissingError("root", "A file system can't be mounted here", got=error.got) from error
