"""The interface between Engine Room and a forge: one module in this package implements it for each forge."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import Protocol, runtime_checkable

from stack.forge.model import (
    Collaborator,
    Comment,
    Issue,
    Organization,
    OutboxEvent,
    PullRequest,
    RefUpdate,
    Release,
    Repository,
    User,
    WikiPage,
)

__all__ = ["Forge"]


@runtime_checkable
class Forge(Protocol):
    """Reads a forge. Lists are streamed in the order of their ids and can be taken up again with `after`."""

    def repositories(self, *, after: int = 0) -> Iterator[Repository]:
        """All repositories with an id above `after`, private ones too, deleted ones not."""
        ...

    def repository(self, repository_id: int) -> Repository | None:
        """One repository by its id; `None` when it is deleted or was never there."""
        ...

    def find_repository(self, owner: str, name: str) -> Repository | None:
        """One repository by its present name, in any case of letters."""
        ...

    def users(self, *, after: int = 0) -> Iterator[User]:
        """All users."""
        ...

    def user(self, user_id: int) -> User | None:
        """One user by id."""
        ...

    def organizations(self, *, after: int = 0) -> Iterator[Organization]:
        """All organisations."""
        ...

    def organization(self, organization_id: int) -> Organization | None:
        """One organisation by id."""
        ...

    def issues(self, repository_id: int, *, after: int = 0) -> Iterator[Issue]:
        """The issues of a repository (pull requests are not among them)."""
        ...

    def issue(self, issue_id: int) -> Issue | None:
        """One issue by id; `None` also when its repository is deleted."""
        ...

    def pull_requests(self, repository_id: int, *, after: int = 0) -> Iterator[PullRequest]:
        """The pull requests of a repository."""
        ...

    def pull_request(self, pull_request_id: int) -> PullRequest | None:
        """One pull request by id; `None` also when its repository is deleted."""
        ...

    def comments(self, repository_id: int, *, after: int = 0) -> Iterator[Comment]:
        """The comments on all issues and pull requests of a repository."""
        ...

    def comment(self, comment_id: int) -> Comment | None:
        """One comment by id; `None` also when its repository is deleted."""
        ...

    def releases(self, repository_id: int, *, after: int = 0) -> Iterator[Release]:
        """The releases of a repository with their attachments."""
        ...

    def wiki_pages(self, repository_id: int) -> Iterator[WikiPage]:
        """The pages a wiki has by the forge's own records; their text is in git, under `wiki_name`."""
        ...

    def collaborators(self, repository_id: int) -> Iterator[Collaborator]:
        """Who has a level of their own on a repository."""
        ...

    def readable_private(self, user: str | None) -> frozenset[int]:
        """Ids of the private repositories that a user may read now: as owner, through a team or as collaborator.

        Args:
            user: username; `None` is an anonymous visitor, who (like an unknown or deactivated user) reads none.
        """
        ...

    def readable(self, user: str | None, repository_ids: Iterable[int]) -> frozenset[int]:
        """Which of some repositories a user may read now: the check after a search, on what it found."""
        ...

    def hidden(self) -> frozenset[int]:
        """Ids of repositories that became private, moved or deleted, while that event is not yet acknowledged.

        An index may still show them to everybody. A search leaves them out unless `readable` says otherwise.
        """
        ...

    def events(self, *, limit: int) -> list[OutboxEvent]:
        """The next events that are not acknowledged: what narrows visibility first, then the oldest."""
        ...

    def acknowledge(self, event_ids: Iterable[int]) -> None:
        """Say that events were acted upon; doing so twice is harmless."""
        ...

    def record_push(
        self,
        owner: str,
        name: str,
        updates: Iterable[RefUpdate],
        *,
        digest: str | None = None,
        wiki: bool = False,
        at: datetime | None = None,
    ) -> None:
        """Announce that a push was accepted (the post-receive hook and the reconciling poll call this).

        Args:
            owner: owner of the repository.
            name: its name.
            updates: refs that moved; may be empty when only "something moved" is known.
            digest: `refs_digest` after the push, so that the poll doesn't announce it again.
            wiki: whether it was pushed to the wiki's repository.
            at: when, for made-up histories; now by default.
        """
        ...

    def ref_digests(self) -> dict[tuple[int, bool], str]:
        """The last digest recorded for each (repository id, is wiki)."""
        ...

    def git_name(self, repository: Repository) -> str:
        """Name of the git repository, as `GitAccess` takes it."""
        ...

    def wiki_name(self, repository: Repository) -> str:
        """Name of the wiki's git repository, as `GitAccess` takes it."""
        ...
