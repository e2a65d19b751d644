"""What a forge holds, as anything outside its adapter sees it: values, no rows, nothing secret, no e-mail address."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Literal

__all__ = [
    "Attachment",
    "Collaborator",
    "Comment",
    "CommitState",
    "CommitStatus",
    "EventKind",
    "Issue",
    "IssueState",
    "Label",
    "Level",
    "LfsObject",
    "Organization",
    "OutboxEvent",
    "OwnerKind",
    "PullRequest",
    "PullState",
    "RefUpdate",
    "Release",
    "Repository",
    "Team",
    "User",
    "Visibility",
    "WikiPage",
]

OwnerKind = Literal["user", "organization"]
Visibility = Literal["public", "private"]
IssueState = Literal["open", "closed"]
PullState = Literal["open", "closed", "merged"]
CommitState = Literal["pending", "success", "failure", "error"]


class Level(StrEnum):
    """How much somebody may do with a repository, from nothing to everything (smsly-code's RBAC levels)."""

    NONE = "none"
    READ = "read"
    WRITE = "write"
    ADMIN = "admin"
    OWNER = "owner"

    @property
    def reads(self) -> bool:
        """Whether it is enough to see a private repository."""
        return self is not Level.NONE


@dataclass(frozen=True, slots=True)
class User:
    """A person. There is no e-mail address here on purpose: whatever is made from this may be searchable."""

    id: int
    username: str
    full_name: str
    bio: str
    location: str
    website: str
    is_admin: bool
    is_active: bool
    created_at: datetime
    updated_at: datetime


@dataclass(frozen=True, slots=True)
class Organization:
    """An owner that is not a person."""

    id: int
    name: str
    full_name: str
    description: str
    location: str
    website: str
    created_at: datetime
    updated_at: datetime


@dataclass(frozen=True, slots=True)
class Team:
    """Members of an organisation with one level on some (or all) of its repositories."""

    id: int
    organization: str
    name: str
    level: Level
    all_repositories: bool


@dataclass(frozen=True, slots=True)
class Repository:
    """A repository; its id never changes, owner and name may.

    Attributes:
        owner: name of the user or organisation that owns it.
        deleted: only ever true when a deleted repository was asked for on purpose.
    """

    id: int
    owner: str
    owner_kind: OwnerKind
    name: str
    description: str
    visibility: Visibility
    default_branch: str
    stars: int
    archived: bool
    fork: bool
    created_at: datetime
    updated_at: datetime
    deleted: bool = False

    @property
    def full_name(self) -> str:
        """`owner/name`."""
        return f"{self.owner}/{self.name}"

    @property
    def private(self) -> bool:
        """Whether only some people may see it."""
        return self.visibility == "private"


@dataclass(frozen=True, slots=True)
class Collaborator:
    """A person with a level of their own on one repository."""

    repository_id: int
    username: str
    level: Level


@dataclass(frozen=True, slots=True)
class Label:
    """A label of one repository; `color` is six hex digits."""

    id: int
    repository_id: int
    name: str
    color: str
    description: str


@dataclass(frozen=True, slots=True)
class Issue:
    """An issue; issues and pull requests of a repository share one sequence of numbers, and one of ids."""

    id: int
    repository_id: int
    number: int
    title: str
    body: str
    state: IssueState
    author: str
    labels: tuple[str, ...]
    created_at: datetime
    updated_at: datetime
    closed_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class PullRequest:
    """A proposal to merge; its commit is `refs/pull/<number>/head` in git."""

    id: int
    repository_id: int
    number: int
    title: str
    body: str
    state: PullState
    author: str
    labels: tuple[str, ...]
    head: str
    head_commit: str
    base: str
    merge_commit: str | None
    created_at: datetime
    updated_at: datetime
    closed_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Comment:
    """A comment on an issue or a pull request; `issue_id` and `number` are that one's."""

    id: int
    repository_id: int
    issue_id: int
    number: int
    author: str
    body: str
    created_at: datetime
    updated_at: datetime


@dataclass(frozen=True, slots=True)
class Attachment:
    """A file of a release, kept in the object store."""

    id: int
    name: str
    size: int
    sha256: str
    object_key: str
    content_type: str


@dataclass(frozen=True, slots=True)
class Release:
    """A published version."""

    id: int
    repository_id: int
    tag: str
    name: str
    body: str
    commit: str
    author: str
    prerelease: bool
    created_at: datetime
    attachments: tuple[Attachment, ...] = ()


@dataclass(frozen=True, slots=True)
class CommitStatus:
    """What a check said about a commit."""

    id: int
    repository_id: int
    commit: str
    context: str
    state: CommitState
    description: str
    created_at: datetime


@dataclass(frozen=True, slots=True)
class LfsObject:
    """A large file kept in the object store; `oid` is the sha256 of its content."""

    repository_id: int
    oid: str
    size: int
    object_key: str


@dataclass(frozen=True, slots=True)
class WikiPage:
    """A page of a wiki: the file `path` in the wiki's git repository at `commit`."""

    repository_id: int
    path: str
    title: str
    author: str
    commit: str
    updated_at: datetime


@dataclass(frozen=True, slots=True)
class RefUpdate:
    """One ref that a push moved; `old` or `new` is `None` when it was created or deleted."""

    ref: str
    old: str | None
    new: str | None


class EventKind(StrEnum):
    """What happened; see docs/forge.md for what `subject_id` is for each."""

    PUSH = "push"
    REPOSITORY_CREATED = "repository_created"
    REPOSITORY = "repository"
    RENAMED = "renamed"
    TRANSFERRED = "transferred"
    DELETED = "deleted"
    VISIBILITY = "visibility"
    DEFAULT_BRANCH = "default_branch"
    ACCESS = "access"
    ISSUE = "issue"
    PULL_REQUEST = "pull_request"
    COMMENT = "comment"
    RELEASE = "release"
    WIKI = "wiki"
    USER = "user"
    ORGANIZATION = "organization"


@dataclass(frozen=True, slots=True)
class OutboxEvent:
    """One row of the transactional outbox: something changed, look again. At least once; the order is a hint only.

    Attributes:
        id: what to acknowledge.
        kind: what happened.
        repository_id: the repository it happened to, if any.
        subject_id: the issue, pull request, comment, release, user, team or organisation, if any.
        owner: owner of the repository (or the user or organisation itself) at that moment.
        name: name of the repository at that moment, empty when there is none.
        previous: what it was before, for a rename (`owner/name`), a transfer, a visibility or default branch change.
        updates: refs that moved, for a push; empty when only "something moved" is known.
        created_at: when the change was committed to, so that lag can be measured.
    """

    id: int
    kind: EventKind
    repository_id: int | None
    subject_id: int | None
    owner: str
    name: str
    previous: str
    created_at: datetime
    updates: tuple[RefUpdate, ...] = field(default=())
