"""What can go wrong between this code and a forge, its git repositories and its corpus."""

from __future__ import annotations

from stack.errors import EngineRoomError

__all__ = [
    "AlreadyExistsError",
    "ForgeError",
    "GitError",
    "InvalidError",
    "MigrationError",
    "NotFoundError",
    "ObjectMissingError",
    "RepositoryMissingError",
]


class ForgeError(EngineRoomError):
    """A forge could not do what it was asked."""


class NotFoundError(ForgeError):
    """What a verb names (a repository, a user, an issue) is not in the forge, or is deleted."""


class AlreadyExistsError(ForgeError):
    """A name is taken: users and organisations share one namespace, repositories one for each owner."""


class InvalidError(ForgeError):
    """A value cannot be accepted: a name, a level, a state, a push that is no fast-forward."""


class MigrationError(ForgeError):
    """The schema is not what the migration files say: a file was changed after it was applied, or one is gone."""


class GitError(ForgeError):
    """Git failed on one repository, or the server that holds it can't be reached."""


class RepositoryMissingError(GitError):
    """There is no git repository of that name (any more)."""


class ObjectMissingError(GitError):
    """The commit that was asked for, or the root of its tree, is missing or can't be read."""
