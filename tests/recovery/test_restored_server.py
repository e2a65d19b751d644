"""Restores of a real cluster to a point that its WAL reaches, and each way in which they come to nothing.

The way from the bucket alone is not real: where Barman is, a script copies what PostgreSQL's own programs made.
"""

from __future__ import annotations

import os
import pwd
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

import psycopg
import pytest

from reports.verdict import Verdict
from stack.process import run
from stack.recovery.errors import RestoreError
from stack.recovery.postgresql import integrity, restore
from stack.recovery.postgresql.archive import Archive, Marker
from stack.recovery.postgresql.contents import BaseBackup
from stack.recovery.postgresql.restore import Plan, Restored, Target
from stack.recovery.rules import told, verdict
from stack.recovery.sealing import new_key
from stack.recovery.settings import RecoverySettings
from stack.recovery.tools import LocalGround, Programs
from tests.forge.conftest import _USER, _programs
from tests.recovery.conftest import MemoryBucket

POINT = "before-upgrade"
BACKUP = BaseBackup("one", True, "", None, None, None, None, 0, 0, 180000, 1, ())
_SCRIPT = """\
#!/bin/sh
case "$3" in
barman-cloud-restore) cp -a "{base}/." "$6" ;;
fetch) exec cp "{wal}/$4" "$5" ;;
esac
"""


@dataclass(frozen=True)
class Source:
    """What a cluster left: its data folder, a base backup, the WAL after it, and what brings them back."""

    folder: Path
    programs: Path

    @property
    def data(self) -> Path:
        """The cluster's own folder; it is stopped."""
        return self.folder / "data"

    def run(self, program: str, *words: str | Path) -> None:
        """One of PostgreSQL's programs, as its user."""
        run([self.programs / program, *words], timeout=120, user=_USER, cwd=self.folder)

    @contextmanager
    def running(self, settings: str = "") -> Iterator[str]:
        """The cluster, and how to reach it."""
        options = f"-c listen_addresses= -c unix_socket_directories={self.folder} {settings}"
        self.run("pg_ctl", "-D", self.data, "-l", self.folder / "log", "-w", "-o", options, "start")
        try:
            yield f"host={self.folder} user=postgres dbname=postgres"
        finally:
            self.run("pg_ctl", "-D", self.data, "-m", "fast", "-w", "stop")


@pytest.fixture(scope="module")
def source() -> Iterator[Source]:
    """A row before the base backup, one before the point, one after it; all WAL is archived."""
    made = Source(Path(tempfile.mkdtemp(prefix="restores-")), _programs())
    base, wal = made.folder / "base", made.folder / "wal"
    wal.mkdir()
    barman = made.folder / "barman"
    barman.write_text(_SCRIPT.format(base=base, wal=wal), "utf-8")
    barman.chmod(0o755)
    if _USER:
        for path in (made.folder, wal):
            os.chown(path, pwd.getpwnam(_USER).pw_uid, pwd.getpwnam(_USER).pw_gid)
    made.run("initdb", "-D", made.data, "--auth=trust", "--username=postgres", "--data-checksums", "--no-sync")
    archiving = f"-c archive_mode=on -c archive_command='cp %p {wal}/%f'"
    with made.running(archiving) as conninfo, closing(psycopg.connect(conninfo, autocommit=True)) as db:
        db.execute("CREATE TABLE said (word text PRIMARY KEY)")
        db.execute("INSERT INTO said VALUES ('first')")
        made.run("pg_basebackup", "-h", made.folder, "-U", "postgres", "-D", base, "-X", "none", "-c", "fast")
        db.execute("INSERT INTO said VALUES ('before')")
        db.execute("SELECT pg_create_restore_point(%s)", (POINT,))
        db.execute("INSERT INTO said VALUES ('after')")
        db.execute("SELECT pg_switch_wal()")  # what is finished is archived before the server stops
    yield made
    shutil.rmtree(made.folder)


