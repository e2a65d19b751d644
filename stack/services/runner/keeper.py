"""Starts one step within limits and outlives it, whatever happens to the runner. Run as a file of its own, by itself.

It reads what to do from standard input: one line of JSON. As long as its standard input is open, the step may run; when
that ends (because the runner wants it so, or because it died) every process that came of the step is killed. Processes
that leave their process group or their parent still are its descendants: it is their subreaper.
"""

from __future__ import annotations

import ctypes
import json
import os
import resource
import select
import signal
import sys
import time

_PR_SET_PDEATHSIG = 1
_PR_SET_DUMPABLE = 4
_PR_SET_NO_NEW_PRIVS = 38
_PR_SET_CHILD_SUBREAPER = 36
_TROUBLE = 125
_KILLED_WITHIN = 10.0
_ROUND = 0.01


def main() -> int:
    """Run a step; its exit code, or 128 and the signal that ended it, or 125 when it could not be started."""
    prctl = ctypes.CDLL(None, use_errno=True).prctl
    prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    prctl(_PR_SET_DUMPABLE, 0, 0, 0, 0)
    asked = json.loads(sys.stdin.buffer.readline())
    ended, child_ended = os.pipe()
    os.set_blocking(child_ended, False)
    signal.set_wakeup_fd(child_ended)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    child = os.fork()
    if child == 0:
        _become(asked, prctl)
    for descriptor in (1, 2):
        os.dup2(os.open(os.devnull, os.O_WRONLY), descriptor)
    code = _watch(child, ended)
    _kill_all()
    return code


def _become(asked: dict[str, object], prctl: object) -> None:
    try:
        signal.set_wakeup_fd(-1)
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGCHLD, signal.SIGPIPE):
            signal.signal(number, signal.SIG_DFL)
        os.setsid()
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
        os.closerange(3, 256)
        for name, value in asked["limits"].items():  # type: ignore[attr-defined]
            which = getattr(resource, name)
            _, most = resource.getrlimit(which)
            wanted = value if most == resource.RLIM_INFINITY else min(value, most)
            resource.setrlimit(which, (wanted, wanted))
        if asked["uid"] is not None:
            os.setgroups([])
            os.setgid(asked["gid"])  # type: ignore[arg-type]
            os.setuid(asked["uid"])  # type: ignore[arg-type]
        prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)  # type: ignore[operator]
        prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)  # type: ignore[operator]
        os.umask(0o022)
        os.chdir(asked["cwd"])  # type: ignore[arg-type]
        arguments = asked["arguments"]
        os.execve(arguments[0], arguments, asked["environment"])  # type: ignore[index, arg-type]  # noqa: S606
    except BaseException as error:  # noqa: BLE001 - between fork and exec nothing may escape
        os.write(2, f"the step could not be started: {error}\n".encode())
        os._exit(_TROUBLE)


def _watch(child: int, ended: int) -> int:
    """Wait for the step, or for the end of standard input."""
    while True:
        ready, _, _ = select.select([0, ended], [], [])
        if 0 in ready and not os.read(0, 4096):
            return 128 + signal.SIGKILL
        if ended in ready:
            os.read(ended, 4096)
        code = _reap(child)
        if code is not None:
            return code


def _reap(child: int) -> int | None:
    """Bury what has ended; the exit code if the step itself is among it."""
    code = None
    while True:
        try:
            pid, status = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return code
        if pid == 0:
            return code
        if pid == child:
            code = os.waitstatus_to_exitcode(status)
            code = 128 - code if code < 0 else code


def _kill_all() -> None:
    """Kill every descendant, those included that are born meanwhile."""
    until = time.monotonic() + _KILLED_WITHIN
    while time.monotonic() < until:
        found = _descendants()
        for pid in found:
            try:
                os.kill(pid, signal.SIGKILL)
            except OSError:
                continue
        _reap(-1)
        if not found:
            return
        time.sleep(_ROUND)


def _descendants() -> list[int]:
    children: dict[int, list[int]] = {}
    for name in os.listdir("/proc"):  # noqa: PTH208 - without pathlib this starts in half the time
        if name.isdigit():
            try:
                with open(f"/proc/{name}/stat", "rb") as file:  # noqa: PTH123
                    fields = file.read().rpartition(b")")[2].split()
            except OSError:
                continue
            if fields[0] != b"Z":
                children.setdefault(int(fields[1]), []).append(int(name))
    found: list[int] = []
    todo = [os.getpid()]
    while todo:
        below = children.get(todo.pop(), [])
        found += below
        todo += below
    return found


if __name__ == "__main__":
    sys.exit(main())
