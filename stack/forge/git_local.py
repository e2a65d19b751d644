"""Git repositories in a folder of this machine, read with git's plumbing; works whoever owns the files."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Self

from stack.forge import history
from stack.forge.errors import ObjectMissingError, RepositoryMissingError
from stack.forge.git_types import Blob, Head, Touch, TreeEntry
from stack.forge.gitenv import git
from stack.forge.names import parse_git_name
from stack.forge.objects import ObjectPool, ObjectReader, check_oid
from stack.forge.refs import read_ref, read_refs, read_symbol
from stack.forge.trees import read_tree

__all__ = ["LocalGit"]


class LocalGit:
    """`GitAccess` over `<root>/<owner>/<name>.git`."""

    def __init__(self, root: Path) -> None:
        """Read below `root`; nothing is opened yet."""
        self._root = root
        self._pool = ObjectPool()

    def exists(self, repo: str) -> bool:
        """See `GitAccess.exists`."""
        git_dir = self._path(repo)
        return (git_dir / "HEAD").is_file() and (git_dir / "objects").is_dir()

    def refs(self, repo: str) -> dict[str, str]:
        """See `GitAccess.refs`."""
        git_dir = self._dir(repo)
        known = read_refs(git_dir) if _in_files(git_dir) else None
        if known is not None:
            return known
        answer = git(["for-each-ref", "--format=%(objectname) %(refname)"], git_dir=git_dir)
        pairs = (line.split(" ", 1) for line in answer.stdout.decode("utf-8", "surrogateescape").splitlines())
        return {name: oid for oid, name in pairs}

    def head(self, repo: str) -> Head:
        """See `GitAccess.head`."""
        git_dir = self._dir(repo)
        symbol = _symbol(git_dir)
        if symbol is not None:
            ref, commit = symbol
            found = read_ref(git_dir, ref) if ref else (commit,)
            if found is not None:
                return Head(ref, found[0])
        ref = git(["symbolic-ref", "--quiet", "HEAD"], git_dir=git_dir, ok=(0, 1)).text.strip() or None
        answer = git(["rev-parse", "--verify", "--quiet", "HEAD"], git_dir=git_dir, ok=(0, 1))
        return Head(ref, answer.text.strip() if answer.code == 0 else None)

    def tree(self, repo: str, commit: str) -> Iterator[TreeEntry]:
        """See `GitAccess.tree`."""
        git_dir = self._dir(repo)
        check_oid(commit)
        with self._reader(git_dir) as reader:
            yield from read_tree(git_dir, reader, commit)

    def blobs(self, repo: str, oids: Iterable[str], *, limit: int) -> Iterator[Blob]:
        """See `GitAccess.blobs`."""
        with self._reader(self._dir(repo)) as reader:
            yield from reader.blobs(oids, limit=limit)

    def touches(self, repo: str, new: str, old: str | None = None) -> Iterator[Touch]:
        """See `GitAccess.touches`."""
        git_dir = self._dir(repo)
        check_oid(new)
        with self._reader(git_dir) as reader:
            for oid in (new, *([check_oid(old)] if old else [])):
                if next(reader.infos([oid])).type != "commit":
                    raise ObjectMissingError(
                        "This commit is not there", on=f"{repo} {oid}", fix="compare from nothing instead"
                    )
        yield from history.touches(git_dir, new, old)

    def is_ancestor(self, repo: str, a: str, b: str) -> bool:
        """See `GitAccess.is_ancestor`."""
        arguments = ["merge-base", "--is-ancestor", check_oid(a), check_oid(b)]
        return git(arguments, git_dir=self._dir(repo), ok=(0, 1, 128)).code == 0

    def close(self) -> None:
        """See `GitAccess.close`."""
        self._pool.close()

    def __enter__(self) -> Self:
        """See `GitAccess`."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """See `GitAccess`."""
        self.close()

    def _path(self, repo: str) -> Path:
        parse_git_name(repo)
        return self._root / repo

    def _dir(self, repo: str) -> Path:
        if not self.exists(repo):
            raise RepositoryMissingError(
                "There is no such git repository", on=repo, fix="was it renamed or deleted in the meantime?"
            )
        return self._path(repo)

    @contextmanager
    def _reader(self, git_dir: Path) -> Iterator[ObjectReader]:
        key, reader = self._pool.take(git_dir)
        try:
            yield reader
        except BaseException:
            # Left in the middle of an answer: what its process would say next answers an older question.
            reader.close()
            raise
        self._pool.give(key, reader)


def _symbol(git_dir: Path) -> tuple[str | None, str | None] | None:
    try:
        return read_symbol(git_dir)
    except OSError as error:
        raise RepositoryMissingError("HEAD can't be read", on=str(git_dir), got=str(error)) from error


def _in_files(git_dir: Path) -> bool:
    return _symbol(git_dir) is not None
