"""Reads objects through one long-lived `git cat-file --batch-command` (git >= 2.36), and outlives the corrupt ones."""

from __future__ import annotations

import hashlib
import re
import threading
from collections import OrderedDict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from stack.forge.errors import InvalidError, RepositoryMissingError
from stack.forge.git_types import Blob
from stack.forge.pipes import GitPipe, PipeClosedError

__all__ = ["Info", "ObjectPool", "ObjectReader", "check_oid"]

_OID = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")
_AT_ONCE = 32  # requests in one flush: their text stays far below a pipe's 64 KiB, so neither side can block
_KEPT_OPEN = 8


def check_oid(oid: str) -> str:
    """Return a full object id in hex.

    Raises:
        InvalidError: it is something else, such as an option or a ref that git would obey.
    """
    if not _OID.fullmatch(oid):
        raise InvalidError("This is not an object id", on=repr(oid)[:120], fix="give 40 or 64 lower-case hex digits")
    return oid


@dataclass(frozen=True, slots=True)
class Info:
    """Type and size of an object; both `None` when it is missing or corrupt."""

    oid: str
    type: str | None
    size: int | None
    missing: bool = False
    corrupt: str | None = None


class ObjectReader:
    """The objects of one repository. Not for two threads at once."""

    def __init__(self, git_dir: Path) -> None:
        """Open nothing yet."""
        self._git_dir = git_dir
        self._pipe: GitPipe | None = None

    def infos(self, oids: Iterable[str]) -> Iterator[Info]:
        """Type and size of each object, in the order of asking."""
        for batch in _batches(oids):
            yield from self._infos(batch)

    def blobs(self, oids: Iterable[str], *, limit: int) -> Iterator[Blob]:
        """Content of each object, in the order of asking; see `GitAccess.blobs`."""
        for batch in _batches(oids):
            for info in list(self._infos(batch)):
                yield self._blob(info, limit)

    def content(self, oid: str) -> bytes | None:
        """Whole content of an object of any type; `None` when it can't be read."""
        info = next(self._infos([oid]))
        if info.size is None:
            return None
        try:
            return self._content(oid, info)
        except PipeClosedError:
            self.close()
            return None

    def close(self) -> None:
        """End the process."""
        if self._pipe is not None:
            self._pipe.close()
            self._pipe = None

    def _open(self) -> GitPipe:
        if self._pipe is None:
            self._pipe = GitPipe(self._git_dir, ["cat-file", "--batch-command", "--buffer"])
        return self._pipe

    def _infos(self, oids: list[str]) -> Iterator[Info]:
        answered = 0
        try:
            pipe = self._open()
            pipe.write(b"".join(b"info %s\n" % oid.encode() for oid in oids) + b"flush\n")
            for oid in oids:
                info = self._told(_parse(oid, pipe.line()))
                answered += 1
                yield info
        except PipeClosedError as error:
            # One of the rest ended the process: ask for each alone, so that only that one is called corrupt.
            self.close()
            rest = oids[answered:]
            if len(rest) == 1:
                yield Info(rest[0], None, None, corrupt=_reason(error))
                return
            for oid in rest:
                yield from self._infos([oid])

    def _told(self, info: Info) -> Info:
        # Git calls a loose object whose header it can't unpack missing; the file is there, so it is corrupt.
        if info.missing and (self._git_dir / "objects" / info.oid[:2] / info.oid[2:]).exists():
            return Info(info.oid, None, None, corrupt="its header can't be unpacked")
        return info

    def _blob(self, info: Info, limit: int) -> Blob:
        if info.missing or info.corrupt is not None or info.size is None:
            return Blob(info.oid, None, None, missing=info.missing, corrupt=info.corrupt)
        if info.type != "blob":
            return Blob(info.oid, None, None, corrupt=f"it is a {info.type}, not a blob")
        if info.size > limit:
            return Blob(info.oid, info.size, None)
        try:
            data = self._content(info.oid, info)
        except PipeClosedError as error:
            self.close()
            return Blob(info.oid, info.size, None, corrupt=_reason(error))
        # Git checks a pack's and a zlib stream's own sums when it reads, not that the content has this id.
        if _oid_of("blob", data, like=info.oid) != info.oid:
            return Blob(info.oid, info.size, None, corrupt="its content has another object id")
        return Blob(info.oid, info.size, data)

    def _content(self, oid: str, info: Info) -> bytes:
        pipe = self._open()
        pipe.write(b"contents %s\nflush\n" % oid.encode())
        header = _parse(oid, pipe.line())
        if header.size is None or header.size != info.size:
            raise PipeClosedError("The object changed while it was read", on=f"{self._git_dir} {oid}")
        data = pipe.exactly(header.size)
        pipe.exactly(1)
        return data


class ObjectPool:
    """Keeps a few readers open; safe for threads. A repository that was replaced under its name gets a new reader."""

    def __init__(self) -> None:
        """Start empty."""
        self._lock = threading.Lock()
        self._idle: OrderedDict[tuple[str, int, int], ObjectReader] = OrderedDict()
        self._closed = False

    def take(self, git_dir: Path) -> tuple[tuple[str, int, int], ObjectReader]:
        """A reader that nobody else has, and the key to give it back with.

        Raises:
            RepositoryMissingError: there is no such repository.
        """
        try:
            stat = (git_dir / "objects").stat()
        except OSError as error:
            raise RepositoryMissingError("There is no such git repository", on=str(git_dir), got=str(error)) from error
        key = (str(git_dir), stat.st_dev, stat.st_ino)
        with self._lock:
            reader = self._idle.pop(key, None)
        return key, reader or ObjectReader(git_dir)

    def give(self, key: tuple[str, int, int], reader: ObjectReader) -> None:
        """Take back a reader that has answered everything it was asked."""
        with self._lock:
            evicted = [self._idle.pop(key)] if key in self._idle else []
            self._idle[key] = reader
            while len(self._idle) > _KEPT_OPEN or (self._closed and self._idle):
                evicted.append(self._idle.popitem(last=False)[1])
        for old in evicted:
            old.close()

    def close(self) -> None:
        """End every idle process, and each of the others when it is given back."""
        with self._lock:
            self._closed = True
            idle = list(self._idle.values())
            self._idle.clear()
        for reader in idle:
            reader.close()


def _batches(oids: Iterable[str]) -> Iterator[list[str]]:
    rest = iter(oids)
    while batch := [check_oid(oid) for oid in islice(rest, _AT_ONCE)]:
        yield batch


def _parse(oid: str, line: bytes) -> Info:
    words = line.decode("ascii", "replace").split(" ")
    if words[-1] == "missing":
        return Info(oid, None, None, missing=True)
    return Info(oid, words[1], int(words[2]))


def _reason(error: PipeClosedError) -> str:
    lines = [line for line in error.got.splitlines() if line.strip()]
    return lines[-1].removeprefix("fatal: ").removeprefix("error: ") if lines else error.what


def _oid_of(kind: str, data: bytes, *, like: str) -> str:
    digest = hashlib.sha1(usedforsecurity=False) if len(like) == 40 else hashlib.sha256()  # noqa: PLR2004 - hex digits
    digest.update(f"{kind} {len(data)}\0".encode())
    digest.update(data)
    return digest.hexdigest()
