"""What lies in the bucket of pushes: entries and packs, written sealed, read and opened."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from pydantic import ValidationError

from reports.verdict import Finding
from stack.recovery import layout
from stack.recovery.errors import RestoreError, StoreError
from stack.recovery.git.journal import Entry
from stack.recovery.git.packs import Pack
from stack.recovery.rules import broken
from stack.recovery.sealing import FRAME, SealError, SealKey
from stack.recovery.store import Bucket, Stored

__all__ = ["Held", "Read", "fetcher", "put_pack", "read", "read_entry", "sealed", "sealed_size", "stored"]

_PART = 64 << 20  # bytes sealed at once
_PART_OVERHEAD, _FRAME_OVERHEAD = 36, 20  # bytes that `stack.recovery.sealing` adds
_WORKERS = 8


class Held(Protocol):
    """A bucket and the key that what is in it was sealed with: an archive, or less."""

    @property
    def bucket(self) -> Bucket:
        """Where."""

    @property
    def key(self) -> SealKey:
        """What opens it."""


@dataclass
class Read:
    """Entries that could be read, in the order of rows; rows of those that could not, and what is wrong with them."""

    entries: list[Entry] = field(default_factory=list)
    stored: dict[int, Stored] = field(default_factory=dict)
    damaged: set[int] = field(default_factory=set)
    findings: list[Finding] = field(default_factory=list)


def sealed(archive: Held, key: str, data: bytes) -> bytes:
    """As it lies under this key in the bucket."""
    return archive.key.seal(data, key)


def sealed_size(size: int) -> int:
    """Bytes of a pack of this size in the bucket."""
    return size + -(-size // _PART) * _PART_OVERHEAD + -(-size // FRAME) * _FRAME_OVERHEAD


def put_pack(archive: Held, pack: Pack) -> None:
    """Upload a pack, unless it is there.

    Raises:
        StoreError: the store did not take it, or has something else of that name.
    """
    key = layout.pack(pack.sha256)
    if pack.size <= _PART:
        archive.bucket.put_if_absent(key, sealed(archive, key, pack.path.read_bytes()))
        return
    if archive.bucket.head(key) is not None:
        return
    whole = pack.path.with_suffix(".sealed")
    with pack.path.open("rb") as source, whole.open("wb") as target:
        number = 0
        while piece := source.read(_PART):
            number += 1
            target.write(archive.key.seal(piece, key, part=number))
    archive.bucket.put_file(key, whole)
    whole.unlink()


def stored(archive: Held, repositories: Iterable[int] | None = None) -> Iterator[Stored]:
    """Entries as the bucket lists them: of all repositories, or of some."""
    below = [layout.JOURNAL] if repositories is None else [f"{layout.JOURNAL}{each}/" for each in repositories]
    for prefix in below:
        yield from (found for found in archive.bucket.list(prefix) if layout.entry_id(found.key) is not None)


def read_entry(archive: Held, key: str) -> Entry | None:
    """One entry; None when there is none.

    Raises:
        SealError: it is damaged or sealed with another key.
        ValidationError: it is no entry.
        StoreError: the store did not answer.
    """
    data = archive.bucket.get(key)
    return None if data is None else Entry.model_validate_json(archive.key.unseal(data, key))


def read(
    archive: Held,
    repositories: Iterable[int] | None = None,
    *,
    after: int = 0,
    up_to: int | None = None,
) -> Read:
    """Read entries.

    Args:
        archive: whose.
        repositories: ids of those whose entries are wanted; all by default.
        after: rows up to this one are not needed.
        up_to: the last row that is wanted; all by default.

    Raises:
        StoreError: the store did not answer.
    """
    done = Read()
    wanted = []
    for found in stored(archive, repositories):
        row = (layout.entry_id(found.key) or (0, 0))[1]
        if row > after and (up_to is None or row <= up_to):
            wanted.append((row, found))
    with ThreadPoolExecutor(_WORKERS) as pool:
        for (row, found), entry in zip(
            wanted, pool.map(lambda each: _opened(archive, each[1].key), wanted), strict=True
        ):
            if isinstance(entry, Finding):
                done.damaged.add(row)
                done.findings.append(entry)
            elif entry is not None:
                done.entries.append(entry)
                done.stored[row] = found
    done.entries.sort(key=lambda entry: entry.row)
    return done


def _opened(archive: Held, key: str) -> Entry | Finding | None:
    where = f"{archive.bucket}/{key}"
    try:
        entry = read_entry(archive, key)
    except SealError as error:
        return broken("KEY_WRONG" if error.reason == "other_key" else "JOURNAL_DAMAGED", where, evidence=str(error))
    except ValidationError as error:
        return broken("JOURNAL_DAMAGED", f"{where} is no entry", evidence=str(error).partition("\n")[0])
    if entry is not None and (entry.repository, entry.row) != layout.entry_id(key):
        return broken("JOURNAL_DAMAGED", f"{where} says that it is row {entry.row} of repository {entry.repository}")
    return entry


def fetcher(archive: Held, folder: Path) -> Callable[[str], Path]:
    """A function that brings a pack into a folder and opens it.

    It raises RestoreError `PACK_MISSING`, `PACK_DAMAGED` or `KEY_WRONG`; StoreError when the store does not answer.
    """

    def fetch(sha256: str) -> Path:
        key = layout.pack(sha256)
        where = f"{archive.bucket}/{key}"
        path = folder / f"{sha256}.pack"
        digest = hashlib.sha256()
        try:
            with archive.bucket.open(key) as source, path.open("wb") as target:
                for frame in archive.key.frames(source, key):
                    digest.update(frame)
                    target.write(frame)
        except StoreError as error:
            if error.got in ("NoSuchKey", "404", "NotFound"):
                raise RestoreError("PACK_MISSING", "A pack is not there", on=where) from error
            raise
        except SealError as error:
            path.unlink(missing_ok=True)
            rule = "KEY_WRONG" if error.reason == "other_key" else "PACK_DAMAGED"
            raise RestoreError(rule, "A pack cannot be opened", on=where, got=str(error)) from error
        if digest.hexdigest() != sha256:
            path.unlink()
            raise RestoreError("PACK_DAMAGED", "A pack is not what its name says", on=where, got=digest.hexdigest())
        return path

    return fetch
