"""Alerts on telemetry itself: spans and lines that do not arrive."""

from __future__ import annotations

from stack.telemetry.promql import QUIET, grown
from stack.telemetry.rules.model import Alert, Group

__all__ = ["GROUPS"]

_ON = 'job="collector"'

_DROPPED = Alert(
    name="SpansDropped",
    expr="sum by (job) (rate(otel_spans_dropped_total[5m])) > 0",
    hold="2m",
    severity="ticket",
    summary="Traces of {{ $labels.job }} have holes",
    description="{{ $labels.job }} drops {{ $value | humanize }} spans a second.",
    dashboard="telemetry",
    fault="stop:collector",
    stimulus="spans-undelivered",
)

_QUEUE = Alert(
    name="CollectorQueueFilling",
    expr=f"otelcol_exporter_queue_size{{{_ON}}} / otelcol_exporter_queue_capacity{{{_ON}}} > 0.5",
    hold="2m",
    severity="ticket",
    summary="The collector can't get rid of its {{ $labels.data_type }} for {{ $labels.exporter }}",
    description="{{ $value | humanizePercentage }} of the queue is in use; when it is full, what comes is lost.",
    dashboard="telemetry",
    fault="fill:collector",
    stimulus="jaeger-away",
)


def _kept_back(data_type: str, signal: str) -> str:
    """Something has been in the queue all the time, and nothing was taken."""
    queue = f'otelcol_exporter_queue_size{{{_ON},data_type="{data_type}"}}'
    return (
        f"min by (exporter, data_type) (min_over_time({queue}[5m])) > 0"
        f" unless on (exporter) sum by (exporter) (rate(otelcol_exporter_sent_{signal}{{{_ON}}}[5m])) > 0"
    )


_EXPORT = Alert(
    name="CollectorExportFailing",
    expr=f"({_kept_back('traces', 'spans')}) or ({_kept_back('logs', 'log_records')})",
    hold="1m",
    severity="ticket",
    summary="{{ $labels.exporter }} takes no {{ $labels.data_type }}",
    description="{{ $value }} or more batches have been waiting, and none was taken. They are on disk as long as "
    "the queue lasts.",
    dashboard="telemetry",
    fault="pause:jaeger",
    stimulus="jaeger-away",
)

_LOST = Alert(
    name="TelemetryLost",
    expr=" or ".join(
        grown(f"otelcol_exporter_{what}_{signal}", "collector", "", "exporter", "10m")
        for signal in ("spans", "log_records")
        for what in ("send_failed", "enqueue_failed")
    ),
    hold="0s",
    severity="ticket",
    summary="The collector has given up what it had for {{ $labels.exporter }}",
    description="{{ $value | humanize }} records are lost for good.",
    dashboard="telemetry",
    fault="overflow:collector",
    stimulus="jaeger-away",
)

# Every request of a user writes a line, so requests without lines mean that lines are lost on the way.
_LOGS = Alert(
    name="LogPipelineStalled",
    expr=(
        f"sum by (exporter) (rate(otelcol_exporter_sent_log_records{{{_ON}}}[5m])) == 0"
        f" and on () sum (rate(http_server_request_duration_seconds_count{{{QUIET}}}[5m])) > 0"
    ),
    hold="2m",
    severity="ticket",
    summary="No log line reaches {{ $labels.exporter }}",
    description="Services answer requests, each of which writes a line, and the collector delivers {{ $value }} lines.",
    dashboard="telemetry",
    fault="cut:log-store",
    stimulus="api-requests",
)

GROUPS = (Group("telemetry", "telemetry", (_DROPPED, _QUEUE, _EXPORT, _LOST, _LOGS)),)
