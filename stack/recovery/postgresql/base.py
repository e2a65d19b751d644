"""Base backups, by Barman; what it says is not believed before the bucket was looked at."""

from __future__ import annotations

import contextlib
import json
import re
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime

import psycopg

from reports.verdict import Finding
from stack.process import ProgramFailedError, tail
from stack.recovery.errors import BackupError, RefusedError
from stack.recovery.postgresql.archive import ROLE, Archive
from stack.recovery.postgresql.contents import BaseBackup, Contents, Point, look
from stack.recovery.postgresql.inspect import backup_findings
from stack.recovery.postgresql.walfile import Segment, lsn, show_lsn
from stack.recovery.tools import Server

__all__ = ["Taken", "only_one", "set_point", "take", "told_of"]

_LOCK = 0x45526261636B7570  # "ERbackup": the advisory lock that one backup at a time holds
_APPLICATION = "engineroom backup"
_POLL = 0.2
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,62}")


@dataclass(frozen=True)
class Taken:
    """A base backup, and what is to be said of it; `seconds` it took Barman."""

    backup: BaseBackup
    findings: list[Finding]
    seconds: float


@contextmanager
def only_one(server: Server) -> Iterator[psycopg.Connection]:
    """Hold the lock of backups, and a connection with it; it goes with the connection, however this process ends.

    Raises:
        RefusedError: somebody holds it; who is told.
    """
    name = f"{_APPLICATION} since {datetime.now(UTC):%H:%M:%S}"
    with psycopg.connect(server.admin.conninfo(), autocommit=True, application_name=name) as db:
        row = db.execute("SELECT pg_try_advisory_lock(%s)", (_LOCK,)).fetchone()
        if row != (True,):
            holder = db.execute(
                "SELECT application_name, pid FROM pg_locks JOIN pg_stat_activity USING (pid)"
                " WHERE locktype = 'advisory' AND granted AND classid = %s AND objid = %s",
                (_LOCK >> 32, _LOCK & 0xFFFFFFFF),
            ).fetchone()
            raise RefusedError(
                "BACKUP_RUNNING",
                "Another backup is running",
                on=f"{server.admin.host}:{server.admin.port}",
                got=f"{holder[0]}, session {holder[1]}" if holder else "it has just ended",
                fix="wait until it is over",
            )
        yield db


def take(
    archive: Archive,
    server: Server,
    *,
    name: str = "",
    within: float = 3600.0,
    settle: float = 30.0,
    held: bool = False,
) -> Taken:
    """Take a base backup and look at it.

    Args:
        archive: where it goes.
        server: of which.
        name: a name for it, for people.
        within: seconds for Barman.
        settle: seconds to wait for the WAL that it needs; after them it is told as waiting.
        held: the caller has the lock of `only_one` already.

    Raises:
        RefusedError: another one is running, or the archive is not this server's.
        BackupError: it could not be taken.
    """
    archive.require()
    with contextlib.nullcontext() if held else only_one(server):
        before = {stored.key.split("/")[3] for stored in archive.bucket.list(archive.below + "base/")}
        _clear(archive)
        _wait_for_new_id(before)
        begun = time.monotonic()
        _run_barman(archive, server, name, within)
        seconds = time.monotonic() - begun
        backup = _the_new_one(archive, before)
        inventory = {stored.key: stored.size for stored in backup.objects}
        archive.put(f"inventories/{backup.id}.json", json.dumps(inventory, sort_keys=True).encode())
    contents = _settled(archive, backup, settle)
    found = next(each for each in contents.backups if each.id == backup.id)
    return Taken(found, backup_findings(archive, contents, found), seconds)


def _wait_for_new_id(before: set[str]) -> None:
    # Barman's ids are local times in seconds: one that failed just now would be mixed with this one.
    while datetime.now().astimezone().strftime("%Y%m%dT%H%M%S") in before:
        time.sleep(_POLL)


