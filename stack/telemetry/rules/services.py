"""Alerts on the api, the git service and the runner: saturated, stuck, losing work."""

from __future__ import annotations

from stack.telemetry.promql import grown
from stack.telemetry.rules.model import Alert, Group

__all__ = ["GROUPS"]

_POOL = Alert(
    name="ApiPoolExhausted",
    expr=(
        'sum by (instance) (db_client_connection_count{job="api",db_client_connection_state="used"})'
        ' / sum by (instance) (db_client_connection_max{job="api"}) > 0.9'
    ),
    hold="1m",
    severity="page",
    summary="The api on {{ $labels.instance }} has no connection to the database left",
    description="{{ $value | humanizePercentage }} of its pool is in use: requests wait for a connection, and fail "
    "when they wait too long.",
    dashboard="api-latency",
    fault="lock:database",
    stimulus="concurrent-requests",
)

_SPOOL = Alert(
    name="GitSpoolNotDraining",
    expr='min by (instance) (min_over_time(git_spool_entries{job="git"}[5m])) > 0',
    hold="1m",
    severity="page",
    summary="Pushes are accepted, and nobody is told of them",
    description="{{ $value }} or more pushes have been waiting to be announced: search, pull requests and jobs do not "
    "know of them. None is lost.",
    dashboard="git-performance",
    fault="stop:postgresql-primary",
    stimulus="unannounced-push",
)

_BUSY = Alert(
    name="GitBusy",
    expr='sum by (instance) (rate(git_refused_total{job="git",reason="busy"}[5m])) > 0',
    hold="1m",
    severity="page",
    summary="Clones and pushes are refused because too many run",
    description="{{ $value | humanize }} a second found no free git process in time and got 503.",
    dashboard="git-performance",
    fault="fill:git",
    stimulus="held-clones",
)

_BACKLOG = Alert(
    name="JobQueueBacklog",
    expr='max (runner_oldest_queued_seconds{job="runner"}) > {300s:10s}',
    hold="2m",
    severity="ticket",
    summary="Jobs wait too long for a runner",
    description="The oldest queued job has been waiting for {{ $value | humanizeDuration }}.",
    dashboard="jobs",
    fault="fill:jobs",
    stimulus="jobs-queued",
)

# `retried`: an attempt that was given back, or taken over from a runner that died; `lost`: one that came back too late.
_LOST = Alert(
    name="JobsLost",
    expr=grown("runner_jobs_total", "runner", 'result=~"lost|retried"', "kind", "15m"),
    hold="0s",
    severity="ticket",
    summary="Jobs of kind {{ $labels.kind }} lost an attempt",
    description="{{ $value | humanize }} attempts came to nothing because their runner ended, died or stood still. The "
    "jobs run again.",
    dashboard="jobs",
    fault="kill:runner",
    stimulus="lost-jobs",
)

_FAILING = Alert(
    name="JobsFailing",
    expr=(
        'sum by (kind) (increase(runner_jobs_total{job="runner",result="failed"}[30m]))'
        ' / sum by (kind) (increase(runner_jobs_total{job="runner",result=~"succeeded|failed"}[30m])) > 0.9'
        ' and sum by (kind) (increase(runner_jobs_total{job="runner",result="failed"}[30m])) > 5'
    ),
    hold="1m",
    severity="ticket",
    summary="Nearly every job of kind {{ $labels.kind }} fails",
    description="{{ $value | humanizePercentage }} failed: seldom the fault of so many authors at once.",
    dashboard="jobs",
    fault="fail:jobs",
    stimulus="failing-jobs",
)

_UPLOADS = Alert(
    name="JobLogUploadFailing",
    expr='sum (increase(runner_log_upload_failures_total{job="runner"}[10m])) > 0',
    hold="1m",
    severity="ticket",
    summary="Logs of jobs do not reach the object store",
    description="{{ $value | humanize }} uploads failed: their authors see a log that stops.",
    dashboard="jobs",
    fault="stop:objects",
    stimulus="object-store-away",
)

GROUPS = (
    Group("api", "services", (_POOL,)),
    Group("git", "services", (_SPOOL, _BUSY)),
    Group("jobs", "services", (_BACKLOG, _LOST, _FAILING, _UPLOADS)),
)
