"""What is done to a backup while it runs: its processes are killed, its object store fails, its disk is full."""

from __future__ import annotations

import random
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import psutil

from steps.components import until
from steps.faulty_store import BUSY, CUT, FULL, REVOKED, SLOW, Fault
from steps.mounts import mount, unmount
from steps.recovery_desk import Desk
from steps.recovery_sets_site import STORE, SetSite

__all__ = ["HARMS", "Harm", "Services", "Strike", "runs"]

_AWAY = 1.0  # seconds that the store is not there
_POLL = 0.005
_WORKS, _STARTS = "Ctrl-C ends it", 60.0  # what a service says once it works, and seconds for that
_WITHIN = 20.0  # seconds for the right moment to come
_SMALL = 160 << 20  # bytes of a disk that fills; restic wants 64 MiB left for a cache

Strike = Callable[[psutil.Process, random.Random], bool]
"""Does the harm to the process that takes a set; whether it landed inside its run."""


class Services:
    """The receiver and the shipper beside a forge, each a process that is started again when it is gone."""

    def __init__(self, desk: Desk) -> None:
        """Start them."""
        self._desk = desk
        self._verbs = {"the receiver": "receive", "the shipper": "ship"}
        self._processes = {name: self._start(name) for name in self._verbs}

    def _start(self, name: str) -> subprocess.Popen[bytes]:
        log = self._desk.log(self._verbs[name])
        before = log.read_text("utf-8").count(_WORKS) if log.exists() else 0
        process = self._desk.start("backup", self._verbs[name], log=self._verbs[name])
        # It ends when the store is away as it starts, and goes on when that goes away later.
        until(lambda: log.read_text("utf-8").count(_WORKS) > before, _STARTS, lambda: log.read_text("utf-8")[-500:])
        return process

    def kill(self, name: str) -> None:
        """Kill one of them alone, as the kernel does; what it began lives on. A service manager starts it again."""
        self._processes[name].kill()
        self._processes[name].wait(10)
        self._processes[name] = self._start(name)

    @property
    def gone(self) -> list[str]:
        """Those that ended by themselves."""
        return [name for name, process in self._processes.items() if process.poll() is not None]

    def close(self) -> None:
        """End them as a service manager does."""
        for process in self._processes.values():
            process.terminate()
        for process in self._processes.values():
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait(10)


class Harm:
    """One thing that can be done.

    Attributes:
        name: in a sentence: "the backup is killed".
        with_base: whether the set takes a base backup of its own.
    """

    def __init__(self, name: str, *, with_base: bool = False) -> None:
        """Name it."""
        self.name = name
        self.with_base = with_base

    @contextmanager
    def ready(self, site: SetSite, services: Services) -> Iterator[Strike]:
        """What strikes; everything is as it was before when this is left."""
        raise NotImplementedError


class _KilledSet(Harm):
    """The process that takes the set, alone or with all that it began."""

    def __init__(self, name: str, *, with_children: bool) -> None:
        super().__init__(name)
        self._with_children = with_children

    @contextmanager
    def ready(self, site: SetSite, services: Services) -> Iterator[Strike]:  # noqa: ARG002 - of every harm
        yield self._strike

    def _strike(self, backup: psutil.Process, chance: random.Random) -> bool:  # noqa: ARG002 - of every harm
        children = backup.children(recursive=True) if self._with_children else []
        backup.kill()
        for each in children:
            with suppress(psutil.NoSuchProcess):
                each.kill()
        return True


class _KilledProgram(Harm):
    """A program that the backup, or PostgreSQL's archiver, began."""

    def __init__(self, name: str, words: tuple[str, ...], *, with_base: bool = False, of_server: bool = False) -> None:
        super().__init__(name, with_base=with_base)
        self._words = words
        self._of_server = of_server

    @contextmanager
    def ready(self, site: SetSite, services: Services) -> Iterator[Strike]:  # noqa: ARG002 - of every harm
        def strike(backup: psutil.Process, chance: random.Random) -> bool:
            parent = psutil.Process(_postmaster(site)) if self._of_server else backup
            grace = chance.uniform(0.0, 0.25)
            deadline = time.monotonic() + _WITHIN
            while runs(backup) and time.monotonic() < deadline:
                for each in parent.children(recursive=True):
                    with suppress(psutil.NoSuchProcess):
                        if all(word in " ".join(each.cmdline()[:5]) for word in self._words):
                            time.sleep(grace)
                            if each.status() != psutil.STATUS_ZOMBIE:  # it would be over already
                                each.kill()
                                return True
                time.sleep(_POLL)
            return False

        yield strike


