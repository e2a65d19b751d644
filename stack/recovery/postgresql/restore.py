"""The way back: into an empty folder, to a named point, a time, or as far as the archive reaches."""

from __future__ import annotations

import contextlib
import os
import re
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal, Self

import psycopg

from stack.errors import UsageError
from stack.process import ProgramFailedError, tail
from stack.recovery.errors import RefusedError, RestoreError
from stack.recovery.postgresql.archive import Archive
from stack.recovery.postgresql.contents import BaseBackup, Contents, look
from stack.recovery.postgresql.walfile import show_lsn
from stack.recovery.tools import Ground, Programs

__all__ = [
    "Plan",
    "Restored",
    "Target",
    "end_server",
    "plan",
    "refuse_folder",
    "restore",
    "running_at",
    "start",
    "stop",
]

_SOCKET_LIMIT = 80  # bytes of a folder's path: a socket's whole path may have 107
_STOP_SECONDS = 120.0
_LOG_LINES = 25
_POLL = 0.1
_RULE = re.compile(r"engineroom: (WAL_[A-Z]+): (.*)")
# What the source's own postgresql.auto.conf may say of where it runs and archives; a copy must not.
_NOT_OURS = re.compile(
    r"\s*(archive_|restore_command|recovery_|primary_|listen_addresses|port|unix_socket|hba_file|ident_file|cluster_name"
    r"|external_pid_file|data_directory|config_file|ssl|log|hot_standby\b|synchronous_standby_names)"
)
_SETTINGS = """\
# Written for this restore.
listen_addresses = ''
port = 5432
unix_socket_directories = '{sockets}'
unix_socket_permissions = 0700
# It must not archive into the folder that it came from.
archive_mode = off
# Not before the point is reached: whoever connects sees the point, and nothing on the way to it.
hot_standby = off
restore_command = '{command}'
recovery_target_timeline = 'latest'
recovery_target_action = 'promote'
{target}shared_buffers = '64MB'
max_wal_size = '1GB'
timezone = 'UTC'
logging_collector = off
log_destination = 'stderr'
log_min_messages = 'info'
# It is a copy: what is lost in a crash is restored again.
fsync = off
"""


