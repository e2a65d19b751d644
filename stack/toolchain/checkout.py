"""What a program of this checkout is made of: its source files, and one digest for all of them."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator, Sequence
from fnmatch import fnmatchcase
from pathlib import Path

__all__ = ["digest_of", "sources"]

# What builders and test runners leave in a folder: never a source.
_MADE = frozenset({"target", "node_modules", ".next", "coverage", "test-results", "playwright-report", "__pycache__"})
_MADE_FILES = ("*.tsbuildinfo", "next-env.d.ts", "*.pyc", "*~", ".*.sw?", "*/.*.sw?")
_BLOCK = 1 << 20


def sources(folder: Path, ignored: Sequence[str] = ()) -> Iterator[Path]:
    """Every source file, ordered by its path, links not followed.

    Args:
        folder: of one program.
        ignored: glob patterns of further paths below it that do not count; `*` also stands for a slash.
    """
    found = []
    for place, folders, files in os.walk(folder):
        folders[:] = [name for name in folders if name not in _MADE]
        # A link to a folder is listed among the folders, and not entered.
        linked = [name for name in folders if Path(place, name).is_symlink()]
        found += [Path(place, name) for name in (*files, *linked)]
    patterns = (*_MADE_FILES, *ignored)
    for path in sorted(found):
        name = path.relative_to(folder).as_posix()
        if not any(fnmatchcase(name, pattern) for pattern in patterns):
            yield path


def digest_of(folder: Path, ignored: Sequence[str] = ()) -> str:
    """SHA-256, in hexadecimal, of the names, contents and executable bits of all source files."""
    digest = hashlib.sha256()
    for path in sources(folder, ignored):
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
