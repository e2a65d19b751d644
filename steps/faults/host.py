"""Faults of the machine: a full disk, and no memory left."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil

from steps.faults.base import Fault
from steps.mounts import mount, unmount
from steps.stimuli.base import Bench
from steps.stimuli.host import taken

__all__ = ["FAULTS"]

_MEBIBYTE = 2**20
_PREFIX = "engineroom-full-"
_SIZE = 64  # MiB of a file system of one's own
_AT_ONCE = 34  # MiB: more than half of it, as on a disk that has been in use
_LEFT = 0.085  # share of memory that stays available; the alert is about less than 0.1


@contextmanager
def _filling(bench: Bench) -> Iterator[None]:
    """A small file system that is filled at a steady pace until nearly nothing is left."""
    _remove_left()
    # Where every user may look: the exporter is nobody.
    folder = Path(tempfile.mkdtemp(prefix=_PREFIX))
    folder.chmod(0o755)
    mount(folder, size=_SIZE * _MEBIBYTE, mode=0o755)
    try:
        (folder / "first.bin").write_bytes(bytes(_AT_ONCE * _MEBIBYTE))
        with bench.repeated(lambda number: _more(folder, number), every=0.5, most=_SIZE - _AT_ONCE - 2):
            yield
    finally:
        unmount(folder)
        folder.rmdir()


def _remove_left() -> None:
    """A run that was killed leaves its file system mounted."""
    for part in psutil.disk_partitions(all=True):
        if Path(part.mountpoint).name.startswith(_PREFIX):
            unmount(Path(part.mountpoint))


def _more(folder: Path, number: int) -> None:
    (folder / f"{number}.bin").write_bytes(bytes(_MEBIBYTE))


@contextmanager
def _memory_taken(bench: Bench) -> Iterator[None]:  # noqa: ARG001 - the machine's memory is nobody's of the stack
    memory = psutil.virtual_memory()
    wanted = memory.available - int(memory.total * _LEFT)
    with taken(max(0, wanted // _MEBIBYTE)):
        yield


FAULTS: dict[str, Fault] = {
    "fill:disk": Fault(_filling, covers=("fill:disk", "fill:disk-slowly"), needs=("node-exporter",)),
    "fill:memory": Fault(_memory_taken, needs=("node-exporter",), within=60.0),
}
