"""Verbs about issues, pull requests, comments and labels."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from psycopg.rows import DictRow

from stack.forge.database import Connection
from stack.forge.errors import ForgeError, InvalidError, NotFoundError
from stack.forge.model import Comment, EventKind, Issue, IssueState, Label, PullRequest
from stack.forge.smsly import queries
from stack.forge.smsly.base import SmslyBase, announce, moment, number_of, repository_row, user_id

__all__ = ["Work"]


class Work(SmslyBase):
    """Writes work on repositories. Every verb writes its outbox row in the same transaction."""

    def create_label(self, owner: str, name: str, label: str, *, color: str = "cccccc", description: str = "") -> Label:
        """Add a label to a repository; `color` is six hex digits."""
        with self._db.transaction() as connection:
            row = repository_row(connection, owner, name)
            made = connection.execute(
                "INSERT INTO label (repository_id, name, color, description) VALUES (%s, %s, %s, %s) RETURNING id",
                [row["id"], label, color.lower(), description],
            ).fetchone()
        return Label(_returned(made)["id"], row["id"], label, color.lower(), description)

    def open_issue(
        self,
        owner: str,
        name: str,
        *,
        author: str,
        title: str,
        body: str = "",
        labels: Iterable[str] = (),
        at: datetime | None = None,
    ) -> Issue:
        """Open an issue under the repository's next number.

        Raises:
            NotFoundError: the repository, the author or a label isn't there.
        """
        with self._db.transaction() as connection:
            row = repository_row(connection, owner, name)
            issue_id = _open(
                connection, row, author=author, title=title, body=body, labels=labels, at=moment(at), pull=False
            )
            announce(connection, EventKind.ISSUE, repository=row, subject=issue_id)
            made = connection.execute(queries.ISSUE + "WHERE i.id = %s", [issue_id]).fetchone()
        return queries.to_issue(_returned(made))

    def open_pull_request(
        self,
        owner: str,
        name: str,
        *,
        author: str,
        title: str,
        head: str,
        head_commit: str,
        base: str,
        body: str = "",
        labels: Iterable[str] = (),
        at: datetime | None = None,
    ) -> PullRequest:
        """Open a pull request under the repository's next number; `refs/pull/<number>/head` must follow in git.

        Args:
            owner: owner of the repository.
            name: its name.
            author: username.
            title: one line.
            head: branch to merge, short name.
            head_commit: its commit.
            base: branch to merge into, short name.
            body: what for.
            labels: names of labels of the repository.
            at: when; now by default.
        """
        with self._db.transaction() as connection:
            row = repository_row(connection, owner, name)
            issue_id = _open(
                connection, row, author=author, title=title, body=body, labels=labels, at=moment(at), pull=True
            )
            connection.execute(
                """
                INSERT INTO pull_request (issue_id, head_branch, head_commit, base_branch) VALUES (%s, %s, %s, %s)
                """,
                [issue_id, head, head_commit, base],
            )
            announce(connection, EventKind.PULL_REQUEST, repository=row, subject=issue_id)
            made = connection.execute(queries.PULL + "WHERE i.id = %s", [issue_id]).fetchone()
        return queries.to_pull(_returned(made))

    def merge_pull_request(
        self, owner: str, name: str, number: int, *, by: str, merge_commit: str, at: datetime | None = None
    ) -> None:
        """Record that a pull request was merged by `merge_commit`.

        Raises:
            NotFoundError: there is no such pull request.
            InvalidError: it is not open.
        """
        with self._db.transaction() as connection:
            row = repository_row(connection, owner, name)
            found = number_of(connection, row, number)
            if not found["is_pull"]:
                raise NotFoundError("There is no such pull request", on=f"{owner}/{name}#{number}")
            when = moment(at)
            closed = connection.execute(
                """
                UPDATE issue SET state = 'closed', closed_at = %(at)s, updated_at = %(at)s
                WHERE id = %(id)s AND state = 'open'
                """,
                {"at": when, "id": found["id"]},
            ).rowcount
            if not closed:
                raise InvalidError("This pull request is not open", on=f"{owner}/{name}#{number}")
            connection.execute(
                "UPDATE pull_request SET merge_commit = %s, merged_at = %s, merged_by = %s WHERE issue_id = %s",
                [merge_commit, when, user_id(connection, by), found["id"]],
            )
            announce(connection, EventKind.PULL_REQUEST, repository=row, subject=found["id"])

    def update_pull_head(self, owner: str, name: str, number: int, head_commit: str) -> None:
        """Record that the branch of an open pull request has moved."""
        with self._db.transaction() as connection:
            row = repository_row(connection, owner, name)
            found = number_of(connection, row, number)
            connection.execute(
                "UPDATE pull_request SET head_commit = %s WHERE issue_id = %s", [head_commit, found["id"]]
            )
            announce(connection, EventKind.PULL_REQUEST, repository=row, subject=found["id"])

    def edit(
        self,
        owner: str,
        name: str,
        number: int,
        *,
        title: str | None = None,
        body: str | None = None,
        state: IssueState | None = None,
        at: datetime | None = None,
    ) -> None:
        """Change title, body or state of an issue or a pull request; what isn't given stays.

        Raises:
            InvalidError: a merged pull request can't be opened again.
        """
        with self._db.transaction() as connection:
            row = repository_row(connection, owner, name)
            found = number_of(connection, row, number)
            if state == "open" and found["is_pull"] and _merged(connection, found["id"]):
                raise InvalidError("A merged pull request can't be opened again", on=f"{owner}/{name}#{number}")
            connection.execute(
                """
                UPDATE issue SET title = COALESCE(%(title)s, title), body = COALESCE(%(body)s, body),
                    state = COALESCE(%(state)s, state), updated_at = %(at)s,
                    closed_at = CASE COALESCE(%(state)s, state)
                        WHEN 'closed' THEN COALESCE(closed_at, %(at)s) END
                WHERE id = %(id)s
                """,
                {"title": title, "body": body, "state": state, "at": moment(at), "id": found["id"]},
            )
            kind = EventKind.PULL_REQUEST if found["is_pull"] else EventKind.ISSUE
            announce(connection, kind, repository=row, subject=found["id"])

    def add_comment(
        self, owner: str, name: str, number: int, *, author: str, body: str, at: datetime | None = None
    ) -> Comment:
        """Comment on an issue or a pull request."""
        with self._db.transaction() as connection:
            row = repository_row(connection, owner, name)
            found = number_of(connection, row, number)
            when = moment(at)
            made = connection.execute(
                """
                INSERT INTO comment (issue_id, repository_id, author_id, body, created_at, updated_at)
                VALUES (%(issue)s, %(repository)s, %(author)s, %(body)s, %(at)s, %(at)s) RETURNING id
                """,
                {
                    "issue": found["id"],
                    "repository": row["id"],
                    "author": user_id(connection, author),
                    "body": body,
                    "at": when,
                },
            ).fetchone()
            comment_id = _returned(made)["id"]
            connection.execute("UPDATE issue SET updated_at = %s WHERE id = %s", [when, found["id"]])
            announce(connection, EventKind.COMMENT, repository=row, subject=comment_id)
            stored = connection.execute(queries.COMMENT + "WHERE c.id = %s", [comment_id]).fetchone()
        return queries.to_comment(_returned(stored))

    def edit_comment(self, comment_id: int, body: str, *, at: datetime | None = None) -> None:
        """Replace the text of a comment."""
        query = "UPDATE comment SET body = %(body)s, updated_at = %(at)s WHERE id = %(id)s RETURNING repository_id"
        self._change_comment(query, comment_id, {"body": body, "at": moment(at)})

    def delete_comment(self, comment_id: int) -> None:
        """Delete a comment; its event's subject is then found nowhere."""
        self._change_comment("DELETE FROM comment WHERE id = %(id)s RETURNING repository_id", comment_id, {})

    def _change_comment(self, query: str, comment_id: int, parameters: dict[str, Any]) -> None:
        with self._db.transaction() as connection:
            changed = connection.execute(query, {**parameters, "id": comment_id}).fetchone()
            if changed is None:
                raise NotFoundError("There is no such comment", on=str(comment_id))
            row = connection.execute(queries.REPOSITORY + "WHERE r.id = %s", [changed["repository_id"]]).fetchone()
            announce(connection, EventKind.COMMENT, repository=row, subject=comment_id)


