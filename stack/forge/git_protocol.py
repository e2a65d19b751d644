"""Git repositories behind a git server: a bare mirror of each in a cache folder, then read like a local one."""

from __future__ import annotations

import hashlib
import shutil
import tempfile
import threading
from collections import defaultdict
from collections.abc import Iterable, Iterator
from pathlib import Path
from types import TracebackType
from typing import Self

from stack.forge.errors import GitError, RepositoryMissingError
from stack.forge.git_local import LocalGit
from stack.forge.git_types import Blob, Head, Touch, TreeEntry
from stack.forge.gitenv import git
from stack.forge.names import parse_git_name
from stack.forge.objects import check_oid

__all__ = ["ProtocolGit"]

_FETCH_SECONDS = 1800.0
_ASK_SECONDS = 60.0
# What git-daemon, ssh and http servers say of a repository that they don't have (or don't show).
_NOT_THERE = (
    "not exported",
    "no such repository",
    "does not appear to be a git repository",
    "repository not found",
    "not found:",
)


class ProtocolGit:
    """`GitAccess` over any address that `git fetch` takes; `refs`, `head` and `exists` ask the server every time.

    A repository with a corrupt object can't be fetched at all: that is a `GitError` naming it, not one bad object.
    """

    def __init__(self, location: str, cache: Path) -> None:
        """Mirror what is below `location` into `cache`, which can be deleted at any time."""
        self._location = location.rstrip("/")
        self._root = cache / "git-mirrors" / hashlib.sha256(self._location.encode()).hexdigest()[:16]
        self._local = LocalGit(self._root)
        self._locks: defaultdict[str, threading.Lock] = defaultdict(threading.Lock)

    def exists(self, repo: str) -> bool:
        """See `GitAccess.exists`."""
        try:
            self._ask(repo)
        except RepositoryMissingError:
            self._forget(repo)
            return False
        return True

    def refs(self, repo: str) -> dict[str, str]:
        """See `GitAccess.refs`; brings the mirror up to date."""
        refs, _ = self._refresh(repo)
        return refs

    def head(self, repo: str) -> Head:
        """See `GitAccess.head`; brings the mirror up to date."""
        _, head = self._refresh(repo)
        return head

    def tree(self, repo: str, commit: str) -> Iterator[TreeEntry]:
        """See `GitAccess.tree`."""
        self._bring(repo, commit)
        yield from self._local.tree(repo, commit)

    def blobs(self, repo: str, oids: Iterable[str], *, limit: int) -> Iterator[Blob]:
        """See `GitAccess.blobs`; reads what was mirrored when refs were last asked for."""
        self._bring(repo, None)
        yield from self._local.blobs(repo, oids, limit=limit)

    def touches(self, repo: str, new: str, old: str | None = None) -> Iterator[Touch]:
        """See `GitAccess.touches`."""
        self._bring(repo, new)
        yield from self._local.touches(repo, new, old)

    def is_ancestor(self, repo: str, a: str, b: str) -> bool:
        """See `GitAccess.is_ancestor`."""
        self._bring(repo, b)
        return self._local.is_ancestor(repo, a, b)

    def close(self) -> None:
        """See `GitAccess.close`."""
        self._local.close()

    def __enter__(self) -> Self:
        """See `GitAccess`."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """See `GitAccess`."""
        self.close()

    def _bring(self, repo: str, commit: str | None) -> None:
        """Mirror a repository unless the commit is there already."""
        if commit is not None:
            check_oid(commit)
        if not self._local.exists(repo):
            self._refresh(repo)
        elif commit is not None:
            known = git(["cat-file", "-e", commit], git_dir=self._root / repo, ok=(0, 1, 128)).code == 0
            if not known:
                self._refresh(repo)

    def _refresh(self, repo: str) -> tuple[dict[str, str], Head]:
        with self._locks[repo]:
            try:
                refs, head = self._ask(repo)
            except RepositoryMissingError:
                self._forget(repo)
                raise
            if not self._local.exists(repo):
                self._mirror(repo)
            if not refs and head.ref is None:
                head = Head(self._unborn(repo), None)
            mirrored = self._local.refs(repo)
            if mirrored != refs or (head.commit is not None and head.commit not in refs.values()):
                self._fetch(repo, head)
            return refs, head

    def _ask(self, repo: str) -> tuple[dict[str, str], Head]:
        parse_git_name(repo)
        answer = self._remote(repo, ["ls-remote", "--symref", self._url(repo)], seconds=_ASK_SECONDS)
        refs: dict[str, str] = {}
        symbol: str | None = None
        commit: str | None = None
        for line in answer.decode("utf-8", "surrogateescape").splitlines():
            value, _, name = line.partition("\t")
            if value.startswith("ref: "):
                symbol = value.removeprefix("ref: ") if name == "HEAD" else symbol
            elif name == "HEAD":
                commit = value
            elif not name.endswith("^{}"):
                refs[name] = value
        return refs, Head(symbol, commit)

    def _mirror(self, repo: str) -> None:
        place = self._root / repo
        place.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=".incoming-", dir=place.parent) as folder:
            made = Path(folder) / "repository"
            git(["init", "--quiet", "--bare", "--template=", made])
            if place.exists():  # what a killed run left half deleted
                shutil.rmtree(place)
            made.rename(place)

    def _fetch(self, repo: str, head: Head) -> None:
        # Everything, also refs/pull; a detached HEAD may name a commit that no ref reaches.
        specs = ["+refs/*:refs/*", *([head.commit] if head.ref is None and head.commit else [])]
        options = ["--quiet", "--prune", "--no-tags", "--no-write-fetch-head", "--no-auto-gc"]
        self._remote(repo, ["fetch", *options, self._url(repo), *specs], seconds=_FETCH_SECONDS, mirror=True)

    def _unborn(self, repo: str) -> str | None:
        """The branch an empty repository's HEAD names: `ls-remote` doesn't tell it, a clone of nothing does."""
        with tempfile.TemporaryDirectory(prefix=".unborn-", dir=self._root) as folder:
            clone = Path(folder) / "clone"
            self._remote(repo, ["clone", "--quiet", "--bare", self._url(repo), str(clone)], seconds=_ASK_SECONDS)
            return git(["symbolic-ref", "--quiet", "HEAD"], git_dir=clone, ok=(0, 1)).text.strip() or None

    def _remote(self, repo: str, arguments: list[str], *, seconds: float, mirror: bool = False) -> bytes:
        try:
            return git(arguments, git_dir=self._root / repo if mirror else None, timeout=seconds).stdout
        except GitError as error:
            if any(words in error.got.lower() for words in _NOT_THERE):
                raise RepositoryMissingError("The git server has no such repository", on=repo, got=error.got) from error
            raise GitError(
                "The git server did not answer as it should",
                on=self._url(repo),
                got=error.got,
                fix="is it running, and does `git fsck` find the repository sound?",
            ) from error

    def _forget(self, repo: str) -> None:
        place = self._root / repo
        if place.exists():
            with tempfile.TemporaryDirectory(prefix=".outgoing-", dir=place.parent) as folder:
                place.rename(Path(folder) / "repository")

    def _url(self, repo: str) -> str:
        return f"{self._location}/{repo}"
