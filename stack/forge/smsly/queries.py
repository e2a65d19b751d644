"""The selects of the smsly-code schema, and how a row becomes a value of the model."""

from __future__ import annotations

from typing import Any

from psycopg.rows import DictRow

from stack.forge.model import (
    Attachment,
    Comment,
    EventKind,
    Issue,
    Level,
    Organization,
    OutboxEvent,
    PullRequest,
    RefUpdate,
    Release,
    Repository,
    Team,
    User,
    WikiPage,
)

__all__ = [
    "COMMENT",
    "EVENT",
    "ISSUE",
    "ORGANIZATION",
    "PULL",
    "RELEASE",
    "REPOSITORY",
    "TEAM",
    "USER",
    "WIKI_PAGE",
    "to_comment",
    "to_event",
    "to_issue",
    "to_organization",
    "to_pull",
    "to_release",
    "to_repository",
    "to_team",
    "to_user",
    "to_wiki_page",
]

USER = """
SELECT id, username, full_name, bio, location, website, is_admin, is_active, created_at, updated_at FROM "user" u
"""
ORGANIZATION = """
SELECT id, name, full_name, description, location, website, created_at, updated_at FROM organization o
"""
TEAM = """
SELECT t.id, o.name AS organization, t.name, t.permission, t.all_repositories
FROM team t JOIN organization o ON o.id = t.organization_id
"""
REPOSITORY = """
SELECT r.id, o.name AS owner, o.kind AS owner_kind, r.name, r.description, r.is_private, r.default_branch, r.stars,
    r.is_archived, r.is_fork, r.created_at, r.updated_at, r.deleted_at
FROM repository r JOIN owner o ON o.id = r.owner_id
"""
_LABELS = """
ARRAY(SELECT l.name FROM issue_label il JOIN label l ON l.id = il.label_id WHERE il.issue_id = i.id ORDER BY l.name)
"""
ISSUE = f"""
SELECT i.id, i.repository_id, i.number, i.title, i.body, i.state, u.username AS author, {_LABELS} AS labels,
    i.created_at, i.updated_at, i.closed_at
FROM issue i JOIN "user" u ON u.id = i.author_id
JOIN repository r ON r.id = i.repository_id AND r.deleted_at IS NULL
"""  # noqa: S608 - both parts are constants
PULL = f"""
SELECT i.id, i.repository_id, i.number, i.title, i.body, i.state, u.username AS author, {_LABELS} AS labels,
    i.created_at, i.updated_at, i.closed_at, p.head_branch, p.head_commit, p.base_branch, p.merge_commit
FROM issue i JOIN pull_request p ON p.issue_id = i.id JOIN "user" u ON u.id = i.author_id
JOIN repository r ON r.id = i.repository_id AND r.deleted_at IS NULL
"""  # noqa: S608 - both parts are constants
COMMENT = """
SELECT c.id, c.repository_id, c.issue_id, i.number, u.username AS author, c.body, c.created_at, c.updated_at
FROM comment c JOIN issue i ON i.id = c.issue_id JOIN "user" u ON u.id = c.author_id
JOIN repository r ON r.id = c.repository_id AND r.deleted_at IS NULL
"""
RELEASE = """
SELECT e.id, e.repository_id, e.tag, e.name, e.body, e.commit, u.username AS author, e.is_prerelease, e.created_at,
    COALESCE((
        SELECT jsonb_agg(to_jsonb(a) ORDER BY a.id) FROM attachment a WHERE a.release_id = e.id
    ), '[]'::jsonb) AS attachments
FROM release e JOIN "user" u ON u.id = e.author_id
JOIN repository r ON r.id = e.repository_id AND r.deleted_at IS NULL
"""
WIKI_PAGE = """
SELECT w.repository_id, w.path, w.title, u.username AS author, w.commit, w.updated_at
FROM wiki_page w JOIN "user" u ON u.id = w.author_id
JOIN repository r ON r.id = w.repository_id AND r.deleted_at IS NULL
"""
EVENT = """
SELECT id, kind, repository_id, subject_id, owner, name, previous, updates, created_at FROM search_outbox
"""


def to_user(row: DictRow) -> User:
    """From a row of `USER`."""
    return User(**row)


def to_organization(row: DictRow) -> Organization:
    """From a row of `ORGANIZATION`."""
    return Organization(**row)


def to_team(row: DictRow) -> Team:
    """From a row of `TEAM`."""
    return Team(row["id"], row["organization"], row["name"], Level(row["permission"]), row["all_repositories"])


def to_repository(row: DictRow) -> Repository:
    """From a row of `REPOSITORY`."""
    return Repository(
        id=row["id"],
        owner=row["owner"],
        owner_kind=row["owner_kind"],
        name=row["name"],
        description=row["description"],
        visibility="private" if row["is_private"] else "public",
        default_branch=row["default_branch"],
        stars=row["stars"],
        archived=row["is_archived"],
        fork=row["is_fork"],
        created_at=row["created_at"],
        updated_at=row["updated_at"],
        deleted=row["deleted_at"] is not None,
    )


def to_issue(row: DictRow) -> Issue:
    """From a row of `ISSUE`."""
    return Issue(**_work(row), state=row["state"])


def to_pull(row: DictRow) -> PullRequest:
    """From a row of `PULL`."""
    return PullRequest(
        **_work(row),
        state="merged" if row["merge_commit"] else row["state"],
        head=row["head_branch"],
        head_commit=row["head_commit"],
        base=row["base_branch"],
        merge_commit=row["merge_commit"],
    )


def _work(row: DictRow) -> dict[str, Any]:
    same = ("id", "repository_id", "number", "title", "body", "author", "created_at", "updated_at", "closed_at")
    return {**{name: row[name] for name in same}, "labels": tuple(row["labels"])}


def to_comment(row: DictRow) -> Comment:
    """From a row of `COMMENT`."""
    return Comment(**row)


def to_release(row: DictRow) -> Release:
    """From a row of `RELEASE`."""
    names = ("id", "name", "size", "sha256", "object_key", "content_type")
    attachments = tuple(Attachment(**{name: item[name] for name in names}) for item in row["attachments"])
    same = ("id", "repository_id", "tag", "name", "body", "commit", "author", "created_at")
    kept = {name: row[name] for name in same}
    return Release(**kept, prerelease=row["is_prerelease"], attachments=attachments)


def to_wiki_page(row: DictRow) -> WikiPage:
    """From a row of `WIKI_PAGE`."""
    return WikiPage(**row)


def to_event(row: DictRow) -> OutboxEvent:
    """From a row of `EVENT`."""
    updates = tuple(RefUpdate(item["ref"], item["old"], item["new"]) for item in row["updates"])
    same = ("id", "repository_id", "subject_id", "owner", "name", "previous", "created_at")
    return OutboxEvent(**{name: row[name] for name in same}, kind=EventKind(row["kind"]), updates=updates)
