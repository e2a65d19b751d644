"""Which process is meant: a process id alone names whoever has it today."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import psutil

__all__ = [
    "RUN_FOLDER_VARIABLE",
    "RUN_VARIABLE",
    "ProcessId",
    "boot_id",
    "environment_of",
    "identify",
    "is_running",
    "marks",
]

RUN_VARIABLE = "ENGINEROOM_RUN"
RUN_FOLDER_VARIABLE = "ENGINEROOM_RUN_FOLDER"
# proc(5): the start time is field 22 of /proc/PID/stat; counted after the name in brackets, which may hold spaces.
_START_TIME_AFTER_NAME = 19


def marks(run: str, folder: Path) -> dict[str, str]:
    """Variables of a process that ends with a stack, however that ends."""
    return {RUN_VARIABLE: run, RUN_FOLDER_VARIABLE: str(folder)}


@dataclass(frozen=True)
class ProcessId:
    """A process id and when that process began; together they are never used twice within one boot."""

    pid: int
    began: float


def identify(pid: int) -> ProcessId | None:
    """The process that has this id now, or `None`."""
    if psutil.LINUX:
        # psutil adds the time of boot, which moves when the clock is set; the ticks since boot do not.
        try:
            stat = Path(f"/proc/{pid}/stat").read_text("utf-8", "replace")
        except OSError:
            return None
        return ProcessId(pid, float(stat.rpartition(")")[2].split()[_START_TIME_AFTER_NAME]))
    try:
        return ProcessId(pid, psutil.Process(pid).create_time())
    except psutil.NoSuchProcess:
        return None


def is_running(process: ProcessId) -> bool:
    """True while that very process lives; one that ended and was not collected yet does not."""
    if identify(process.pid) != process:
        return False
    try:
        return psutil.Process(process.pid).status() not in (psutil.STATUS_ZOMBIE, psutil.STATUS_DEAD)
    except psutil.NoSuchProcess:
        return False


def environment_of(pid: int) -> dict[str, str]:
    """The environment a process was started with; empty when it is not ours to read."""
    try:
        return psutil.Process(pid).environ()
    except (psutil.Error, OSError):
        return {}


def boot_id() -> str:
    """Names this boot of this machine."""
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text("ascii").strip()
    except OSError:
        return f"{psutil.boot_time():.0f}"
