"""Health of archiving as Prometheus text: what the server says, what the bucket shows, how far the receiver is."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import psycopg

from stack.recovery import layout
from stack.recovery.errors import RecoveryError
from stack.recovery.git import ledger, shipper
from stack.recovery.postgresql.archive import Archive
from stack.recovery.postgresql.contents import look
from stack.recovery.postgresql.receiver import STATE
from stack.recovery.tools import Server

__all__ = ["FILE", "Health", "measure", "text", "write"]

FILE = "engineroom.prom"
"""Its name among the text files of a node exporter; the alerts know it."""

_STATISTICS = """\
SELECT archived_count, failed_count, extract(epoch FROM last_archived_time), extract(epoch FROM last_failed_time),
       extract(epoch FROM clock_timestamp()),
       (SELECT count(*) FROM pg_ls_archive_statusdir() WHERE name LIKE '%.ready'),
       (SELECT coalesce(sum(size), 0) FROM pg_ls_waldir()),
       current_setting('archive_command') NOT IN ('', 'true', '(disabled)')
  FROM pg_stat_archiver"""
_HELP = {
    "engineroom_database_up": "Whether the database answered.",
    "engineroom_bucket_up": "Whether the bucket answered.",
    "engineroom_wal_archiving": "Whether the server has a command that archives.",
    "engineroom_wal_archived_total": "Segments archived since the statistics were reset.",
    "engineroom_wal_archive_failures_total": "Attempts to archive that failed.",
    "engineroom_wal_archive_failing": "1 when the last attempt failed.",
    "engineroom_wal_last_archived_age_seconds": "Since the server last archived a segment.",
    "engineroom_wal_waiting_segments": "Segments that wait to be archived.",
    "engineroom_wal_bytes": "Size of pg_wal, which grows while nothing is archived.",
    "engineroom_wal_bucket_age_seconds": "Since the bucket last took WAL, finished or not, by its own clock.",
    "engineroom_wal_received_age_seconds": "Since all that the receiver had was in the bucket.",
    "engineroom_wal_receiver_failures_total": "Uploads of the receiver that failed.",
    "engineroom_pushes_waiting": "Accepted pushes that are not in the bucket yet.",
    "engineroom_pushes_lag_seconds": "Age of the oldest push that is not in the bucket yet; what would be lost now.",
    "engineroom_pushes_shipped_total": "Pushes that were shipped.",
    "engineroom_pushes_shipped_bytes_total": "Bytes of their packs.",
    "engineroom_pushes_ship_failures_total": "Attempts to ship that failed.",
    "engineroom_pushes_shipped_age_seconds": "Since no push waited to be shipped, as the shipper last saw it.",
    "engineroom_base_backup_age_seconds": "Since the end of the newest complete base backup.",
    "engineroom_sets": "Sets in the bucket that have a catalogue.",
    "engineroom_set_age_seconds": "Since the newest catalogue of a set was written, by the bucket's own clock.",
    "engineroom_base_backups": "Complete base backups in the bucket.",
    "engineroom_wal_missing_segments": "Segments missing in the middle.",
    "engineroom_bucket_bytes": "Size of this server's folder in the bucket.",
}


@dataclass
class Health:
    """Values by metric name; what could not be asked has none. `problems` says why."""

    values: dict[str, float] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)


def measure(archive: Archive, server: Server, forge: str | None = None) -> Health:
    """Ask the server, the bucket, the receiver and the shipper; none being away keeps the others from being asked.

    Args:
        archive: whose.
        server: the database server.
        forge: a connection string of the forge's database, for what waits to be shipped.
    """
    health = Health()
    _ask_server(server, health)
    _ask_bucket(archive, health)
    _ask_receiver(archive, health)
    if forge is not None:
        _ask_journal(forge, health)
    _ask_shipper(archive, health)
    return health


def _ask_server(server: Server, health: Health) -> None:
    try:
        with psycopg.connect(server.admin.conninfo()) as db:
            row = db.execute(_STATISTICS).fetchone()
    except psycopg.Error as error:
        health.values["engineroom_database_up"] = 0
        health.problems.append(str(error).strip())
        return
    assert row is not None, "pg_stat_archiver has one row"  # noqa: S101
    archived, failed, last, last_failed, now, waiting, size, archives = row
    health.values |= {
        "engineroom_database_up": 1,
        "engineroom_wal_archiving": float(archives),
        "engineroom_wal_archived_total": float(archived),
        "engineroom_wal_archive_failures_total": float(failed),
        "engineroom_wal_archive_failing": float(last_failed is not None and (last is None or last_failed > last)),
        "engineroom_wal_waiting_segments": float(waiting),
        "engineroom_wal_bytes": float(size),
    }
    if last is not None:
        health.values["engineroom_wal_last_archived_age_seconds"] = float(now - last)


def _ask_bucket(archive: Archive, health: Health) -> None:
    try:
        contents = look(archive)
        # Whether they can be trusted the check says: this asks for no key, and believes no time but the store's own.
        written = [stored.modified for stored in archive.bucket.list(layout.SETS) if layout.is_catalogue(stored.key)]
    except RecoveryError as error:
        health.values["engineroom_bucket_up"] = 0
        health.problems.append(str(error))
        return
    now = datetime.now(UTC)
    objects = [*contents.segments.values(), *contents.others]
    objects += [stored for backup in contents.backups for stored in backup.objects]
    objects += [chunk.stored for chunks in contents.chunks.values() for chunk in chunks]
    health.values |= {
        "engineroom_bucket_up": 1,
        "engineroom_base_backups": float(len(contents.complete)),
        "engineroom_wal_missing_segments": float(len(contents.gaps())),
        "engineroom_bucket_bytes": float(sum(each.size for each in objects)),
    }
    if contents.newest_wal is not None:
        age = (now - contents.newest_wal.modified).total_seconds()
        health.values["engineroom_wal_bucket_age_seconds"] = age
    health.values["engineroom_sets"] = float(len(written))
    if written:
        health.values["engineroom_set_age_seconds"] = (now - max(written)).total_seconds()
    ends = [backup.ended for backup in contents.complete if backup.ended is not None]
    if ends:
        health.values["engineroom_base_backup_age_seconds"] = (now - max(ends)).total_seconds()


def _ask_receiver(archive: Archive, health: Health) -> None:
    try:
        told = json.loads((archive.folder / STATE).read_text("utf-8"))
    except (OSError, ValueError):
        return  # it has never run here
    health.values["engineroom_wal_receiver_failures_total"] = float(told["failures"])
    if told["at"] is not None:
        health.values["engineroom_wal_received_age_seconds"] = datetime.now(UTC).timestamp() - float(told["at"])


def _ask_journal(forge: str, health: Health) -> None:
    try:
        if not ledger.is_kept(forge):
            return
        with psycopg.connect(forge) as db:
            left = ledger.backlog(db)
    except psycopg.Error as error:
        health.problems.append(str(error).strip())
        return
    health.values["engineroom_pushes_waiting"] = float(left.rows)
    health.values["engineroom_pushes_lag_seconds"] = left.lag


def _ask_shipper(archive: Archive, health: Health) -> None:
    done = shipper.told(archive.folder / shipper.STATE)
    if done is None:
        return  # it has never run here
    health.values |= {
        "engineroom_pushes_shipped_total": float(done.rows),
        "engineroom_pushes_shipped_bytes_total": float(done.bytes),
        "engineroom_pushes_ship_failures_total": float(done.failures),
    }
    if done.at is not None:
        health.values["engineroom_pushes_shipped_age_seconds"] = (datetime.now(UTC) - done.at).total_seconds()


def write(path: Path, told: str) -> None:
    """Replace a node exporter's text file as a whole, readable for its user; without its folder it is not made."""
    fresh = path.with_name(f"{path.name}.new")  # the exporter reads *.prom alone
    fresh.write_text(told, "utf-8")
    fresh.chmod(0o644)
    fresh.replace(path)


def text(health: Health, server: str) -> str:
    """As Prometheus reads it, one server's worth."""
    lines = []
    for name, value in health.values.items():
        kind = "counter" if name.endswith("_total") else "gauge"
        lines += [f"# HELP {name} {_HELP[name]}", f"# TYPE {name} {kind}"]
        lines.append(f'{name}{{server="{server}"}} {value:.10g}')
    return "\n".join(lines) + "\n"
