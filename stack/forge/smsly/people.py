"""Verbs about users, organisations and teams."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Literal

import bcrypt
from psycopg.rows import DictRow
from pydantic import SecretStr

from stack.forge.database import Connection
from stack.forge.errors import InvalidError, NotFoundError
from stack.forge.model import EventKind, Level, Organization, OwnerKind, Team, User
from stack.forge.names import check_name
from stack.forge.smsly import queries
from stack.forge.smsly.base import SmslyBase, announce, moment, repository_row, team_id, user_id

__all__ = ["People"]

_BCRYPT_BYTES = 72  # bcrypt reads no further; a longer password would be cut without a word


class People(SmslyBase):
    """Creates and changes owners and their members. Every verb writes its outbox row in the same transaction."""

    def create_user(
        self,
        username: str,
        *,
        full_name: str = "",
        email: str | None = None,
        password: SecretStr | None = None,
        bio: str = "",
        location: str = "",
        website: str = "",
        is_admin: bool = False,
        at: datetime | None = None,
    ) -> User:
        """Add a user.

        Args:
            username: unique among users and organisations, in any case of letters.
            full_name: name as people write it.
            email: unique; made up from the username when not given. Never part of the model.
            password: kept as bcrypt; without one the user can't log in with a password.
            bio: about.
            location: where.
            website: address.
            is_admin: whether the user administers the forge.
            at: when; now by default.

        Raises:
            AlreadyExistsError: the name or the e-mail address is taken.
            InvalidError: the name can't be one.
        """
        with self._db.transaction() as connection:
            row = connection.execute(
                """
                INSERT INTO "user" (id, username, email, password_hash, full_name, bio, location, website, is_admin,
                    created_at, updated_at)
                VALUES (%(id)s, %(username)s, %(email)s, %(hash)s, %(full_name)s, %(bio)s, %(location)s, %(website)s,
                    %(is_admin)s, %(at)s, %(at)s)
                RETURNING id, username, full_name, bio, location, website, is_admin, is_active, created_at, updated_at
                """,
                {
                    "id": _claim(connection, "user", username),
                    "username": username,
                    "email": email or f"{username.lower()}@users.invalid",
                    "hash": _hashed(password),
                    "full_name": full_name,
                    "bio": bio,
                    "location": location,
                    "website": website,
                    "is_admin": is_admin,
                    "at": moment(at),
                },
            ).fetchone()
            user = queries.to_user(_one(row))
            announce(connection, EventKind.USER, subject=user.id, owner=username)
        return user

    def rename_owner(self, name: str, new_name: str) -> None:
        """Give a user or an organisation another name; the git folder of the owner must be moved with it."""
        check_name(new_name, of="owner")
        with self._db.transaction() as connection:
            row = connection.execute(
                "UPDATE owner SET name = %s WHERE lower(name) = lower(%s) RETURNING id, kind", [new_name, name]
            ).fetchone()
            if row is None:
                raise NotFoundError("There is no such user or organisation", on=name)
            kind = EventKind.USER if row["kind"] == "user" else EventKind.ORGANIZATION
            announce(connection, kind, subject=row["id"], owner=new_name, previous=name)
            query = queries.REPOSITORY + "WHERE r.owner_id = %s AND r.deleted_at IS NULL ORDER BY r.id FOR UPDATE OF r"
            for repository in connection.execute(query, [row["id"]]).fetchall():
                announce(connection, EventKind.RENAMED, repository=repository, previous=f"{name}/{repository['name']}")

    def deactivate_user(self, username: str, *, active: bool = False) -> None:
        """Take a user's access away (or, with `active`, give it back)."""
        with self._db.transaction() as connection:
            row = connection.execute(
                'UPDATE "user" SET is_active = %s, updated_at = now() WHERE lower(username) = lower(%s) RETURNING id',
                [active, username],
            ).fetchone()
            if row is None:
                raise NotFoundError("There is no such user", on=username)
            announce(connection, EventKind.USER, subject=row["id"], owner=username)

    def set_credentials(self, username: str, *, password: SecretStr, email: str | None = None) -> None:
        """Give a user another password, as an administrator does, and end the user's sessions.

        Args:
            username: whose, in any case of letters.
            password: kept as bcrypt.
            email: another e-mail address too, unique.

        Raises:
            NotFoundError: there is no such user.
            AlreadyExistsError: somebody else has the e-mail address.
            InvalidError: bcrypt can't take the password.
        """
        hashed = _hashed(password)
        with self._db.transaction() as connection:
            row = connection.execute(
                """
                UPDATE "user" SET password_hash = %s, email = COALESCE(%s, email), updated_at = now()
                WHERE lower(username) = lower(%s) RETURNING id
                """,
                [hashed, email, username],
            ).fetchone()
            if row is None:
                raise NotFoundError("There is no such user", on=username)
            connection.execute("DELETE FROM session WHERE user_id = %s", [row["id"]])
            announce(connection, EventKind.USER, subject=row["id"], owner=username)

    def create_organization(
        self,
        name: str,
        *,
        owners: Iterable[str],
        full_name: str = "",
        description: str = "",
        location: str = "",
        website: str = "",
        at: datetime | None = None,
    ) -> Organization:
        """Add an organisation with its first owners.

        Raises:
            AlreadyExistsError: a user or an organisation has this name.
            InvalidError: the name can't be one, or there is no owner.
        """
        names = list(owners)
        if not names:
            raise InvalidError("An organisation needs an owner", on=name)
        with self._db.transaction() as connection:
            row = connection.execute(
                """
                INSERT INTO organization (id, name, full_name, description, location, website, created_at, updated_at)
                VALUES (%(id)s, %(name)s, %(full_name)s, %(description)s, %(location)s, %(website)s, %(at)s, %(at)s)
                RETURNING id, name, full_name, description, location, website, created_at, updated_at
                """,
                {
                    "id": _claim(connection, "organization", name),
                    "name": name,
                    "full_name": full_name,
                    "description": description,
                    "location": location,
                    "website": website,
                    "at": moment(at),
                },
            ).fetchone()
            organization = queries.to_organization(_one(row))
            for username in names:
                _add_member(connection, organization.id, user_id(connection, username), "owner", moment(at))
            announce(connection, EventKind.ORGANIZATION, subject=organization.id, owner=name)
        return organization

    def add_member(
        self,
        organization: str,
        username: str,
        *,
        role: Literal["owner", "member"] = "member",
        at: datetime | None = None,
    ) -> None:
        """Make a user a member of an organisation, or change the role of one."""
        with self._db.transaction() as connection:
            organization_id = _organization_id(connection, organization)
            _add_member(connection, organization_id, user_id(connection, username), role, moment(at))
            announce(connection, EventKind.ACCESS, subject=organization_id, owner=organization)

    def remove_member(self, organization: str, username: str) -> None:
        """Take a user out of an organisation and of all its teams."""
        with self._db.transaction() as connection:
            organization_id = _organization_id(connection, organization)
            connection.execute(
                "DELETE FROM organization_member WHERE organization_id = %s AND user_id = %s",
                [organization_id, user_id(connection, username)],
            )
            announce(connection, EventKind.ACCESS, subject=organization_id, owner=organization)

    def create_team(
        self,
        organization: str,
        name: str,
        *,
        level: Level = Level.READ,
        all_repositories: bool = False,
        members: Iterable[str] = (),
        repositories: Iterable[str] = (),
        at: datetime | None = None,
    ) -> Team:
        """Add a team with members (who become members of the organisation) and repositories of the organisation."""
        with self._db.transaction() as connection:
            organization_id = _organization_id(connection, organization)
            row = connection.execute(
                """
                INSERT INTO team (organization_id, name, permission, all_repositories, created_at)
                VALUES (%s, %s, %s, %s, %s) RETURNING id
                """,
                [organization_id, name, level.value, all_repositories, moment(at)],
            ).fetchone()
            team = Team(_one(row)["id"], organization, name, level, all_repositories)
            announce(connection, EventKind.ACCESS, subject=organization_id, owner=organization)
        for username in members:
            self.add_team_member(organization, name, username, at=at)
        for repository in repositories:
            self.add_team_repository(organization, name, repository)
        return team

    def add_team_member(self, organization: str, team: str, username: str, *, at: datetime | None = None) -> None:
        """Put a user into a team, and into its organisation if need be."""
        with self._db.transaction() as connection:
            team_number, organization_id = team_id(connection, organization, team)
            user = user_id(connection, username)
            connection.execute(
                """
                INSERT INTO organization_member (organization_id, user_id, role, created_at)
                VALUES (%s, %s, 'member', %s) ON CONFLICT DO NOTHING
                """,
                [organization_id, user, moment(at)],
            )
            connection.execute(
                """
                INSERT INTO team_member (team_id, organization_id, user_id, created_at) VALUES (%s, %s, %s, %s)
                ON CONFLICT DO NOTHING
                """,
                [team_number, organization_id, user, moment(at)],
            )
            announce(connection, EventKind.ACCESS, subject=organization_id, owner=organization)

    def remove_team_member(self, organization: str, team: str, username: str) -> None:
        """Take a user out of a team."""
        with self._db.transaction() as connection:
            team_number, organization_id = team_id(connection, organization, team)
            connection.execute(
                "DELETE FROM team_member WHERE team_id = %s AND user_id = %s",
                [team_number, user_id(connection, username)],
            )
            announce(connection, EventKind.ACCESS, subject=organization_id, owner=organization)

    def add_team_repository(self, organization: str, team: str, name: str) -> None:
        """Give a team its level on one repository of its organisation."""
        with self._db.transaction() as connection:
            team_number, _ = team_id(connection, organization, team)
            repository = repository_row(connection, organization, name)
            connection.execute(
                "INSERT INTO team_repository (team_id, repository_id) VALUES (%s, %s) ON CONFLICT DO NOTHING",
                [team_number, repository["id"]],
            )
            announce(connection, EventKind.ACCESS, repository=repository)

    def remove_team_repository(self, organization: str, team: str, name: str) -> None:
        """Take a team's level on one repository away."""
        with self._db.transaction() as connection:
            team_number, _ = team_id(connection, organization, team)
            repository = repository_row(connection, organization, name)
            connection.execute(
                "DELETE FROM team_repository WHERE team_id = %s AND repository_id = %s",
                [team_number, repository["id"]],
            )
            announce(connection, EventKind.ACCESS, repository=repository)


