"""Packs of what a push brought: made without touching the repository, indexed before they are believed."""

from __future__ import annotations

import bisect
import hashlib
import struct
import subprocess
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from stack.forge.errors import GitError
from stack.forge.gitenv import child_environment, git
from stack.process import tail

__all__ = ["Index", "Pack", "existing", "index", "make", "sha256_of"]

_LIMIT = 3600.0  # seconds for a pack, whatever its size
_MAGIC = b"\xfftOc"
_FANOUT = struct.Struct(">256I")


@dataclass(frozen=True)
class Pack:
    """A pack that stands alone: every delta's base is in it."""

    path: Path
    sha256: str
    size: int
    index: Index


class Index:
    """Which objects are in a pack: git's index file, version 2."""

    def __init__(self, path: Path, width: int) -> None:
        """Read it; `width` is the bytes of an object id, 20 or 32.

        Raises:
            GitError: it is no such file.
        """
        data = path.read_bytes()
        if data[:8] != _MAGIC + b"\0\0\0\2":
            raise GitError("This is no index of a pack", on=str(path))
        self.count = _FANOUT.unpack_from(data, 8)[255]
        start = 8 + _FANOUT.size
        self._width = width
        self._ids = memoryview(data)[start : start + self.count * width]

    def __contains__(self, oid: str) -> bool:
        """Whether the pack holds this object."""
        wanted = bytes.fromhex(oid)
        place = bisect.bisect_left(range(self.count), wanted, key=self._at)
        return place < self.count and self._at(place) == wanted

    def _at(self, number: int) -> bytes:
        return bytes(self._ids[number * self._width : (number + 1) * self._width])


def existing(git_dir: Path, oids: Iterable[str]) -> set[str]:
    """Those of some objects that are in a repository."""
    wanted = sorted(set(oids))
    if not wanted:
        return set()
    told = git(["cat-file", "--batch-check=%(objectname)"], git_dir=git_dir, stdin="\n".join(wanted).encode() + b"\n")
    return {line for line in told.text.splitlines() if not line.endswith(" missing")}


def make(git_dir: Path, wanted: Sequence[str], known: Iterable[str], folder: Path) -> tuple[Pack | None, list[str]]:
    """Pack all that is reachable from `wanted` and not from `known`.

    Args:
        git_dir: the repository; it is only read.
        wanted: objects, all of them there.
        known: objects that need no packing; those that are not there are passed over.
        folder: where the pack is written.

    Returns:
        The pack (None when there is nothing new), and ids of objects that should be in it and that git has lost.

    Raises:
        GitError: git could not make it, though nothing is missing.
    """
    lines = [*wanted, *(f"^{oid}" for oid in sorted(existing(git_dir, known)))]
    revisions = ("\n".join(lines) + "\n").encode()
    path = folder / "new.pack"
    lost: list[str] = []
    try:
        _write(git_dir, [], revisions, path)
    except GitError:
        lost = _lost(git_dir, revisions)
        if not lost:
            raise
        _write(git_dir, ["--missing=allow-any"], revisions, path)
    with path.open("rb") as file:
        file.seek(8)
        count = int.from_bytes(file.read(4), "big")
    if count == 0:
        path.unlink()
        return None, lost
    found = index(path, len(wanted[0]) // 2)
    return Pack(path, sha256_of(path), path.stat().st_size, found), lost


def index(path: Path, width: int) -> Index:
    """Read a pack whole, as git does when it takes one, and write its index beside it.

    Raises:
        GitError: it is damaged, or does not stand alone.
    """
    form = "sha1" if width == 20 else "sha256"  # noqa: PLR2004 - bytes of SHA-1
    place = path.with_suffix(".idx")
    place.unlink(missing_ok=True)
    git(["index-pack", f"--object-format={form}", "-o", place, path], timeout=_LIMIT)
    found = Index(place, width)
    place.unlink()
    return found


def sha256_of(path: Path) -> str:
    """The digest of a file, in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _write(git_dir: Path, options: Sequence[str], revisions: bytes, path: Path) -> None:
    words = ["git", f"--git-dir={git_dir}", "pack-objects", "--revs", "--stdout", "--quiet", "--delta-base-offset"]
    # To a file by way of standard output: git would else write into the repository first. Nothing is kept in memory.
    said, asked = path.with_suffix(".said"), path.with_suffix(".asked")
    asked.write_bytes(revisions)
    with asked.open("rb") as stdin, path.open("wb") as stdout, said.open("wb") as stderr:
        process = subprocess.Popen(
            [*words, *options],
            stdin=stdin,
            stdout=stdout,
            stderr=stderr,
            env=child_environment(),
            start_new_session=True,
        )
        try:
            code = process.wait(_LIMIT)
        except subprocess.TimeoutExpired:
            code = -1
        finally:
            if process.poll() is None:
                process.kill()
                process.wait()
    text = said.read_text("utf-8", "replace")
    said.unlink()
    asked.unlink()
    if code != 0:
        path.unlink()
        raise GitError("git pack-objects failed", on=str(git_dir), got=tail(text), fix="run `git fsck` on it")


def _lost(git_dir: Path, revisions: bytes) -> list[str]:
    told = git(
        ["rev-list", "--objects", "--missing=print", "--stdin"],
        git_dir=git_dir,
        stdin=revisions,
        timeout=_LIMIT,
        ok=(0, 128),
    )
    return sorted({line[1:] for line in told.text.splitlines() if line.startswith("?")})
