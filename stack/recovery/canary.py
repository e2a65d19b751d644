"""Rows that are written for no other reason than to be looked for after a restore."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

import psycopg

from reports.verdict import Finding
from stack.recovery.rules import broken

__all__ = ["check", "later", "newest", "plant", "prepare"]

_TABLE = (
    "CREATE TABLE IF NOT EXISTS recovery_canary"
    " (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, label text NOT NULL, at timestamptz NOT NULL)"
)


def prepare(db: psycopg.Connection) -> None:
    """Make the table of canaries, if it is not there."""
    db.execute(_TABLE)


def plant(db: psycopg.Connection, label: str) -> datetime:
    """Write a canary; the moment by the server's clock."""
    row = db.execute(
        "INSERT INTO recovery_canary (label, at) VALUES (%s, clock_timestamp()) RETURNING at", (label,)
    ).fetchone()
    assert row is not None, "INSERT with RETURNING has a row"  # noqa: S101
    moment: datetime = row[0]
    return moment


def later(label: str) -> str:
    """The label of what is written after the point of a set whose canary has this one."""
    return f"after {label}"


def newest(db: psycopg.Connection, label: str) -> datetime | None:
    """The moment of the last canary of this label."""
    row = db.execute("SELECT max(at) FROM recovery_canary WHERE label = %s", (label,)).fetchone()
    return row[0] if row is not None else None


def check(db: psycopg.Connection, *, before: Sequence[str], after: Sequence[str]) -> list[Finding]:
    """Compare a restored database with what was planted before its point and after it: both halves are asked."""
    there = {row[0] for row in db.execute("SELECT DISTINCT label FROM recovery_canary").fetchall()}
    missing = [broken("CANARY_MISSING", f"{label!r} is not there") for label in before if label not in there]
    return missing + [broken("CANARY_SURPLUS", f"{label!r} is there") for label in after if label in there]
