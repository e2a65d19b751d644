"""What a program of this checkout is made of: its source files, and one digest for all of them."""

from __future__ import annotations

import filecmp
import hashlib
import os
import shutil
from collections.abc import Iterator, Sequence
from fnmatch import fnmatchcase
from pathlib import Path

__all__ = ["digest_of", "mirror", "sources"]

# What builders and test runners leave in a folder: never a source.
_MADE = frozenset({"target", "node_modules", ".next", "coverage", "test-results", "playwright-report", "__pycache__"})
_MADE_FILES = ("*.tsbuildinfo", "next-env.d.ts", "*.pyc", "*~", ".*.sw?", "*/.*.sw?")
_BLOCK = 1 << 20


def sources(folder: Path, ignored: Sequence[str] = (), *, everything: bool = False) -> Iterator[Path]:
    """Every source file, ordered by its path, links not followed.

    Args:
        folder: of one program.
        ignored: glob patterns of further paths below it that do not count; `*` also stands for a slash.
        everything: also what builders and test runners made.
    """
    found = []
    for place, folders, files in os.walk(folder):
        folders[:] = [name for name in folders if everything or name not in _MADE]
        # A link to a folder is listed among the folders, and not entered.
        linked = [name for name in folders if Path(place, name).is_symlink()]
        found += [Path(place, name) for name in (*files, *linked)]
    patterns = ignored if everything else (*_MADE_FILES, *ignored)
    for path in sorted(found):
        name = path.relative_to(folder).as_posix()
        if not any(fnmatchcase(name, pattern) for pattern in patterns):
            yield path


def mirror(folder: Path, copy: Path) -> None:
    """Make a folder hold the same sources as another; what was made in it stays, and what is the same is not touched.

    Args:
        folder: the sources.
        copy: an existing folder.
    """
    wanted = {path.relative_to(folder): path for path in sources(folder)}
    for path in sources(copy):
        if path.relative_to(copy) not in wanted:
            path.unlink()
    for name, path in wanted.items():
        target = copy / name
        if (
            path.is_symlink()
            or target.is_symlink()
            or not target.is_file()
            or not filecmp.cmp(path, target, shallow=False)
        ):
            target.parent.mkdir(parents=True, exist_ok=True)
            if target.is_dir() and not target.is_symlink():
                shutil.rmtree(target)
            target.unlink(missing_ok=True)
            shutil.copy2(path, target, follow_symlinks=False)


def digest_of(folder: Path, ignored: Sequence[str] = (), *, everything: bool = False) -> str:
    """SHA-256, in hexadecimal, of the names, contents and executable bits of all source files; see `sources`."""
    digest = hashlib.sha256()
    for path in sources(folder, ignored, everything=everything):
        name = path.relative_to(folder).as_posix().encode("utf-8", "surrogateescape")
        if path.is_symlink():
            kind, data = b"link", os.fsencode(path.readlink())
        else:
            kind = b"program" if path.stat().st_mode & 0o100 else b"file"
            data = _content(path)
        # Lengths first, so that no two different trees give the same bytes.
        digest.update(b"%d %s %s %d " % (len(name), name, kind, len(data)))
        digest.update(data)
    return digest.hexdigest()


def _content(path: Path) -> bytes:
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(_BLOCK):
            digest.update(block)
    return digest.digest()
