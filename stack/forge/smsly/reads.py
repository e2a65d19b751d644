"""Reading a smsly-code forge: the part of the adapter that `Forge` asks for."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from stack.forge.model import (
    Collaborator,
    Comment,
    Issue,
    Level,
    Organization,
    PullRequest,
    Release,
    Repository,
    User,
    WikiPage,
)
from stack.forge.names import git_name, wiki_git_name
from stack.forge.smsly import queries
from stack.forge.smsly.base import SmslyBase

__all__ = ["Reads"]

_PAGE = 500
# One condition, used by every question about who may read: `u` is an active user, `r` a private repository.
_MAY_READ = """
    r.owner_id = u.id
    OR EXISTS (
        SELECT FROM organization_member m
        WHERE m.organization_id = r.owner_id AND m.user_id = u.id AND m.role = 'owner'
    )
    OR EXISTS (
        SELECT FROM collaborator c WHERE c.repository_id = r.id AND c.user_id = u.id AND c.level <> 'none'
    )
    OR EXISTS (
        SELECT FROM team t JOIN team_member m ON m.team_id = t.id
        WHERE t.organization_id = r.owner_id AND m.user_id = u.id AND t.permission <> 'none' AND (
            t.all_repositories
            OR EXISTS (SELECT FROM team_repository tr WHERE tr.team_id = t.id AND tr.repository_id = r.id)
        )
    )
