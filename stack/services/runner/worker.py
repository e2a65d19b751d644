"""The loops: take and run, look at the queue, sweep up after runners that are no more."""

from __future__ import annotations

import random
import threading
import time
from dataclasses import dataclass

import structlog

from stack.errors import EngineRoomError
from stack.services.common.logs import said
from stack.services.runner.execute import Executor
from stack.services.runner.jobs import Jobs
from stack.services.runner.metrics import RunnerMetrics
from stack.services.runner.settings import RunnerSettings

__all__ = ["Worker"]

_log = structlog.get_logger("runner")
_LONGEST_WAIT = 15.0
_SWEEP_SECONDS = 5.0


@dataclass(slots=True)
class Worker:
    """One runner's threads."""

    settings: RunnerSettings
    jobs: Jobs
    executor: Executor
    metrics: RunnerMetrics

    def work(self, stopping: threading.Event) -> None:
        """Take jobs and run them, one at a time, until told to end."""
        failures = 0
        while not stopping.is_set():
            try:
                job = self.jobs.take()
                failures = 0
            except EngineRoomError as error:
                failures += 1
                (_log.warning if failures == 1 else _log.debug)("no job can be taken; trying again", **said(error))
                longest = min(_LONGEST_WAIT, self.settings.look_seconds * 2.0 ** min(failures, 10))
                stopping.wait(longest * random.uniform(0.5, 1))  # noqa: S311 - spreads retries, keeps no secret
                continue
            if job is None:
                stopping.wait(self.settings.look_seconds)
            else:
                self.executor.run(job)

    def hand_back(self, stopping: threading.Event) -> None:
        """Let what runs go on for the time it is given after the end was asked for, and no longer."""
        stopping.wait()
        until = time.monotonic() + self.settings.grace
        while time.monotonic() < until and self.metrics.running._value.get() > 0:  # noqa: SLF001 - what it would show
            time.sleep(0.05)
        self.executor.handing_back.set()

    def look(self, stopping: threading.Event) -> None:
        """Look at the queue for the metrics, and now and then sweep."""
        sweep_due = 0.0
        while not stopping.is_set():
            try:
                self.metrics.seen(self.jobs.waiting())
                if time.monotonic() >= sweep_due:
                    sweep_due = time.monotonic() + _SWEEP_SECONDS
                    for swept in self.jobs.sweep():
                        self.metrics.ended(swept.kind, "failed")
                        _log.warning("a job's last runner is gone", job_id=swept.id)
            except EngineRoomError as error:
                _log.debug("queue not readable", **said(error))
            stopping.wait(self.settings.look_seconds)
