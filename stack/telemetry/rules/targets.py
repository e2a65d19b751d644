"""Alerts on what is scraped: services that are down, exporters that are dead, meters that are broken."""

from __future__ import annotations

from collections.abc import Iterable

from stack.telemetry.dashboards.errors import SERVICES
from stack.telemetry.promql import each_of
from stack.telemetry.rules.model import Alert, Group

__all__ = ["JOBS", "METERS", "group"]

JOBS = (*SERVICES, "collector", "spanmetrics", "postgresql", "redis", "node", "prometheus", "victorialogs", "jaeger")
_FILE = "targets"

# What a job must show as long as it is scraped: metric, job, and what says that it could show it.
METERS: tuple[tuple[str, str, str], ...] = (
    ("http_server_request_duration_seconds_count", "api", 'up{job="api"}'),
    ("db_client_connection_max", "api", 'up{job="api"}'),
    ("otel_spans_exported_total", "api", 'up{job="api"}'),
    ("http_server_request_duration_seconds_count", "git", 'up{job="git"}'),
    ("git_spool_entries", "git", 'up{job="git"}'),
    ("http_server_request_duration_seconds_count", "search", 'up{job="search"}'),
    ("index_lag_seconds", "indexer", 'up{job="indexer"}'),
    ("runner_jobs_queued", "runner", 'up{job="runner"}'),
    ("http_server_request_duration_seconds_count", "web", 'up{job="web"}'),
    ("pg_replication_lag_seconds", "postgresql", 'pg_up{job="postgresql"}'),
    ("pg_stat_activity_count", "postgresql", 'pg_up{job="postgresql"}'),
    ("redis_cluster_state", "redis", 'redis_up{job="redis"}'),
    ("otelcol_exporter_queue_size", "collector", 'up{job="collector"}'),
    ("node_filesystem_avail_bytes", "node", 'up{job="node"}'),
    ("node_memory_MemAvailable_bytes", "node", 'up{job="node"}'),
)

_SERVICE_DOWN = Alert(
    name="ServiceDown",
    expr=f'max by (job) (up{{job=~"{each_of(SERVICES)}"}}) == 0',
    hold="1m",
    severity="page",
    summary="{{ $labels.job }} is down",
    description="No instance of {{ $labels.job }} answers its scrapes: users are without it.",
    dashboard="overview",
    fault="stop:api",
)

_TARGET_DOWN = Alert(
    name="TargetDown",
    expr=f'up == 0 unless on (job) max by (job) (up{{job=~"{each_of(SERVICES)}"}}) == 0',
    hold="2m",
    severity="ticket",
    summary="{{ $labels.job }} ({{ $labels.instance }}) is not seen any more",
    description="Prometheus can't scrape {{ $labels.instance }} of {{ $labels.job }}: its panels are empty, and its "
    "alerts can't fire.",
    dashboard="telemetry",
    fault="stop:redis-exporter",
)


def _missing(job: str) -> Alert:
    return Alert(
        name="TargetMissing",
        expr=f'absent(up{{job="{job}"}})',
        hold="2m",
        severity="ticket",
        summary="Prometheus does not know of {{ $labels.job }}",
        description="There is no target for the job {{ $labels.job }}: nobody looks at it, and nobody is told when it "
        "fails.",
        dashboard="telemetry",
        fault="unscrape:jobs",
        labels={"job": job},
    )


def _meter(metric: str, job: str, able: str) -> Alert:
    return Alert(
        name="MetricAbsent",
        expr=f'absent({metric}{{job="{job}"}}) and on () ({able} == 1)',
        hold="2m",
        severity="ticket",
        summary="{{ $labels.job }} no longer says " + metric,
        description="{{ $labels.job }} is scraped, but its " + metric + " is gone: panels and alerts made from it are "
        "blind, and an empty panel is no sign of quiet.",
        dashboard="telemetry",
        fault="strip:meters",
        labels={"job": job, "metric": metric},
    )


def group(jobs: Iterable[str]) -> tuple[Group, ...]:
    """The alerts on these jobs: a deployment without one of them must not be told of it for ever."""
    known = tuple(jobs)
    alerts = (
        _SERVICE_DOWN,
        _TARGET_DOWN,
        *(_missing(job) for job in known),
        *(_meter(*meter) for meter in METERS if meter[1] in known),
    )
    return (Group("targets", _FILE, alerts),)
