"""A small forge with a database, git repositories, a wiki, objects and a secret, of which sets are taken."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Self

from stack.addresses import ObjectStoreAddress
from stack.components.postgresql import PRIMARY
from stack.components.s3 import s3_client
from stack.forge.hosting import Hosting
from stack.forge.migrate import migrate
from stack.forge.repositories import Files, Person, Repositories
from stack.forge.smsly import SmslyForge
from stack.forge.vault import Vault
from stack.place import Place, key_of, place, signer_of, source_of
from stack.recovery.postgresql.archive import Archive
from stack.recovery.restic import Restic
from stack.recovery.run import Made, restic_of, run_backup
from stack.recovery.sealed import Sealed
from stack.recovery.settings import RecoverySettings
from stack.recovery.store import Bucket
from stack.runtimes import start
from stack.runtimes.base import Stack
from stack.settings import Settings
from steps.faulty_store import FaultyStore
from steps.recovery_desk import Desk

__all__ = ["ADA", "STORE", "SetSite"]

ADA = Person("Ada", "ada@example.org")
STORE = "objects"
_REPOSITORIES = 6
_BIG = 6 << 20  # bytes of each of three objects: a first set that a small push is small beside


class SetSite:
    """A forge, its archive, and the first set."""

    def __init__(self, settings: Settings) -> None:
        """Start it, fill it, and take a set."""
        self.settings = settings
        self.stack: Stack = start(settings, components=[PRIMARY, STORE])
        # All that is backed up goes this way; the forge itself has its store without.
        self.way = FaultyStore(self.store.endpoint)
        try:
            self._begin()
        except BaseException:
            self._end()
            raise

    def _begin(self) -> None:
        folder = self.stack.folder
        token = secrets.token_hex(4)
        self.recovery = RecoverySettings(
            bucket=f"engineroom-sets-{token}",
            forge_bucket=f"engineroom-forge-{token}",
            endpoint=self.way.endpoint,
            writer=self._credentials(folder / "writer"),
            key_file=folder / "seal.key",
            signing_key=folder / "signing.pem",
            secrets=(folder / "vault.key",),
            lock_days=1,
        )
        Vault.from_file(folder / "vault.key")
        key_of(self.settings, self.recovery, make=True)
        self.signer = signer_of(self.settings, self.recovery, make=True)
        client = s3_client(self.store, timeout=20)
        client.create_bucket(Bucket=self.recovery.bucket, ObjectLockEnabledForBucket=True)
        client.create_bucket(Bucket=self.recovery.forge_bucket)
        found = self.stack.addresses.database
        assert found is not None, "this stack has no database"
        migrate(found.conninfo())
        self.forge = SmslyForge(found.conninfo())
        self.hosting = Hosting(self.forge, Repositories(folder / "git"))
        self.forge.create_user("ada", email="ada@example.org")
        for number in range(_REPOSITORIES):
            self.hosting.create_repository("ada", f"r{number}")
            self.push(f"r{number}", {"data.bin": secrets.token_bytes(50_000), "file.txt": b"first\n"})
        self.hosting.write_wiki(
            "ada", "r0", {"Home.md": b"welcome\n"}, username="ada", author=ADA, date=datetime.now(UTC)
        )
        for number in range(3):
            self.put(f"attachments/{number}", secrets.token_bytes(_BIG))
        self.put("jobs/1/1/000001.log", b"a line\n")
        self.place: Place = place(self.settings, self.stack, recovery=self.recovery)
        self.archive.begin(self.place.server)
        self.source = source_of(self.settings, self.stack, recovery=self.recovery)
        self.desk = Desk(folder / "desk", self.settings, self.recovery, self.stack)
        self.has_passed = False
        self.has_all = False
        self.first = self.take("first")
        self.first_bytes = self.size()

    def __enter__(self) -> Self:
        """Use it as a context that leaves nothing."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """End everything, the buckets with the store."""
        self.forge.close()
        self._end()

    def _end(self) -> None:
        self.stack.stop()
        self.way.close()

    def _credentials(self, path: Path) -> Path:
        secret = self.store.secret_key.get_secret_value()
        path.write_text(f"[default]\naws_access_key_id = {self.store.access_key}\naws_secret_access_key = {secret}\n")
        path.chmod(0o600)
        return path

    @property
    def archive(self) -> Archive:
        """Where sets go."""
        return self.place.archive

    @property
    def bucket(self) -> Bucket:
        """Its folder in the bucket."""
        return self.archive.bucket

    @property
    def sealed(self) -> Sealed:
        """The same, sealed."""
        return Sealed(self.bucket, self.archive.key)

    @property
    def restic(self) -> Restic:
        """Its restic repository."""
        return restic_of(self.archive, self.source.restic)

    @property
    def store(self) -> ObjectStoreAddress:
        """The object store, of the forge and of its backups."""
        found = self.stack.addresses.objects
        assert found is not None, "this stack has no object store"
        return found

    @property
    def objects(self) -> Bucket:
        """The forge's own bucket."""
        return Bucket(self.store, self.recovery.forge_bucket, "")

    def git(self, name: str) -> Path:
        """A repository's folder."""
        return self.hosting.repositories.path(f"ada/{name}.git")

    def push(self, name: str, files: Files) -> str:
        """One commit on top; its id."""
        return self.hosting.push("ada", name, files, branch="main", author=ADA, date=datetime.now(UTC), message="more")

    def put(self, key: str, data: bytes) -> None:
        """Write an object of the forge."""
        self.objects.put(key, data)

    def take(self, name: str = "", *, accept: bool = False, progress: Callable[[str], None] = lambda _: None) -> Made:
        """Take a set."""
        return run_backup(self.archive, self.source, self.signer, name, accept=accept, progress=progress)

    def size(self) -> int:
        """Bytes in the archive."""
        return sum(stored.size for stored in self.bucket.list())