class _KilledService(Harm):
    @contextmanager
    def ready(self, site: SetSite, services: Services) -> Iterator[Strike]:  # noqa: ARG002 - of every harm
        def strike(backup: psutil.Process, chance: random.Random) -> bool:  # noqa: ARG001 - of every harm
            services.kill(self.name.removesuffix(" is killed"))
            return runs(backup)

        yield strike


class _StoreAway(Harm):
    @contextmanager
    def ready(self, site: SetSite, services: Services) -> Iterator[Strike]:  # noqa: ARG002 - of every harm
        def strike(backup: psutil.Process, chance: random.Random) -> bool:  # noqa: ARG001 - of every harm
            landed = runs(backup)
            site.stack.kill(STORE)
            time.sleep(_AWAY)
            site.stack.forgive()
            return landed

        try:
            yield strike
        finally:
            site.stack.forgive()


class _StoreFails(Harm):
    def __init__(self, fault: Fault) -> None:
        super().__init__(f"the object store {fault.name}")
        self._fault = fault

    @contextmanager
    def ready(self, site: SetSite, services: Services) -> Iterator[Strike]:  # noqa: ARG002 - of every harm
        def strike(backup: psutil.Process, chance: random.Random) -> bool:
            until = time.monotonic() + chance.uniform(0.3, 2.5)
            with site.way.failing(self._fault):
                while time.monotonic() < until and runs(backup):
                    time.sleep(_POLL)
                return site.way.hits > 0

        yield strike


class _FullDisk(Harm):
    """What a backup writes beside the forge lies on a small file system; from one moment on nothing is left of it."""

    @contextmanager
    def ready(self, site: SetSite, services: Services) -> Iterator[Strike]:  # noqa: ARG002 - of every harm
        folders = [site.archive.staging, site.source.cache]
        mounted: list[Path] = []
        try:
            for folder in folders:
                site.archive.ground.make(folder)
                owner = folder.stat()
                mount(folder, size=_SMALL, mode=0o700, owner=(owner.st_uid, owner.st_gid))
                mounted.append(folder)

            def strike(backup: psutil.Process, chance: random.Random) -> bool:  # noqa: ARG001 - of every harm
                for folder in folders:
                    _fill(folder / "somebody else's")
                return runs(backup)

            yield strike
        finally:
            for folder in mounted:
                unmount(folder)


def _fill(path: Path) -> None:
    with suppress(OSError), path.open("wb", buffering=0) as file:
        while file.write(bytes(1 << 20)):
            pass


def runs(process: psutil.Process) -> bool:
    """Whether it has not ended yet."""
    with suppress(psutil.NoSuchProcess):
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    return False


def _postmaster(site: SetSite) -> int:
    return int((site.place.server.data / "postmaster.pid").read_text("ascii").split()[0])


# A seed chooses by its remainder, so the order is part of what a seed means.
HARMS: tuple[Harm, ...] = (
    _KilledProgram("the archiver's command is killed", ("agent.py", "archive"), of_server=True),
    _KilledSet("the backup and all that it began is killed", with_children=True),
    _KilledProgram("restic is killed", ("restic",)),
    _KilledProgram("Barman is killed", ("barman-cloud-backup",), with_base=True),
    _StoreAway("the object store is killed"),
    _KilledService("the shipper is killed"),
    _KilledService("the receiver is killed"),
    *(_StoreFails(fault) for fault in (BUSY, FULL, REVOKED, SLOW, CUT)),
    _KilledSet("the backup is killed", with_children=False),
    _FullDisk("the disk beside the backup is full", with_base=True),
)
