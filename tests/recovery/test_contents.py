"""What is in the bucket, and what is not: gaps, chunks, what a base backup waits for, what may go."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import cast

import pytest

from stack.recovery.errors import RefusedError
from stack.recovery.postgresql.archive import Archive
from stack.recovery.postgresql.contents import BaseBackup, Chunk, Contents
from stack.recovery.postgresql.inspect import backup_findings, wal_findings
from stack.recovery.postgresql.prune import surplus
from stack.recovery.postgresql.walfile import SEGMENT_SIZE, Segment
from stack.recovery.rules import verdict
from stack.recovery.settings import RecoverySettings
from stack.recovery.store import Stored

NOW = datetime(2026, 11, 25, 12, tzinfo=UTC)
ARCHIVE = cast("Archive", SimpleNamespace(where="s3://b/", settings=RecoverySettings(keep_days=7, keep_at_least=1)))


def _stored(key: str, size: int = 10, modified: datetime = NOW) -> Stored:
    return Stored(key, size, modified)


def _backup(number: int, *, days: float = 0, end: int | None = None) -> BaseBackup:
    id_ = f"B{number:04d}"
    objects = (_stored(f"base/{id_}/backup.info"), _stored(f"base/{id_}/data.tar.lz4", 99))
    moment = NOW - timedelta(days=days)
    return BaseBackup(
        id=id_,
        done=True,
        name="",
        begun=moment,
        ended=moment,
        begin=Segment(1, number),
        end=Segment(1, number if end is None else end),
        begin_lsn=number * SEGMENT_SIZE,
        end_lsn=number * SEGMENT_SIZE + 9,
        version=180006,
        system=1,
        objects=objects,
        inventory={each.key: each.size for each in objects},
    )


def _chunk(segment: Segment, first: int, after: int) -> Chunk:
    return Chunk(segment, first, after, _stored(f"partial/{segment.name()}/{first:08x}-{after:08x}"))


def _contents(*numbers: int, backups: tuple[BaseBackup, ...] = (), timeline: int = 1) -> Contents:
    segments = [Segment(timeline, number) for number in numbers]
    return Contents(list(backups), {each: _stored(f"wals/{each.name()}") for each in segments})


def test_nothing_is_missing_of_a_whole_archive() -> None:
    """What lies before the oldest base backup is nobody's business."""
    contents = _contents(1, 4, 5, 6, backups=(_backup(4),))
    assert contents.gaps() == []
    assert wal_findings(ARCHIVE, contents) == []


def test_a_segment_in_the_middle_is_named() -> None:
    """It is missing because something after it is there."""
    contents = _contents(4, 5, 8, backups=(_backup(4),))
    assert contents.gaps() == [Segment(1, 6), Segment(1, 7)]
    (first, _) = wal_findings(ARCHIVE, contents)
    assert first.rule == "WAL_MISSING"
    assert Segment(1, 6).name() in first.message


def test_the_first_segment_of_a_base_backup_can_be_the_missing_one() -> None:
    """A gap is counted from where the base backup begins."""
    assert _contents(5, 6, backups=(_backup(4),)).gaps() == [Segment(1, 4)]


def test_a_timeline_continues_the_one_before_it() -> None:
    """After a failover the first segment of the new timeline follows the old one's last, or replaces it."""
    sound = _contents(4, 5, backups=(_backup(4),))
    sound.segments |= _contents(5, 6, timeline=2).segments
    assert sound.gaps() == []
    torn = _contents(4, 5, backups=(_backup(4),))
    torn.segments |= _contents(8, timeline=2).segments
    assert torn.gaps() == [Segment(2, 6), Segment(2, 7)]


def test_chunks_reach_to_the_first_hole() -> None:
    """What comes after a hole is of no use; what overlaps is."""
    segment = Segment(1, 4)
    contents = _contents(backups=(_backup(4),))
    contents.chunks[segment] = [_chunk(segment, 50, 80), _chunk(segment, 0, 60), _chunk(segment, 90, 99)]
    assert contents.reach(segment) == 80
    assert not contents.has(segment)


def test_chunks_of_a_whole_segment_stand_for_it() -> None:
    """A receiver may be ahead of an archiver that is stuck."""
    segment = Segment(1, 5)
    contents = _contents(4, 6, backups=(_backup(4),))
    contents.chunks[segment] = [_chunk(segment, 0, SEGMENT_SIZE)]
    assert contents.gaps() == []


def test_a_segment_that_was_only_begun_is_missing_when_there_is_a_later_one() -> None:
    """Its end is gone."""
    segment = Segment(1, 5)
    contents = _contents(4, 6, backups=(_backup(4),))
    contents.chunks[segment] = [_chunk(segment, 0, 100)]
    assert contents.gaps() == [segment]


def test_a_base_backup_that_waits_for_its_wal_could_not_be_verified() -> None:
    """Neither a pass nor a fail: nobody knows yet."""
    backup = _backup(4, end=5)
    findings = backup_findings(ARCHIVE, _contents(4, backups=(backup,)), backup)
    assert [finding.rule for finding in findings] == ["BACKUP_WAITING"]
    assert verdict(findings) == "could_not_verify"


def test_an_object_of_another_size_makes_a_base_backup_incomplete() -> None:
    """The last part of an upload could be gone, and each part by itself be sound."""
    backup = _backup(4)
    short = replace(backup, objects=(backup.objects[0], _stored(backup.objects[1].key, 98)))
    findings = backup_findings(ARCHIVE, _contents(4, backups=(short,)), short)
    assert [finding.rule for finding in findings] == ["BASE_INCOMPLETE"]
    assert backup_findings(ARCHIVE, _contents(4, backups=(backup,)), backup) == []


def test_the_last_backup_before_the_horizon_stays() -> None:
    """The first moment of the kept days is restored from it; what is older goes, with its WAL."""
    backups = (_backup(1, days=20), _backup(3, days=10), _backup(5, days=1))
    found = surplus(ARCHIVE, _contents(1, 2, 3, 4, 5, backups=backups), now=NOW)
    assert [backup.id for backup in found.backups] == ["B0001"]
    wal = {key for key in found.keys if key.startswith("wals/")}
    assert wal == {f"wals/{Segment(1, 1).name()}", f"wals/{Segment(1, 2).name()}"}
    assert "inventories/B0001.json" in found.keys


def test_so_many_base_backups_stay_however_old() -> None:
    """A forge whose backups stopped keeps what it has."""
    keeps = cast("Archive", SimpleNamespace(where="", settings=RecoverySettings(keep_days=1, keep_at_least=3)))
    backups = (_backup(1, days=20), _backup(3, days=10), _backup(5, days=9))
    assert surplus(keeps, _contents(1, 2, 3, 4, 5, backups=backups), now=NOW).backups == []


def test_without_a_complete_base_backup_nothing_is_surplus() -> None:
    """The last thing that a broken setup needs is a prune."""
    with pytest.raises(RefusedError) as caught:
        surplus(ARCHIVE, _contents(1, 2), now=NOW)
    assert caught.value.rule == "BASE_NONE"


def test_a_base_backup_that_still_runs_is_not_abandoned() -> None:
    """One that was killed goes after a day."""
    running = replace(_backup(5), done=False)
    killed_objects = tuple(_stored(each.key, each.size, NOW - timedelta(days=2)) for each in _backup(3).objects)
    killed = replace(_backup(3), done=False, objects=killed_objects)
    found = surplus(ARCHIVE, _contents(1, backups=(_backup(1), killed, running)), now=NOW)
    assert found.backups == [killed]
