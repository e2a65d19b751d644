"""Cleaning up what a dead run left: processes and folders."""

from __future__ import annotations

import time
from pathlib import Path

import psutil

from stack.runtimes.identity import RUN_FOLDER_VARIABLE, RUN_VARIABLE, boot_id, environment_of, is_running
from stack.runtimes.leftovers import erase, sweep
from stack.runtimes.registry import RunRecord, folders, read, runs_folder

__all__ = ["is_abandoned", "reap"]


# Seconds between a run's folder and its record; a stopping run is without its record for no longer.
_BIRTH_TAKES_AT_MOST = 60.0


def is_abandoned(record: RunRecord) -> bool:
    """True when nobody will ever stop this run.

    A run in the foreground lives as long as its owner. A detached one lives until the machine restarts, or until none
    of its components is left.
    """
    if record.boot != boot_id():
        return True
    if record.detached and record.phase == "running":
        processes = [component.process for component in record.components.values() if component.process is not None]
        return not any(is_running(process) for process in processes)
    return not is_running(record.owner)


def reap(state_dir: Path) -> list[str]:
    """End the processes and remove the folders of abandoned runs; says what was done, one line per run."""
    done = []
    for folder in folders(state_dir):
        record = read(folder)
        if not is_abandoned(record) if record is not None else _is_recent(folder):
            continue
        run = folder.name.removeprefix(".")
        killed = sweep(run, folder)
        erase(folder)
        done.append(f"run {run}: ended {len(killed)} processes, removed {folder}")
    return [*done, *_homeless(runs_folder(state_dir))]


def _is_recent(folder: Path) -> bool:
    """A folder without a whole record is being made or removed right now, or its maker died while at it."""
    try:
        return time.time() - folder.stat().st_mtime < _BIRTH_TAKES_AT_MOST
    except FileNotFoundError:
        return True


def _homeless(runs: Path) -> list[str]:
    """End processes whose run's folder is gone."""
    lost: set[tuple[str, Path]] = set()
    for process in psutil.process_iter(["pid"]):
        environment = environment_of(process.pid)
        run, folder = environment.get(RUN_VARIABLE), environment.get(RUN_FOLDER_VARIABLE)
        if run and folder and Path(folder).parent == runs and not _has(process.pid, folder):
            lost.add((run, Path(folder)))
    return [f"run {run}: ended {len(sweep(run, folder))} processes without a folder" for run, folder in sorted(lost)]


def _has(pid: int, folder: str) -> bool:
    # As the process sees it: a stack in a container or a chroot has its folder there, and lives under the same path.
    try:
        return Path(f"/proc/{pid}/root{folder}").exists()
    except OSError:
        return True
