"""What recovery is handed: the programs, the database server, and the machine and user that it runs as."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from stack.addresses import PostgresAddress
from stack.process import Completed, environment, run

__all__ = ["Ground", "LocalGround", "Programs", "Server"]


@dataclass(frozen=True)
class Programs:
    """Where programs are, on the machine of the server.

    Attributes:
        postgresql: program name to path: postgres, pg_ctl, pg_receivewal, pg_controldata.
        barman: Python with Barman's cloud tools.
        env: variables that they need.
    """

    postgresql: Mapping[str, Path]
    barman: Path
    env: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Server:
    """The database server whose rows are kept.

    Attributes:
        admin: a superuser's address on it; used to prepare it, and to ask what only a superuser may.
        data: its data folder, as it sees it.
        settings: a file that its configuration includes, if it is there.
    """

    admin: PostgresAddress
    data: Path
    settings: Path


class Ground(Protocol):
    """A machine and the user that database servers run as there."""

    @property
    def host(self) -> str:
        """Its name, for messages."""

    def run(
        self,
        arguments: Sequence[str | Path],
        *,
        within: float,
        env: Mapping[str, str] | None = None,
        stdin: bytes = b"",
    ) -> Completed:
        """Run a program as that user, to its end; any exit code is an answer. `within` in seconds."""

    def spawn(
        self, arguments: Sequence[str | Path], *, log: Path, env: Mapping[str, str] | None = None
    ) -> subprocess.Popen[bytes]:
        """Begin a program as that user, with its output in `log`."""

    def make(self, folder: Path) -> None:
        """Make a folder that this user alone can enter; one that is there stays."""

    def write(self, path: Path, data: bytes) -> None:
        """Write a file that this user alone can read, whole or not at all."""


class LocalGround:
    """This machine."""

    def __init__(self, user: str | None = None) -> None:
        """Run as `user`, which only root can; as ourselves otherwise."""
        self.user = user if os.geteuid() == 0 else None

    @property
    def host(self) -> str:
        """The machine's name."""
        return socket.gethostname()

    def run(
        self,
        arguments: Sequence[str | Path],
        *,
        within: float,
        env: Mapping[str, str] | None = None,
        stdin: bytes = b"",
    ) -> Completed:
        """Run a program; see `Ground`."""
        return run(arguments, timeout=within, env=env, stdin=stdin, ok=range(256), user=self.user, cwd=Path("/"))

    def spawn(
        self, arguments: Sequence[str | Path], *, log: Path, env: Mapping[str, str] | None = None
    ) -> subprocess.Popen[bytes]:
        """Begin a program; see `Ground`."""
        with log.open("ab") as output:
            return subprocess.Popen(
                [str(word) for word in arguments],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                env=environment(env),
                cwd="/",
                user=self.user,
                group=self._group(),
                extra_groups=[] if self.user else None,
            )

    def make(self, folder: Path) -> None:
        """Make a folder; see `Ground`."""
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._give(folder)

    def write(self, path: Path, data: bytes) -> None:
        """Write a file; see `Ground`."""
        temporary = path.with_name(path.name + ".new")
        temporary.unlink(missing_ok=True)
        with os.fdopen(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            file.write(data)
        self._give(temporary)
        temporary.replace(path)

    def _give(self, path: Path) -> None:
        if self.user is not None:
            shutil.chown(path, self.user, self._group())

    def _group(self) -> int | None:
        if self.user is None:
            return None
        import pwd  # noqa: PLC0415 - not on every platform

        return pwd.getpwnam(self.user).pw_gid
