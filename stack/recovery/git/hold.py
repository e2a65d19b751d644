"""Keeps `git gc` from pruning while a set is taken, by git's own lock of it.

`git gc` refuses while `gc.pid` names a process that lives on this machine, or any on another for twelve hours
(`lock_repo_for_gc` in git's builtin/gc.c). So a hold ends with the process that has it, however it ends.
"""

from __future__ import annotations

import contextlib
import os
import socket
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

__all__ = ["HELD", "held"]

HELD = "gc.pid"
_POLL = 0.1
_FORGOTTEN = 12 * 3600.0  # seconds; git's own limit


@contextmanager
def held(repositories: Iterable[Path], *, within: float = 60.0) -> Iterator[list[Path]]:
    """Hold gc in every repository; yields those where another gc did not end in time and still runs.

    Args:
        repositories: git folders; one that is not there, or cannot be written, is none.
        within: seconds to wait for gc that runs already, in all.
    """
    deadline = time.monotonic() + within
    taken: list[Path] = []
    busy: list[Path] = []
    try:
        for repository in repositories:
            path = repository / HELD
            mine = _take(path, deadline)
            if mine:
                taken.append(path)
            elif mine is None:
                busy.append(repository)
        yield busy
    finally:
        for path in taken:
            with contextlib.suppress(OSError):
                path.unlink()


def _take(path: Path, deadline: float) -> bool | None:
    """True when it is ours, None when somebody else keeps it, False when it cannot be had at all."""
    while True:
        try:
            descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o644)
        except FileExistsError:
            if _is_stale(path):
                with contextlib.suppress(OSError):
                    path.unlink()
                continue
            if time.monotonic() > deadline:
                return None
            time.sleep(_POLL)
        except OSError:
            return False
        else:
            with os.fdopen(descriptor, "w") as file:
                file.write(f"{os.getpid()} {socket.gethostname()}")
            return True


def _is_stale(path: Path) -> bool:
    try:
        pid, _, host = path.read_text("utf-8", "replace").partition(" ")
        age = time.time() - path.stat().st_mtime
    except OSError:
        return False  # it has just gone; the next attempt gets it
    if age > _FORGOTTEN or not pid.strip().isdigit():
        return age > 1  # whoever makes it has not written its content yet
    if host.strip() != socket.gethostname():
        return False
    try:
        os.kill(int(pid), 0)
    except ProcessLookupError:
        return True
    except PermissionError:
        return False
    return False
