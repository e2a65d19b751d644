"""A forge on a private PostgreSQL with git beside it, and a bucket in memory."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime
from io import BytesIO
from pathlib import Path

import pytest
from pydantic import SecretStr

from stack.addresses import ObjectStoreAddress
from stack.forge.hosting import Hosting
from stack.forge.repositories import Files, Person
from stack.recovery.errors import StoreError
from stack.recovery.git.shipper import Shipper
from stack.recovery.postgresql.archive import Archive
from stack.recovery.sealing import new_key
from stack.recovery.settings import RecoverySettings
from stack.recovery.store import Bucket, Stored
from stack.recovery.tools import LocalGround, Programs
from tests.forge.conftest import conninfo, forge, hosting, new_database, repositories, server, shared_database, vault

__all__ = [
    "MemoryBucket",
    "conninfo",
    "forge",
    "hosting",
    "new_database",
    "repositories",
    "server",
    "shared_database",
    "vault",
]

ADA = Person("Ada", "ada@example.org")
MOMENT = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)


class MemoryBucket(Bucket):
    """A bucket's contract without a server: what is written is there, and `fails` makes it go away."""

    def __init__(self) -> None:
        """Empty."""
        address = ObjectStoreAddress(endpoint="http://127.0.0.1:1", access_key="a", secret_key=SecretStr("b"))
        super().__init__(address, "memory", "test")
        self.objects: dict[str, tuple[bytes, datetime]] = {}
        self.fails: Callable[[str], bool] = lambda _key: False

    def put(self, key: str, data: bytes) -> None:
        """See `Bucket`."""
        if self.fails(key):
            raise StoreError("STORE_UNREACHABLE", "The store does not answer", on=key)
        self.objects[key] = (data, datetime.now(UTC))

    def put_if_absent(self, key: str, data: bytes) -> bool:
        """See `Bucket`."""
        if key in self.objects and not self.fails(key):
            return False
        self.put(key, data)
        return True

    def put_file(self, key: str, path: Path) -> None:
        """See `Bucket`."""
        self.put(key, path.read_bytes())

    def put_parts(self, key: str, parts: Iterable[bytes]) -> None:
        """See `Bucket`."""
        self.put(key, b"".join(parts))

    def require(self) -> None:
        """See `Bucket`: it is always there."""

    def delete(self, keys: Iterable[str]) -> int:
        """See `Bucket`."""
        wanted = list(keys)
        for key in wanted:
            self.objects.pop(key, None)
        return len(wanted)

    def get(self, key: str) -> bytes | None:
        """See `Bucket`."""
        found = self.objects.get(key)
        return found[0] if found else None

    def open(self, key: str) -> BytesIO:
        """See `Bucket`."""
        if key not in self.objects:
            raise StoreError("STORE_UNREACHABLE", "The store refused", on=key, got="NoSuchKey")
        return BytesIO(self.objects[key][0])

    def head(self, key: str) -> Stored | None:
        """See `Bucket`."""
        found = self.objects.get(key)
        return Stored(key, len(found[0]), found[1]) if found else None

    def list(self, below: str = "") -> Iterator[Stored]:
        """See `Bucket`."""
        for key in sorted(key for key in self.objects if key.startswith(below)):
            data, at = self.objects[key]
            yield Stored(key, len(data), at)


@pytest.fixture
def bucket() -> MemoryBucket:
    """An empty bucket."""
    return MemoryBucket()


@pytest.fixture
def archive(bucket: MemoryBucket, tmp_path: Path) -> Archive:
    """An archive in that bucket; only its own files are used, no program."""
    programs = Programs({}, Path("/nonexistent"))
    folder = tmp_path / "archive"
    return Archive(RecoverySettings(), bucket, new_key(), ground=LocalGround(), programs=programs, folder=folder)


@pytest.fixture
def shipper(archive: Archive, conninfo: str, hosting: Hosting) -> Iterator[Shipper]:
    """A shipper of that forge."""
    made = Shipper(archive, conninfo, hosting.repositories.root)
    yield made
    made.close()


class Author:
    """Pushes to one repository, with few words."""

    def __init__(self, hosting: Hosting, name: str = "engine") -> None:
        """Make the repository, and its owner when it is the first."""
        self.hosting = hosting
        self.name = name
        if not any(user.username == "ada" for user in hosting.forge.users()):
            hosting.forge.create_user("ada", email="ada@example.org")
        self.id = hosting.create_repository("ada", name).id

    @property
    def path(self) -> Path:
        """Its git folder."""
        return self.hosting.repositories.path(f"ada/{self.name}.git")

    def push(self, content: str, *, branch: str = "main", force: bool = False, orphan: bool = False) -> str:
        """One commit; its id."""
        files: Files = {"file.txt": content.encode()}
        return self.hosting.push(
            "ada", self.name, files, branch=branch, author=ADA, date=MOMENT, message=content, force=force, orphan=orphan
        )

    def wiki(self, content: str) -> str:
        """One commit in the wiki; its id."""
        return self.hosting.write_wiki(
            "ada", self.name, {"Home.md": content.encode()}, username="ada", author=ADA, date=MOMENT
        )


@pytest.fixture
def author(hosting: Hosting) -> Author:
    """A person with a repository."""
    return Author(hosting)
