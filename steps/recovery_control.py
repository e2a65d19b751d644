"""The controller behind the steps about recovery: one scenario's hold on the site, its copies and its restores."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import psutil
import psycopg
from psycopg.conninfo import make_conninfo

from reports.verdict import Finding
from stack.components.postgresql import PRIMARY
from stack.recovery import canary, metrics
from stack.recovery.errors import RecoveryError
from stack.recovery.postgresql import base, inspect, integrity, restore
from stack.recovery.postgresql.archive import Archive
from stack.recovery.postgresql.contents import Contents, look
from stack.recovery.postgresql.restore import Restored, Target
from stack.recovery.postgresql.walfile import Segment
from stack.recovery.rules import verdict
from steps.components import until
from steps.recovery_archives import Archives
from steps.recovery_site import STORE, RecoverySite, Writer

__all__ = ["Recovery"]

_AGENT = "agent.py"


@dataclass
class Recovery:
    """What one scenario does."""

    site: RecoverySite
    archives: Archives
    copy: Archive | None = None
    named: str = ""
    moment: datetime | None = None
    restored: Restored | None = None
    error: RecoveryError | None = None
    findings: list[Finding] = field(default_factory=list)
    contents: Contents | None = None
    writer: Writer | None = None
    taken: list[base.Taken] = field(default_factory=list)
    before: dict[str, int] = field(default_factory=dict)
    backups: set[str] = field(default_factory=set)
    text: str = ""
    code: int = 0
    said: str = ""
    targets: list[Path] = field(default_factory=list)

    @property
    def archive(self) -> Archive:
        """The database's own."""
        return self.site.archive

    @property
    def the_copy(self) -> Archive:
        """The copy that was made."""
        assert self.copy is not None, "no copy was made"
        return self.copy

    # -- writing -----------------------------------------------------------------------------------------------------

    def plant(self, label: str) -> None:
        """Write a canary, some time after whatever was before it."""
        with self.site.connect() as db:
            canary.plant(db, label)

    def set_point(self, name: str) -> None:
        """Set a named point."""
        base.set_point(self.archive, self.site.place.server, name)

    def remember(self) -> None:
        """Remember this moment by the database's clock, apart from those before and after."""
        time.sleep(0.05)
        with self.site.connect() as db:
            row = db.execute("SELECT clock_timestamp()").fetchone()
        assert row is not None
        self.moment = row[0].astimezone(UTC)
        time.sleep(0.05)

    def write_steadily(self) -> None:
        """Write canaries for two seconds, and go on."""
        self.writer = Writer(self.site, "steady")
        self.writer.start(at_least=20)

    def write_segments(self, number: int) -> None:
        """Write WAL, in so many segments."""
        for _ in range(number):
            self.named = self.site.switch()

    def write_text(self) -> None:
        """Write what can be recognised, in a row that is neither compressed nor split."""
        self.text = f"plaintext-{time.time_ns()}"
        with self.site.connect() as db:
            db.execute("INSERT INTO filler (content) VALUES (%s)", (self.text * 8,))
        self.write_segments(1)
        in_the_clear = (self.site.place.server.data / "pg_wal" / self.named).read_bytes()
        assert self.text.encode() in in_the_clear, "it cannot be recognised in the server's own WAL either"
        self.wait_archived(60)

    # -- faults ------------------------------------------------------------------------------------------------------

    def lose_primary(self) -> None:
        """The machine is gone: the database and whatever ships its WAL, at the same moment."""
        with ThreadPoolExecutor(2) as pool:
            gone = [pool.submit(self.site.stack.kill, PRIMARY), pool.submit(self.site.receiver.kill)]
        for each in gone:
            each.result()
        assert self.writer is not None, "nobody wrote"
        self.writer.stop()

    def kill_archiver(self) -> None:
        """Kill the program that archives, while it runs."""
        self.write_segments(1)
        self._kill("archive", lambda: True)

    def _kill(self, word: str, wanted: Callable[[], bool]) -> None:
        found: list[psutil.Process] = []

        def hit() -> bool:
            found[:] = self._agents(word)
            return bool(found) and wanted()

        until(hit, 30 * self.site.settings.slow, lambda: f"no process {word}")
        for process in found:
            process.kill()

    def _agents(self, word: str) -> list[psutil.Process]:
        agent = str(self.archive.folder / _AGENT)
        found = []
        for process in psutil.process_iter():
            try:
                words = process.cmdline()
            except psutil.Error:
                continue
            if agent in words and word in words:
                found.append(process)
        return found

    def end_store(self) -> None:
        """Kill the store."""
        self.site.stack.kill(STORE)

    def begin_store(self) -> None:
        """Start it again."""
        self.site.stack.restart(STORE)

    # -- backing up --------------------------------------------------------------------------------------------------

    def take(self) -> None:
        """Take a base backup."""
        self.taken.append(base.take(self.archive, self.site.place.server))

    def take_two(self) -> None:
        """Begin two at once."""
        with ThreadPoolExecutor(2) as pool:
            for each in [pool.submit(base.take, self.archive, self.site.place.server) for _ in range(2)]:
                try:
                    self.taken.append(each.result())
                except RecoveryError as error:
                    self.error = error

    def kill_backup(self) -> None:
        """Begin one, and kill it when it has begun to copy."""
        self.backups = self._complete()
        with ThreadPoolExecutor(1) as pool:
            running = pool.submit(base.take, self.archive, self.site.place.server)
            self._kill("barman-cloud-backup", lambda: any(self.archive.staging.iterdir()))
            error = running.exception()
        assert isinstance(error, RecoveryError), f"it was not killed: {error}"

    def _complete(self) -> set[str]:
        return {backup.id for backup in look(self.archive).complete}

    def added(self) -> set[str]:
        """Base backups that came since."""
        return self._complete() - self.backups

    def left_processes(self, seconds: float) -> None:
        """Wait until none of Barman's is left."""
        until(
            lambda: not self._agents("barman-cloud-backup"),
            seconds * self.site.settings.slow,
            lambda: self._agents("barman-cloud-backup"),
        )

    def archive_again(self, *, other: bool) -> None:
        """Archive a segment that is archived already, as it is or with other content."""
        self.write_segments(1)
        self.wait_archived(60)
        source = self.site.place.server.data / "pg_wal" / self.named
        staged = self.archive.folder / self.named
        content = bytearray(source.read_bytes())
        if other:
            content[-1] ^= 1
        self.archive.ground.write(staged, bytes(content))
        done = self.archive.run(["archive", staged], within=60)
        staged.unlink()
        self.code, self.said = done.code, done.stderr.decode("utf-8", "replace")

    def same_as_archived(self) -> bool:
        """Whether what the bucket has of that segment is what the server had."""
        fetched = self.archive.folder / "fetched"
        done = self.archive.run(["fetch", self.named, fetched], within=60)
        there = fetched.read_bytes()
        fetched.unlink()
        return done.code == 0 and there == (self.site.place.server.data / "pg_wal" / self.named).read_bytes()

    # -- looking -----------------------------------------------------------------------------------------------------

    def wait_archived(self, seconds: float) -> None:
        """Wait until the last segment that was ended is in the bucket."""
        segment = Segment.parse(self.named or self.site.switch())
        assert segment is not None

        def there() -> bool:
            self.site.wake_archiver()
            return segment in look(self.archive).segments

        until(there, seconds * self.site.settings.slow, lambda: f"{segment.name()} is not archived")

    def check(self, archive: Archive, *, deep: bool = False) -> None:
        """Judge an archive."""
        self.findings = self.judge(archive, deep=deep)

    @staticmethod
    def judge(archive: Archive, *, deep: bool = True) -> list[Finding]:
        """What is wrong with an archive."""
        contents, findings = inspect.check(archive)
        if deep and contents is not None:
            findings += inspect.check_deep(archive, contents, archive.require())
        return findings

    def broken(self, rule: str) -> list[str]:
        """What the findings of a rule say."""
        return [finding.message for finding in self.findings if finding.rule == rule]

    @property
    def verdict(self) -> str:
        """What the findings mean."""
        return verdict(self.findings).value

    def health(self) -> dict[str, float]:
        """The metrics."""
        return metrics.measure(self.archive, self.site.place.server).values

    def expect_alarm(self, seconds: float) -> None:
        """Wait until the metrics say that archiving fails and the bucket is away."""

        def seen() -> bool:
            values = self.health()
            return (
                values["engineroom_bucket_up"] == 0
                and values["engineroom_wal_archive_failing"] == 1
                and values["engineroom_wal_waiting_segments"] > 0
            )

        until(seen, seconds * self.site.settings.slow, self.health)

    def listing(self, archive: Archive) -> dict[str, int]:
        """Every object and its size."""
        return {stored.key: stored.size for stored in archive.bucket.list()}

    def readable_objects(self) -> list[str]:
        """Objects in which the text can be read."""
        needle = self.text.encode()
        return [
            stored.key
            for stored in self.archive.bucket.list()
            if needle in (self.archive.bucket.get(stored.key) or b"") or self.text in stored.key
        ]

    # -- restoring ---------------------------------------------------------------------------------------------------

    def new_target(self) -> Path:
        """A folder that is not there yet."""
        path = self.site.stack.folder / "restores" / f"{time.monotonic_ns():x}"
        path.parent.mkdir(exist_ok=True)
        self.targets.append(path)
        return path

    def restore(self, archive: Archive, text: str) -> None:
        """Restore from bucket and key alone; what fails is kept."""
        into = self.new_target()
        from_here = self.site.seen_from(into / "agent", archive.settings)
        try:
            planned = restore.plan(from_here, Target.parse(text), into)
            self.restored = restore.restore(from_here, planned, within=120)
        except RecoveryError as error:
            self.error = error

    def restored_database(self) -> psycopg.Connection:
        """A connection to the restored forge's database."""
        assert self.restored is not None, f"nothing was restored: {self.error}"
        return psycopg.connect(make_conninfo(self.restored.conninfo, dbname="forge"), autocommit=True)

    def canaries(self, *, before: tuple[str, ...] = (), after: tuple[str, ...] = ()) -> list[Finding]:
        """Ask the restored database for them."""
        with self.restored_database() as db:
            return canary.check(db, before=before, after=after)

    def lost_seconds(self) -> float:
        """From the last row that was acknowledged to the last that came back."""
        assert self.writer is not None, "nobody wrote"
        with self.restored_database() as db:
            found = canary.newest(db, self.writer.label)
        assert found is not None, "not one row came back"
        return self.writer.last - found.timestamp()

    def integrity(self) -> list[Finding]:
        """Ask the restored cluster whether it is whole."""
        assert self.restored is not None, f"nothing was restored: {self.error}"
        return integrity.check(self.restored.conninfo)

    def write_to_restored(self, segments: int) -> None:
        """Write WAL to the restored server."""
        self.before = self.listing(self.archive)
        assert self.restored is not None, f"nothing was restored: {self.error}"
        with psycopg.connect(self.restored.conninfo, autocommit=True) as db:
            for _ in range(segments):
                db.execute("SELECT pg_create_restore_point('filler')")
                db.execute("SELECT pg_switch_wal()")
        time.sleep(1)

    def grew(self) -> dict[str, int]:
        """WAL of other timelines that the bucket has now: its own server goes on archiving meanwhile."""
        new = set(self.listing(self.archive)) - set(self.before)
        return {key: 1 for key in new if "/wals/" in key and "/00000001" not in key}

    def try_obstacle(self, obstacle: str) -> None:
        """Try a restore that must be refused."""
        archive, target, into = self.archives.obstacle(obstacle, self)
        self.text = str(archive.bucket) if into is None else str(into)
        into = into or self.new_target()
        self.before = _tree(into)
        self.targets.append(into)
        self.moment = datetime.now(UTC) + timedelta(hours=1)
        try:
            restore.plan(archive, target, into)
        except RecoveryError as error:
            self.error = error
        self.named = str(into)

    def untouched(self) -> bool:
        """Whether the target is what it was."""
        return _tree(Path(self.named)) == self.before

    # -- the end -----------------------------------------------------------------------------------------------------

    def tidy(self) -> None:
        """End restored servers, remove folders, bring back what was killed."""
        if self.writer is not None:
            self.writer.stop()
        programs = self.archive.programs
        for path in self.targets:
            data = path / "data"
            if (data / "postmaster.pid").exists() and path.parent.name == "restores":
                words: list[str | Path] = [programs.postgresql["pg_ctl"], "stop", "-m", "immediate", "-D", data]
                self.archive.ground.run(words, within=30, env=programs.env)
            if path.parent.name == "restores":
                shutil.rmtree(path, ignore_errors=True)
        self.site.recover()
        if self.writer is not None:
            self.site.renew_receiver()


def _tree(path: Path) -> dict[str, int]:
    return {str(each): each.stat().st_size for each in path.rglob("*")} if path.exists() else {}
