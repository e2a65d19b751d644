"""The one way to run a program: argument lists, no shell, a deadline, output kept."""

from __future__ import annotations

import contextlib
import os
import re
import signal
import subprocess
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from stack.errors import EngineRoomError

__all__ = ["Completed", "ProgramFailedError", "environment", "run", "tail"]

_KEPT_LINES = 20
_STACK = re.compile(r"\n(?:goroutine \d|Exception ignored in: |\S+\n\t\S+\.go:\d)")
_STOP_POLL = 0.1  # seconds between two looks at the stop event


class ProgramFailedError(EngineRoomError):
    """A program could not be started, ended with an unexpected exit code, or outlived its deadline."""

    def __init__(self, arguments: Sequence[str], *, code: int | None, output: str, fix: str = "") -> None:
        """Keep the exit code (`None`: it did not start or did not end) and the last lines of output."""
        state = "did not end in time" if code is None else f"ended with exit code {code}"
        super().__init__(f"{arguments[0]} {state}", on=" ".join(arguments), got=tail(output), fix=fix)
        self.code = code
        self.output = output


@dataclass(frozen=True)
class Completed:
    """What a finished program left: exit code and its two outputs."""

    code: int
    stdout: bytes
    stderr: bytes

    @property
    def text(self) -> str:
        """Standard output, decoded; undecodable bytes are replaced."""
        return self.stdout.decode("utf-8", "replace")


def tail(output: str, lines: int = _KEPT_LINES) -> str:
    """The last `lines` lines of an output, before the stack that Go prints or what Python says while it ends."""
    return "\n".join(_STACK.split(output, 1)[0].rstrip().splitlines()[-lines:])


def environment(added: Mapping[str, str] | None = None, *, drop: Sequence[str] = ()) -> dict[str, str]:
    """A child's variables: this process's own, less those that start with one of `drop`, and `added`."""
    known = dict(os.environ)
    if "HOME" not in known:  # cron and some containers start without; Go does not look for it elsewhere, as others do
        with contextlib.suppress(RuntimeError):
            known["HOME"] = str(Path.home())
    inherited = {name: value for name, value in known.items() if not name.startswith(tuple(drop))}
    return {**inherited, **(added or {})}


def run(
    arguments: Sequence[str | Path],
    *,
    timeout: float,
    cwd: Path | None = None,
    env: Mapping[str, str] | None = None,
    drop: Sequence[str] = (),
    stdin: bytes | None = None,
    ok: Sequence[int] = (0,),
    user: str | None = None,
    stop: threading.Event | None = None,
) -> Completed:
    """Run a program to its end.

    Args:
        arguments: program and arguments.
        timeout: seconds until its whole process group is killed.
        cwd: working folder.
        env: variables added to this process's environment.
        drop: prefixes of variable names that are not inherited.
        stdin: what it reads; `None` is an empty input.
        ok: exit codes that are not errors.
        user: run as this user (only root can).
        stop: once set (by another thread, as on Ctrl-C), the process group is killed.

    Raises:
        ProgramFailedError: it did not start, did not end in time, was stopped, or its exit code is not in `ok`.
    """
    words = [str(word) for word in arguments]
    try:
        process = subprocess.Popen(
            words,
            cwd=cwd,
            env=environment(env, drop=drop),
            stdin=subprocess.PIPE if stdin is not None else subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=True,
            user=user,
            group=_group_of(user),
            extra_groups=[] if user else None,
        )
    except OSError as error:
        raise ProgramFailedError(words, code=None, output=str(error), fix="is it installed and on PATH?") from error
    with process:
        try:
            out, err = _communicate(process, stdin, timeout, stop)
        except BaseException as error:
            _kill_group(process.pid)
            out, err = process.communicate()
            if isinstance(error, subprocess.TimeoutExpired):
                text = (out + err).decode("utf-8", "replace")
                fix = "it was stopped" if stop is not None and stop.is_set() else f"the limit was {timeout} s"
                raise ProgramFailedError(words, code=None, output=text, fix=fix) from error
            raise
    if process.returncode not in ok:
        raise ProgramFailedError(words, code=process.returncode, output=(out + err).decode("utf-8", "replace"))
    return Completed(process.returncode, out, err)


def _communicate(
    process: subprocess.Popen[bytes], stdin: bytes | None, timeout: float, stop: threading.Event | None
) -> tuple[bytes, bytes]:
    if stop is None:
        return process.communicate(stdin, timeout=timeout)
    deadline = time.monotonic() + timeout
    while True:
        try:
            return process.communicate(stdin, timeout=_STOP_POLL)
        except subprocess.TimeoutExpired:
            if stop.is_set() or time.monotonic() > deadline:
                raise


def _group_of(user: str | None) -> int | None:
    if user is None:
        return None
    import pwd  # noqa: PLC0415 - not on every platform, needed only here

    return pwd.getpwnam(user).pw_gid


def _kill_group(pid: int) -> None:
    try:
        os.killpg(pid, signal.SIGKILL)
    except ProcessLookupError:
        return
