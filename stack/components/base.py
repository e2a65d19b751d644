"""What a component is: how it is configured, started, found ready and stopped, without saying where it runs."""

from __future__ import annotations

import abc
import re
import signal
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from pydantic import SecretStr

from stack.addresses import Addresses, Elsewhere
from stack.components.waits import Condition
from stack.errors import EngineRoomError

__all__ = ["Component", "Launch", "Plan", "Runner", "Secrets", "Site", "StartError", "Tool", "ToolSource"]


class StartError(EngineRoomError):
    """A component, or the place it should run in, did not come up; says what was last seen and where to look."""


class Tool(Protocol):
    """An installed server: where it is, its programs, and the variables they need."""

    @property
    def name(self) -> str:
        """The tool's name in the toolchain file."""

    @property
    def root(self) -> Path:
        """The folder it is installed in."""

    @property
    def env(self) -> Mapping[str, str]:
        """Variables its programs need."""

    def program(self, name: str) -> Path:
        """The path of one program."""


class ToolSource(Protocol):
    """Where components get their programs from; `stack.toolchain.Toolchain` is one."""

    def find(self, name: str) -> Tool | None:
        """The tool, if it is installed."""

    def require(self, name: str) -> Tool:
        """The tool, or `NeedMissingError` naming it."""


_NONE = SecretStr("")
_NOWHERE = Elsewhere()


@dataclass(frozen=True)
class Secrets:
    """Every secret of one stack, generated when the stack is."""

    postgres_superuser: SecretStr
    postgres_forge: SecretStr
    postgres_replication: SecretStr
    redis: SecretStr
    objects_access_key: str
    objects_secret_key: SecretStr
    meilisearch: SecretStr
    # A run that was begun before there were services has none.
    git_token: SecretStr = _NONE
    search_token: SecretStr = _NONE
    postgres_monitor: SecretStr = _NONE


@dataclass(frozen=True)
class Site:
    """Where one component lives, as its server sees it.

    Args:
        name: the component.
        folder: its own folder; nothing else writes there.
        host: the address it listens on.
        ports: named TCP ports, all its own.
        sockets: a folder for Unix sockets, or `None` for none.
    """

    name: str
    folder: Path
    host: str
    ports: Mapping[str, int]
    sockets: Path | None = None

    @property
    def config(self) -> Path:
        """Rendered configuration files."""
        return self.folder / "config"

    @property
    def data(self) -> Path:
        """What the server keeps."""
        return self.folder / "data"

    @property
    def scratch(self) -> Path:
        """Temporary files and the server's home folder."""
        return self.folder / "tmp"


@dataclass(frozen=True)
class Plan:
    """All that the components of one stack know about each other.

    Args:
        run: the stack's id.
        sites: where each component lives.
        secrets: every secret of the stack.
        tools: where programs are.
        git_root: the folder of the forge's repositories.
        service_user: who servers without privileges run as; `None`: as we do.
        telemetry_scale: how many times faster than in production telemetry looks: windows, intervals.
        elsewhere: telemetry servers that somebody else runs.
        called_off: set when nobody waits for the result any more; long steps must end soon then.
    """

    run: str
    sites: Mapping[str, Site]
    secrets: Secrets
    tools: ToolSource
    git_root: Path
    service_user: str | None = None
    telemetry_scale: float = 1.0
    elsewhere: Elsewhere = _NOWHERE
    called_off: threading.Event = field(default_factory=threading.Event)

    def site(self, name: str) -> Site:
        """Where a component of this stack lives."""
        return self.sites[name]

    @property
    def logs(self) -> Path:
        """The folder with the output of every component, `<component>.log`."""
        return self.git_root.parent / "logs"

    @property
    def textfile(self) -> Path:
        """The folder whose `*.prom` files are scraped with the machine's metrics."""
        return self.git_root.parent / "textfile"

    @property
    def reference(self) -> Path:
        """The folder of exact indexes and mirrors, which can be made anew; see `stack.reference`."""
        return self.git_root.parent / "reference"


@dataclass(frozen=True)
class Launch:
    """One long-running server process.

    Args:
        arguments: program and arguments, without secrets.
        cwd: its working folder.
        env: variables it needs beside the runtime's own.
        stop: the signal that asks it to end cleanly.
        grace: seconds it may take to end before it is killed.
        umask: what the files that it makes are not: by default, readable by others.
    """

    arguments: Sequence[str | Path]
    cwd: Path
    env: Mapping[str, str] = field(default_factory=dict)
    stop: signal.Signals = signal.SIGTERM
    grace: float = 15.0
    umask: int = 0o077


class Runner(Protocol):
    """Runs a program to its end where, and as whom, the component's server runs."""

    def __call__(
        self, arguments: Sequence[str | Path], *, env: Mapping[str, str] | None = None, within: float = 60.0
    ) -> str:
        """The program's standard output; raises `ProgramFailedError`. `within` in seconds."""


class Component(abc.ABC):
    """One server of the reference stack. Stateless: everything it needs comes with the plan.

    Attributes:
        name: as a person says it (`postgresql-primary`).
        tools: names in the toolchain file.
        ports: names of the TCP ports it listens on.
        after: components that, where the stack has them, must be settled before this one is prepared.
        requires: components without which this one makes no sense.
        one_of: components of which it needs at least one; which one is the user's choice.
        reload: the signal that has it read its configuration again; `None`: nothing but a start does.
        own_user: it runs as whoever starts the stack, and not as the user without privileges that servers run as.
        start_within: seconds until it must be ready, on a machine of normal speed.
        optional: left out, and said so, where its program cannot be had.
        clash: what its log says when somebody else has one of its ports.
    """

    name: str
    tools: tuple[str, ...] = ()
    ports: tuple[str, ...] = ("server",)
    after: tuple[str, ...] = ()
    requires: tuple[str, ...] = ()
    one_of: tuple[str, ...] = ()
    reload: signal.Signals | None = None
    own_user: bool = False
    start_within: float = 30.0
    optional: bool = False
    clash: re.Pattern[str] = re.compile(
        r"address already in use|bindexception|failed to bind|could not bind", re.IGNORECASE
    )

    @abc.abstractmethod
    def files(self, plan: Plan) -> Mapping[str, str]:
        """Configuration files by their path below the site's `config` folder."""

    def prepare(self, plan: Plan, run: Runner) -> None:  # noqa: B027 - most servers need nothing
        """Make the data folder what the server expects; does nothing when it already is."""

    @abc.abstractmethod
    def launch(self, plan: Plan) -> Launch:
        """The server process."""

    @abc.abstractmethod
    def answers(self, plan: Plan) -> Condition:
        """True once the server itself answers, whatever it still waits for."""

    def settle(self, plan: Plan) -> None:  # noqa: B027 - most servers need nothing
        """What must be done once the server answers and before others use it; idempotent."""

    def ready(self, plan: Plan) -> Condition:
        """True when it does what it is for; the health of a running component is the same question."""
        return self.answers(plan)

    @abc.abstractmethod
    def address(self, plan: Plan, known: Addresses) -> Addresses:
        """The addresses with this component's own added."""

    def outside(self, plan: Plan) -> tuple[Path, ...]:  # noqa: ARG002 - few servers do this
        """Sockets that the server insists on making outside its own folder; whoever ends it removes them."""
        return ()

    def shown_address(self, plan: Plan) -> str:
        """Where it answers, for a person."""
        site = plan.site(self.name)
        return f"{site.host}:{site.ports[self.ports[0]]}"
