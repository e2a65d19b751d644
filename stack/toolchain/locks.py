"""Lock files: one `<sha256>  <file name>` per line, as `sha256sum` writes and checks them."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Mapping
from pathlib import Path

from stack.toolchain.errors import LockMismatchError, ToolchainError

__all__ = ["check", "check_all", "read_lock", "sha256", "write_lock"]

_LINE = re.compile(r"([0-9a-f]{64}) [ *](\S.*)")
_BLOCK = 1 << 20


def sha256(path: Path) -> str:
    """SHA-256 of a file, in hexadecimal; reads it once, in blocks."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(_BLOCK):
            digest.update(block)
    return digest.hexdigest()


def read_lock(path: Path) -> dict[str, str]:
    """File name to SHA-256.

    Raises:
        ToolchainError: the file cannot be read, or a line is not a checksum and a name.
    """
    found: dict[str, str] = {}
    try:
        lines = path.read_text("utf-8").splitlines()
    except OSError as error:
        raise ToolchainError("A lock file cannot be read", on=str(path), got=str(error)) from error
    for number, line in enumerate(lines, 1):
        if not line.strip() or line.startswith("#"):
            continue
        match = _LINE.fullmatch(line)
        if match is None:
            raise ToolchainError("A lock file has a line that is no checksum", on=f"{path}:{number}", got=line)
        found[match[2]] = match[1]
    return found


def write_lock(path: Path, checksums: Mapping[str, str], *, header: Iterable[str] = ()) -> None:
    """Write a lock file, sorted by name; `header` lines become comments."""
    lines = [f"# {line}" for line in header]
    lines += [f"{checksums[name]}  {name}" for name in sorted(checksums)]
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join(lines) + "\n", "utf-8")


def check(path: Path, checksums: Mapping[str, str], *, name: str = "", lock: str = "") -> str:
    """Compare one file with its lock and return its SHA-256.

    Args:
        path: the file.
        checksums: name to SHA-256.
        name: the name in the lock; the file's own by default.
        lock: the lock file, for the message.

    Raises:
        LockMismatchError: the checksum differs, or the lock does not name the file.
    """
    known = name or path.name
    actual = sha256(path)
    expected = checksums.get(known)
    if expected != actual:
        raise LockMismatchError(known, expected=expected or "nothing", got=actual, lock=lock)
    return actual


def check_all(root: Path, names: Iterable[str], checksums: Mapping[str, str], *, lock: str = "") -> None:
    """Compare a whole tree with its lock: every file is locked, and everything locked is there.

    Raises:
        LockMismatchError: for the first file, by name, that is not as locked.
    """
    there = set(names)
    for name in sorted(there | set(checksums)):
        if name not in there:
            raise LockMismatchError(name, expected=checksums[name], got="nothing", lock=lock)
        check(root / name, checksums, name=name, lock=lock)
