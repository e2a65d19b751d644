"""A small stack of its own whose database is backed up: what every scenario of recovery begins with."""

from __future__ import annotations

import secrets
import threading
import time
from pathlib import Path
from types import TracebackType
from typing import Self

import psycopg

from stack.addresses import ObjectStoreAddress, PostgresAddress
from stack.components.postgresql import PRIMARY
from stack.components.s3 import s3_client
from stack.errors import NeedMissingError
from stack.place import Place, archive_of, key_of, place
from stack.recovery import canary, metrics
from stack.recovery.postgresql import base
from stack.recovery.postgresql.archive import Archive
from stack.recovery.postgresql.receiver import Receiver
from stack.recovery.settings import RecoverySettings
from stack.runtimes import start
from stack.runtimes.base import Stack
from stack.settings import Settings
from steps.wal import switch, wake_archiver

__all__ = ["STORE", "RecoverySite", "Writer"]

STORE = "objects"
_PERIOD = 0.1


class RecoverySite:
    """A database, a bucket, and all that goes from one to the other."""

    def __init__(self, settings: Settings) -> None:
        """Start it; a second or two go into the first base backup."""
        self.settings = settings
        self.recovery = RecoverySettings(bucket=f"engineroom-recovery-{secrets.token_hex(4)}", receive_every=0.5)
        self.stack: Stack = start(settings, components=[PRIMARY, STORE])
        # In the run's folder, so that it goes with it however this ends.
        self.recovery = self.recovery.model_copy(update={"key_file": self.stack.folder / "seal.key"})
        try:
            self._begin()
        except BaseException:
            self.stack.stop()
            raise

    def _begin(self) -> None:
        key_of(self.settings, self.recovery, make=True)
        s3_client(self.store, timeout=10).create_bucket(Bucket=self.recovery.bucket)
        self.place: Place = place(self.settings, self.stack, recovery=self.recovery)
        for _ in range(3):
            self.switch()
        self.without = self._health()
        self.archive.begin(self.place.server)
        with self.connect() as db:
            canary.prepare(db)
            db.execute(
                "CREATE TABLE filler (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, content text NOT NULL)"
            )
            db.execute("CREATE INDEX ON filler (content)")
            db.execute("INSERT INTO filler (content) SELECT md5(n::text) FROM generate_series(1, 20000) AS n")
        self.receiver = Receiver(self.archive, self.place.server)
        self.receiver.start()
        taken = base.take(self.archive, self.place.server, name="feature")
        if taken.findings:
            raise NeedMissingError("backup", "The first base backup is not whole", got=str(taken.findings))

    def __enter__(self) -> Self:
        """Use it as a context that leaves nothing."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """End everything, the bucket with the store."""
        self.receiver.kill()
        self.stack.stop()

    @property
    def archive(self) -> Archive:
        """As the database's own machine sees it."""
        return self.place.archive

    @property
    def store(self) -> ObjectStoreAddress:
        """The object store."""
        found = self.stack.addresses.objects
        assert found is not None, "this stack has no object store"
        return found

    @property
    def database(self) -> PostgresAddress:
        """The forge's database."""
        found = self.stack.addresses.database
        assert found is not None, "this stack has no database"
        return found

    def connect(self) -> psycopg.Connection:
        """A connection to it that commits each statement."""
        return psycopg.connect(self.database.conninfo(), autocommit=True)

    def seen_from(self, folder: Path, recovery: RecoverySettings, store: ObjectStoreAddress | None = None) -> Archive:
        """An archive as another machine sees it: with nothing but bucket and key."""
        return archive_of(self.settings, folder, store=store or self.store, recovery=recovery, stack=self.stack)

    def switch(self) -> str:
        """Write something and end the segment; the name of the segment that it ended."""
        return switch(self.place.server)

    def wake_archiver(self) -> None:
        """An archiver that failed three times waits for a minute, unless something wakes it."""
        wake_archiver(self.place.server)

    def _health(self) -> dict[str, float]:
        """The metrics, as soon as no segment waits, or after some seconds."""
        deadline = time.monotonic() + 10 * self.settings.slow
        while True:
            values = metrics.measure(self.archive, self.place.server).values
            if values["engineroom_wal_waiting_segments"] == 0 or time.monotonic() > deadline:
                return values
            time.sleep(_PERIOD)

    def recover(self) -> None:
        """Whatever a scenario killed is there again."""
        for state in self.stack.status():
            if state.health != "ready":
                self.stack.restart(state.name)
        self.stack.forgive()

    def renew_receiver(self) -> None:
        """A new one in place of one that was killed."""
        self.receiver = Receiver(self.archive, self.place.server)
        self.receiver.start()


class Writer:
    """Writes a canary ten times a second, and remembers the last that was acknowledged."""

    def __init__(self, site: RecoverySite, label: str) -> None:
        """Begin nothing yet."""
        self.label = label
        self.last = 0.0
        self.count = 0
        self._site = site
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="canaries", daemon=True)

    def start(self, *, at_least: int) -> None:
        """Write, and return when so many are there."""
        self._thread.start()
        deadline = time.monotonic() + 30
        while self.count < at_least and time.monotonic() < deadline:
            time.sleep(_PERIOD)
        assert self.count >= at_least, "no rows could be written"

    def _run(self) -> None:
        try:
            with self._site.connect() as db:
                while not self._stop.wait(_PERIOD):
                    self.last = canary.plant(db, self.label).timestamp()
                    self.count += 1
        except psycopg.Error:
            return  # its database was killed, which is what it is for

    def stop(self) -> None:
        """End."""
        self._stop.set()
        self._thread.join(30)
