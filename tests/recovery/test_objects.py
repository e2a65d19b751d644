"""The forge's objects in the archive: each content once, read again only when it may be another."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from stack.recovery import layout, objects
from stack.recovery.errors import RefusedError, StoreError
from stack.recovery.sealed import Sealed
from stack.recovery.sealing import new_key
from stack.recovery.source import ForgeObjects
from stack.recovery.store import Bucket, Stored
from tests.recovery.conftest import MemoryBucket


class Store(MemoryBucket):
    """The forge's own store: counts what is read, and can lose an object between listing and reading."""

    def __init__(self) -> None:
        """Empty."""
        super().__init__()
        self.read: list[str] = []
        self.vanishing = ""
        self.absent = False

    def require(self) -> None:
        """See `Bucket`."""
        if self.absent:
            raise RefusedError("STORE_EMPTY", "There is no such bucket")

    def open(self, key: str):  # type: ignore[no-untyped-def] # noqa: ANN201 - the other one's
        """See `Bucket`."""
        self.read.append(key)
        if key == self.vanishing:
            raise StoreError("STORE_UNREACHABLE", "The store refused", on=key, got="NoSuchKey")
        return super().open(key)

    def list(self, below: str = "") -> Iterator[Stored]:
        """See `Bucket`; a store's own name of a content is a digest of it."""
        for stored in super().list(below):
            digest = hashlib.md5(self.objects[stored.key][0], usedforsecurity=False).hexdigest()
            yield Stored(stored.key, stored.size, stored.modified, digest)


@dataclass(frozen=True)
class Forge(ForgeObjects):
    """A forge with that store."""

    store: Store = field(default_factory=Store)

    def opened(self) -> Bucket:
        """See `ForgeObjects`."""
        return self.store


@pytest.fixture
def forge_objects() -> Forge:
    """A forge with three objects, two of one content."""
    made = Forge(MemoryBucket().address, "forge")
    made.store.put("attachments/a", b"one")
    made.store.put("attachments/b", b"one")
    made.store.put("lfs/c", b"three")
    return made


@pytest.fixture
def sealed(bucket: MemoryBucket) -> Sealed:
    """The archive."""
    return Sealed(bucket, new_key())


def test_each_content_is_there_once_and_comes_back(forge_objects: Forge, sealed: Sealed, tmp_path: Path) -> None:
    """Sealed; two keys of one content share it."""
    copied = objects.copy(forge_objects, sealed, [], scratch=tmp_path)
    assert [item.key for item in copied.items] == ["attachments/a", "attachments/b", "lfs/c"]
    blobs = [stored.key for stored in sealed.bucket.list(layout.OBJECTS)]
    assert len(blobs) == 2
    assert sealed.get(layout.blob(hashlib.sha256(b"three").hexdigest())) == b"three"
    assert all(b"three" not in (sealed.bucket.get(key) or b"") for key in blobs)
    assert list(tmp_path.iterdir()) == []


def test_what_the_store_calls_the_same_is_not_read_again(forge_objects: Forge, sealed: Sealed, tmp_path: Path) -> None:
    """A changed one is, and so is one whose content the archive has lost."""
    first = objects.copy(forge_objects, sealed, [], scratch=tmp_path)
    forge_objects.store.read.clear()
    forge_objects.store.put("lfs/c", b"other")
    again = objects.copy(forge_objects, sealed, first.items, scratch=tmp_path)
    assert forge_objects.store.read == ["lfs/c"]
    assert again.items[2].sha256 == hashlib.sha256(b"other").hexdigest()
    forge_objects.store.read.clear()
    sealed.bucket.delete([layout.blob(hashlib.sha256(b"one").hexdigest())])
    healed = objects.copy(forge_objects, sealed, again.items, scratch=tmp_path)
    # Two keys have this content: which is asked first, and whether the other is still needed then, is left to chance.
    assert set(forge_objects.store.read) <= {"attachments/a", "attachments/b"}
    assert forge_objects.store.read
    assert healed.added > 0
    assert sealed.get(layout.blob(hashlib.sha256(b"one").hexdigest())) == b"one"


def test_what_is_deleted_while_it_is_copied_is_left_out(forge_objects: Forge, sealed: Sealed, tmp_path: Path) -> None:
    """Any other refusal of the store is an error."""
    forge_objects.store.vanishing = "lfs/c"
    copied = objects.copy(forge_objects, sealed, [], scratch=tmp_path)
    assert [item.key for item in copied.items] == ["attachments/a", "attachments/b"]


def test_a_forge_without_objects_says_why(forge_objects: Forge, sealed: Sealed, tmp_path: Path) -> None:
    """No store and no bucket are two reasons."""
    assert "no object store" in objects.copy(None, sealed, [], scratch=tmp_path).reason
    forge_objects.store.absent = True
    assert "no bucket forge" in objects.copy(forge_objects, sealed, [], scratch=tmp_path).reason


@pytest.mark.parametrize("rule", ["BLOB_MISSING", "BLOB_DAMAGED"])
def test_a_content_that_is_not_itself_is_not_written_back(
    forge_objects: Forge, sealed: Sealed, bucket: MemoryBucket, tmp_path: Path, rule: str
) -> None:
    """It is refused by its rule, naming the object."""
    copied = objects.copy(forge_objects, sealed, [], scratch=tmp_path)
    key = layout.blob(hashlib.sha256(b"three").hexdigest())
    data, at = bucket.objects.pop(key)
    if rule == "BLOB_DAMAGED":
        bucket.objects[key] = (data[:-1] + bytes([data[-1] ^ 1]), at)
    with pytest.raises(RefusedError, match=f"(?s){rule}.*lfs/c"):
        objects.restore(sealed, copied.items[2:], Store(), scratch=tmp_path)


def test_a_large_content_goes_in_parts_and_comes_back(sealed: Sealed, tmp_path: Path) -> None:
    """At the edges of a part too."""
    for size in (0, (32 << 20) - 1, 32 << 20, (32 << 20) + 1, (64 << 20) + 5):
        file = tmp_path / "large"
        file.write_bytes(b"\7" * size)
        sealed.put_file("objects/x", file)
        assert sealed.digest("objects/x") == hashlib.sha256(b"\7" * size).hexdigest()