@dataclass(frozen=True)
class Target:
    """A point to recover to: as far as it goes, a named point, or a time."""

    kind: Literal["latest", "name", "time"]
    name: str = ""
    time: datetime | None = None

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read `latest`, a time with its zone (`2026-11-25T05:30:00Z`), or else a name.

        Raises:
            UsageError: a time without a zone: nobody knows which moment that is.
        """
        if text == "latest":
            return cls("latest")
        try:
            moment = datetime.fromisoformat(text)
        except ValueError:
            return cls("name", name=text)
        if moment.tzinfo is None:
            raise UsageError("A time to restore to needs its zone", got=text, fix=f"write {text}Z for UTC")
        try:
            return cls("time", time=moment.astimezone(UTC))
        except OverflowError as error:
            raise UsageError("There is no such time", got=text, fix="name one within the archive") from error

    def __str__(self) -> str:
        """As it was given."""
        if self.kind == "time" and self.time is not None:
            return self.time.isoformat()
        return self.name or self.kind


@dataclass(frozen=True)
class Plan:
    """What a restore will do; everything that could be asked beforehand has been."""

    target: Target
    backup: BaseBackup
    into: Path
    version: str


@dataclass(frozen=True)
class Restored:
    """A cluster that was recovered and runs.

    Attributes:
        data: its data folder.
        conninfo: a superuser's way in, by a socket that its user alone can reach.
        backup: the base backup it began with.
        fetched: seconds until the base backup lay there; `recovered`: until the point was reached.
    """

    data: Path
    conninfo: str
    backup: BaseBackup
    fetched: float
    recovered: float


def plan(archive: Archive, target: Target, into: Path) -> Plan:
    """Refuse now what would go wrong later.

    Raises:
        RefusedError: the folder is not empty or a server runs on it, the archive is away, empty, not ours or does not
            reach that point, or the programs are of another major version. Nothing was touched.
    """
    host = archive.ground.host
    refuse_folder(into, host)
    contents = look(archive)
    if not contents.complete:
        raise RefusedError(
            "BASE_NONE", "No base backup is complete", on=archive.where, fix="there is nothing to restore"
        )
    backup = _choose(archive, contents, target)
    if target.kind == "latest":
        _refuse_gap(archive, contents, backup)
    version = archive.require_version(backup.version, f"base backup {backup.id}")
    return Plan(target, backup, into, version)


def _refuse_gap(archive: Archive, contents: Contents, backup: BaseBackup) -> None:
    # PostgreSQL takes the first missing segment for the end of the archive, and comes up without a word about the rest.
    begin = backup.begin.number if backup.begin is not None else 0
    missing = [segment for segment in contents.gaps() if segment.number >= begin]
    if missing:
        raise RefusedError(
            "WAL_MISSING",
            "The archive reaches further than it can be followed",
            on=archive.where,
            got=f"{missing[0].name()} is missing, and {len(missing) - 1} more",
            fix="name a time before it, so that it is said what is given up",
        )


def refuse_folder(into: Path, host: str) -> None:
    """Go on only into an empty folder, or one that is not there.

    Raises:
        RefusedError: it is not, or a database server runs on it.
    """
    if not into.exists():
        return
    if not into.is_dir():
        raise RefusedError("TARGET_NOT_EMPTY", "The target is no folder", on=f"{host}: {into}")
    # Where a data folder is: the target itself, or what a restore makes in it. A whole disk is not walked through.
    for found in (into / below / "postmaster.pid" for below in ("", "data", "database/data")):
        pid = _first_line(found)
        if pid is not None and _lives(pid):
            raise RefusedError(
                "TARGET_LIVE",
                "A database server runs on this folder",
                on=f"{host}: {into}",
                got=f"{found} names process {pid}, which lives",
                fix="name another folder; a restore never goes over a live database",
            )
    first = next(into.iterdir(), None)
    if first is not None:
        raise RefusedError(
            "TARGET_NOT_EMPTY",
            "The folder to restore into is not empty",
            on=f"{host}: {into}",
            got=f"it holds {first.name}",
            fix="name an empty folder, or one that is not there yet",
        )


def _first_line(path: Path) -> int | None:
    try:
        return int(path.read_text("utf-8").splitlines()[0])
    except (OSError, ValueError, IndexError):
        return None


def _lives(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def _choose(archive: Archive, contents: Contents, target: Target) -> BaseBackup:
    backups = contents.complete
    if target.kind == "latest":
        return backups[-1]
    if target.kind == "name":
        point = contents.points.get(target.name)
        if point is None:
            known = ", ".join(sorted(contents.points)) or "none"
            raise _outside(archive, f"there is no point {target.name!r}; known points: {known}")
        fitting = [each for each in backups if each.end_lsn <= point.lsn]
        if not fitting:
            raise _outside(archive, f"{target.name} is at {show_lsn(point.lsn)}, before every base backup's end")
        return fitting[-1]
    moment = target.time
    fitting = [each for each in backups if each.ended is not None and moment is not None and each.ended <= moment]
    if not fitting:
        first = min(str(each.ended) for each in backups)
        raise _outside(archive, f"the oldest base backup was complete at {first}")
    newest = contents.newest_wal
    if newest is None or moment is None or newest.modified < moment.replace(microsecond=0):
        raise _outside(archive, f"the newest WAL was written at {newest.modified.isoformat() if newest else 'no time'}")
    return fitting[-1]


def _outside(archive: Archive, why: str) -> RefusedError:
    return RefusedError(
        "TARGET_OUTSIDE",
        "The archive does not reach that point",
        on=archive.where,
        got=why,
        fix="`engineroom backup list` shows what it reaches",
    )


def restore(archive: Archive, planned: Plan, *, within: float = 3600.0) -> Restored:
    """Bring the base backup, recover to the point, and leave the server running.

    Args:
        archive: where from; its `folder` is laid anew, inside the target.
        planned: what `plan` allowed.
        within: seconds for the base backup, and as many for the recovery.

    Raises:
        RestoreError: it did not come to its end; what is there already is left to look at.
    """
    begun = time.monotonic()
    ground = archive.ground
    top = planned.into
    ground.make(top)
    data, config = top / "data", top / "config"
    for folder in (config, data):
        ground.make(folder)
    sockets = _sockets(ground_top=top, archive=archive)
    archive.lay(archive.require())
    _fetch(archive, planned.backup, data, within)
    fetched = time.monotonic() - begun
    _configure(archive, planned, data, config, sockets)
    conninfo = f"host={sockets} port=5432 user=postgres dbname=postgres connect_timeout=10"
    with _ended_unless_whole(archive, data):
        start(ground, archive.programs, top, within=within)
        _require_reached(conninfo, planned, data, top / "server.log", within)
    return Restored(data, conninfo, planned.backup, fetched, time.monotonic() - begun)


def _sockets(*, ground_top: Path, archive: Archive) -> Path:
    folder = ground_top / "run"
    if len(str(folder)) > _SOCKET_LIMIT:
        folder = Path(tempfile.mkdtemp(prefix="engineroom-"))
    archive.ground.make(folder)
    return folder


def _fetch(archive: Archive, backup: BaseBackup, data: Path, within: float) -> None:
    try:
        done = archive.run(["barman-cloud-restore", "--", backup.id, data], within=within)
    except ProgramFailedError as error:
        raise RestoreError("RESTORE_FAILED", "Barman did not come to an end", on=str(data), got=error.got) from error
    if done.code != 0:
        said = tail((done.stdout + done.stderr).decode("utf-8", "replace"))
        rule = "BASE_DAMAGED" if " is damaged at byte " in said or " is cut short" in said else "RESTORE_FAILED"
        raise RestoreError(rule, f"Barman ended with {done.code}", on=f"{archive.where}base/{backup.id}", got=said)
    if not (data / "PG_VERSION").exists() or not (data / "backup_label").exists():
        raise RestoreError(
            "RESTORE_FAILED",
            "Barman said that it was done, and the folder is no base backup",
            on=str(data),
            got="PG_VERSION or backup_label is missing",
        )


def _configure(archive: Archive, planned: Plan, data: Path, config: Path, sockets: Path) -> None:
    target = ""
    if planned.target.kind == "name":
        target = f"recovery_target_name = '{planned.target.name}'\n"
    elif planned.target.time is not None:
        target = f"recovery_target_time = '{planned.target.time.isoformat()}'\n"
    settings = _SETTINGS.format(sockets=sockets, command=archive.shell("fetch", '"%f"', '"%p"'), target=target)
    archive.ground.write(config / "postgresql.conf", settings.encode())
    archive.ground.write(config / "pg_hba.conf", b"local all all trust\nlocal replication all trust\n")
    auto = data / "postgresql.auto.conf"
    if auto.exists():
        kept = [line for line in auto.read_text("utf-8").splitlines() if not _NOT_OURS.match(line)]
        archive.ground.write(auto, ("\n".join(kept) + "\n").encode())
    for left in ("postmaster.pid", "standby.signal"):
        (data / left).unlink(missing_ok=True)
    archive.ground.write(data / "recovery.signal", b"")


@contextlib.contextmanager
def _ended_unless_whole(archive: Archive, data: Path) -> Iterator[None]:
    """A server that takes too long goes on by itself; whoever is told of an error does not know that it runs."""
    try:
        yield
    except BaseException:
        end_server(archive, data)
        raise


def start(ground: Ground, programs: Programs, top: Path, *, within: float = 120.0) -> None:
    """Start the server of a folder that was restored into.

    Args:
        ground: where it runs.
        programs: PostgreSQL's.
        top: has its `data` and its `config`.
        within: seconds.

    Raises:
        RestoreError: it did not come up.
    """
    config, log = top / "config", top / "server.log"
    options = f"-c config_file={config / 'postgresql.conf'} -c hba_file={config / 'pg_hba.conf'}"
    words: list[str | Path] = [programs.postgresql["pg_ctl"], "start", "--wait", "--silent", "-D", top / "data"]
    words += ["--log", log, "--timeout", str(int(within)), "--options", options]
    done = ground.run(words, within=within + 30, env=programs.env)
    if done.code != 0:
        raise _not_recovered(log, tail((done.stdout + done.stderr).decode("utf-8", "replace")))


def running_at(data: Path) -> str | None:
    """A superuser's way to the server that runs on a restored data folder; None when none does."""
    pid = data / "postmaster.pid"
    number = _first_line(pid)
    if number is None or not _lives(number):
        return None
    # Its lines are: process, data folder, start, port, socket folder, address (PostgreSQL, "pidfile.h").
    lines = pid.read_text("utf-8").splitlines()
    return f"host={lines[4]} port={lines[3]} user=postgres dbname=postgres connect_timeout=10"


