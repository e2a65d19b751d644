"""Makes attempts at jobs: one span, one line at either end, and the figures of each."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass

import structlog
from opentelemetry.context import Context
from opentelemetry.trace import SpanKind
from opentelemetry.util.types import AttributeValue

from stack.services.common.statements import at_most
from stack.services.common.telemetry import link_to, span
from stack.services.runner.attempt import Attempt
from stack.services.runner.folders import Workplace
from stack.services.runner.joblog import JobLog, LogCounters, LogLimits
from stack.services.runner.jobs import Jobs
from stack.services.runner.metrics import RunnerMetrics
from stack.services.runner.model import Job, Outcome
from stack.services.runner.settings import RunnerSettings
from stack.services.runner.storage import Storage
from stack.services.runner.watch import Watch

__all__ = ["Executor"]

_log = structlog.get_logger("runner")
_STATEMENTS = 200


@dataclass(frozen=True, slots=True)
class Executor:
    """Runs jobs; safe for threads.

    Args:
        settings: limits and addresses.
        jobs: the table.
        storage: for logs.
        workplace: for folders.
        metrics: told how each ended.
        handing_back: set when what runs has to be given back.
    """

    settings: RunnerSettings
    jobs: Jobs
    storage: Storage
    workplace: Workplace
    metrics: RunnerMetrics
    handing_back: threading.Event

    def run(self, job: Job) -> Outcome:
        """Make one attempt, and write its end."""
        begun = time.monotonic()
        self.metrics.running.inc()
        self.metrics.wait.observe(job.waited)
        if job.taken_over:
            self.metrics.ended(job.kind, "retried")
        structlog.contextvars.bind_contextvars(job_id=job.lease.job_id, attempt=job.lease.attempt)
        attributes: dict[str, AttributeValue] = {
            "job.id": job.lease.job_id,
            "job.kind": job.kind,
            "job.attempt": job.lease.attempt,
        }
        links = link_to(job.traceparent)
        try:
            with span(
                f"job {job.kind}", kind=SpanKind.CONSUMER, attributes=attributes, links=links, context=Context()
            ) as made:
                _log.info("job begun", kind=job.kind, taken_over=job.taken_over)
                with at_most(_STATEMENTS), self._watch(job) as watch:
                    outcome = Attempt(
                        self.settings, self.jobs, self.workplace, job=job, watch=watch, log=self._log_of(job)
                    ).run()
                made.set_attribute("job.outcome", outcome)
                _log.info("job ended", outcome=outcome, duration_seconds=round(time.monotonic() - begun, 3))
        finally:
            self.metrics.running.dec()
            structlog.contextvars.clear_contextvars()
        self.metrics.ended(job.kind, outcome, time.monotonic() - begun)
        return outcome

    def _watch(self, job: Job) -> Watch:
        return Watch(
            self.jobs,
            job.lease,
            seconds=self.settings.lease,
            every=self.settings.heartbeat,
            handing_back=self.handing_back,
        )

    def _log_of(self, job: Job) -> JobLog:
        settings = self.settings
        return JobLog(
            job.lease,
            self.jobs,
            self.storage,
            LogLimits(settings.log_bytes, settings.log_part_bytes, settings.log_part_seconds),
            secrets=settings.hidden,
            counters=LogCounters(self.metrics.log_bytes.inc, self.metrics.log_failures.inc),
        )
