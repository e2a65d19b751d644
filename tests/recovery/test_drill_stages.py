"""Each stage of a drill names its rule when something is broken, and finds nothing when nothing is."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import LiteralString

import psycopg
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from reports.evidence import Project
from reports.verdict import Finding
from stack.errors import EngineRoomError, NeedMissingError
from stack.recovery.catalogue import Base, Catalogue, Part, Point, Verifier
from stack.recovery.drill import Handed, Loss
from stack.recovery.drill.run import Booted, Limits, _Drill
from stack.recovery.errors import RestoreError
from stack.recovery.forge import load_queries
from stack.recovery.postgresql import restore
from stack.recovery.postgresql.archive import Archive
from stack.recovery.postgresql.contents import BaseBackup
from stack.recovery.postgresql.restore import Restored
from stack.recovery.postgresql.walfile import Lsn
from stack.recovery.restic import Restic
from stack.recovery.tools import LocalGround, Programs
from stack.recovery.whole import Brought
from tests.recovery.conftest import MOMENT, Author

_ID = "20261125T020000Z-abcdef"
BACKUP = BaseBackup(
    id="20261125T000000",
    done=True,
    name="",
    begun=MOMENT,
    ended=MOMENT,
    begin=None,
    end=None,
    begin_lsn=Lsn(0),
    end_lsn=Lsn(0),
    version=180006,
    system=1,
    objects=(),
)


class Stand:
    """In the place of a stack on what came back."""

    def __init__(self, url: str = "http://127.0.0.1:9", counts: tuple[tuple[str, int, int], ...] = ()) -> None:
        """What it answers."""
        self.url = url
        self._counts = counts

    def indexed(self) -> list[tuple[str, int, int]]:
        """See `Booted`."""
        return list(self._counts)

    def invite(self, username: str, owner: str, name: str) -> None:
        """See `Booted`."""

    def stop(self) -> None:
        """See `Booted`."""


def catalogue(counts: dict[str, int]) -> Catalogue:
    """A set that says how many rows there were."""
    point = Point(name=f"er-{_ID}", lsn=1, timeline=1, time=MOMENT, segment="0" * 24, system=1)
    part = Part(name="refs.json", sha256="0" * 64, bytes=0, items=0)
    return Catalogue(
        id=_ID,
        started=MOMENT,
        completed=MOMENT,
        server="forge",
        point=point,
        base=Base(id="20261125T000000", bytes=1, begin="0" * 24, ended=MOMENT),
        snapshots=(),
        refs=part,
        objects=part,
        counts=counts,
        keys={},
        versions={},
    )


@pytest.fixture
def stages(archive: Archive, conninfo: str, tmp_path: Path) -> Callable[..., _Drill]:
    """A drill whose database came back: the test's own forge."""

    def made(
        *,
        counts: dict[str, int] | None = None,
        boot: Callable[[Brought], Booted] = lambda _: Stand(),
        limits: Limits | None = None,
    ) -> _Drill:
        handed = Handed(
            archive=archive,
            verifier=Verifier(Ed25519PrivateKey.generate().public_key()),
            restic=Restic(Path("/nonexistent"), archive.bucket, archive.key),
            queries=load_queries(),
            into=tmp_path,
            boot=boot,
            measure=None,
            project=Project(version="0", commit=None, dirty=None),
            limits=limits or Limits(),
        )
        drill = _Drill(handed, "set")
        drill._set = catalogue(counts or {})
        restored = Restored(tmp_path / "data", conninfo, BACKUP, fetched=0.0, recovered=0.0)
        drill._brought = Brought(tmp_path, restored, conninfo)
        return drill

    return made


def rules(findings: list[Finding]) -> list[str]:
    """Their names."""
    return [each.rule for each in findings]


@contextmanager
def changed(conninfo: str, change: LiteralString, back: LiteralString) -> Iterator[None]:
    """A change that others see, undone afterwards."""
    with psycopg.connect(conninfo, autocommit=True) as db:
        db.execute(change)
        try:
            yield
        finally:
            db.execute(back)


def test_rows_are_as_many_as_the_set_says(stages: Callable[..., _Drill], author: Author) -> None:
    """One more, one fewer, or a table that is not there, is VOLUME_DIFFERS; a set that says nothing is no pass."""
    assert author.id
    assert stages(counts={"repository": 1})._volume([]) == []
    assert rules(stages(counts={"repository": 2})._volume([])) == ["VOLUME_DIFFERS"]
    assert rules(stages(counts={"repository": 0})._volume([])) == ["VOLUME_DIFFERS"]
    assert rules(stages(counts={"repository": 1, "nowhere": 0})._volume([])) == ["VOLUME_DIFFERS"]
    assert rules(stages()._volume([])) == ["RECONCILE_UNKNOWN"]


def test_what_cannot_be_is_named(stages: Callable[..., _Drill], conninfo: str) -> None:
    """A job that ended at no time."""
    drill = stages()
    before = rules(drill._semantics([]))
    assert "ROWS_IMPOSSIBLE" not in before
    with changed(conninfo, "INSERT INTO job (kind, state) VALUES ('odd', 'failed')", "DELETE FROM job"):
        assert rules(drill._semantics([])) == ["ROWS_IMPOSSIBLE", *before]


