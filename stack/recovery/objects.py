"""The forge's own objects (attachments, LFS objects, logs of jobs) in the archive: each content once, by its sha256."""

from __future__ import annotations

import hashlib
import tempfile
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

from stack.recovery import layout
from stack.recovery.errors import RefusedError, StoreError
from stack.recovery.manifests import ObjectItem
from stack.recovery.sealed import Sealed
from stack.recovery.sealing import SealError
from stack.recovery.source import ForgeObjects
from stack.recovery.store import Bucket, Stored

__all__ = ["Copied", "copy", "restore", "restore_to", "uploader"]

_AT_ONCE = 4
_BLOCK = 1 << 20
_ABSENT = frozenset({"404", "NoSuchKey", "NotFound"})


@dataclass
class Copied:
    """What the forge's object store holds.

    Attributes:
        items: one for each key.
        added: bytes that went into the archive.
        reason: why there is nothing, when there can be nothing.
    """

    items: list[ObjectItem] = field(default_factory=list)
    added: int = 0
    reason: str = ""


def copy(source: ForgeObjects | None, sealed: Sealed, known: Iterable[ObjectItem], *, scratch: Path) -> Copied:
    """Copy what the archive does not have yet.

    Args:
        source: the forge's store.
        sealed: the archive.
        known: what was copied before: what the store still calls the same is not read again.
        scratch: a folder for one object at a time; only its owner can enter it.

    Raises:
        StoreError: a store refused or did not answer.
        RefusedError: the forge's store does not let us in.
    """
    if source is None:
        return Copied(reason="the forge has no object store")
    bucket = source.opened()
    try:
        bucket.require()
    except RefusedError as error:
        if error.rule == "STORE_EMPTY":
            return Copied(reason=f"the forge has no bucket {source.bucket}")
        raise
    before = {item.key: item for item in known}
    there = {stored.key.rpartition("/")[2] for stored in sealed.bucket.list(layout.OBJECTS)}
    scratch.mkdir(mode=0o700, parents=True, exist_ok=True)
    work = _Copying(bucket, sealed, before, there, scratch)
    copied = Copied()
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        for item, added in pool.map(work.one, list(bucket.list())):
            if item is not None:
                copied.items.append(item)
                copied.added += added
    return copied


class _Copying:
    def __init__(
        self, bucket: Bucket, sealed: Sealed, before: Mapping[str, ObjectItem], there: set[str], scratch: Path
    ) -> None:
        self._bucket, self._sealed, self._before, self._there, self._scratch = bucket, sealed, before, there, scratch

    def one(self, stored: Stored) -> tuple[ObjectItem | None, int]:
        """Copy one object; no item when it was deleted meanwhile."""
        old = self._before.get(stored.key)
        unchanged = old is not None and (old.size, old.etag, old.modified) == (
            stored.size,
            stored.etag,
            stored.modified,
        )
        if old is not None and unchanged and old.sha256 in self._there:
            return old, 0
        with tempfile.NamedTemporaryFile(dir=self._scratch) as file:
            digest = hashlib.sha256()
            size = 0
            try:
                with self._bucket.open(stored.key) as stream:
                    while block := stream.read(_BLOCK):
                        digest.update(block)
                        file.write(block)
                        size += len(block)
            except StoreError as error:
                if error.got in _ABSENT:
                    return None, 0
                raise
            file.flush()
            sha256 = digest.hexdigest()
            added = 0
            if sha256 not in self._there:
                added = self._sealed.put_file(layout.blob(sha256), Path(file.name))
                self._there.add(sha256)
        item = ObjectItem(key=stored.key, size=size, sha256=sha256, etag=stored.etag, modified=stored.modified)
        return item, added


def restore(sealed: Sealed, items: Iterable[ObjectItem], into: Bucket, *, scratch: Path) -> int:
    """Write contents into a store under their keys; how many. What is damaged is not written.

    Args:
        sealed: the archive.
        items: which, by a set's manifest.
        into: the whole of an empty bucket.
        scratch: a folder for one object at a time.

    Raises:
        RefusedError: see `restore_to`.
    """
    return restore_to(sealed, items, uploader(into), scratch=scratch)


def uploader(into: Bucket) -> Callable[[ObjectItem, Path], None]:
    """What puts contents into a store under their keys."""

    def put(item: ObjectItem, content: Path) -> None:
        into.client.upload_file(str(content), into.bucket, item.key)

    return put


def restore_to(
    sealed: Sealed, items: Iterable[ObjectItem], sink: Callable[[ObjectItem, Path], None], *, scratch: Path
) -> int:
    """Hand on each content once it is known to be the right one; how many.

    Args:
        sealed: the archive.
        items: which, by a set's manifest.
        sink: is given an item and a file with its content, which is gone afterwards.
        scratch: a folder for one object at a time.

    Raises:
        RefusedError: `BLOB_MISSING`, `BLOB_DAMAGED` or `KEY_WRONG`, naming the first.
    """
    scratch.mkdir(mode=0o700, parents=True, exist_ok=True)
    count = 0
    for item in items:
        key = layout.blob(item.sha256)
        where = f"{sealed.bucket}/{key}"
        digest = hashlib.sha256()
        with tempfile.NamedTemporaryFile(dir=scratch) as file:
            try:
                for block in sealed.blocks(key):
                    digest.update(block)
                    file.write(block)
            except SealError as error:
                rule = "KEY_WRONG" if error.reason == "other_key" else "BLOB_DAMAGED"
                raise RefusedError(rule, f"The content of {item.key} cannot be opened", on=where) from error
            except StoreError as error:
                if error.got not in _ABSENT:
                    raise
                raise RefusedError("BLOB_MISSING", f"The content of {item.key} is missing", on=where) from error
            if digest.hexdigest() != item.sha256:
                raise RefusedError("BLOB_DAMAGED", f"The content of {item.key} is another", on=where)
            file.flush()
            sink(item, Path(file.name))
        count += 1
    return count
