"""Brings a forge's database to the schema of the numbered SQL files, once each, and notices when one was changed."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from pathlib import Path

import psycopg
from psycopg.conninfo import conninfo_to_dict
from psycopg.sql import SQL, Identifier

from stack.forge.errors import MigrationError

__all__ = ["MIGRATIONS", "Migration", "migrate", "migrations"]

MIGRATIONS = Path(__file__).parent / "migrations"

# Any number will do, as long as every migrator of this schema takes the same.
_LOCK = 0x656E67696E65
_NAME = re.compile(r"(\d{4})_([a-z0-9_]+)\.sql")
_TABLE = """
CREATE TABLE IF NOT EXISTS {} (
    version integer PRIMARY KEY,
    name text NOT NULL,
    sha256 text NOT NULL,
    applied_at timestamptz NOT NULL DEFAULT now()
)
"""


@dataclass(frozen=True, slots=True)
class Migration:
    """One numbered file."""

    version: int
    name: str
    sql: bytes

    @property
    def sha256(self) -> str:
        """Checksum of the file."""
        return hashlib.sha256(self.sql).hexdigest()


def migrations(folder: Path = MIGRATIONS) -> list[Migration]:
    """The files of a folder in their order.

    Raises:
        MigrationError: a name that isn't `0001_what.sql`, or a number missing or given twice.
    """
    found = []
    for path in sorted(folder.glob("*.sql")):
        match = _NAME.fullmatch(path.name)
        if match is None:
            raise MigrationError("This migration has no number", on=path.name, fix="name it like 0001_what.sql")
        found.append(Migration(int(match[1]), match[2], path.read_bytes()))
    numbers = [migration.version for migration in found]
    if numbers != list(range(1, len(found) + 1)):
        raise MigrationError("Migrations are numbered 1, 2, 3, ... without a gap", on=str(folder), got=str(numbers))
    return found


def migrate(conninfo: str, folder: Path = MIGRATIONS, *, table: str = "schema_migration") -> list[str]:
    """Apply what is missing, each file in a transaction of its own; several migrators take turns.

    Args:
        conninfo: a libpq connection string of the schema's owner.
        folder: where the files are.
        table: where it is kept what was applied; one for each folder.

    Returns:
        Names of the files that were applied now.

    Raises:
        MigrationError: an applied file was changed or is gone, or a file failed (and left nothing behind).
    """
    files = migrations(folder)
    applied = []
    try:
        with psycopg.connect(conninfo, autocommit=True) as connection:
            for position in range(len(files) + 1):
                with connection.transaction():
                    connection.execute("SELECT pg_advisory_xact_lock(%s)", [_LOCK])
                    connection.execute(SQL(_TABLE).format(Identifier(table)))
                    done = _applied(connection, table)
                    _check(done, files)
                    if position < len(files) and files[position].version not in done:
                        applied.append(_apply(connection, files[position], table))
    except psycopg.OperationalError as error:
        known = conninfo_to_dict(conninfo)
        raise MigrationError(
            "The schema can't be brought up to date",
            on=f"{known.get('host', '')}:{known.get('port', '')}/{known.get('dbname', '')}",
            got=str(error).strip(),
            fix="is PostgreSQL running? `engineroom restart postgresql-primary` starts that of a stack again",
        ) from error
    return applied


def _applied(connection: psycopg.Connection, table: str) -> dict[int, tuple[str, str]]:
    rows = connection.execute(SQL("SELECT version, name, sha256 FROM {}").format(Identifier(table))).fetchall()
    return {version: (name, sha256) for version, name, sha256 in rows}


def _check(done: dict[int, tuple[str, str]], files: list[Migration]) -> None:
    known = {migration.version: migration for migration in files}
    for version, (name, sha256) in sorted(done.items()):
        if version not in known:
            raise MigrationError(
                "The database is newer than this program",
                on=f"{version:04d}_{name}.sql",
                fix="run the version of Engine Room that brought this migration, or a later one",
            )
        if known[version].sha256 != sha256:
            raise MigrationError(
                "A migration was changed after it was applied",
                on=f"{version:04d}_{known[version].name}.sql",
                got=f"sha256 {known[version].sha256}, applied was {sha256}",
                fix="put the file back as it was, and write a new migration for the change",
            )


def _apply(connection: psycopg.Connection, migration: Migration, table: str) -> str:
    try:
        connection.execute(migration.sql)
    except psycopg.Error as error:
        raise MigrationError(
            "A migration failed; nothing of it was kept", on=f"{migration.version:04d}_{migration.name}", got=str(error)
        ) from error
    connection.execute(
        SQL("INSERT INTO {} (version, name, sha256) VALUES (%s, %s, %s)").format(Identifier(table)),
        [migration.version, migration.name, migration.sha256],
    )
    return f"{migration.version:04d}_{migration.name}"
