"""Every row of a forge as text that is the same whenever the rows are the same."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator

import psycopg
from psycopg.sql import SQL, Identifier

from stack.forge.errors import ForgeError

__all__ = ["dump", "dump_digest"]

# Of these only the presence is told: they are random by design, and nobody's business.
_MASKED = frozenset(
    {"password_hash", "token_hash", "secret_nonce", "secret_ciphertext", "token_nonce", "token_ciphertext"}
)
_TABLES = """
SELECT c.relname,
    (SELECT array_agg(a.attname ORDER BY a.attnum) FROM pg_attribute a
     WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped),
    (SELECT array_agg(CASE WHEN a.attcollation <> 0 THEN a.attname END ORDER BY k.position) FROM pg_index i
     CROSS JOIN unnest(i.indkey) WITH ORDINALITY AS k (attnum, position)
     JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum = k.attnum
     WHERE i.indrelid = c.oid AND i.indisprimary),
    (SELECT array_agg(a.attname ORDER BY k.position) FROM pg_index i
     CROSS JOIN unnest(i.indkey) WITH ORDINALITY AS k (attnum, position)
     JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum = k.attnum
     WHERE i.indrelid = c.oid AND i.indisprimary)
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE n.nspname = 'public' AND c.relkind = 'r' AND c.relname = ANY(%s) ORDER BY c.relname COLLATE "C"
"""
# Left out is what changes while nothing in the forge does: the outbox, jobs, sessions, applied migrations.
_FORGE_TABLES = [
    "access_token",
    "attachment",
    "collaborator",
    "comment",
    "commit_status",
    "issue",
    "issue_label",
    "label",
    "lfs_object",
    "organization",
    "organization_member",
    "owner",
    "pull_request",
    "release",
    "repository",
    "repository_refs",
    "runner_token",
    "star",
    "team",
    "team_member",
    "team_repository",
    "user",
    "webhook",
    "wiki_page",
]


def dump(conninfo: str) -> Iterator[str]:
    """All rows of all tables of a forge, streamed, in the order of table names and primary keys.

    One consistent snapshot. Dates are in UTC; passwords, hashes of tokens and encrypted secrets show only whether they
    are there.

    Args:
        conninfo: a libpq connection string.

    Yields:
        `table<TAB>row as JSON`.
    """
    with psycopg.connect(conninfo) as connection:
        connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY")
        connection.execute("SET LOCAL TIME ZONE 'UTC'")
        tables = connection.execute(_TABLES, [_FORGE_TABLES]).fetchall()
        missing = set(_FORGE_TABLES) - {name for name, *_ in tables}
        if missing:
            raise ForgeError("This is not a migrated forge", got=f"no table {', '.join(sorted(missing))}")
        for name, columns, texts, key in tables:
            shown = SQL(", ").join(
                SQL("{} IS NOT NULL AS {}").format(Identifier(column), Identifier(column))
                if column in _MASKED
                else Identifier(column)
                for column in columns
            )
            # Text keys by their bytes, so that the order doesn't depend on a collation that differs between machines.
            order = SQL(", ").join(
                SQL('{} COLLATE "C"').format(Identifier(column)) if column in texts else Identifier(column)
                for column in key
            )
            query = SQL("SELECT row_to_json(t)::text FROM (SELECT {} FROM {} ORDER BY {}) t").format(
                shown, Identifier(name), order
            )
            with connection.cursor(name=f"dump_{name}") as cursor:
                cursor.execute(query)
                for (row,) in cursor:
                    yield f"{name}\t{row}"


def dump_digest(conninfo: str) -> str:
    """Sha256 over all lines of `dump`."""
    digest = hashlib.sha256()
    for line in dump(conninfo):
        digest.update(line.encode())
        digest.update(b"\n")
    return digest.hexdigest()
