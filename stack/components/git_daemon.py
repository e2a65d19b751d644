"""git daemon: read-only access to the forge's repositories by the git protocol."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from stack.addresses import Addresses, GitAddress
from stack.components.base import Component, Launch, Plan, Runner
from stack.components.waits import Condition, Seen
from stack.errors import NeedMissingError
from stack.process import ProgramFailedError, run

__all__ = ["GIT", "GITCONFIG", "AnswersLsRemote", "GitDaemon", "daemon_arguments"]

GIT = "git"
_PROBE = "probe.git"
_CONF = "gitconfig"
# Repositories belong to whoever fills the forge, the daemon runs as somebody else: git must be told that this is meant.
GITCONFIG = "[safe]\n\tdirectory = *\n"


def daemon_arguments(program: str, *, host: str, port: int, root: Path, probe: Path) -> list[str | Path]:
    """The daemon's arguments: everything below `root` can be read and nothing written.

    Args:
        program: git.
        host: address to listen on.
        port: TCP port.
        root: the forge's repositories.
        probe: an empty repository elsewhere, reachable by its whole path, by which readiness is seen.
    """
    return [
        program,
        "daemon",
        f"--listen={host}",
        f"--port={port}",
        f"--base-path={root}",
        "--base-path-relaxed",
        "--export-all",
        "--reuseaddr",
        "--disable=receive-pack",
        "--forbid-override=receive-pack",
        "--log-destination=stderr",
        root,
        probe,
    ]


@dataclass(frozen=True)
class AnswersLsRemote:
    """True when the daemon serves a repository to `git ls-remote`."""

    url: str
    timeout: float = 3.0

    def __call__(self) -> Seen:
        """Ask for refs; an empty repository answers with none."""
        env = {"GIT_CONFIG_NOSYSTEM": "1", "GIT_CONFIG_GLOBAL": "/dev/null", "GIT_TERMINAL_PROMPT": "0"}
        try:
            run(["git", "ls-remote", self.url], timeout=self.timeout, env=env)
        except ProgramFailedError as error:
            return Seen(ok=False, what=f"git ls-remote {self.url}: {error.got or error.what}")
        return Seen(ok=True, what=f"git ls-remote {self.url} answered")


class GitDaemon(Component):
    """The forge's repositories, for reading."""

    name = GIT

    def files(self, plan: Plan) -> Mapping[str, str]:  # noqa: ARG002 - the same for every plan
        """Git's own configuration for the daemon."""
        return {_CONF: GITCONFIG}

    def prepare(self, plan: Plan, run: Runner) -> None:
        """Make the empty repository that readiness is seen by."""
        probe = plan.site(self.name).data / _PROBE
        if not probe.exists():
            run([_git(), "init", "--bare", "--quiet", probe], env=self._env(plan))

    def launch(self, plan: Plan) -> Launch:
        """One daemon; it forks a process for each request."""
        site = plan.site(self.name)
        arguments = daemon_arguments(
            _git(), host=site.host, port=site.ports["server"], root=plan.git_root, probe=site.data / _PROBE
        )
        return Launch(arguments, cwd=site.scratch, env=self._env(plan), grace=5.0)

    def answers(self, plan: Plan) -> Condition:
        """The probe repository can be listed."""
        site = plan.site(self.name)
        return AnswersLsRemote(f"git://{site.host}:{site.ports['server']}{site.data / _PROBE}")

    def address(self, plan: Plan, known: Addresses) -> Addresses:
        """Fill `git`: on this machine the folder itself is the nearest way."""
        return known.model_copy(update={"git": GitAddress(form="local", location=str(plan.git_root))})

    def _env(self, plan: Plan) -> dict[str, str]:
        return {
            "GIT_CONFIG_NOSYSTEM": "1",
            "GIT_CONFIG_GLOBAL": str(plan.site(self.name).config / _CONF),
        }


def _git() -> str:
    program = shutil.which("git")
    if program is None:
        raise NeedMissingError("git", "git is not installed", fix="install git and put it on PATH")
    return program
