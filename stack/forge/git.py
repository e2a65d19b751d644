"""Git repositories behind one interface: only what is behind it knows where and how they are stored."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from types import TracebackType
from typing import Protocol, Self, runtime_checkable

from stack.addresses import GitAddress
from stack.forge.git_types import Blob, EntryType, Head, Touch, TreeEntry

__all__ = ["Blob", "EntryType", "GitAccess", "Head", "Touch", "TreeEntry", "open_git", "refs_digest"]


@runtime_checkable
class GitAccess(Protocol):
    """Reads git repositories named `owner/name.git`; every answer that may be long is streamed.

    Every verb but `exists` raises `RepositoryMissingError` when there is no such repository, and `GitError` when git
    fails or its server can't be reached. Iterators raise while they are consumed; an iterator that ends was complete.
    """

    def exists(self, repo: str) -> bool:
        """Whether there is a repository of that name."""
        ...

    def refs(self, repo: str) -> dict[str, str]:
        """Every ref by its full name, with the object it names (the tag object, for an annotated tag)."""
        ...

    def head(self, repo: str) -> Head:
        """Where HEAD points; reached by the git protocol, an unborn HEAD's `ref` may be unknown."""
        ...

    def tree(self, repo: str, commit: str) -> Iterator[TreeEntry]:
        """Every path of a commit (or tree), folders descended into, in git's order.

        A folder that can't be read is one entry of type `"tree"` with its problem; the rest follows.

        Raises:
            ObjectMissingError: the commit or its root tree can't be read.
        """
        ...

    def blobs(self, repo: str, oids: Iterable[str], *, limit: int) -> Iterator[Blob]:
        """The content of objects, one answer for each id in the order of asking, one in memory at a time.

        Args:
            repo: the repository.
            oids: object ids in hex.
            limit: bytes; of a larger blob only the size is told, its content is never loaded.
        """
        ...

    def touches(self, repo: str, new: str, old: str | None = None) -> Iterator[Touch]:
        """For each path the touch with the highest (committer date, commit id), newest first.

        A touch is a change that doesn't delete: against the parent for an ordinary commit (against nothing for a
        root), against every parent at once for a merge. One touch for each path; stop reading when all are found.

        Args:
            repo: the repository.
            new: the commit whose history is read.
            old: leave out everything reachable from here.

        Raises:
            ObjectMissingError: `new` or `old` is not there.
        """
        ...

    def is_ancestor(self, repo: str, a: str, b: str) -> bool:
        """Whether `a` is reachable from `b`; false when either is not there."""
        ...

    def close(self) -> None:
        """End every process and connection that is kept open."""
        ...

    def __enter__(self) -> Self:
        """Use it as a context that closes."""
        ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close."""
        ...


def open_git(address: GitAddress, cache: Path) -> GitAccess:
    """Reach git by the form its address has.

    Args:
        address: a folder, a `git://` server or an agent.
        cache: folder for mirrors; only the git protocol uses it.
    """
    # Here and not at the top: these modules need the interface above.
    if address.form == "local":
        from stack.forge.git_local import LocalGit  # noqa: PLC0415

        return LocalGit(Path(address.location))
    if address.form == "protocol":
        from stack.forge.git_protocol import ProtocolGit  # noqa: PLC0415

        return ProtocolGit(address.location, cache)
    from stack.forge.git_agent_client import AgentGit  # noqa: PLC0415

    return AgentGit(address.location, address.token)


def refs_digest(refs: Mapping[str, str], head: Head) -> str:
    """Sha256 over all refs and HEAD: two equal digests mean that nothing was pushed in between."""
    digest = hashlib.sha256()
    digest.update(f"HEAD {head.ref} {head.commit}\n".encode())
    for name in sorted(refs):
        digest.update(f"{name} {refs[name]}\n".encode())
    return digest.hexdigest()
