"""Stimuli that take something of the machine: processor, memory, disk, network."""

from __future__ import annotations

import os
import socket
import sys
import tempfile
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

from stack.process import ProgramFailedError, run
from steps.stimuli.base import Bench, Stimulus

__all__ = ["STIMULI", "taken"]

_NODE = ("node-exporter",)
_SECONDS = 60.0  # for which a process may live that takes something
_MEBIBYTE = 2**20
_MEMORY = 600  # MiB
_CHUNKS, _CHUNK = 12, 25 * _MEBIBYTE
_SENT = 4 * _MEBIBYTE
_BUSY = "while True: pass"
# The first to go, should somebody else need the memory: nothing but this process may be ended for it.
_TAKES = (
    "import sys, time\n"
    "open('/proc/self/oom_score_adj', 'w').write('1000')\n"
    "kept = [b'\\1' * (1 << 20) for _ in range(int(sys.argv[1]))]\n"
    "time.sleep(600)\n"
)


@contextmanager
def _processes(script: str, *arguments: str, number: int = 1) -> Iterator[None]:
    """Processes of Python that run until the block ends, and no longer than a minute."""
    stop = threading.Event()

    def work() -> None:
        try:
            run([sys.executable, "-S", "-c", script, *arguments], timeout=_SECONDS, stop=stop)
        except ProgramFailedError:
            return  # it never ends by itself

    with ThreadPoolExecutor(max_workers=number) as pool:
        for _ in range(number):
            pool.submit(work)
        try:
            yield
        finally:
            stop.set()


@contextmanager
def _processor(_: Bench) -> Iterator[None]:
    with _processes(_BUSY, number=3):
        yield


@contextmanager
def taken(mebibytes: int) -> Iterator[None]:
    """Memory that a process has and has touched."""
    with _processes(_TAKES, str(mebibytes)):
        yield


@contextmanager
def _memory(_: Bench) -> Iterator[None]:
    with taken(_MEMORY):
        yield


@contextmanager
def _disk(bench: Bench) -> Iterator[None]:
    with (
        tempfile.TemporaryDirectory(dir=bench.folder) as folder,
        bench.repeated(lambda number: _write(Path(folder) / f"{number}.bin"), every=0.2, most=_CHUNKS),
    ):
        yield


def _write(path: Path) -> None:
    with path.open("wb") as file:
        file.write(os.urandom(_CHUNK))
        file.flush()
        os.fsync(file.fileno())


@contextmanager
def _network(bench: Bench) -> Iterator[None]:
    with socket.create_server(("127.0.0.1", 0)) as server:
        address = server.getsockname()
        with bench.repeated(lambda _: _exchange(server, address), every=0.1, most=200):
            yield


def _exchange(server: socket.socket, address: tuple[str, int]) -> None:
    with socket.create_connection(address) as sender, server.accept()[0] as receiver, ThreadPoolExecutor(1) as pool:
        sending = pool.submit(sender.sendall, bytes(_SENT))
        left = _SENT
        while left > 0:
            left -= len(receiver.recv(65_536))
        sending.result()


STIMULI: dict[str, Stimulus] = {
    "cpu-load": Stimulus(_processor, needs=_NODE, within=30.0),
    "disk-traffic": Stimulus(_disk, needs=_NODE),
    "memory-load": Stimulus(_memory, needs=_NODE),
    "network-traffic": Stimulus(_network, needs=_NODE),
}
