"""Files of a run: written whole or not at all, and readable by one user."""

from __future__ import annotations

import os
import secrets
from pathlib import Path

__all__ = ["ServiceUser", "make_folder", "write_private"]

ServiceUser = tuple[int, int]


def write_private(path: Path, text: str, owner: ServiceUser | None = None) -> None:
    """Replace a file by one with mode 0600, in one step.

    The temporary file is new and never a link, so that the owner of the folder cannot have us write elsewhere.

    Args:
        path: the file.
        text: its content.
        owner: user and group id to give it to; only root can.
    """
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    handle = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(text)
            if owner is not None:
                os.fchown(file.fileno(), *owner)
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


def make_folder(path: Path, mode: int, owner: ServiceUser | None = None) -> Path:
    """Make one folder with exactly this mode, whatever the umask, and give it away if asked to."""
    path.mkdir(exist_ok=True)
    path.chmod(mode)
    if owner is not None:
        os.chown(path, *owner)
    return path
