"""A forge and its git repositories as one: each verb changes both, in the order that a failure in between forgives."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime

from stack.forge.errors import ForgeError, NotFoundError
from stack.forge.git import refs_digest
from stack.forge.git_local import LocalGit
from stack.forge.model import Issue, PullRequest, RefUpdate, Repository, Visibility
from stack.forge.names import git_name, wiki_git_name
from stack.forge.repositories import Files, Person, Repositories
from stack.forge.smsly import SmslyForge

__all__ = ["Hosting"]


class Hosting:
    """What the api and the git service of smsly-code do together; for the corpus, features and drills."""

    def __init__(self, forge: SmslyForge, repositories: Repositories) -> None:
        """Work on a forge and on the folder of its repositories."""
        self.forge = forge
        self.repositories = repositories
        self._git = LocalGit(repositories.root)

    def create_repository(
        self,
        owner: str,
        name: str,
        *,
        visibility: Visibility = "public",
        description: str = "",
        default_branch: str = "main",
        at: datetime | None = None,
    ) -> Repository:
        """Add a repository with its bare git repository: git first, undone when the row can't be written."""
        repo = git_name(owner, name)
        self.repositories.create(repo, default_branch=default_branch)
        try:
            return self.forge.create_repository(
                owner, name, visibility=visibility, description=description, default_branch=default_branch, at=at
            )
        except ForgeError:
            self.repositories.delete(repo)
            raise

    def rename_repository(self, owner: str, name: str, new_name: str) -> None:
        """Give a repository another name, in git too."""
        found = self._find(owner, name)
        self.forge.rename_repository(owner, name, new_name)
        self._move(found, found.owner, new_name)

    def transfer_repository(self, owner: str, name: str, new_owner: str) -> None:
        """Give a repository to another owner, in git too."""
        found = self._find(owner, name)
        self.forge.transfer_repository(owner, name, new_owner)
        moved = self.forge.repository(found.id)
        self._move(found, moved.owner if moved else new_owner, found.name)

    def delete_repository(self, owner: str, name: str) -> None:
        """Delete a repository: first its row, so that nobody finds it, then its git repositories."""
        found = self._find(owner, name)
        self.forge.delete_repository(owner, name)
        for repo in (git_name(found.owner, found.name), wiki_git_name(found.owner, found.name)):
            if self.repositories.exists(repo):
                self.repositories.delete(repo)

    def set_default_branch(self, owner: str, name: str, branch: str) -> None:
        """Choose another default branch, and let HEAD name it."""
        found = self._find(owner, name)
        self.repositories.set_head(git_name(found.owner, found.name), branch=branch)
        self.forge.set_default_branch(owner, name, branch)

    def push(
        self,
        owner: str,
        name: str,
        files: Files,
        *,
        branch: str | None = None,
        author: Person,
        date: datetime,
        message: str = "Change",
        force: bool = False,
        orphan: bool = False,
        onto: str | None = None,
        merge: str | None = None,
        at: datetime | None = None,
    ) -> str:
        """Push one commit as a user would, and announce it; see `Repositories.push`.

        Args:
            owner: owner of the repository.
            name: its name.
            files: what changes.
            branch: the default branch when not given.
            author: who.
            date: of author and committer, with an offset.
            message: what for.
            force: allow that commits are lost.
            orphan: a commit without parent.
            onto: parent instead of the tip.
            merge: second parent.
            at: when the forge heard of it; now by default.

        Returns:
            The commit's id.
        """
        found = self._find(owner, name)
        repo = git_name(found.owner, found.name)
        commit, update = self.repositories.push(
            repo,
            branch or found.default_branch,
            files,
            author=author,
            date=date,
            message=message,
            force=force,
            orphan=orphan,
            onto=onto,
            merge=merge,
        )
        self.announce(owner, name, [update], at=at)
        return commit

    def delete_branch(self, owner: str, name: str, branch: str) -> None:
        """Delete a branch, and announce it."""
        found = self._find(owner, name)
        update = self.repositories.update_ref(git_name(found.owner, found.name), f"refs/heads/{branch}", None)
        self.announce(owner, name, [update])

    def announce(
        self, owner: str, name: str, updates: Iterable[RefUpdate], *, wiki: bool = False, at: datetime | None = None
    ) -> None:
        """Record a push that git has accepted, with what the refs are now."""
        found = self._find(owner, name)
        repo = wiki_git_name(found.owner, found.name) if wiki else git_name(found.owner, found.name)
        digest = refs_digest(self._git.refs(repo), self._git.head(repo))
        self.forge.record_push(owner, name, updates, digest=digest, wiki=wiki, at=at)

    def open_issue(
        self, owner: str, name: str, *, author: str, title: str, body: str = "", at: datetime | None = None
    ) -> Issue:
        """Open an issue."""
        return self.forge.open_issue(owner, name, author=author, title=title, body=body, at=at)

    def open_pull_request(
        self,
        owner: str,
        name: str,
        *,
        author: str,
        title: str,
        head: str,
        base: str | None = None,
        body: str = "",
        labels: Iterable[str] = (),
        at: datetime | None = None,
    ) -> PullRequest:
        """Open a pull request for a branch, and let `refs/pull/<number>/head` name its commit.

        Raises:
            NotFoundError: there is no such branch.
        """
        found = self._find(owner, name)
        repo = git_name(found.owner, found.name)
        commit = self.repositories.tip(repo, f"refs/heads/{head}")
        if commit is None:
            raise NotFoundError("There is no such branch to merge", on=f"{owner}/{name} {head}")
        pull = self.forge.open_pull_request(
            owner,
            name,
            author=author,
            title=title,
            head=head,
            head_commit=commit,
            base=base or found.default_branch,
            body=body,
            labels=labels,
            at=at,
        )
        update = self.repositories.pull_head(repo, pull.number, commit)
        self.announce(owner, name, [update], at=at)
        return pull

    def write_wiki(
        self,
        owner: str,
        name: str,
        pages: Mapping[str, bytes | None],
        *,
        username: str,
        author: Person,
        date: datetime,
        message: str = "Edit the wiki",
        at: datetime | None = None,
    ) -> str:
        """Write (or with `None` delete) pages of a wiki, which is made on the first; the commit's id.

        Args:
            owner: owner of the repository.
            name: its name.
            pages: from path (`Home.md`) to content.
            username: who, in the forge.
            author: who, in git.
            date: of author and committer, with an offset.
            message: what for.
            at: when the forge heard of it; now by default.
        """
        found = self._find(owner, name)
        repo = wiki_git_name(found.owner, found.name)
        if not self.repositories.exists(repo):
            self.repositories.create(repo)
        commit, update = self.repositories.push(repo, "main", pages, author=author, date=date, message=message)
        for path, content in sorted(pages.items()):
            if content is None:
                self.forge.remove_wiki_page(owner, name, path)
            else:
                title = path.rsplit("/", 1)[-1].removesuffix(".md").replace("-", " ")
                self.forge.record_wiki_page(owner, name, path, title=title, author=username, commit=commit, at=at)
        self.announce(owner, name, [update], wiki=True, at=at)
        return commit

    def _find(self, owner: str, name: str) -> Repository:
        found = self.forge.find_repository(owner, name)
        if found is None:
            raise NotFoundError("There is no such repository", on=f"{owner}/{name}", fix="was it renamed or deleted?")
        return found

    def _move(self, was: Repository, owner: str, name: str) -> None:
        self.repositories.move(git_name(was.owner, was.name), git_name(owner, name))
        wiki = wiki_git_name(was.owner, was.name)
        if self.repositories.exists(wiki):
            self.repositories.move(wiki, wiki_git_name(owner, name))
