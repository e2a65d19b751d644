"""The one file that says which segments make up the index; swapping it is the commit."""

from __future__ import annotations

import json
import os
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from fcntl import LOCK_EX, LOCK_NB, LOCK_UN, flock
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from stack.search.exact.errors import CorruptSegmentError, IndexBusyError
from stack.search.exact.fold import FOLDING

__all__ = [
    "MANIFEST",
    "Entry",
    "Manifest",
    "exclusive",
    "read_dead",
    "read_manifest",
    "replace_file",
    "sweep",
    "write_dead",
    "write_manifest",
]

MANIFEST = "manifest.json"
_LOCK = "lock"
_FORMAT = 1
_TEMPORARY = ".tmp"


@dataclass(frozen=True, slots=True)
class Entry:
    """One segment of the index.

    Args:
        name: its file.
        documents: in the file, dead ones included.
        postings: in the file.
        dead: the file with the marks of its dead documents, `""` if all live.
        dead_count: how many are dead.
    """

    name: str
    documents: int
    postings: int
    dead: str = ""
    dead_count: int = 0


@dataclass(frozen=True, slots=True)
class Manifest:
    """What the index consists of.

    Args:
        generation: given by the owner of the index when it was made; `""` before that.
        sequence: counts the commits.
        entries: the oldest segment first.
    """

    generation: str = ""
    sequence: int = 0
    entries: tuple[Entry, ...] = ()

    def next(self, entries: tuple[Entry, ...], generation: str | None = None) -> Manifest:
        """The following commit."""
        return replace(
            self,
            entries=entries,
            sequence=self.sequence + 1,
            generation=self.generation if generation is None else generation,
        )


def read_manifest(folder: Path) -> Manifest:
    """The committed state; a missing file is an empty index.

    Args:
        folder: of the index.

    Raises:
        CorruptSegmentError: the file is not what `write_manifest` writes, or belongs to another version.
    """
    try:
        data = (folder / MANIFEST).read_bytes()
    except FileNotFoundError:
        return Manifest()
    checksum, _, body = data.partition(b"\n")
    if checksum != b"%08x" % zlib.crc32(body):
        raise CorruptSegmentError(MANIFEST, "its checksum does not agree")
    content = json.loads(body)
    if (content["format"], content["folding"]) != (_FORMAT, FOLDING):
        raise CorruptSegmentError(MANIFEST, "it belongs to another version")
    return Manifest(content["generation"], content["sequence"], tuple(Entry(**entry) for entry in content["entries"]))


def write_manifest(folder: Path, manifest: Manifest) -> None:
    """Commit: after this returns, a crash of the machine does not undo it."""
    content = {"format": _FORMAT, "folding": FOLDING, **asdict(manifest)}
    body = json.dumps(content, sort_keys=True).encode("utf-8")
    replace_file(folder / MANIFEST, b"%08x\n%b" % (zlib.crc32(body), body))


def replace_file(path: Path, data: bytes) -> None:
    """Write a file so that it is there as a whole or not at all, and on disk."""
    temporary = path.with_name(path.name + _TEMPORARY)
    with temporary.open("wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    temporary.replace(path)
    descriptor = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def write_dead(folder: Path, name: str, dead: NDArray[np.bool_]) -> None:
    """Write the marks of a segment's dead documents, shape (documents,)."""
    bits = np.packbits(dead).tobytes()
    replace_file(folder / name, b"%08x\n%b" % (zlib.crc32(bits), bits))


def read_dead(folder: Path, entry: Entry) -> NDArray[np.bool_] | None:
    """The marks, shape (documents,); `None` if all live.

    Raises:
        CorruptSegmentError: the file is damaged.
        FileNotFoundError: it was superseded.
    """
    if not entry.dead:
        return None
    checksum, _, bits = (folder / entry.dead).read_bytes().partition(b"\n")
    if checksum != b"%08x" % zlib.crc32(bits) or len(bits) != (entry.documents + 7) // 8:
        raise CorruptSegmentError(entry.dead, "its checksum does not agree")
    return np.unpackbits(np.frombuffer(bits, dtype=np.uint8), count=entry.documents).astype(np.bool_)


def sweep(folder: Path, manifest: Manifest) -> None:
    """Remove what no commit names: left by a writer that died, or superseded. Only under the lock.

    Of a folder that somebody removed there is nothing left to remove.
    """
    known = {MANIFEST, _LOCK} | {name for entry in manifest.entries for name in (entry.name, entry.dead)}
    for path in folder.iterdir() if folder.is_dir() else ():
        if path.name not in known and path.is_file():
            path.unlink(missing_ok=True)


@contextmanager
def exclusive(folder: Path) -> Iterator[None]:
    """Be the only writer; the kernel lets go of the lock when the process ends, however it ends.

    Raises:
        IndexBusyError: someone else is.
    """
    with (folder / _LOCK).open("ab") as file:
        try:
            flock(file, LOCK_EX | LOCK_NB)
        except BlockingIOError as error:
            raise IndexBusyError(
                "the exact index is being written to", on=str(folder), fix="wait until the other writer has finished"
            ) from error
        try:
            yield
        finally:
            flock(file, LOCK_UN)
