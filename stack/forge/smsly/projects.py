"""Verbs about repositories and who may do what with them. Git is moved by `stack.forge.hosting`, not here."""

from __future__ import annotations

from datetime import datetime

from stack.forge.errors import NotFoundError
from stack.forge.model import EventKind, Level, Repository, Visibility
from stack.forge.names import check_name
from stack.forge.smsly import queries
from stack.forge.smsly.base import SmslyBase, announce, moment, repository_row, user_id

__all__ = ["Projects"]


class Projects(SmslyBase):
    """Creates and changes repositories. Every verb writes its outbox row in the same transaction."""

    def create_repository(
        self,
        owner: str,
        name: str,
        *,
        visibility: Visibility = "public",
        description: str = "",
        default_branch: str = "main",
        fork_of: tuple[str, str] | None = None,
        at: datetime | None = None,
    ) -> Repository:
        """Add a repository's row.

        Args:
            owner: name of a user or an organisation.
            name: unique for this owner, in any case of letters; a deleted repository's name is free.
            visibility: who may see it.
            description: one line about it.
            default_branch: short name.
            fork_of: owner and name of the repository that it is a fork of.
            at: when; now by default.

        Raises:
            NotFoundError: there is no such owner, or no such repository to fork.
            AlreadyExistsError: the owner has one of this name.
            InvalidError: the name can't be one.
        """
        check_name(name, of="repository")
        with self._db.transaction() as connection:
            origin = repository_row(connection, *fork_of) if fork_of else None
            row = connection.execute(
                """
                INSERT INTO repository (owner_id, name, description, is_private, default_branch, is_fork, fork_id,
                    created_at, updated_at)
                SELECT o.id, %(name)s, %(description)s, %(private)s, %(branch)s, %(origin)s::bigint IS NOT NULL,
                    %(origin)s, %(at)s, %(at)s
                FROM owner o WHERE lower(o.name) = lower(%(owner)s) RETURNING id
                """,
                {
                    "owner": owner,
                    "name": name,
                    "description": description,
                    "private": visibility == "private",
                    "branch": default_branch,
                    "origin": origin["id"] if origin else None,
                    "at": moment(at),
                },
            ).fetchone()
            if row is None:
                raise NotFoundError("There is no such user or organisation", on=owner)
            if origin:
                connection.execute("UPDATE repository SET forks = forks + 1 WHERE id = %s", [origin["id"]])
            created = repository_row(connection, owner, name)
            announce(connection, EventKind.REPOSITORY_CREATED, repository=created)
        return queries.to_repository(created)

    def rename_repository(self, owner: str, name: str, new_name: str) -> None:
        """Give a repository another name.

        Raises:
            AlreadyExistsError: the owner has one of that name.
        """
        check_name(new_name, of="repository")
        with self._db.transaction() as connection:
            row = repository_row(connection, owner, name)
            connection.execute(
                "UPDATE repository SET name = %s, updated_at = now() WHERE id = %s", [new_name, row["id"]]
            )
            previous = f"{row['owner']}/{row['name']}"
            announce(connection, EventKind.RENAMED, repository={**row, "name": new_name}, previous=previous)

    def transfer_repository(self, owner: str, name: str, new_owner: str) -> None:
        """Give a repository to another owner. Teams of the old owner lose it; collaborators keep their level.

        Raises:
            NotFoundError: there is no such repository or new owner.
            AlreadyExistsError: the new owner has one of that name.
        """
        with self._db.transaction() as connection:
            row = repository_row(connection, owner, name)
            moved = connection.execute(
                """
                UPDATE repository r SET owner_id = o.id, updated_at = now() FROM owner o
                WHERE r.id = %s AND lower(o.name) = lower(%s) RETURNING o.name
                """,
                [row["id"], new_owner],
            ).fetchone()
            if moved is None:
                raise NotFoundError("There is no such user or organisation", on=new_owner)
            connection.execute("DELETE FROM team_repository WHERE repository_id = %s", [row["id"]])
            previous = f"{row['owner']}/{row['name']}"
            announce(connection, EventKind.TRANSFERRED, repository={**row, "owner": moved["name"]}, previous=previous)

    def delete_repository(self, owner: str, name: str, *, at: datetime | None = None) -> None:
        """Delete a repository: nobody finds it any more, its name is free, its rows stay."""
        with self._db.transaction() as connection:
            row = repository_row(connection, owner, name)
            connection.execute("UPDATE repository SET deleted_at = %s WHERE id = %s", [moment(at), row["id"]])
            connection.execute("DELETE FROM repository_refs WHERE repository_id = %s", [row["id"]])
            announce(connection, EventKind.DELETED, repository=row)

    def set_visibility(self, owner: str, name: str, visibility: Visibility) -> None:
        """Make a repository public or private."""
        with self._db.transaction() as connection:
            row = repository_row(connection, owner, name)
            connection.execute(
                "UPDATE repository SET is_private = %s, updated_at = now() WHERE id = %s",
                [visibility == "private", row["id"]],
            )
            previous = "private" if row["is_private"] else "public"
            announce(connection, EventKind.VISIBILITY, repository=row, previous=previous)

    def set_default_branch(self, owner: str, name: str, branch: str) -> None:
        """Choose another default branch; HEAD in git must follow."""
        with self._db.transaction() as connection:
            row = repository_row(connection, owner, name)
            connection.execute(
                "UPDATE repository SET default_branch = %s, updated_at = now() WHERE id = %s", [branch, row["id"]]
            )
            announce(connection, EventKind.DEFAULT_BRANCH, repository=row, previous=row["default_branch"])

    def describe_repository(
        self, owner: str, name: str, *, description: str | None = None, archived: bool | None = None
    ) -> None:
        """Change the description, or archive a repository or take it out of the archive."""
        with self._db.transaction() as connection:
            row = repository_row(connection, owner, name)
            connection.execute(
                """
                UPDATE repository SET description = COALESCE(%s, description), is_archived = COALESCE(%s, is_archived)
                WHERE id = %s
                """,
                [description, archived, row["id"]],
            )
            announce(connection, EventKind.REPOSITORY, repository=row)

    def add_collaborator(
        self, owner: str, name: str, username: str, *, level: Level = Level.READ, at: datetime | None = None
    ) -> None:
        """Give a user a level on one repository, or change it."""
        with self._db.transaction() as connection:
            row = repository_row(connection, owner, name)
            connection.execute(
                """
                INSERT INTO collaborator (repository_id, user_id, level, created_at) VALUES (%s, %s, %s, %s)
                ON CONFLICT (repository_id, user_id) DO UPDATE SET level = EXCLUDED.level
                """,
                [row["id"], user_id(connection, username), level.value, moment(at)],
            )
            announce(connection, EventKind.ACCESS, repository=row)

    def remove_collaborator(self, owner: str, name: str, username: str) -> None:
        """Take a user's own level on a repository away."""
        with self._db.transaction() as connection:
            row = repository_row(connection, owner, name)
            connection.execute(
                "DELETE FROM collaborator WHERE repository_id = %s AND user_id = %s",
                [row["id"], user_id(connection, username)],
            )
            announce(connection, EventKind.ACCESS, repository=row)

    def star(self, owner: str, name: str, username: str, *, at: datetime | None = None) -> None:
        """Count a user among those who like a repository; doing so twice counts once."""
        with self._db.transaction() as connection:
            row = repository_row(connection, owner, name)
            added = connection.execute(
                "INSERT INTO star (repository_id, user_id, created_at) VALUES (%s, %s, %s) ON CONFLICT DO NOTHING",
                [row["id"], user_id(connection, username), moment(at)],
            ).rowcount
            if added:
                connection.execute("UPDATE repository SET stars = stars + 1 WHERE id = %s", [row["id"]])
                announce(connection, EventKind.REPOSITORY, repository=row)

    def unstar(self, owner: str, name: str, username: str) -> None:
        """Undo a star."""
        with self._db.transaction() as connection:
            row = repository_row(connection, owner, name)
            removed = connection.execute(
                "DELETE FROM star WHERE repository_id = %s AND user_id = %s",
                [row["id"], user_id(connection, username)],
            ).rowcount
            if removed:
                connection.execute("UPDATE repository SET stars = stars - 1 WHERE id = %s", [row["id"]])
                announce(connection, EventKind.REPOSITORY, repository=row)