def _clear(archive: Archive) -> None:
    # What a killed backup left: parts that are not sealed yet.
    for path in archive.staging.iterdir():
        if path.is_dir():
            shutil.rmtree(path, ignore_errors=True)
        else:
            path.unlink(missing_ok=True)


def _run_barman(archive: Archive, server: Server, name: str, within: float) -> None:
    words = ["barman-cloud-backup", "--host", server.admin.host, "--port", str(server.admin.port), "--user", ROLE]
    words += ["--dbname", "postgres", "--immediate-checkpoint", "--jobs", "2"]
    words += ["--lz4" if archive.settings.compression == "lz4" else "--gzip", *(["--name", name] if name else [])]
    try:
        done = archive.run(words, within=within, passfile=True)
    except ProgramFailedError as error:
        raise BackupError("BACKUP_FAILED", "Barman did not come to an end", on=archive.where, got=error.got) from error
    if done.code != 0:
        raise BackupError(
            "BACKUP_FAILED",
            f"Barman ended with {done.code}",
            on=archive.where,
            got=tail((done.stdout + done.stderr).decode("utf-8", "replace")),
        )


def _the_new_one(archive: Archive, before: set[str]) -> BaseBackup:
    fresh = [backup for backup in look(archive).backups if backup.id not in before]
    if len(fresh) != 1 or fresh[0].end is None or fresh[0].damage is not None:
        raise BackupError(
            "BACKUP_FAILED",
            "Barman said that it was done, and the bucket does not show it",
            on=f"{archive.where}base/",
            got=", ".join(backup.id for backup in fresh) or "nothing new",
        )
    return fresh[0]


def _settled(archive: Archive, backup: BaseBackup, seconds: float) -> Contents:
    deadline = time.monotonic() + seconds
    while True:
        contents = look(archive)
        needed = _needed(backup)
        if all(contents.has(segment) for segment in needed) or time.monotonic() > deadline:
            return contents
        time.sleep(_POLL)


def _needed(backup: BaseBackup) -> list[Segment]:
    if backup.begin is None or backup.end is None:
        return []
    return [Segment(backup.begin.timeline, number) for number in range(backup.begin.number, backup.end.number + 1)]


def set_point(archive: Archive, server: Server, name: str) -> Point:
    """Write a named restore point into the WAL, and into the bucket that there is one.

    Raises:
        RefusedError: the name is not one, or is taken.
        BackupError: the server refused.
    """
    archive.require()
    if not _NAME.fullmatch(name):
        raise RefusedError("TARGET_OUTSIDE", "This is no name for a point", got=name, fix="use letters, digits, . _ -")
    key = f"points/{name}.json"
    if archive.bucket.head(archive.below + key) is not None:
        raise RefusedError("TARGET_OUTSIDE", "There is a point of this name already", on=archive.where + key)
    try:
        with psycopg.connect(server.admin.conninfo(), autocommit=True) as db:
            row = db.execute(
                "SELECT pg_create_restore_point(%s)::text, clock_timestamp(),"
                " (SELECT timeline_id FROM pg_control_checkpoint())",
                (name,),
            ).fetchone()
            # So that it is archived now, and not when the segment is full.
            db.execute("SELECT pg_switch_wal()")
    except psycopg.Error as error:
        raise BackupError("BACKUP_FAILED", "No restore point could be set", got=str(error).strip()) from error
    assert row is not None, "a query without FROM has a row"  # noqa: S101
    point = Point(name, lsn(row[0]), int(row[2]), row[1].astimezone(UTC))
    if not archive.put_if_absent(key, told_of(point)):
        raise RefusedError("TARGET_OUTSIDE", "There is a point of this name already", on=archive.where + key)
    return point


def told_of(point: Point) -> bytes:
    """A point as it lies in the bucket, before it is sealed."""
    told = {"name": point.name, "lsn": show_lsn(point.lsn), "timeline": point.timeline, "time": point.time.isoformat()}
    return json.dumps(told, sort_keys=True).encode()
