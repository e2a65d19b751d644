"""A local stack on what a drill brought back: the restored data folder, git repositories and objects are adopted."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass

from stack.adopting import adopt, taking_over
from stack.components.api import API
from stack.components.git_daemon import GIT
from stack.components.git_http import GIT_HTTP
from stack.components.objects import OBJECTS
from stack.components.opensearch import OPENSEARCH
from stack.components.postgresql import PRIMARY
from stack.components.runner import RUNNER
from stack.components.search import INDEXER, SEARCH
from stack.errors import NeedMissingError
from stack.forge.smsly import SmslyForge
from stack.recovery import whole
from stack.recovery.postgresql.archive import Archive
from stack.reference import Reference
from stack.runtimes import start
from stack.runtimes.local import LocalStack
from stack.search.engines.base import Index
from stack.settings import Settings
from stack.toolchain import Toolchain

__all__ = ["LocalForge", "boot"]

_SERVICES = (GIT, GIT_HTTP, SEARCH, INDEXER, RUNNER, API)
_INDEX_SECONDS = 120.0
_POLL = 0.5


@dataclass
class LocalForge:
    """A stack that runs on what came back."""

    settings: Settings
    stack: LocalStack

    @property
    def url(self) -> str:
        """Where its api answers."""
        found = self.stack.addresses.services.api
        if found is None:
            raise NeedMissingError("api", "The restored forge has no api")
        return found.url

    def indexed(self) -> list[tuple[str, int, int]]:
        """Wait until the search is rebuilt: of each kind, how many the database has and how many the index holds."""
        ctags = Toolchain(self.settings).require("ctags").program("ctags")
        with Reference(self.stack.addresses, folder=self.stack.folder / "reference", ctags=ctags) as reference:
            deadline = time.monotonic() + _INDEX_SECONDS * self.settings.slow
            while True:
                found = list(_counts(reference))
                if all(wanted == there for _, wanted, there in found) or time.monotonic() > deadline:
                    return found
                time.sleep(_POLL)

    def invite(self, username: str, owner: str, name: str) -> None:
        """Let a user read a repository, as its owner could."""
        database = self.stack.addresses.database
        assert database is not None, "it runs on one"  # noqa: S101
        with SmslyForge(database.conninfo()) as forge:
            forge.add_collaborator(owner, name, username)

    def stop(self) -> None:
        """End it; what came back is gone with it."""
        self.stack.stop()


def _counts(reference: Reference) -> Iterator[tuple[str, int, int]]:
    forge, engine = reference.forge, reference.engine(reference.kinds[0])
    ids = [each.id for each in forge.repositories()]
    for index, wanted in (
        (Index.REPOSITORIES, len(ids)),
        (Index.USERS, sum(1 for _ in forge.users())),
        (Index.ORGANIZATIONS, sum(1 for _ in forge.organizations())),
        (Index.ISSUES, sum(1 for each in ids for _ in forge.issues(each))),
        (Index.PULL_REQUESTS, sum(1 for each in ids for _ in forge.pull_requests(each))),
    ):
        yield index.value.replace("_", " "), wanted, engine.count(index)


def boot(settings: Settings, archive: Archive, brought: whole.Brought) -> LocalForge:
    """Start a stack on a restored forge. Its database is stopped and moved into the stack, and so are its repositories.

    Args:
        settings: of the run.
        archive: with the programs that run the restored database.
        brought: what came back; its database runs.

    Raises:
        NeedMissingError: a program is missing.
        RestoreError: the stack could not take over what came back.
        StartError: a component did not come up; nothing is left running.
    """
    stack = start(settings, components=[OBJECTS, OPENSEARCH])
    assert isinstance(stack, LocalStack), "the caller chose the local runtime"  # noqa: S101
    with taking_over(stack):
        adopt(stack, archive.ground, archive.programs, brought.folder, keep=False)
        stack.add([PRIMARY, *_SERVICES])
    return LocalForge(settings, stack)
