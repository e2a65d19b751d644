"""What is done to a server's WAL: a segment ends, and an archiver is woken."""

from __future__ import annotations

import psycopg

from stack.recovery.tools import Server

__all__ = ["switch", "wake_archiver"]


def switch(server: Server) -> str:
    """Write something and end the segment; the name of the segment that it ended."""
    with psycopg.connect(server.admin.conninfo(), autocommit=True) as db:
        row = db.execute("SELECT pg_walfile_name(pg_current_wal_insert_lsn())").fetchone()
        db.execute("SELECT pg_create_restore_point('filler')")
        db.execute("SELECT pg_switch_wal()")
    assert row is not None, "a query without FROM has a row"
    return str(row[0])


def wake_archiver(server: Server) -> None:
    """An archiver that failed three times waits for a minute, unless something wakes it."""
    with psycopg.connect(server.admin.conninfo(), autocommit=True) as db:
        db.execute("SELECT pg_reload_conf()")
