"""Starting and ending processes of one run, as the user they should run as."""

from __future__ import annotations

import contextlib
import os
import pwd
import signal
import subprocess
import threading
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from stack.components.base import Launch, StartError
from stack.process import run as run_program
from stack.process import tail
from stack.runtimes.files import ServiceUser
from stack.runtimes.identity import ProcessId, identify, is_running, marks
from stack.runtimes.leftovers import end_tree, resume_tree, signal_process

__all__ = ["Supervisor", "last_output", "service_user"]

_COLLECTED_WITHIN = 10.0

_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
_LAST_BYTES = 16_384


def service_user(name: str) -> str | None:
    """Who servers run as: the named user when we are root, ourselves (`None`) when we are not.

    Raises:
        StartError: there is no such user, or it is root itself.
    """
    if os.geteuid() != 0:
        return None
    try:
        uid = pwd.getpwnam(name).pw_uid
    except KeyError as error:
        raise StartError(
            "There is no such user to run servers as",
            on=name,
            got=str(error),
            fix="name an existing user in `service_user` (ENGINEROOM_SERVICE_USER)",
        ) from error
    if uid == 0:
        raise StartError(
            "Servers refuse to run as root",
            on=name,
            fix="name a user without privileges in `service_user` (ENGINEROOM_SERVICE_USER)",
        )
    return name


def last_output(log: Path, lines: int = 20) -> str:
    """The last lines of a log file; empty when there is none."""
    try:
        with log.open("rb") as file:
            file.seek(max(0, log.stat().st_size - _LAST_BYTES))
            return tail(file.read().decode("utf-8", "replace"), lines)
    except OSError:
        return ""


class Supervisor:
    """Starts a run's processes. Each carries the run's id, so that it is found even if nobody wrote it down."""

    def __init__(self, run: str, folder: Path, user: str | None) -> None:
        """Start processes as `user`; `None`: as ourselves."""
        self.user = user
        account = pwd.getpwnam(user) if user else None
        self.owner: ServiceUser | None = (account.pw_uid, account.pw_gid) if account else None
        self._marks = marks(run, folder)
        self._children: dict[int, subprocess.Popen[bytes]] = {}
        self._lock = threading.Lock()

    def run(
        self,
        arguments: Sequence[str | Path],
        *,
        env: Mapping[str, str] | None = None,
        within: float = 60.0,
        home: Path,
        as_ourselves: bool = False,
    ) -> str:
        """Run a program to its end; see `stack.components.base.Runner`."""
        environment = {**self._marks, "HOME": str(home), "LC_ALL": "C.UTF-8", **(env or {})}
        return run_program(
            arguments, timeout=within, cwd=home, env=environment, user=None if as_ourselves else self.user
        ).text

    def spawn(self, launch: Launch, *, log: Path, home: Path, as_ourselves: bool = False) -> ProcessId:
        """Start a server in a session of its own, its output appended to `log`.

        Args:
            launch: the server.
            log: its output.
            home: its home folder, and that of its temporary files.
            as_ourselves: as whoever we are, even where servers run as another user.

        Raises:
            StartError: it cannot be executed.
        """
        arguments = [str(word) for word in launch.arguments]
        # Nothing is inherited: a server must not behave differently because of who started it.
        owner = None if as_ourselves else self.owner
        environment = {"PATH": _PATH, "HOME": str(home), "LC_ALL": "C.UTF-8", "TZ": "UTC", "TMPDIR": str(home)}
        with log.open("ab") as output:
            try:
                child = subprocess.Popen(
                    arguments,
                    cwd=launch.cwd,
                    env={**environment, **launch.env, **self._marks},
                    stdin=subprocess.DEVNULL,
                    stdout=output,
                    stderr=subprocess.STDOUT,
                    start_new_session=True,
                    user=owner[0] if owner else None,
                    group=owner[1] if owner else None,
                    extra_groups=[] if owner else None,
                    umask=launch.umask,
                )
            except OSError as error:
                raise StartError(
                    "A server's program cannot be executed",
                    on=arguments[0],
                    got=str(error),
                    fix=f"it must be executable by the user {self.user}" if owner else "is it installed?",
                ) from error
        process = identify(child.pid) or ProcessId(child.pid, 0.0)
        with self._lock:
            self._children[child.pid] = child
        return process

    def ended(self, process: ProcessId) -> str | None:
        """How a process ended, or `None` while it lives."""
        with self._lock:
            child = self._children.get(process.pid)
        if child is not None:
            code = child.poll()  # also collects it
            if code is not None:
                return (
                    f"the process ended by signal {-code}" if code < 0 else f"the process ended with exit code {code}"
                )
        return None if is_running(process) else "the process ended"

    def stop(self, process: ProcessId, number: signal.Signals, *, grace: float) -> bool:
        """Ask a process to end, give it its time, then kill it and what is below it; true when asking was enough.

        Args:
            process: the server.
            number: the signal that asks.
            grace: seconds.
        """
        resume_tree(process)
        if signal_process(process, number):
            deadline = time.monotonic() + grace
            while self.ended(process) is None and time.monotonic() < deadline:
                time.sleep(0.02)
        asked = self.ended(process) is not None
        self.kill(process)
        return asked

    def kill(self, process: ProcessId) -> None:
        """Kill a process and everything below it, and collect it."""
        end_tree(process)
        with self._lock:
            child = self._children.get(process.pid)
        if child is not None:
            # Its first thread may be gone before the others, and until then it cannot be collected.
            with contextlib.suppress(subprocess.TimeoutExpired):
                child.wait(_COLLECTED_WITHIN)
