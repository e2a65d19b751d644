"""Finding and ending every process of a run, whoever its parent is now."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import stat
import time
from collections.abc import Iterable
from pathlib import Path

import psutil

from stack.runtimes.identity import RUN_FOLDER_VARIABLE, RUN_VARIABLE, ProcessId, environment_of, identify, is_running
from stack.runtimes.shared_memory import free_shared_memory

__all__ = ["end_tree", "erase", "pause_tree", "processes_of", "resume_tree", "signal_process", "sweep", "tree"]

# A process that was being started when we looked is found by the next look.
_QUIET_LOOKS = 3
_BETWEEN_LOOKS = 0.1
_LOOKS = 100
_GONE_WITHIN = 10.0
# What a postmaster told to quit at once may take; it gives its workers 5 s of it.
_QUIT_WITHIN = 8.0


def signal_process(process: ProcessId, number: signal.Signals) -> bool:
    """Signal that very process, and no other that has its id now; false when it is gone."""
    if identify(process.pid) != process:
        return False
    try:
        os.kill(process.pid, number)
    except ProcessLookupError:
        return False
    return True


def tree(process: ProcessId) -> list[ProcessId]:
    """A process and everything below it, the process itself first.

    Not its process group: every PostgreSQL process makes a session of its own.
    """
    if identify(process.pid) != process:
        return []
    try:
        below = psutil.Process(process.pid).children(recursive=True)
    except psutil.NoSuchProcess:
        return [process]
    found = (identify(child.pid) for child in below)
    return [process, *(child for child in found if child is not None)]


def pause_tree(process: ProcessId) -> None:
    """Stop a process and everything below it; the parents first, so that no new children come."""
    paused: set[ProcessId] = set()
    while True:
        fresh = [member for member in tree(process) if member not in paused]
        if not fresh:
            return
        for member in fresh:
            signal_process(member, signal.SIGSTOP)
            paused.add(member)


def resume_tree(process: ProcessId) -> None:
    """Let a process and everything below it run on; the children first."""
    for member in reversed(tree(process)):
        signal_process(member, signal.SIGCONT)


def end_tree(process: ProcessId) -> None:
    """Kill a process and everything below it at once, and wait until they are gone."""
    pause_tree(process)
    members = tree(process)
    for member in members:
        signal_process(member, signal.SIGKILL)
    _wait_gone(members)


def _wait_gone(processes: Iterable[ProcessId], within: float = _GONE_WITHIN) -> None:
    deadline = time.monotonic() + within
    for process in processes:
        while is_running(process) and time.monotonic() < deadline:
            time.sleep(0.01)


def processes_of(run: str, folder: Path, component: str | None = None) -> list[ProcessId]:
    """Every process that a run, or one component of it, started and that still lives.

    A run's processes carry its id and folder in their environment. PostgreSQL's workers overwrite theirs with a title:
    they are known by their name and by a working folder inside the run's. A component's are those whose working folder
    is inside its own.
    """
    inside = folder / "components" / (component or "")
    found = []
    for candidate in psutil.process_iter(["pid", "name", "status"]):
        if candidate.pid == os.getpid() or candidate.info["status"] == psutil.STATUS_ZOMBIE:
            continue
        environment = environment_of(candidate.pid)
        ours = environment.get(RUN_VARIABLE) == run and environment.get(RUN_FOLDER_VARIABLE) == str(folder)
        if candidate.info["name"] == "postgres" or (ours and component is not None):
            ours = _works_in(candidate, inside)
        process = identify(candidate.pid) if ours else None
        if process is not None:
            found.append(process)
    return found


def _works_in(process: psutil.Process, folder: Path) -> bool:
    try:
        return Path(process.cwd()).is_relative_to(folder)
    except (psutil.Error, OSError):
        return False


def sweep(run: str, folder: Path, component: str | None = None) -> list[ProcessId]:
    """Kill every process of a run or of one component, looking again until none is found; returns the ended.

    A PostgreSQL server is first told to quit at once: killed, it would leave its shared memory behind.
    """
    killed: dict[ProcessId, None] = {}
    quiet = 0
    for _ in range(_LOOKS):
        found = processes_of(run, folder, component)
        _quit_postmasters(folder, found)
        for process in found:
            end_tree(process)
            killed[process] = None
        quiet = 0 if found else quiet + 1
        if quiet >= _QUIET_LOOKS:
            break
        time.sleep(_BETWEEN_LOOKS)
    return list(killed)


def _quit_postmasters(folder: Path, found: Iterable[ProcessId]) -> None:
    """Ask for what PostgreSQL calls an immediate shutdown, and wait for it."""
    named = _postmasters(folder)
    postmasters = [process for process in found if process.pid in named]
    for process in postmasters:
        resume_tree(process)
        signal_process(process, signal.SIGQUIT)
    _wait_gone(postmasters, _QUIT_WITHIN)


def _postmasters(folder: Path) -> set[int]:
    """The ids that the data folders of a run name; whoever has one now is for the caller to see."""
    numbers = set()
    for data in _data_folders(folder):
        with contextlib.suppress(OSError, ValueError, IndexError):
            numbers.add(int((data / "postmaster.pid").read_text("ascii", "replace").splitlines()[0]))
    return numbers


def _data_folders(folder: Path) -> list[Path]:
    return sorted(folder.glob("components/postgresql-*/data"))


def erase(folder: Path) -> None:
    """Remove a run's folder and what it left elsewhere: sockets, shared memory. Its processes have ended.

    A file that vanishes meanwhile is as good as removed.

    Raises:
        OSError: something in it cannot be removed.
    """
    taken = _listened_on()
    for path in _outside(folder):
        # Only sockets: a record that was tampered with must not have us remove anything else. And only ours: one that
        # we wanted the port of may have made a socket by the same name.
        with contextlib.suppress(OSError):
            if stat.S_ISSOCK(path.lstat().st_mode) and str(path) not in taken:
                path.unlink()
    for data in _data_folders(folder):
        free_shared_memory(data)
    # A watchdog and the next start may be at it together: each goes on where the other was quicker.
    deadline = time.monotonic() + _GONE_WITHIN
    while folder.exists():
        try:
            shutil.rmtree(folder)
        except FileNotFoundError:
            continue
        except OSError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.05)


def _listened_on() -> set[str]:
    """The Unix sockets that some process has (proc(5): the path is the eighth field of /proc/net/unix)."""
    try:
        lines = Path("/proc/net/unix").read_text("utf-8", "replace").splitlines()
    except OSError:
        return set()
    return {fields[7] for fields in (line.split(maxsplit=7) for line in lines[1:]) if len(fields) > 7}  # noqa: PLR2004


def _outside(folder: Path) -> list[Path]:
    # Without the record's model: the watchdog is small, and a half-written record must not stop it.
    try:
        components = json.loads((folder / "run.json").read_text("utf-8"))["components"]
        return [Path(path) for component in components.values() for path in component.get("outside", ())]
    except (OSError, ValueError, KeyError, AttributeError):
        return []
