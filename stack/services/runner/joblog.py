"""A job's log: masked, bounded, and in the object store part by part while the job runs."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass

import structlog

from stack.errors import EngineRoomError
from stack.services.common.logs import said
from stack.services.runner.jobs import Jobs
from stack.services.runner.masking import Masker
from stack.services.runner.model import Lease
from stack.services.runner.storage import Storage

__all__ = ["JobLog", "LogCounters", "LogLimits", "part_key"]

_log = structlog.get_logger("joblog")
_LARGEST_PART = 1024 * 1024
_FIRST_WAIT = 0.5
_LONGEST_WAIT = 5.0


@dataclass(frozen=True, slots=True)
class LogLimits:
    """How much is kept, and when a part is sent: at so many bytes, or so many seconds after its first."""

    total: int
    part_bytes: int
    part_seconds: float


@dataclass(frozen=True, slots=True)
class LogCounters:
    """Told bytes that are kept, and attempts that failed."""

    kept: Callable[[int], None]
    failed: Callable[[], None]


def part_key(lease: Lease, part: int) -> str:
    """Where a part is kept; parts count from 1."""
    return f"jobs/{lease.job_id}/{lease.attempt}/{part:06d}.log"


class JobLog:
    """Takes bytes from any thread; a thread of its own sends them, so that a slow store holds no step up."""

    def __init__(
        self,
        lease: Lease,
        jobs: Jobs,
        storage: Storage,
        limits: LogLimits,
        *,
        secrets: Iterable[str],
        counters: LogCounters,
    ) -> None:
        """Begin an empty one."""
        self._lease = lease
        self._jobs = jobs
        self._storage = storage
        self._limits = limits
        self._counters = counters
        self._masker = Masker(secrets)
        self._changed = threading.Condition()
        self._pending = bytearray()
        self._since = 0.0
        self._taken = 0
        self._cut = False
        self._ended = False
        self._deadline = float("inf")
        self._parts = 0
        self._size = 0
        self._lost = False
        self._thread = threading.Thread(target=self._send, name="joblog", daemon=True)
        self._thread.start()

    def write(self, data: bytes) -> None:
        """Add a step's output; what is beyond the limit is left out, and the log says so once."""
        with self._changed:
            if self._ended or self._cut:
                return
            room = self._limits.total - self._taken
            self._taken += len(data)
            if len(data) > room:
                self._cut = True
                data = data[:room]
            self._append(self._masker.feed(data))
            if self._cut:
                self._append(self._masker.rest())
                self._append(f"\n== the log is cut here: {self._limits.total} bytes are kept\n".encode())

    def say(self, text: str) -> None:
        """Add a line of the runner's own, whatever the limit."""
        with self._changed:
            if not self._ended:
                self._append(self._masker.rest())
                self._append(self._masker.feed(f"== {text}\n".encode()))

    def close(self, seconds: float) -> bool:
        """Send the rest; false when that took longer."""
        with self._changed:
            self._append(self._masker.rest())
            self._ended = True
            self._deadline = time.monotonic() + seconds
            self._changed.notify_all()
        self._thread.join(seconds + 15)
        return not self._thread.is_alive() and not self._pending and not self._lost

    def _append(self, data: bytes) -> None:
        if data:
            if not self._pending:
                self._since = time.monotonic()
            self._pending += data
            self._changed.notify_all()

    def _send(self) -> None:
        wait = _FIRST_WAIT
        while True:
            with self._changed:
                while not self._is_due():
                    self._changed.wait(self._until_due())
                part = bytes(self._pending[:_LARGEST_PART])
                ended = self._ended
            if self._lost or (ended and time.monotonic() > self._deadline):
                return
            try:
                if part:
                    self._storage.put(part_key(self._lease, self._parts + 1), part)
                    self._parts += 1
                    self._size += len(part)
                    self._counters.kept(len(part))
                    with self._changed:
                        del self._pending[: len(part)]
                        last = self._ended and not self._pending
                else:
                    last = ended
                self._record(last=last)
            except EngineRoomError as error:
                self._counters.failed()
                _log.warning("log not kept; trying again", job_id=self._lease.job_id, **said(error))
                time.sleep(wait)
                wait = min(_LONGEST_WAIT, wait * 2)
                continue
            wait = _FIRST_WAIT
            if last:
                return

    def _record(self, *, last: bool) -> None:
        held = self._jobs.logged(self._lease, parts=self._parts, size=self._size, cut=self._cut, complete=last)
        self._lost = not held

    def _is_due(self) -> bool:
        if self._ended or self._lost:
            return True
        if not self._pending:
            return False
        return len(self._pending) >= self._limits.part_bytes or self._until_due() <= 0

    def _until_due(self) -> float:
        if not self._pending:
            return 60.0
        return max(0.0, self._since + self._limits.part_seconds - time.monotonic())
