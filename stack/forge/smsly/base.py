"""What all verbs of the smsly-code adapter share: the database, finding rows by name, announcing changes."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import AbstractContextManager
from datetime import UTC, datetime

from psycopg.rows import DictRow
from psycopg.types.json import Jsonb

from stack.forge.database import Connection, Database
from stack.forge.errors import NotFoundError
from stack.forge.model import EventKind, RefUpdate
from stack.forge.smsly import queries
from stack.forge.vault import Vault

__all__ = ["SmslyBase", "announce", "moment", "number_of", "repository_row", "team_id", "user_id"]

# What takes something out of somebody's sight must not wait behind a queue of pushes.
_URGENT = frozenset({EventKind.VISIBILITY, EventKind.DELETED, EventKind.TRANSFERRED, EventKind.ACCESS})


class SmslyBase:
    """Holds the database and, when secrets are written or read, the vault."""

    def __init__(self, conninfo: str, *, vault: Vault | None = None) -> None:
        """Connect to nothing yet.

        Args:
            conninfo: a libpq connection string.
            vault: keys for webhook secrets and runner tokens; without it those verbs refuse.
        """
        self._db = Database(conninfo)
        self._vault = vault

    @property
    def keeps_secrets(self) -> bool:
        """Whether it was given keys."""
        return self._vault is not None

    def together(self) -> AbstractContextManager[None]:
        """Make all that this thread does inside the block one transaction."""
        return self._db.together()

    def close(self) -> None:
        """Close idle connections."""
        self._db.close()


def moment(at: datetime | None) -> datetime:
    """The given moment, or now."""
    return at or datetime.now(tz=UTC)


def announce(
    connection: Connection,
    kind: EventKind,
    *,
    repository: DictRow | None = None,
    subject: int | None = None,
    owner: str = "",
    previous: str = "",
    updates: Iterable[RefUpdate] = (),
) -> None:
    """Write one outbox row in the transaction of the change that it announces."""
    connection.execute(
        """
        INSERT INTO search_outbox (kind, priority, repository_id, subject_id, owner, name, previous, updates)
        VALUES (%(kind)s, %(priority)s, %(repository)s, %(subject)s, %(owner)s, %(name)s, %(previous)s, %(updates)s)
        """,
        {
            "kind": kind.value,
            "priority": 0 if kind in _URGENT else 1,
            "repository": repository["id"] if repository else None,
            "subject": subject,
            "owner": repository["owner"] if repository else owner,
            "name": repository["name"] if repository else "",
            "previous": previous,
            "updates": Jsonb([{"ref": move.ref, "old": move.old, "new": move.new} for move in updates]),
        },
    )


def repository_row(connection: Connection, owner: str, name: str) -> DictRow:
    """The row of a repository, locked until the transaction ends.

    Raises:
        NotFoundError: there is none of that name.
    """
    query = queries.REPOSITORY + (
        "WHERE lower(o.name) = lower(%s) AND lower(r.name) = lower(%s) AND r.deleted_at IS NULL FOR UPDATE OF r"
    )
    row = connection.execute(query, [owner, name]).fetchone()
    if row is None:
        raise NotFoundError("There is no such repository", on=f"{owner}/{name}", fix="was it renamed or deleted?")
    return row


def user_id(connection: Connection, username: str) -> int:
    """The id of a user.

    Raises:
        NotFoundError: there is none of that name.
    """
    row = connection.execute('SELECT id FROM "user" WHERE lower(username) = lower(%s)', [username]).fetchone()
    if row is None:
        raise NotFoundError("There is no such user", on=username)
    return int(row["id"])


def team_id(connection: Connection, organization: str, team: str) -> tuple[int, int]:
    """The ids of a team and of its organisation.

    Raises:
        NotFoundError: there is none of that name.
    """
    query = """
        SELECT t.id, t.organization_id FROM team t JOIN organization o ON o.id = t.organization_id
        WHERE lower(o.name) = lower(%s) AND lower(t.name) = lower(%s)
    """
    row = connection.execute(query, [organization, team]).fetchone()
    if row is None:
        raise NotFoundError("There is no such team", on=f"{organization}/{team}")
    return int(row["id"]), int(row["organization_id"])


def number_of(connection: Connection, repository: DictRow, number: int) -> DictRow:
    """The issue row (of an issue or a pull request) with a number.

    Raises:
        NotFoundError: the repository has none.
    """
    query = "SELECT id, is_pull, number FROM issue WHERE repository_id = %s AND number = %s FOR UPDATE"
    row = connection.execute(query, [repository["id"], number]).fetchone()
    if row is None:
        raise NotFoundError("There is no such number", on=f"{repository['owner']}/{repository['name']}#{number}")
    return row
