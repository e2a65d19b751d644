"""Alerts on the index: behind, stalled, failing."""

from __future__ import annotations

from stack.telemetry.rules.model import Alert, Group

__all__ = ["GROUPS"]

_ON = 'job="indexer"'

_LAG = Alert(
    name="IndexLagHigh",
    expr=f"max by (engine) (index_lag_seconds{{{_ON}}}) > {{300s:10s}}",
    hold="2m",
    severity="page",
    summary="Search on {{ $labels.engine }} does not know what was pushed",
    description="The oldest event that can't be found yet is {{ $value | humanizeDuration }} old.",
    dashboard="search-index",
    fault="pause:opensearch",
    stimulus="push-to-index",
)

# The series of an indexer that is gone are gone with it: the newest success of the last day is what counts.
_STALLED = Alert(
    name="IndexerStalled",
    expr=(
        f"time() - max by (engine) (max_over_time(index_last_success_timestamp_seconds{{{_ON}}}[1d])) > {{900s:75s}}"
    ),
    hold="1m",
    severity="page",
    summary="The indexer has not finished a run on {{ $labels.engine }}",
    description="Its last good run ended {{ $value | humanizeDuration }} ago, and an idle forge has one every minute.",
    dashboard="search-index",
    fault="stop:indexer",
)

_FAILING = Alert(
    name="IndexRunsFailing",
    expr=(
        f'sum by (engine) (increase(index_runs_total{{{_ON},result="failed"}}[10m])) >= 1'
        f' unless sum by (engine) (increase(index_runs_total{{{_ON},result="ok"}}[10m])) >= 1'
    ),
    hold="2m",
    severity="ticket",
    summary="Runs of the indexer on {{ $labels.engine }} fail",
    description="{{ $value | humanize }} runs failed, and none ended well.",
    dashboard="search-index",
    fault="stop:opensearch",
    stimulus="push-to-index",
)

GROUPS = (Group("index", "search", (_LAG, _STALLED, _FAILING)),)
