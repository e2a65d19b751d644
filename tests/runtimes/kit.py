"""What several tests of the local runtime need."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import psutil

from stack.components.base import Tool, ToolSource
from stack.errors import NeedMissingError
from stack.runtimes.leftovers import processes_of

ROOT = Path(__file__).resolve().parents[2]
PATIENCE = 30.0


def eventually(what: str, condition: Callable[[], bool]) -> None:
    """Fail with `what` unless the condition comes true within `PATIENCE` seconds."""
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < deadline, f"after {PATIENCE} s: not {what}"
        time.sleep(0.05)


def nothing_left(folder: Path) -> bool:
    """No process of the run and no folder."""
    return not processes_of(folder.name, folder) and not folder.exists()


def shared_memory_of(pid: int) -> set[str]:
    """What a server and its workers have mapped of memory that the system keeps: segment ids and files."""
    family = [psutil.Process(pid), *psutil.Process(pid).children(recursive=True)]
    found: set[str] = set()
    for member in family:
        try:
            lines = Path(f"/proc/{member.pid}/maps").read_text().splitlines()
        except OSError:  # workers come and go
            continue
        for line in lines:
            fields = line.split()
            if len(fields) > 5 and fields[5].startswith("/SYSV"):
                found.add(fields[4])
            elif len(fields) > 5 and fields[5].startswith("/dev/shm/"):  # noqa: S108 - shared memory
                found.add(fields[5])
    return found


def still_kept(memory: set[str]) -> set[str]:
    """Those of it that the system still keeps."""
    rows = Path("/proc/sysvipc/shm").read_text().splitlines()[1:]
    segments = {row.split()[1] for row in rows}
    return {name for name in memory if name in segments or Path(name).is_file()}


class Holder:
    """A process that holds a stack."""

    def __init__(self, state: Path, form: str, *components: str) -> None:
        """Start it; see `tests.runtimes.holder`."""
        self.process = subprocess.Popen(
            [sys.executable, "-m", "tests.runtimes.holder", str(state), form, *components],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )

    def until(self, key: str, value: object = None) -> dict[str, object]:
        """Read steps until one has `key` (and `value`)."""
        assert self.process.stdout is not None
        for line in self.process.stdout:
            step: dict[str, object] = json.loads(line)
            if key in step and value in (None, step[key]):
                return step
        _, errors = self.process.communicate()
        raise AssertionError(f"it ended before {key}={value}: {errors}")

    def end(self) -> None:
        """Whatever happens, it does not outlive the test."""
        self.process.kill()
        self.process.communicate()


@dataclass(frozen=True)
class ScriptTool:
    """A tool whose programs are all one script."""

    name: str
    root: Path
    script: Path
    env: Mapping[str, str] = field(default_factory=dict)

    def program(self, name: str) -> Path:  # noqa: ARG002
        return self.script


@dataclass(frozen=True)
class OtherTools:
    """The real tools, some replaced and some taken away."""

    real: ToolSource
    replaced: Mapping[str, Tool] = field(default_factory=dict)
    absent: tuple[str, ...] = ()

    def find(self, name: str) -> Tool | None:
        if name in self.absent:
            return None
        return self.replaced.get(name) or self.real.find(name)

    def require(self, name: str) -> Tool:
        if name in self.absent:
            raise NeedMissingError(name, f"{name} is not installed", fix="install it")
        return self.replaced.get(name) or self.real.require(name)