def _claim(connection: Connection, kind: OwnerKind, name: str) -> int:
    row = connection.execute(
        "INSERT INTO owner (kind, name) VALUES (%s, %s) RETURNING id", [kind, check_name(name, of="owner")]
    ).fetchone()
    return int(_one(row)["id"])


def _one(row: DictRow | None) -> DictRow:
    if row is None:  # pragma: no cover - every INSERT ... RETURNING gives a row
        raise NotFoundError("The database returned no row for an insert")
    return row


def _organization_id(connection: Connection, name: str) -> int:
    row = connection.execute("SELECT id FROM organization WHERE lower(name) = lower(%s)", [name]).fetchone()
    if row is None:
        raise NotFoundError("There is no such organisation", on=name)
    return int(row["id"])


def _add_member(connection: Connection, organization_id: int, user: int, role: str, at: datetime) -> None:
    connection.execute(
        """
        INSERT INTO organization_member (organization_id, user_id, role, created_at) VALUES (%s, %s, %s, %s)
        ON CONFLICT (organization_id, user_id) DO UPDATE SET role = EXCLUDED.role
        """,
        [organization_id, user, role, at],
    )


def _hashed(password: SecretStr | None) -> str | None:
    if password is None:
        return None
    raw = password.get_secret_value().encode()
    if not 0 < len(raw) <= _BCRYPT_BYTES:
        raise InvalidError("A password has 1 to 72 bytes", got=f"{len(raw)} bytes")
    return bcrypt.hashpw(raw, bcrypt.gensalt()).decode("ascii")
