"""Runs one step's script in processes that are limited, and that don't outlive the step or the runner."""

from __future__ import annotations

import json
import os
import selectors
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from stack.services.runner.settings import RunnerSettings

__all__ = ["Ended", "limits_of", "run_script"]

_KEEPER = Path(__file__).with_name("keeper.py")
_SHELL = "/bin/sh"
_CHUNK = 65536
_ROUND = 0.1
_KILLED_WITHIN = 20.0


@dataclass(frozen=True, slots=True)
class Ended:
    """How a script ended: its exit code, or why there is none."""

    code: int
    timed_out: bool
    stopped: bool
    seconds: float


def limits_of(settings: RunnerSettings) -> dict[str, int]:
    """Limits of each process, by their names in `resource`.

    Memory is what a process may write to (`RLIMIT_DATA`): address space is reserved by the gigabyte in many a language.
    """
    return {
        "RLIMIT_CORE": 0,
        "RLIMIT_CPU": settings.cpu_seconds,
        "RLIMIT_DATA": settings.memory_bytes,
        "RLIMIT_FSIZE": settings.file_bytes,
        "RLIMIT_NOFILE": settings.open_files,
        "RLIMIT_NPROC": settings.processes,
    }


def run_script(
    script: Path,
    *,
    settings: RunnerSettings,
    cwd: Path,
    environment: Mapping[str, str],
    seconds: float,
    sink: Callable[[bytes], None],
    stop: Callable[[], bool],
) -> Ended:
    """Run a script to its end, or to somebody's patience's.

    Args:
        script: a file with shell in it.
        settings: limits, and whom to run it as.
        cwd: working folder.
        environment: whole.
        seconds: by the clock.
        sink: takes what it says, both of its outputs in one.
        stop: asked ten times a second whether it isn't wanted any more.
    """
    account = settings.account
    asked = {
        "arguments": [_SHELL, "-e", str(script)],
        "cwd": str(cwd),
        "environment": dict(environment),
        "limits": limits_of(settings),
        "uid": account.pw_uid if account else None,
        "gid": account.pw_gid if account else None,
    }
    begun = time.monotonic()
    # -I and -S: nothing of this process's Python, which may be anywhere, is looked for by it.
    keeper = subprocess.Popen(
        [sys.executable, "-I", "-S", str(_KEEPER)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        cwd="/",
        env={},
        start_new_session=True,
    )
    assert keeper.stdin is not None  # noqa: S101 - both are pipes
    assert keeper.stdout is not None  # noqa: S101
    timed_out = stopped = False
    try:
        keeper.stdin.write(json.dumps(asked).encode() + b"\n")
        keeper.stdin.flush()
        until = begun + seconds
        os.set_blocking(keeper.stdout.fileno(), False)
        with selectors.DefaultSelector() as selector:
            selector.register(keeper.stdout, selectors.EVENT_READ)
            while True:
                if selector.select(_ROUND):
                    data = keeper.stdout.read(_CHUNK)
                    if not data:
                        break
                    sink(data)
                if timed_out or stopped:
                    if time.monotonic() > until:
                        break
                    continue
                timed_out, stopped = time.monotonic() > until, stop()
                if timed_out or stopped:
                    until = time.monotonic() + _KILLED_WITHIN
                    keeper.stdin.close()
        with suppress(subprocess.TimeoutExpired):
            _patient_wait(keeper, timed_out=timed_out or stopped, until=until, stop=stop)
    finally:
        with suppress(OSError):
            keeper.stdin.close()
        try:
            keeper.wait(_KILLED_WITHIN)
        except subprocess.TimeoutExpired:
            with suppress(ProcessLookupError):
                os.killpg(keeper.pid, signal.SIGKILL)
            keeper.wait()
        keeper.stdout.close()
    return Ended(keeper.returncode, timed_out, stopped, time.monotonic() - begun)


def _patient_wait(keeper: subprocess.Popen[bytes], *, timed_out: bool, until: float, stop: Callable[[], bool]) -> None:
    """Wait for a script that closed its outputs and goes on."""
    while keeper.poll() is None:
        if timed_out or time.monotonic() > until or stop():
            return
        time.sleep(_ROUND)
