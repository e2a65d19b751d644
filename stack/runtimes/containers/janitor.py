"""Removing what dead runs left on the engine, by label."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import requests
from docker.errors import DockerException

from stack.runtimes.containers.engine import connect
from stack.runtimes.containers.labels import RUN, Mark, is_dead, machine
from stack.runtimes.containers.pod import remove_run
from stack.runtimes.identity import boot_id, is_running
from stack.runtimes.leftovers import erase
from stack.runtimes.registry import RunRecord, folders, read, runs_folder
from stack.settings import Settings

if TYPE_CHECKING:
    from docker import DockerClient

__all__ = ["Found", "dead_runs", "reap", "state_of"]

# Seconds that an engine may take for one call before it counts as not there.
_CALL_WITHIN = 30
# Seconds between a run's folder and its record.
_BIRTH_TAKES_AT_MOST = 60.0


@dataclass(frozen=True)
class Found:
    """One labelled thing on the engine: what its labels say, and whether it is a container that runs."""

    labels: Mapping[str, str]
    lives: bool = False


def state_of(settings: Settings) -> Path:
    """Where the records of this runtime's runs are: apart from those of processes, which are cleaned up differently."""
    return settings.state_dir.absolute() / "containers"


def reap(settings: Settings) -> list[str]:
    """Remove what abandoned runs left; one line for each. Silent when no engine answers."""
    try:
        client = connect(within=_CALL_WITHIN)
    except (DockerException, requests.RequestException, OSError):
        return []
    state = state_of(settings)
    try:
        found = _everything(client)
        done = []
        for run in dead_runs(found, state):
            removed = remove_run(client, run)
            erase(runs_folder(state) / run)
            done.append(f"run {run}: removed {len(removed)} containers, volumes and networks")
        known = {each.labels.get(RUN, "") for each in found}
        for folder in folders(state):
            if folder.name.removeprefix(".") not in known and _is_lost(folder, read(folder)):
                erase(folder)
                done.append(f"run {folder.name.removeprefix('.')}: removed {folder}")
        return done
    finally:
        client.close()


def dead_runs(found: Iterable[Found], state: Path) -> list[str]:
    """Which runs nobody will ever stop, among those of this machine and this state folder.

    Args:
        found: everything on the engine that carries a run's label.
        state: where our runs' records are.
    """
    marks: dict[str, Mark] = {}
    living: set[str] = set()
    for each in found:
        mark = Mark.read(each.labels)
        # An engine may be shared: what another machine, or another checkout, made is not ours to judge.
        if mark is None or mark.machine != machine() or mark.state != state:
            continue
        marks[mark.run] = mark
        if each.lives:
            living.add(mark.run)
    return [
        run for run, mark in sorted(marks.items()) if is_dead(mark, read(runs_folder(state) / run), lives=run in living)
    ]


def _everything(client: DockerClient) -> list[Found]:
    only = {"label": RUN}
    return [
        *(
            Found(each.labels, lives=each.status in ("running", "paused"))
            for each in client.containers.list(all=True, filters=only, ignore_removed=True)
        ),
        *(Found(each.attrs.get("Labels") or {}) for each in client.volumes.list(filters=only)),
        *(Found(each.attrs.get("Labels") or {}) for each in client.networks.list(filters=only)),
    ]


def _is_lost(folder: Path, record: RunRecord | None) -> bool:
    """A folder of which the engine knows nothing, and nobody is making or removing it now."""
    if record is not None:
        return record.boot != boot_id() or not is_running(record.owner)
    try:
        return time.time() - folder.stat().st_mtime > _BIRTH_TAKES_AT_MOST
    except FileNotFoundError:
        return False
