"""What the runner counts."""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Sequence

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from stack.services.runner.jobs import Waiting
from stack.services.runner.model import Outcome

__all__ = ["RunnerMetrics"]

_DURATION = (0.5, 1, 2.5, 5, 10, 30, 60, 120, 300, 600, 1800, 3600)
_WAIT = (0.5, 1, 2.5, 5, 10, 30, 60, 300, 1800)
_RESULTS: tuple[Outcome, ...] = ("succeeded", "failed", "cancelled", "retried", "lost")
_STALE_SECONDS = 15.0


class RunnerMetrics:
    """All of them; what is known of the queue is not a number when it wasn't looked at lately."""

    def __init__(self, registry: CollectorRegistry, kinds: Sequence[str]) -> None:
        """Register them; `kinds` are the only values of that label."""
        self._lock = threading.Lock()
        self._waiting = Waiting(0, 0.0)
        self._seen = -math.inf
        self._jobs = Counter("runner_jobs", "Attempts by how they ended.", ("kind", "result"), registry=registry)
        for kind in kinds:
            for result in _RESULTS:
                self._jobs.labels(kind, result)
        self._duration = Histogram(
            "runner_job_duration_seconds", "Length of attempts.", ("kind",), buckets=_DURATION, registry=registry
        )
        self.wait = Histogram(
            "runner_job_wait_seconds", "From when a job could be taken until it was.", buckets=_WAIT, registry=registry
        )
        self.running = Gauge("runner_jobs_running", "Attempts under way here.", registry=registry)
        queued = Gauge("runner_jobs_queued", "Jobs that could be taken.", registry=registry)
        queued.set_function(lambda: self._known().queued)
        oldest = Gauge("runner_oldest_queued_seconds", "How long the oldest of them waits.", registry=registry)
        oldest.set_function(lambda: self._known().oldest)
        self.log_bytes = Counter("runner_log_bytes", "Bytes of logs that are kept.", registry=registry)
        self.log_failures = Counter(
            "runner_log_upload_failures", "Attempts to keep a part of a log that failed.", registry=registry
        )

    def ended(self, kind: str, result: Outcome, seconds: float | None = None) -> None:
        """An attempt has ended."""
        self._jobs.labels(kind, result).inc()
        if seconds is not None:
            self._duration.labels(kind).observe(seconds)

    def seen(self, waiting: Waiting) -> None:
        """The queue was looked at just now."""
        with self._lock:
            self._waiting, self._seen = waiting, time.monotonic()

    def _known(self) -> _Known:
        with self._lock:
            passed = time.monotonic() - self._seen
            if passed > _STALE_SECONDS:
                return _Known(math.nan, math.nan)
            oldest = self._waiting.oldest + passed if self._waiting.queued else 0.0
            return _Known(float(self._waiting.queued), oldest)


class _Known:
    """Numbers, or not."""

    def __init__(self, queued: float, oldest: float) -> None:
        self.queued = queued
        self.oldest = oldest
