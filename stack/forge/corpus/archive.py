"""The files of a source archive, read one by one and never unpacked to a disk."""

from __future__ import annotations

import stat
import tarfile
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO

from stack.forge.corpus.manifest import Package
from stack.forge.errors import InvalidError
from stack.forge.fastimport import Change, Executable, Symlink, as_path

__all__ = ["files", "paths", "read"]

# The top folder of each kind of archive, in parts: Go's zip files have `host/path@version/`, jars have none.
_TOP = {"cargo": 1, "npm": 1, "pip": 1, "maven": 0}


def files(package: Package, archive: Path) -> Iterator[tuple[bytes, Change]]:
    """Path and content of every file that goes into the package's repository.

    Raises:
        InvalidError: a path that no repository can hold; an archive like that is not for the corpus.
    """
    for name, load in _members(archive):
        path = _below_top(package, name)
        if path is not None and package.takes(path):
            yield as_path(path), load()


def paths(package: Package, archive: Path) -> list[str]:
    """The paths of `files`, sorted."""
    below = (_below_top(package, name) for name, _ in _members(archive))
    return sorted({path for path in below if path is not None and package.takes(path)})


def read(package: Package, archive: Path, path: str) -> bytes:
    """The content of one ordinary file.

    Raises:
        InvalidError: there is none of that path.
    """
    for name, load in _members(archive):
        if _below_top(package, name) == path:
            change = load()
            if isinstance(change, Executable):
                return change.data
            if isinstance(change, bytes):
                return change
    raise InvalidError("The archive has no such file", on=f"{archive.name} {path}")


def _members(archive: Path) -> Iterator[tuple[str, Callable[[], Change]]]:
    if zipfile.is_zipfile(archive):
        with zipfile.ZipFile(archive) as opened:
            for info in opened.infolist():
                if not info.is_dir():
                    yield info.filename, lambda info=info: opened.read(info)  # type: ignore[misc]
        return
    # A stream is read once, from its beginning to its end, so `load` must be called before the next member.
    with tarfile.open(archive, "r:*") as opened_tar:
        for member in opened_tar:
            if member.issym():
                yield member.name, lambda member=member: Symlink(member.linkname.encode())  # type: ignore[misc]
            elif member.isfile():
                yield member.name, lambda member=member: _file(opened_tar.extractfile(member), member.mode)  # type: ignore[misc]


def _file(opened: IO[bytes] | None, mode: int) -> Change:
    data = opened.read() if opened else b""
    return Executable(data) if mode & stat.S_IXUSR else data


def _below_top(package: Package, name: str) -> str | None:
    """A path below the archive's top folder; `None` for a jar's own description of itself."""
    if package.client == "go":
        _, _, rest = name.partition("@")
        return rest.partition("/")[2] or None
    if package.client == "maven" and name.startswith("META-INF/"):
        return None
    return "/".join(name.split("/")[_TOP[package.client] :]) or None