def stop(ground: Ground, programs: Programs, data: Path, *, at_once: bool = False) -> None:
    """End the server that runs on a restored data folder.

    Args:
        ground: where it runs.
        programs: PostgreSQL's.
        data: its data folder.
        at_once: without writing down what is in memory: nobody will start it again.

    Raises:
        RestoreError: it did not end.
    """
    mode = "immediate" if at_once else "fast"
    words: list[str | Path] = [programs.postgresql["pg_ctl"], "stop", "--wait", f"--mode={mode}", "-D", data]
    try:
        done = ground.run(words, within=_STOP_SECONDS, env=programs.env)
    except ProgramFailedError as error:
        raise RestoreError("BOOT_FAILED", "The restored database did not stop", on=str(data), got=error.got) from error
    if done.code != 0:
        said = (done.stdout + done.stderr).decode("utf-8", "replace")
        raise RestoreError("BOOT_FAILED", "The restored database did not stop", on=str(data), got=said)


def end_server(archive: Archive, data: Path) -> None:
    """End the server that runs on a restored data folder, if one does; nobody will start it again."""
    if (data / "postmaster.pid").exists():
        with contextlib.suppress(RestoreError):
            stop(archive.ground, archive.programs, data, at_once=True)


def _not_recovered(log: Path, said: str) -> RestoreError:
    try:
        text = log.read_text("utf-8", "replace")
    except OSError:
        text = said
    match = _RULE.search(text)
    return RestoreError(
        match[1] if match else "RECOVERY_FAILED",
        match[2] if match else "The restored server did not reach the point",
        on=str(log),
        got=tail(text, _LOG_LINES),
        fix="`engineroom backup check --deep` reads the whole archive",
    )


def _require_reached(conninfo: str, planned: Plan, data: Path, log: Path, within: float) -> None:
    """It answers, writes, and its own log says that it stopped where it was to."""
    deadline = time.monotonic() + within
    row: tuple[bool] | None = None
    while row is None:
        try:
            with psycopg.connect(conninfo) as db:
                row = db.execute("SELECT pg_is_in_recovery()").fetchone()
        except psycopg.OperationalError as error:
            # pg_ctl calls a server ready that still recovers and lets nobody in.
            pid = _first_line(data / "postmaster.pid")
            if pid is None or not _lives(pid) or time.monotonic() > deadline:
                raise _not_recovered(log, str(error)) from error
            time.sleep(_POLL)
    text = log.read_text("utf-8", "replace")
    stopped = planned.target.kind == "latest" or "recovery stopping " in text
    if row != (False,) or not stopped:
        raise _not_recovered(log, "it is still in recovery" if stopped else "it did not stop at the point")
