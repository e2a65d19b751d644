"""The record of each run: one folder, one file in it, changed by one process at a time."""

from __future__ import annotations

import datetime as dt
import fcntl
import os
import secrets
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, ValidationError

from stack.runtimes.files import make_folder, write_private
from stack.runtimes.identity import ProcessId, boot_id, identify

__all__ = ["ComponentRecord", "Intent", "RunRecord", "create", "edit", "folders", "read", "runs_folder"]

_RECORD = "run.json"
_LOCK = "lock"

# What was last asked of a component: to run, or to be away on purpose.
Intent = Literal["run", "killed", "paused", "stopped"]


class _Model(BaseModel):
    model_config = ConfigDict(extra="forbid", validate_assignment=True)


class ComponentRecord(_Model):
    """What another process needs to find one component. Holds no secret."""

    name: str
    host: str
    ports: dict[str, int]
    process: ProcessId | None = None
    since: dt.datetime | None = None
    intent: Intent = "run"
    # How it is asked to end, as it was when it was started: its program may be built anew or gone by then.
    stop: signal.Signals = signal.SIGTERM
    grace: float = 15.0
    # Sockets it makes outside the run's folder; see `stack.runtimes.leftovers.erase`, which reads this without us.
    outside: list[Path] = []


class RunRecord(_Model):
    """What another process needs to find one stack. Holds no secret."""

    format: Literal[1] = 1
    run: str
    created: dt.datetime
    boot: str
    owner: ProcessId
    phase: Literal["starting", "running", "stopping"] = "starting"
    detached: bool = False
    objects: Literal["seaweedfs", "versitygw"]
    components: dict[str, ComponentRecord] = {}
    missing: dict[str, str] = {}


def runs_folder(state_dir: Path) -> Path:
    """Where the runs of one state folder are."""
    return state_dir / "runs"


def create(state_dir: Path, *, objects: Literal["seaweedfs", "versitygw"]) -> Path:
    """Make the folder of a new run, complete with its record from the first moment.

    Raises:
        OSError: the state folder cannot be written.
    """
    runs = runs_folder(state_dir)
    runs.mkdir(parents=True, exist_ok=True)
    # Servers run as another user: they may pass through to what is theirs, and see nothing else.
    make_folder(runs, 0o711)
    run = f"{dt.datetime.now(dt.UTC):%m%d%H%M%S}{secrets.token_hex(3)}"
    # Hidden until its record is in it, so that nobody sees a run without one.
    unborn = make_folder(runs / f".{run}", 0o711)
    owner = identify(os.getpid())
    if owner is None:  # pragma: no cover - this process exists
        raise OSError("this process cannot see itself")
    record = RunRecord(run=run, created=dt.datetime.now(dt.UTC), boot=boot_id(), owner=owner, objects=objects)
    write_private(unborn / _RECORD, record.model_dump_json(indent=1))
    folder = runs / run
    unborn.rename(folder)
    return folder


def folders(state_dir: Path) -> list[Path]:
    """The folders of all runs, oldest first."""
    runs = runs_folder(state_dir)
    if not runs.is_dir():
        return []
    return sorted(path for path in runs.iterdir() if path.is_dir())


def read(folder: Path) -> RunRecord | None:
    """A run's record, or `None` when it is gone or was never whole."""
    try:
        return RunRecord.model_validate_json((folder / _RECORD).read_bytes())
    except (OSError, ValidationError):
        return None


@contextmanager
def edit(folder: Path) -> Iterator[RunRecord]:
    """Change a run's record; nobody else changes it meanwhile, and readers see the old one or the new one.

    Raises:
        FileNotFoundError: the run is gone.
    """
    handle = os.open(folder / _LOCK, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        record = RunRecord.model_validate_json((folder / _RECORD).read_bytes())
        yield record
        write_private(folder / _RECORD, record.model_dump_json(indent=1))
    finally:
        os.close(handle)