@pytest.fixture
def archive(source: Source, bucket: MemoryBucket) -> Iterator[Archive]:
    """The archive of that cluster, as a restore sees it; whatever was started for it is ended."""
    key = new_key()
    bucket.put("postgresql/forge/server.json", Marker(1, key.fingerprint, 180000).to_json())
    into = Path(tempfile.mkdtemp(dir=source.folder))
    if _USER:
        shutil.chown(into, _USER)
    programs = Programs({"pg_ctl": source.programs / "pg_ctl"}, source.folder / "barman")
    ground = LocalGround(_USER)
    made = Archive(RecoverySettings(), bucket, key, ground=ground, programs=programs, folder=into / "agent")
    yield made
    restore.end_server(made, into / "data")


def restored(archive: Archive, target: str = POINT) -> Restored:
    """Restore to a point, beside the archive's own folder."""
    return restore.restore(archive, Plan(Target.parse(target), BACKUP, archive.folder.parent, "18"), within=60)


def failed(archive: Archive, target: str = POINT) -> RestoreError:
    """The error of a restore, which leaves no server running."""
    with pytest.raises(RestoreError) as caught:
        restored(archive, target)
    pid = archive.folder.parent / "data/postmaster.pid"
    assert not pid.exists() or not restore._lives(int(pid.read_text().splitlines()[0]))
    assert verdict([told(caught.value)]) is Verdict.FAIL
    return caught.value


def test_a_restore_ends_at_its_point_and_what_came_back_is_whole(archive: Archive) -> None:
    """Rows from before the point are there, none from after it, and no rule about the cluster is broken."""
    done = restored(archive)
    with psycopg.connect(done.conninfo) as db:
        assert db.execute("SELECT word FROM said ORDER BY word").fetchall() == [("before",), ("first",)]
    assert integrity.check(done.conninfo) == []


def _ends_badly(script: Path) -> None:
    script.write_text("#!/bin/sh\necho the bucket is gone >&2\nexit 3\n", "utf-8")


def _brings_nothing(script: Path) -> None:
    script.write_text("#!/bin/sh\nexit 0\n", "utf-8")


def _is_not_there(script: Path) -> None:
    script.unlink()


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (_ends_badly, "the bucket is gone"),
        (_brings_nothing, "backup_label is missing"),
        (_is_not_there, "No such file"),
    ],
)
def test_a_base_backup_that_does_not_come_is_named(archive: Archive, spoil: Callable[[Path], None], words: str) -> None:
    """With what the tool said; that it said nothing and brought nothing is seen all the same."""
    script = archive.folder.parent / "barman"
    shutil.copy(archive.programs.barman, script)
    spoil(script)
    archive.programs = Programs(archive.programs.postgresql, script)
    error = failed(archive)
    assert error.rule == "RESTORE_FAILED"
    assert words in str(error)


def test_a_point_that_the_wal_does_not_have_is_no_end_of_a_recovery(archive: Archive) -> None:
    """The server's own words say so."""
    error = failed(archive, "never-made")
    assert error.rule == "RECOVERY_FAILED"
    assert "recovery ended before configured recovery target was reached" in error.got


def test_wal_that_ends_before_the_base_backup_is_consistent_ends_no_recovery(source: Source, archive: Archive) -> None:
    """Without a segment there is no cluster to be had from the base backup alone."""
    wal = source.folder / "wal"
    aside = wal.rename(source.folder / "aside")
    try:
        error = failed(archive, "latest")
    finally:
        aside.rename(wal)
    assert error.rule == "RECOVERY_FAILED"


def test_a_cluster_without_checksums_is_told_of_and_is_no_fail(source: Source) -> None:
    """Damage in it could go unseen, and nothing is known to be damaged."""
    with source.running() as conninfo:
        assert integrity.check(conninfo) == []
    source.run("pg_checksums", "--disable", "-D", source.data)
    with source.running() as conninfo:
        findings = integrity.check(conninfo)
    assert [each.rule for each in findings] == ["CHECKSUMS_OFF"]
    assert verdict(findings) is Verdict.PASS
