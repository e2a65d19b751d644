"""Which corpus a forge was filled with."""

from __future__ import annotations

from psycopg.sql import SQL, Identifier

from stack.forge.smsly.base import SmslyBase

__all__ = ["Filled"]

_NUMBERED = (
    "owner",
    "team",
    "repository",
    "label",
    "issue",
    "comment",
    "release",
    "attachment",
    "commit_status",
    "webhook",
    "runner_token",
)


class Filled(SmslyBase):
    """Remembers what `stack.forge.corpus.fill` did."""

    def corpus_digest(self) -> str | None:
        """Digest of the corpus that is in the forge, if there is one."""
        row = self._db.row("SELECT sha256 FROM corpus WHERE name = 'corpus'")
        return str(row["sha256"]) if row else None

    def begin_corpus(self) -> None:
        """Let ids start at 1 in every empty table, whatever an interrupted filling has used up before."""
        with self._db.transaction() as connection:
            for table in _NUMBERED:
                query = SQL(
                    "SELECT setval(pg_get_serial_sequence(%s, 'id'), 1, false) WHERE NOT EXISTS (SELECT FROM {})"
                )
                connection.execute(query.format(Identifier(table)), [table])

    def set_corpus_digest(self, digest: str) -> None:
        """Remember that the forge was filled."""
        with self._db.transaction() as connection:
            connection.execute("INSERT INTO corpus (name, sha256) VALUES ('corpus', %s)", [digest])
