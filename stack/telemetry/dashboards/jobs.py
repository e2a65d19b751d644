"""Jobs: how many wait, how long, how they end, and whether their logs arrive."""

from __future__ import annotations

from stack.telemetry.board import Dashboard, Links, Panel, Row, Threshold, Variable, t
from stack.telemetry.promql import quantile, rate, ratio

__all__ = ["DASHBOARD"]

_RUNNER = ("runner",)
_ON = 'job="runner",instance=~"$instance"'
_JOBS = f"runner_jobs_total{{{_ON}}}"
_ENDED = f'runner_jobs_total{{{_ON},result=~"succeeded|failed|lost"}}'

_QUEUE = Row(
    "Queue",
    (
        Panel(
            "Queued",
            "short",
            "jobs-queued",
            _RUNNER,
            (t(f"max (runner_jobs_queued{{{_ON}}})", "jobs"),),
            "Jobs that wait for a runner. Every runner reports the same queue.",
        ),
        Panel(
            "Oldest queued",
            "s",
            "jobs-queued",
            _RUNNER,
            (t(f"max (runner_oldest_queued_seconds{{{_ON}}})", "age"),),
            "How long the longest waiting job has waited: what its author feels.",
            thresholds=(Threshold(60, "orange"), Threshold(300, "red")),
        ),
        Panel(
            "Running",
            "short",
            "jobs-queued",
            _RUNNER,
            (t(f"runner_jobs_running{{{_ON}}}", "{{instance}}"),),
            "Jobs in progress; RUNNER_CONCURRENCY is the limit of each runner.",
        ),
        Panel(
            "Time in the queue",
            "s",
            "job-run",
            _RUNNER,
            tuple(
                t(quantile(level, "runner_job_wait_seconds", selector=_ON), f"p{level * 100:.0f}")
                for level in (0.5, 0.95)
            ),
            "Of jobs that were taken: from their creation to their first step.",
        ),
    ),
)

_RESULTS = Row(
    "Results",
    (
        Panel(
            "Jobs by result",
            "ops",
            "job-run",
            _RUNNER,
            (t(rate(_JOBS, "kind, result"), "{{kind}} {{result}}"),),
            "`failed` is mostly the step's own doing. `retried`: given back, or taken over from a dead runner; `lost`: "
            "its runner came back too late.",
        ),
        Panel(
            "Share that failed",
            "percentunit",
            "failing-jobs",
            _RUNNER,
            (
                t(
                    ratio(rate(f'runner_jobs_total{{{_ON},result="failed"}}', "kind"), rate(_ENDED, "kind")),
                    "{{kind}}",
                ),
            ),
            "All of them failing at once is seldom the steps' fault.",
            thresholds=(Threshold(0.5, "orange"), Threshold(0.9, "red")),
        ),
        Panel(
            "Lost and retried",
            "ops",
            "lost-jobs",
            _RUNNER,
            (t(rate(f'runner_jobs_total{{{_ON},result=~"lost|retried"}}', "result"), "{{result}}"),),
            "Attempts whose runner ended, died or stood still. The jobs run again, and never succeed twice.",
            thresholds=(Threshold(0.001, "orange"),),
        ),
        Panel(
            "Duration",
            "s",
            "job-run",
            _RUNNER,
            tuple(
                t(
                    quantile(level, "runner_job_duration_seconds", "kind", selector=_ON),
                    f"p{level * 100:.0f} {{{{kind}}}}",
                )
                for level in (0.5, 0.95)
            ),
            "From the first step to the last.",
        ),
    ),
)

_LOGS = Row(
    "Their logs",
    (
        Panel(
            "Bytes of logs",
            "binBps",
            "job-run",
            _RUNNER,
            (t(rate(f"runner_log_bytes_total{{{_ON}}}"), "bytes"),),
            "What jobs print, on its way to the object store.",
        ),
        Panel(
            "Failed uploads",
            "ops",
            "object-store-away",
            _RUNNER,
            (t(rate(f"runner_log_upload_failures_total{{{_ON}}}"), "failures"),),
            "Parts of logs the object store did not take; they are tried again while the job runs.",
            thresholds=(Threshold(0.001, "orange"),),
        ),
    ),
)

DASHBOARD = Dashboard(
    uid="jobs",
    title="Jobs",
    description="How many jobs wait and how long, how they end, and whether their logs arrive.",
    rows=(_QUEUE, _RESULTS, _LOGS),
    variables=(Variable("instance", "Runner", 'label_values(runner_jobs_running{job="runner"}, instance)'),),
    links=Links("runner"),
)
