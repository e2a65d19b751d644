"""A small forge on the site of recovery: people push to it, its pushes are shipped, and it comes back."""

from __future__ import annotations

import itertools
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import psycopg
from psycopg.conninfo import make_conninfo

from reports.verdict import Finding
from stack.forge.git_local import LocalGit
from stack.forge.hosting import Hosting
from stack.forge.migrate import migrate
from stack.forge.names import git_name, wiki_git_name
from stack.forge.repositories import Person, Repositories
from stack.forge.smsly import SmslyForge
from stack.recovery.git import contents, inspect, ledger
from stack.recovery.git.refs import wanted
from stack.recovery.git.restore import restore_repositories
from stack.recovery.git.shipper import Shipper
from stack.recovery.postgresql.archive import Archive
from steps.components import until
from steps.recovery_desk import Desk
from steps.recovery_site import RecoverySite

__all__ = ["PushSite", "Pusher", "Refs"]

_ADA = Person("Ada", "ada@example.org")
_OWNER = "ada"
_numbers = itertools.count(1)

Refs = Mapping[str, Mapping[str, str]]
"""Git repository, as `owner/name.git`, to ref to object."""


class PushSite:
    """The forge, and the shipper that runs beside it for all scenarios."""

    def __init__(self, site: RecoverySite) -> None:
        """Fill the database with a schema and one person, and begin to ship."""
        self.site = site
        migrate(self.conninfo)
        self.forge = SmslyForge(self.conninfo)
        self.repositories = Repositories(site.place.git_root)
        self.hosting = Hosting(self.forge, self.repositories)
        self.git = LocalGit(self.repositories.root)
        if not any(user.username == _OWNER for user in self.forge.users()):
            self.forge.create_user(_OWNER, email=_ADA.email)
        self.shipper = self._new_shipper()

    @property
    def conninfo(self) -> str:
        """The forge's database."""
        return self.site.database.conninfo()

    @property
    def archive(self) -> Archive:
        """Where pushes go."""
        return self.site.archive

    def _new_shipper(self) -> Shipper:
        made = Shipper(self.archive, self.conninfo, self.repositories.root)
        made.start()
        return made

    def renew_shipper(self) -> None:
        """Another one in place of one that was killed."""
        self.shipper.kill()
        self.shipper = self._new_shipper()

    def close(self) -> None:
        """End what was begun here."""
        self.shipper.kill()
        self.forge.close()

    def create(self) -> str:
        """A new repository of a name that nothing else has."""
        name = f"engine{next(_numbers)}"
        self.hosting.create_repository(_OWNER, name)
        return name

    def push(self, name: str, text: str, *, branch: str = "main", force: bool = False) -> str:
        """One commit; its id."""
        return self.hosting.push(
            _OWNER,
            name,
            {"file.txt": text.encode(), f"files/{text[:40]}.txt": text.encode()},
            branch=branch,
            author=_ADA,
            date=datetime.now(UTC),
            message=text,
            force=force,
            orphan=force,
        )

    def do(self, what: str, name: str) -> str:
        """Something happens to a repository; the name that it has afterwards."""
        hosting, git = self.hosting, git_name(_OWNER, name)
        if what == "a first push":
            self.push(name, "first")
            self.push(name, "second")
        elif what == "a push to another branch":
            self.push(name, "third", branch="topic")
        elif what == "a tag is set":
            tip = self.repositories.tip(git, "refs/heads/main")
            hosting.announce(_OWNER, name, [self.repositories.update_ref(git, "refs/tags/v1", tip)])
        elif what == "a pull request is opened":
            hosting.open_pull_request(_OWNER, name, author=_OWNER, title="pull", head="topic")
        elif what == "a force-push that drops a commit":
            self.push(name, "forced", force=True)
        elif what == "the other branch is deleted":
            hosting.delete_branch(_OWNER, name, "topic")
        elif what == "a page of its wiki is written":
            hosting.write_wiki(_OWNER, name, {"Home.md": b"home"}, username=_OWNER, author=_ADA, date=datetime.now(UTC))
        elif what == "it gets another name":
            hosting.rename_repository(_OWNER, name, f"{name}-renamed")
            return f"{name}-renamed"
        else:
            assert what == "it is deleted", what
            hosting.delete_repository(_OWNER, name)
        return name

    def refs(self, name: str, git: LocalGit | None = None) -> Refs:
        """All refs of a repository and its wiki; nothing of one that is not there."""
        asked = git or self.git
        both = (git_name(_OWNER, name), wiki_git_name(_OWNER, name))
        return {repo: asked.refs(repo) for repo in both if asked.exists(repo)}

    def waiting(self) -> ledger.Backlog:
        """What is not shipped."""
        with psycopg.connect(self.conninfo) as db:
            return ledger.backlog(db)

    def wait_shipped(self, seconds: float) -> None:
        """Wait until nothing waits."""
        until(lambda: self.waiting().rows == 0, seconds * self.site.settings.slow, lambda: self.shipper.shipped)

    def wait_more(self, seconds: float, log: Path) -> None:
        """Wait until another entry is in the bucket."""
        before = len(self.entries())
        until(lambda: len(self.entries()) > before, seconds * self.site.settings.slow, lambda: log.read_text("utf-8"))

    def check(self, archive: Archive | None = None) -> list[Finding]:
        """Look at every push in the bucket, and compare with the database."""
        known = {each.key: each.rows[-1] for each in wanted(self.conninfo) if each.rows}
        if archive is not None:
            return inspect.check(archive, known=known, deep=True)
        found = inspect.check(self.archive, known=known, deep=True)
        return found + inspect.shipped(self.archive, self.conninfo)

    def bring_back(self, into: Path, conninfo: str | None = None) -> list[Finding]:
        """Make every git repository of the bucket alone, for a database that was recovered, or for the present one."""
        asked = make_conninfo(conninfo, dbname=self.site.database.database) if conninfo else self.conninfo
        return restore_repositories(self.archive, asked, into)

    def desk(self, folder: Path) -> Desk:
        """Where a person runs a shipper in a process of its own."""
        recovery = self.site.recovery.model_copy(update={"ship_every": 0.05})
        return Desk(folder, self.site.settings, recovery, self.site.stack)

    def entries(self) -> list[int]:
        """Rows that are in the bucket, by its listing."""
        return [int(stored.key[-20:-5]) for stored in contents.stored(self.archive)]


@dataclass
class Pusher:
    """Pushes to some repositories in turns, and remembers what was acknowledged when."""

    site: PushSite
    names: list[str]
    pushed: list[tuple[float, str, str]] = field(default_factory=list)

    def __post_init__(self) -> None:
        """Nothing runs yet."""
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="pushes", daemon=True)

    def start(self) -> None:
        """Push, and return when some are acknowledged."""
        self._thread.start()
        until(lambda: len(self.pushed) > 2 * len(self.names), 30, lambda: self.pushed)

    def wait_older(self, seconds: float) -> None:
        """Go on until the first push is so old."""
        until(lambda: time.time() - self.pushed[0][0] > seconds, 2 * seconds, lambda: self.pushed[0])

    def _run(self) -> None:
        for number in itertools.count():
            if self._stop.wait(0.02):
                return
            name = self.names[number % len(self.names)]
            try:
                commit = self.site.push(name, f"push {number}")
            except Exception:  # noqa: BLE001 - its database was killed, which is what it is for
                return
            self.pushed.append((time.time(), name, commit))

    def stop(self) -> None:
        """End."""
        self._stop.set()
        self._thread.join(30)
