"""Writes bare git repositories: creates, moves and deletes them, and pushes to them without a checkout."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterable, Mapping
from datetime import datetime
from pathlib import Path

from stack.forge.errors import AlreadyExistsError, GitError, InvalidError, RepositoryMissingError
from stack.forge.fastimport import (
    Change,
    Commit,
    Executable,
    FastImport,
    Files,
    Gitlink,
    Person,
    Streamed,
    Symlink,
    as_path,
    whole_tree,
)
from stack.forge.gitenv import git
from stack.forge.model import RefUpdate
from stack.forge.names import parse_git_name
from stack.forge.objects import check_oid

__all__ = ["Change", "Commit", "Executable", "Files", "Gitlink", "Person", "Repositories", "Streamed", "Symlink"]

_NOTHING = "0" * 40


class Repositories:
    """The git repositories of one forge below `root`, `<owner>/<name>.git`. Repositories are named `owner/name.git`."""

    def __init__(self, root: Path) -> None:
        """Write below `root`, which is made on the first write."""
        self.root = root

    def path(self, repo: str) -> Path:
        """Where a repository is or would be; only this package may look inside."""
        parse_git_name(repo)
        return self.root / repo

    def exists(self, repo: str) -> bool:
        """Whether it is there."""
        return (self.path(repo) / "HEAD").is_file()

    def create(self, repo: str, *, default_branch: str = "main") -> None:
        """Make an empty bare repository, all of it or nothing.

        Raises:
            AlreadyExistsError: there is one of that name.
        """
        place = self.path(repo)
        if place.exists():
            raise AlreadyExistsError("There already is a git repository of this name", on=repo)
        place.parent.mkdir(parents=True, exist_ok=True)
        # Made beside its place under a name no repository can have, then renamed: nobody sees half of one.
        with tempfile.TemporaryDirectory(prefix=".incoming-", dir=place.parent) as folder:
            made = Path(folder) / "repository"
            git(["init", "--quiet", "--bare", "--template=", f"--initial-branch={default_branch}", made])
            try:
                made.rename(place)
            except OSError as error:
                raise AlreadyExistsError("There already is a git repository of this name", on=repo) from error

    def delete(self, repo: str) -> None:
        """Delete a repository; it is out of sight at once, whatever happens to the deleting."""
        place = self._dir(repo)
        with tempfile.TemporaryDirectory(prefix=".outgoing-", dir=place.parent) as folder:
            place.rename(Path(folder) / "repository")

    def move(self, repo: str, to: str) -> None:
        """Give a repository another name or owner.

        Raises:
            AlreadyExistsError: the new name is taken.
        """
        place, target = self._dir(repo), self.path(to)
        if target.exists():
            raise AlreadyExistsError("There already is a git repository of this name", on=to)
        target.parent.mkdir(parents=True, exist_ok=True)
        place.rename(target)

    def copy(self, repo: str, to: str) -> None:
        """Copy a repository with all its objects and refs (a fork, or a fixture that will be damaged)."""
        place, target = self._dir(repo), self.path(to)
        if target.exists():
            raise AlreadyExistsError("There already is a git repository of this name", on=to)
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copytree(place, target, symlinks=True)

    def tip(self, repo: str, ref: str) -> str | None:
        """The object a ref names; `None` when there is no such ref."""
        answer = git(["rev-parse", "--verify", "--quiet", "--end-of-options", ref], git_dir=self._dir(repo), ok=(0, 1))
        return answer.text.strip() or None

    def import_commits(self, repo: str, commits: Iterable[Commit], *, timeout: float = 600.0) -> list[str]:
        """Store commits without moving any ref.

        Args:
            repo: the repository.
            commits: in the order to write; a parent is an id, or `:n` for the n-th of these commits (from 1).
            timeout: seconds git may take after the last one.

        Returns:
            The id of each commit.
        """
        importer = FastImport(self._dir(repo), timeout=timeout)
        with importer:
            marks = [importer.commit(commit) for commit in commits]
        return [importer.oid(mark) for mark in marks]

    def update_ref(self, repo: str, ref: str, new: str | None, *, old: str | None = None) -> RefUpdate:
        """Move, create or (with `new=None`) delete a ref.

        Args:
            repo: the repository.
            ref: full name, `refs/...`.
            new: what it names from now on.
            old: refuse unless it names this now; its present value by default.

        Raises:
            InvalidError: the ref's name is not valid, or `new` is not there.
        """
        if not ref.startswith("refs/") or git(["check-ref-format", ref], ok=(0, 1)).code:
            raise InvalidError("This is not the full name of a ref", on=ref)
        before = old or self.tip(repo, ref)
        target = check_oid(new) if new else _NOTHING
        try:
            git(["update-ref", "--no-deref", ref, target, before or _NOTHING], git_dir=self._dir(repo))
        except GitError as error:
            raise InvalidError("The ref can't be moved", on=f"{repo} {ref}", got=error.got) from error
        return RefUpdate(ref, before, new)

    def set_refs(self, repo: str, refs: Mapping[str, str]) -> None:
        """Let many refs (full names) name objects, all of them or none, whatever they named before."""
        lines = "".join(f"update {ref} {check_oid(oid)}\n" for ref, oid in sorted(refs.items()))
        git(["update-ref", "--no-deref", "--stdin"], git_dir=self._dir(repo), stdin=lines.encode())

    def set_head(self, repo: str, *, branch: str | None = None, commit: str | None = None) -> None:
        """Point HEAD at a branch (which may be unborn), or detach it at a commit."""
        git_dir = self._dir(repo)
        if branch is not None:
            git(["symbolic-ref", "HEAD", f"refs/heads/{branch}"], git_dir=git_dir)
        elif commit is not None:
            git(["update-ref", "--no-deref", "HEAD", check_oid(commit)], git_dir=git_dir)
        else:
            raise InvalidError("Give HEAD a branch or a commit", on=repo)

    def push(
        self,
        repo: str,
        branch: str,
        files: Files,
        *,
        author: Person,
        date: datetime,
        message: str,
        force: bool = False,
        orphan: bool = False,
        onto: str | None = None,
        merge: str | None = None,
    ) -> tuple[str, RefUpdate]:
        """Add one commit to a branch, as a user's push would leave it.

        Args:
            repo: the repository.
            branch: short name; made when it isn't there.
            files: what changes: path to content; `None` deletes.
            author: who wrote and committed it.
            date: when, with an offset from UTC.
            message: commit message.
            force: allow that the branch loses commits.
            orphan: the commit has no parent and nothing but `files` (needs `force` when the branch is there).
            onto: parent, instead of the branch's tip (needs `force` when the tip isn't reachable from it).
            merge: a second parent.

        Returns:
            The commit's id, and how the branch moved.

        Raises:
            InvalidError: commits would be lost and `force` wasn't given.
        """
        ref = f"refs/heads/{branch}"
        tip = self.tip(repo, ref)
        parent = None if orphan else (onto or tip)
        if tip and not force and tip != parent and not self._reaches(repo, tip, parent):
            raise InvalidError(
                "This push is no fast-forward", on=f"{repo} {branch}", got=f"tip {tip}", fix="push with force"
            )
        commit = Commit(
            author=author,
            authored=date,
            message=message,
            files=whole_tree(files),
            parents=tuple(oid for oid in (parent, merge) if oid),
            whole=parent is None,
        )
        oid = self.import_commits(repo, [commit])[0]
        return oid, self.update_ref(repo, ref, oid, old=tip)

    def rename_path(self, repo: str, branch: str, old: str | bytes, new: str | bytes) -> dict[str | bytes, Change]:
        """The changes that rename a file, for `push`: its content under the new path, nothing under the old one."""
        git_dir = self._dir(repo)
        entry = git(["ls-tree", "-z", f"refs/heads/{branch}", "--", os.fsdecode(as_path(old))], git_dir=git_dir).stdout
        if not entry:
            raise InvalidError("There is no such file to rename", on=f"{repo} {branch} {old!r}")
        mode, _, oid = entry.split(b"\t")[0].split(b" ")
        data = git(["cat-file", "blob", oid.decode("ascii")], git_dir=git_dir).stdout
        kept: Change = Executable(data) if mode == b"100755" else Symlink(data) if mode == b"120000" else data
        return {as_path(old): None, as_path(new): kept}

    def pull_head(self, repo: str, number: int, commit: str) -> RefUpdate:
        """Let `refs/pull/<number>/head` name a commit."""
        return self.update_ref(repo, f"refs/pull/{number}/head", commit)

    def _reaches(self, repo: str, ancestor: str, descendant: str | None) -> bool:
        if descendant is None:
            return False
        arguments = ["merge-base", "--is-ancestor", ancestor, descendant]
        return git(arguments, git_dir=self._dir(repo), ok=(0, 1)).code == 0

    def _dir(self, repo: str) -> Path:
        if not self.exists(repo):
            raise RepositoryMissingError("There is no such git repository", on=repo)
        return self.path(repo)