def test_a_forge_that_does_not_come_up_fails_and_one_that_cannot_be_tried_is_unknown(
    stages: Callable[..., _Drill],
) -> None:
    """A program that is missing says nothing about the backup."""

    def fails(_: Brought) -> Booted:
        raise EngineRoomError("api did not come up", on="api", got="exit code 1")

    def lacks(_: Brought) -> Booted:
        raise NeedMissingError("api", "The api is not installed")

    assert rules(stages()._boot([])) == []
    assert rules(stages(boot=fails)._boot([])) == ["BOOT_FAILED"]
    assert rules(stages(boot=lacks)._boot([])) == ["BOOT_UNKNOWN"]


def test_a_forge_that_does_not_answer_does_not_serve(stages: Callable[..., _Drill]) -> None:
    """What comes after the first step that failed was not tried, and is told as that."""
    drill = stages()
    drill._booted = Stand()
    drill._known = ("ada", "engine")
    told: list[str] = []
    assert rules(drill._serve(told)) == ["SERVE_FAILED"]
    assert "push: not tried" in told


def test_a_search_that_lacks_something_is_named() -> None:
    """Of each kind, what the index holds is what the database has."""
    assert _Drill._indexed(Stand(counts=(("issues", 3, 3), ("users", 0, 0))), []) == []
    assert rules(_Drill._indexed(Stand(counts=(("issues", 3, 2), ("users", 1, 1))), [])) == ["SEARCH_COUNT"]


def test_a_forge_that_takes_too_long_to_come_back_is_named(stages: Callable[..., _Drill]) -> None:
    """From the restore's beginning to the first push."""
    drill = stages(limits=Limits(rto=3.0))
    drill._rto = 2.9
    assert drill._limits(Loss()) == []
    drill._rto = 3.1
    assert rules(drill._limits(Loss())) == ["RTO_EXCEEDED"]


def program(path: Path, script: str) -> Path:
    """A program that does as a script says."""
    path.write_text(f"#!/bin/sh\n{script}\n", "utf-8")
    path.chmod(0o755)
    return path


@pytest.mark.parametrize(
    ("script", "rule"),
    [
        ('touch "$6/PG_VERSION" "$6/backup_label"', None),
        ("true", "RESTORE_FAILED"),
        ("echo no such backup >&2; exit 1", "RESTORE_FAILED"),
        ("echo 'object is damaged at byte 7' >&2; exit 1", "BASE_DAMAGED"),
    ],
    ids=["done", "it says that it is done", "it fails", "damaged"],
)
def test_a_base_backup_that_does_not_come_back_is_named(
    archive: Archive, tmp_path: Path, script: str, rule: str | None
) -> None:
    """What the program says is not believed: the folder is looked at."""
    archive.programs = Programs({}, program(tmp_path / "barman", script))
    data = tmp_path / "data"
    data.mkdir()
    if rule is None:
        restore._fetch(archive, BACKUP, data, 10)
        return
    with pytest.raises(RestoreError) as caught:
        restore._fetch(archive, BACKUP, data, 10)
    assert caught.value.rule == rule


@pytest.mark.parametrize(
    ("script", "rule"),
    [
        ("true", None),
        ("echo FATAL: could not locate a valid checkpoint record >server.log; exit 1", "RECOVERY_FAILED"),
        ("echo 'engineroom: WAL_DAMAGED: a segment is damaged' >server.log; exit 1", "WAL_DAMAGED"),
    ],
    ids=["it starts", "it does not", "it says why"],
)
def test_a_server_that_does_not_reach_the_point_is_named(tmp_path: Path, script: str, rule: str | None) -> None:
    """By the rule that its restore command wrote into its log, if it did."""
    programs = Programs({"pg_ctl": program(tmp_path / "pg_ctl", f"cd {tmp_path}; {script}")}, Path("/nonexistent"))
    if rule is None:
        restore.start(LocalGround(), programs, tmp_path, within=10)
        return
    with pytest.raises(RestoreError) as caught:
        restore.start(LocalGround(), programs, tmp_path, within=10)
    assert caught.value.rule == rule


def test_a_server_that_takes_too_long_does_not_go_on_by_itself(archive: Archive, tmp_path: Path) -> None:
    """Nobody is told of it who could end it."""
    data = tmp_path / "data"
    data.mkdir()
    script = f'case "$1" in start) touch {data}/postmaster.pid; exit 1 ;; stop) rm {data}/postmaster.pid ;; esac'
    archive.programs = Programs({"pg_ctl": program(tmp_path / "pg_ctl", script)}, Path("/nonexistent"))
    with pytest.raises(RestoreError), restore._ended_unless_whole(archive, data):
        restore.start(archive.ground, archive.programs, tmp_path, within=10)
    assert not (data / "postmaster.pid").exists()
