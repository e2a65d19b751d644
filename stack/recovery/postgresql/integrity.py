"""Asks a restored cluster whether it is whole: indexes against tables, sequences against ids, collations, checksums."""

from __future__ import annotations

from collections.abc import Iterator

import psycopg
from psycopg import sql
from psycopg.conninfo import make_conninfo

from reports.verdict import Finding
from stack.recovery.rules import broken

__all__ = ["check"]

_INDEXES = """\
SELECT format('%I.%I', n.nspname, c.relname), c.oid
  FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid JOIN pg_namespace n ON n.oid = c.relnamespace
       JOIN pg_am a ON a.oid = c.relam
 WHERE a.amname = 'btree' AND c.relkind = 'i' AND c.relpersistence <> 't' AND i.indisready AND i.indisvalid
 ORDER BY 1"""
_SEQUENCES = """\
SELECT s.schemaname, s.sequencename, coalesce(s.last_value, s.start_value - s.increment_by), s.increment_by,
       tn.nspname, t.relname, a.attname
  FROM pg_sequences s
       JOIN pg_class c ON c.relname = s.sequencename
       JOIN pg_namespace n ON n.oid = c.relnamespace AND n.nspname = s.schemaname
       JOIN pg_depend d ON d.classid = 'pg_class'::regclass AND d.objid = c.oid AND d.deptype IN ('a', 'i')
                       AND d.refclassid = 'pg_class'::regclass AND d.refobjsubid > 0
       JOIN pg_class t ON t.oid = d.refobjid
       JOIN pg_namespace tn ON tn.oid = t.relnamespace
       JOIN pg_attribute a ON a.attrelid = t.oid AND a.attnum = d.refobjsubid
 ORDER BY 1, 2"""


def check(conninfo: str) -> list[Finding]:
    """Ask every database of a cluster, as a superuser.

    Args:
        conninfo: how to reach it; its database does not matter.
    """
    findings: list[Finding] = []
    try:
        with psycopg.connect(conninfo, autocommit=True) as db:
            findings += _cluster(db)
            rows = db.execute("SELECT datname FROM pg_database WHERE datallowconn ORDER BY 1").fetchall()
        for (name,) in rows:
            with psycopg.connect(make_conninfo(conninfo, dbname=name), autocommit=True) as db:
                findings += _database(db, name)
    except psycopg.Error as error:
        findings.append(broken("INTEGRITY_UNKNOWN", str(error).strip()))
    return findings


def _cluster(db: psycopg.Connection) -> Iterator[Finding]:
    if db.execute("SHOW data_checksums").fetchone() != ("on",):
        yield broken("CHECKSUMS_OFF", "the cluster has no checksums")
    rows = db.execute(
        "SELECT datname, datcollversion, pg_database_collation_actual_version(oid) FROM pg_database"
        " WHERE datcollversion IS DISTINCT FROM pg_database_collation_actual_version(oid)"
    ).fetchall()
    for name, then, now in rows:
        yield broken("COLLATION_CHANGED", f"database {name}: {then} where it was made, {now} here")


def _database(db: psycopg.Connection, name: str) -> Iterator[Finding]:
    rows = db.execute(
        "SELECT collname, collversion, pg_collation_actual_version(oid) FROM pg_collation"
        " WHERE collversion IS NOT NULL AND collversion IS DISTINCT FROM pg_collation_actual_version(oid)"
    ).fetchall()
    for collation, then, now in rows:
        yield broken("COLLATION_CHANGED", f"{name}, collation {collation}: {then} where it was made, {now} here")
    yield from _sequences(db, name)
    yield from _indexes(db, name)


def _sequences(db: psycopg.Connection, name: str) -> Iterator[Finding]:
    for schema, sequence, last, step, table_schema, table, column in db.execute(_SEQUENCES).fetchall():
        extreme = sql.SQL("SELECT {}({}) FROM {}").format(
            sql.SQL("max" if step > 0 else "min"), sql.Identifier(column), sql.Identifier(table_schema, table)
        )
        row = db.execute(extreme).fetchone()
        found = row[0] if row is not None else None
        if isinstance(found, int) and (found > last if step > 0 else found < last):
            yield broken(
                "SEQUENCE_BEHIND",
                f"{name}, {schema}.{sequence} is at {last}, {table_schema}.{table}.{column} goes to {found}",
            )


def _indexes(db: psycopg.Connection, name: str) -> Iterator[Finding]:
    # In a transaction that is undone: the restored database stays what it was.
    with db.transaction(force_rollback=True):
        db.execute("CREATE EXTENSION IF NOT EXISTS amcheck")
        for index, oid in db.execute(_INDEXES).fetchall():
            try:
                with db.transaction():
                    db.execute("SELECT bt_index_check(%s::oid::regclass, heapallindexed => true)", (oid,))
            except psycopg.Error as error:
                yield broken("INDEX_DAMAGED", f"{name}, {index}", evidence=str(error).strip())
