"""Keeps a job's lease alive while it runs, and says when to stop."""

from __future__ import annotations

import threading
import time
from types import TracebackType
from typing import Literal, Self

import structlog

from stack.errors import EngineRoomError
from stack.services.common.logs import said
from stack.services.runner.jobs import Jobs
from stack.services.runner.model import Lease

__all__ = ["Watch"]

_log = structlog.get_logger("watch")
Reason = Literal["cancelled", "lost", "stopping"]


class Watch:
    """A heartbeat in a thread of its own. A lease that could not be extended in time counts as lost, by this clock."""

    def __init__(
        self, jobs: Jobs, lease: Lease, *, seconds: float, every: float, handing_back: threading.Event
    ) -> None:
        """Begin with a lease that was just taken.

        Args:
            jobs: where it is extended.
            lease: which.
            seconds: it lasts without being extended.
            every: seconds between two heartbeats.
            handing_back: set when this runner ends and its jobs have to be given back.
        """
        self._jobs = jobs
        self._lease = lease
        self._seconds = seconds
        self._every = every
        self._handing_back = handing_back
        self._deadline = time.monotonic() + seconds
        self._done = threading.Event()
        self._told: Reason | None = None
        self._thread = threading.Thread(target=self._beat, name="heartbeat", daemon=True)

    def __enter__(self) -> Self:
        """Begin."""
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """End."""
        self._done.set()

    @property
    def reason(self) -> Reason | None:
        """Why the job must not go on; `None` while it may."""
        if self._told is None and time.monotonic() > self._deadline:
            self._told = "lost"  # for good: steps were stopped because of it
        if self._told is not None:
            return self._told
        return "stopping" if self._handing_back.is_set() else None

    def stop(self) -> bool:
        """Whether it must not go on."""
        return self.reason is not None

    def _beat(self) -> None:
        while not self._done.wait(self._every):
            begun = time.monotonic()
            try:
                if self.reason == "lost":
                    return
                if self._jobs.extend(self._lease):
                    self._deadline = begun + self._seconds
                    continue
                self._told = "cancelled" if self._jobs.is_cancelled(self._lease) else "lost"
            except EngineRoomError as error:
                _log.warning("heartbeat failed", job_id=self._lease.job_id, **said(error))
                continue
            return
