"""Unpacking zip and tar files: which files are executable is kept, and nothing lands outside the folder."""

from __future__ import annotations

import shutil
import stat
import tarfile
import zipfile
import zlib
from pathlib import Path, PurePosixPath
from typing import IO

from stack.toolchain.errors import ToolchainError

__all__ = ["unpack_tar", "unpack_zip"]

_BLOCK = 1 << 20


def unpack_zip(path: Path, root: Path) -> None:
    """Unzip a file (a wheel is one).

    Args:
        path: the file.
        root: an existing folder.

    Raises:
        ToolchainError: it is no zip, is damaged, or has a member that would land outside `root` or is a link.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            for member in archive.infolist():
                mode = member.external_attr >> 16
                target = _target(member.filename, root, path, link=stat.S_ISLNK(mode))
                if member.is_dir():
                    target.mkdir(parents=True, exist_ok=True)
                else:
                    with archive.open(member) as data:
                        _write(data, target, mode)
    except (zipfile.BadZipFile, zlib.error, EOFError) as error:
        raise ToolchainError("An archive is damaged", on=str(path), got=str(error)) from error


def unpack_tar(path: Path, root: Path) -> None:
    """Unpack a tar file, compressed or not; a link or a device in it is refused.

    Args:
        path: the file.
        root: an existing folder.

    Raises:
        ToolchainError: it is no tar file, is damaged, or has a member that is no file or would land outside `root`.
    """
    # Not `extractall(filter=...)`: Python 3.11.2, which Debian 12 has, does not know that argument.
    try:
        with tarfile.open(path) as archive:
            for member in archive:
                target = _target(member.name, root, path, link=not (member.isreg() or member.isdir()))
                data = archive.extractfile(member)
                if data is None:
                    target.mkdir(parents=True, exist_ok=True)
                else:
                    _write(data, target, member.mode)
    except (tarfile.TarError, zlib.error, EOFError, OSError) as error:
        if isinstance(error, OSError) and error.errno is not None:
            raise  # the disk's, not the archive's
        raise ToolchainError("An archive is damaged", on=str(path), got=str(error)) from error


def _target(name: str, root: Path, archive: Path, *, link: bool) -> Path:
    path = PurePosixPath(name)
    if link or path.is_absolute() or ".." in path.parts or "\\" in name:
        raise ToolchainError("An archive has a member that may not be unpacked", on=str(archive), got=name)
    return root / path


def _write(data: IO[bytes], target: Path, mode: int) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    with target.open("wb") as file:
        shutil.copyfileobj(data, file, _BLOCK)
    target.chmod(0o755 if mode & 0o111 else 0o644)