def _open(
    connection: Connection,
    repository: DictRow,
    *,
    author: str,
    title: str,
    body: str,
    labels: Iterable[str],
    at: datetime,
    pull: bool,
) -> int:
    # The repository's row is locked, so numbers are given out one by one, without a gap, whoever else opens one now.
    opened = connection.execute(
        """
        WITH next AS (
            UPDATE repository SET last_number = last_number + 1 WHERE id = %(repository)s RETURNING last_number
        )
        INSERT INTO issue (repository_id, number, is_pull, title, body, author_id, created_at, updated_at)
        SELECT %(repository)s, last_number, %(pull)s, %(title)s, %(body)s, %(author)s, %(at)s, %(at)s FROM next
        RETURNING id
        """,
        {
            "repository": repository["id"],
            "pull": pull,
            "title": title,
            "body": body,
            "author": user_id(connection, author),
            "at": at,
        },
    ).fetchone()
    issue_id = int(_returned(opened)["id"])
    for label in labels:
        linked = connection.execute(
            """
            INSERT INTO issue_label (issue_id, label_id, repository_id)
            SELECT %(issue)s, id, repository_id FROM label
            WHERE repository_id = %(repository)s AND lower(name) = lower(%(label)s)
            """,
            {"issue": issue_id, "repository": repository["id"], "label": label},
        ).rowcount
        if not linked:
            raise NotFoundError("The repository has no such label", on=label, fix="create the label first")
    return issue_id


def _merged(connection: Connection, issue_id: int) -> bool:
    query = "SELECT FROM pull_request WHERE issue_id = %s AND merged_at IS NOT NULL"
    return connection.execute(query, [issue_id]).fetchone() is not None


def _returned(row: DictRow | None) -> DictRow:
    if row is None:
        raise ForgeError("A row that was just written is not there", fix="is its repository being deleted?")
    return row
