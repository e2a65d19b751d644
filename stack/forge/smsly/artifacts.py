"""Verbs about what belongs to commits: releases with attachments, statuses, large files, wiki pages; and secrets."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from psycopg.rows import DictRow
from pydantic import SecretStr

from stack.forge.database import Connection
from stack.forge.errors import ForgeError, InvalidError, NotFoundError
from stack.forge.model import Attachment, CommitState, EventKind, LfsObject, Release
from stack.forge.smsly import queries
from stack.forge.smsly.base import SmslyBase, announce, moment, repository_row, user_id
from stack.forge.vault import Sealed, Vault

__all__ = ["Artifacts"]


class Artifacts(SmslyBase):
    """Writes what belongs to commits, and secrets of webhooks and runners."""

    def release(
        self,
        owner: str,
        name: str,
        *,
        tag: str,
        commit: str,
        author: str,
        title: str = "",
        body: str = "",
        prerelease: bool = False,
        attachments: Iterable[Attachment] = (),
        at: datetime | None = None,
    ) -> Release:
        """Publish a version; the objects that attachments name must be in the object store (their ids are ignored)."""
        with self._db.transaction() as connection:
            row = repository_row(connection, owner, name)
            when = moment(at)
            made = connection.execute(
                """
                INSERT INTO release (repository_id, tag, name, body, commit, author_id, is_prerelease, created_at)
                VALUES (%s, %s, %s, %s, %s, %s, %s, %s) RETURNING id
                """,
                [row["id"], tag, title, body, commit, user_id(connection, author), prerelease, when],
            ).fetchone()
            release_id = _returned(made)["id"]
            for item in attachments:
                connection.execute(
                    """
                    INSERT INTO attachment (release_id, name, object_key, size, sha256, content_type, created_at)
                    VALUES (%s, %s, %s, %s, %s, %s, %s)
                    """,
                    [release_id, item.name, item.object_key, item.size, item.sha256, item.content_type, when],
                )
            announce(connection, EventKind.RELEASE, repository=row, subject=release_id)
            stored = connection.execute(queries.RELEASE + "WHERE e.id = %s", [release_id]).fetchone()
        return queries.to_release(_returned(stored))

    def set_status(
        self,
        owner: str,
        name: str,
        commit: str,
        *,
        context: str,
        state: CommitState,
        description: str = "",
        at: datetime | None = None,
    ) -> None:
        """Record what a check says about a commit; the newest of a context counts."""
        with self._db.transaction() as connection:
            row = repository_row(connection, owner, name)
            connection.execute(
                """
                INSERT INTO commit_status (repository_id, commit, context, state, description, created_at)
                VALUES (%s, %s, %s, %s, %s, %s)
                """,
                [row["id"], commit, context, state, description, moment(at)],
            )

    def add_lfs_object(self, owner: str, name: str, item: LfsObject, *, at: datetime | None = None) -> None:
        """Record a large file of a repository (the repository id of `item` is ignored)."""
        with self._db.transaction() as connection:
            row = repository_row(connection, owner, name)
            connection.execute(
                """
                INSERT INTO lfs_object (repository_id, oid, size, object_key, created_at) VALUES (%s, %s, %s, %s, %s)
                ON CONFLICT (repository_id, oid) DO NOTHING
                """,
                [row["id"], item.oid, item.size, item.object_key, moment(at)],
            )

    def record_wiki_page(
        self,
        owner: str,
        name: str,
        path: str,
        *,
        title: str,
        author: str,
        commit: str,
        at: datetime | None = None,
    ) -> None:
        """Record that a wiki page was written by a commit of the wiki's git repository."""
        with self._db.transaction() as connection:
            row = repository_row(connection, owner, name)
            connection.execute(
                """
                INSERT INTO wiki_page (repository_id, path, title, author_id, commit, updated_at)
                VALUES (%s, %s, %s, %s, %s, %s)
                ON CONFLICT (repository_id, path) DO UPDATE SET title = EXCLUDED.title,
                    author_id = EXCLUDED.author_id, commit = EXCLUDED.commit, updated_at = EXCLUDED.updated_at
                """,
                [row["id"], path, title, user_id(connection, author), commit, moment(at)],
            )
            announce(connection, EventKind.WIKI, repository=row)

    def remove_wiki_page(self, owner: str, name: str, path: str) -> None:
        """Record that a wiki page is gone."""
        with self._db.transaction() as connection:
            row = repository_row(connection, owner, name)
            connection.execute("DELETE FROM wiki_page WHERE repository_id = %s AND path = %s", [row["id"], path])
            announce(connection, EventKind.WIKI, repository=row)

    def add_webhook(
        self,
        owner: str,
        name: str,
        *,
        url: str,
        secret: SecretStr,
        events: Iterable[str] = ("push",),
        at: datetime | None = None,
    ) -> int:
        """Add a webhook with its secret encrypted; its id."""
        vault = self._need_vault()
        with self._db.transaction() as connection:
            row = repository_row(connection, owner, name)
            webhook_id = _next_id(connection, "webhook")
            sealed = vault.seal(secret, table="webhook", row=webhook_id, column="secret")
            connection.execute(
                """
                INSERT INTO webhook (id, repository_id, url, events, secret_key_id, secret_nonce, secret_ciphertext,
                    created_at) VALUES (%s, %s, %s, %s, %s, %s, %s, %s)
                """,
                [webhook_id, row["id"], url, list(events), *_parts(sealed), moment(at)],
            )
        return webhook_id

    def webhook_secret(self, webhook_id: int) -> SecretStr:
        """The secret of a webhook, decrypted."""
        row = self._db.row(
            """
            SELECT secret_key_id AS key_id, secret_nonce AS nonce, secret_ciphertext AS ciphertext FROM webhook
            WHERE id = %(id)s
            """,
            {"id": webhook_id},
        )
        return self._opened(row, table="webhook", number=webhook_id, column="secret")

    def add_runner_token(self, owner: str, label: str, *, token: SecretStr, at: datetime | None = None) -> int:
        """Add a runner's token for a user or an organisation, encrypted; its id."""
        vault = self._need_vault()
        with self._db.transaction() as connection:
            row = connection.execute("SELECT id FROM owner WHERE lower(name) = lower(%s)", [owner]).fetchone()
            if row is None:
                raise NotFoundError("There is no such user or organisation", on=owner)
            token_id = _next_id(connection, "runner_token")
            sealed = vault.seal(token, table="runner_token", row=token_id, column="token")
            connection.execute(
                """
                INSERT INTO runner_token (id, owner_id, name, token_key_id, token_nonce, token_ciphertext, created_at)
                VALUES (%s, %s, %s, %s, %s, %s, %s)
                """,
                [token_id, row["id"], label, *_parts(sealed), moment(at)],
            )
        return token_id

    def runner_token(self, token_id: int) -> SecretStr:
        """A runner's token, decrypted."""
        row = self._db.row(
            """
            SELECT token_key_id AS key_id, token_nonce AS nonce, token_ciphertext AS ciphertext FROM runner_token
            WHERE id = %(id)s
            """,
            {"id": token_id},
        )
        return self._opened(row, table="runner_token", number=token_id, column="token")

    def _need_vault(self) -> Vault:
        if self._vault is None:
            raise InvalidError(
                "Secrets can't be stored or read without a key", fix="give the forge a vault: Vault.from_file(...)"
            )
        return self._vault

    def _opened(self, row: DictRow | None, *, table: str, number: int, column: str) -> SecretStr:
        if row is None:
            raise NotFoundError("There is no such row", on=f"{table} {number}")
        sealed = Sealed(row["key_id"], bytes(row["nonce"]), bytes(row["ciphertext"]))
        return self._need_vault().open(sealed, table=table, row=number, column=column)


def _parts(sealed: Sealed) -> tuple[str, bytes, bytes]:
    return sealed.key_id, sealed.nonce, sealed.ciphertext


def _next_id(connection: Connection, table: str) -> int:
    # The id is part of what is encrypted with the secret, so it is needed before the row is written.
    row = connection.execute("SELECT nextval(pg_get_serial_sequence(%s, 'id')) AS id", [table]).fetchone()
    return int(_returned(row)["id"])


def _returned(row: DictRow | None) -> DictRow:
    if row is None:  # pragma: no cover - asked for by the id that was just written
        raise ForgeError("A row that was just written is not there")
    return row
