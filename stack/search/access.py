"""Who may see what: one filter, made at the moment of asking, for hits, totals, facets and suggestions alike."""

from __future__ import annotations

from dataclasses import dataclass

from stack.forge.adapter import Forge
from stack.search.engines.base import And, Equals, Filter, Not, OneOf, Or
from stack.search.state import IndexedRepository, State

__all__ = ["Access"]


@dataclass(frozen=True, slots=True)
class Access:
    """What one viewer may see of an index at this moment.

    The index says which repositories are public; the forge says now which private ones the viewer reads, and which
    repositories have become private, moved or deleted without the index having followed. Those are left out unless
    the forge says that this viewer reads them: in doubt the door is closed.

    Args:
        private: ids of private repositories the viewer reads.
        closed: ids of repositories that the index may still show to everybody and this viewer may not see.
    """

    private: frozenset[int]
    closed: frozenset[int]

    @classmethod
    def of(cls, forge: Forge, state: State, viewer: str | None) -> Access:
        """Ask forge and state; `viewer` is a username, `None` an anonymous visitor."""
        doubtful = forge.hidden() | state.behind("closed")
        return cls(
            private=forge.readable_private(viewer),
            closed=doubtful - forge.readable(viewer, doubtful) if doubtful else doubtful,
        )

    def filter(self) -> Filter:
        """As an engine's filter on documents that belong to a repository."""
        open_ = Or((Equals("visibility", "public"), OneOf("repository_id", tuple(sorted(self.private)))))
        if not self.closed:
            return open_
        return And((open_, Not(OneOf("repository_id", tuple(sorted(self.closed))))))

    def allows(self, repository: IndexedRepository) -> bool:
        """The same for one indexed repository."""
        if repository.repository_id in self.closed:
            return False
        return repository.visibility == "public" or repository.repository_id in self.private