"""
_READABLE_PRIVATE = f"""
SELECT r.id FROM repository r
JOIN "user" u ON lower(u.username) = lower(%(user)s) AND u.is_active
WHERE r.is_private AND r.deleted_at IS NULL AND ({_MAY_READ})
"""  # noqa: S608 - both parts are constants
_READABLE = f"""
SELECT r.id FROM repository r
LEFT JOIN "user" u ON lower(u.username) = lower(%(user)s::text) AND u.is_active
WHERE r.id = ANY(%(ids)s) AND r.deleted_at IS NULL AND (NOT r.is_private OR u.id IS NOT NULL AND ({_MAY_READ}))
"""  # noqa: S608 - both parts are constants
_HIDDEN = """
SELECT DISTINCT e.repository_id AS id FROM search_outbox e LEFT JOIN repository r ON r.id = e.repository_id
WHERE e.priority = 0 AND e.repository_id IS NOT NULL AND (r.id IS NULL OR r.deleted_at IS NOT NULL OR r.is_private)
"""
_NEXT = "AND id > %(after)s ORDER BY id LIMIT %(size)s"


class Reads(SmslyBase):
    """See `Forge` for what each verb answers."""

    def repositories(self, *, after: int = 0) -> Iterator[Repository]:
        """All repositories that are not deleted."""
        query = queries.REPOSITORY + "WHERE r.deleted_at IS NULL AND r.id > %(after)s ORDER BY r.id LIMIT %(size)s"
        return map(queries.to_repository, self._db.pages(query, {}, after=after, size=_PAGE))

    def repository(self, repository_id: int) -> Repository | None:
        """One repository by id."""
        query = queries.REPOSITORY + "WHERE r.id = %(id)s AND r.deleted_at IS NULL"
        row = self._db.row(query, {"id": repository_id})
        return queries.to_repository(row) if row else None

    def find_repository(self, owner: str, name: str) -> Repository | None:
        """One repository by name."""
        query = queries.REPOSITORY + (
            "WHERE lower(o.name) = lower(%(owner)s) AND lower(r.name) = lower(%(name)s) AND r.deleted_at IS NULL"
        )
        row = self._db.row(query, {"owner": owner, "name": name})
        return queries.to_repository(row) if row else None

    def users(self, *, after: int = 0) -> Iterator[User]:
        """All users, deactivated ones too."""
        query = queries.USER + "WHERE true " + _NEXT
        return map(queries.to_user, self._db.pages(query, {}, after=after, size=_PAGE))

    def user(self, user_id: int) -> User | None:
        """One user by id."""
        row = self._db.row(queries.USER + "WHERE id = %(id)s", {"id": user_id})
        return queries.to_user(row) if row else None

    def find_user(self, username: str) -> User | None:
        """One user by name."""
        row = self._db.row(queries.USER + "WHERE lower(username) = lower(%(name)s)", {"name": username})
        return queries.to_user(row) if row else None

    def organizations(self, *, after: int = 0) -> Iterator[Organization]:
        """All organisations."""
        query = queries.ORGANIZATION + "WHERE true " + _NEXT
        return map(queries.to_organization, self._db.pages(query, {}, after=after, size=_PAGE))

    def organization(self, organization_id: int) -> Organization | None:
        """One organisation by id."""
        row = self._db.row(queries.ORGANIZATION + "WHERE id = %(id)s", {"id": organization_id})
        return queries.to_organization(row) if row else None

    def issues(self, repository_id: int, *, after: int = 0) -> Iterator[Issue]:
        """The issues of a repository."""
        query = queries.ISSUE + (
            "WHERE i.repository_id = %(repository)s AND NOT i.is_pull AND i.id > %(after)s ORDER BY i.id LIMIT %(size)s"
        )
        rows = self._db.pages(query, {"repository": repository_id}, after=after, size=_PAGE)
        return map(queries.to_issue, rows)

    def issue(self, issue_id: int) -> Issue | None:
        """One issue by id."""
        row = self._db.row(queries.ISSUE + "WHERE i.id = %(id)s AND NOT i.is_pull", {"id": issue_id})
        return queries.to_issue(row) if row else None

    def pull_requests(self, repository_id: int, *, after: int = 0) -> Iterator[PullRequest]:
        """The pull requests of a repository."""
        query = queries.PULL + (
            "WHERE i.repository_id = %(repository)s AND i.is_pull AND i.id > %(after)s ORDER BY i.id LIMIT %(size)s"
        )
        rows = self._db.pages(query, {"repository": repository_id}, after=after, size=_PAGE)
        return map(queries.to_pull, rows)

    def pull_request(self, pull_request_id: int) -> PullRequest | None:
        """One pull request by id."""
        row = self._db.row(queries.PULL + "WHERE i.id = %(id)s", {"id": pull_request_id})
        return queries.to_pull(row) if row else None

    def comments(self, repository_id: int, *, after: int = 0) -> Iterator[Comment]:
        """The comments of a repository."""
        query = queries.COMMENT + (
            "WHERE c.repository_id = %(repository)s AND c.id > %(after)s ORDER BY c.id LIMIT %(size)s"
        )
        rows = self._db.pages(query, {"repository": repository_id}, after=after, size=_PAGE)
        return map(queries.to_comment, rows)

    def comment(self, comment_id: int) -> Comment | None:
        """One comment by id."""
        row = self._db.row(queries.COMMENT + "WHERE c.id = %(id)s", {"id": comment_id})
        return queries.to_comment(row) if row else None

    def releases(self, repository_id: int, *, after: int = 0) -> Iterator[Release]:
        """The releases of a repository."""
        query = queries.RELEASE + (
            "WHERE e.repository_id = %(repository)s AND e.id > %(after)s ORDER BY e.id LIMIT %(size)s"
        )
        rows = self._db.pages(query, {"repository": repository_id}, after=after, size=_PAGE)
        return map(queries.to_release, rows)

    def wiki_pages(self, repository_id: int) -> Iterator[WikiPage]:
        """The pages of a wiki, by path."""
        query = queries.WIKI_PAGE + "WHERE w.repository_id = %(repository)s ORDER BY w.path"
        return map(queries.to_wiki_page, self._db.rows(query, {"repository": repository_id}))

    def collaborators(self, repository_id: int) -> Iterator[Collaborator]:
        """Who has a level of their own."""
        query = """
            SELECT c.repository_id, u.username, c.level FROM collaborator c JOIN "user" u ON u.id = c.user_id
            WHERE c.repository_id = %(repository)s ORDER BY u.username
        """
        for row in self._db.rows(query, {"repository": repository_id}):
            yield Collaborator(row["repository_id"], row["username"], Level(row["level"]))

    def readable_private(self, user: str | None) -> frozenset[int]:
        """Private repositories a user may read now."""
        if user is None:
            return frozenset()
        return frozenset(row["id"] for row in self._db.rows(_READABLE_PRIVATE, {"user": user}))

    def readable(self, user: str | None, repository_ids: Iterable[int]) -> frozenset[int]:
        """Which of these repositories a user may read now."""
        rows = self._db.rows(_READABLE, {"user": user, "ids": list(repository_ids)})
        return frozenset(row["id"] for row in rows)

    def hidden(self) -> frozenset[int]:
        """Repositories that an index may still show although they are private or deleted now."""
        return frozenset(row["id"] for row in self._db.rows(_HIDDEN))

    def git_name(self, repository: Repository) -> str:
        """`owner/name.git`."""
        return git_name(repository.owner, repository.name)

    def wiki_name(self, repository: Repository) -> str:
        """`owner/name.wiki.git`."""
        return wiki_git_name(repository.owner, repository.name)
