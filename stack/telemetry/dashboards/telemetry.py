"""Telemetry itself: who is scraped, what the collector takes and hands on, what is kept, and what gets lost."""

from __future__ import annotations

from collections.abc import Iterable

from stack.telemetry.board import Dashboard, Links, Panel, Row, Target, Threshold, Variable, t
from stack.telemetry.dashboards.errors import SERVICES
from stack.telemetry.promql import W, quantile

__all__ = ["DASHBOARD"]

_COLLECTOR = ("collector",)
_PROMETHEUS = ("prometheus",)
_EVERYBODY = (
    *SERVICES,
    "collector",
    "spanmetrics",
    "postgresql",
    "redis",
    "node",
    "prometheus",
    "victorialogs",
    "jaeger",
)
_ON = 'job="collector",instance=~"$instance"'
_CALLS = "traces_span_metrics_calls_total"
_SERVED = 'span_kind="SPAN_KIND_SERVER"'
# Metrics are made in the collector and scraped from it: nobody sends it any.
_RECEIVED = ("spans", "log_records")
_SIGNALS = {"spans": "traces", "log_records": "logs", "metric_points": "metrics"}


def _flow(metric: str, by: str, signals: Iterable[str] = _SIGNALS) -> tuple[Target, ...]:
    return tuple(
        t(f"sum by ({by}) (rate(otelcol_{metric}_{signal}{{{_ON}}}[{W}]))", f"{{{{{by}}}}} {signal}")
        for signal in signals
    )


def _lost(what: str, words: str) -> tuple[Target, ...]:
    """The collector makes such a counter when it first counts; the queue beside it says whether 0 is the truth."""
    return tuple(
        t(
            f"sum by (exporter) (rate(otelcol_exporter_{what}_{signal}{{{_ON}}}[{W}]))"
            f' or 0 * sum by (exporter) (otelcol_exporter_queue_size{{{_ON},data_type="{kind}"}})',
            f"{{{{exporter}}}} {signal} {words}",
        )
        for signal, kind in _SIGNALS.items()
        if kind != "metrics"
    )


_TARGETS = Row(
    "Scraping",
    (
        Panel(
            "Targets that answer",
            "short",
            "scrape",
            _EVERYBODY,
            (t("count by (job) (up == 1)", "{{job}}"),),
            "Targets per job that the last scrape reached. A job that is missing here is one you know nothing of; the "
            "alerts ServiceDown, ExporterDown and TargetMissing name it.",
        ),
        Panel(
            "Duration of scrapes",
            "s",
            "scrape",
            _EVERYBODY,
            (t("max by (job) (scrape_duration_seconds and on (job, instance) up == 1)", "{{job}}"),),
            "A scrape that takes longer than its timeout is a target that is down.",
        ),
        Panel(
            "Series",
            "short",
            "scrape",
            _PROMETHEUS,
            (t('prometheus_tsdb_head_series{job="prometheus"}', "series"),),
            "Series in memory. It must not follow the number of requests, paths or users: that would be a label "
            "that is none.",
        ),
        Panel(
            "Samples",
            "wps",
            "scrape",
            _PROMETHEUS,
            (t(f'rate(prometheus_tsdb_head_samples_appended_total{{job="prometheus"}}[{W}])', "{{type}}"),),
            "Samples written per second.",
        ),
        Panel(
            "Rule evaluation",
            "s",
            "scrape",
            _PROMETHEUS,
            (
                t(
                    'topk(5, max by (rule_group) (prometheus_rule_group_last_duration_seconds{job="prometheus"}))',
                    "{{rule_group}}",
                ),
            ),
            "The five groups of rules that take longest; an evaluation that takes longer than its interval is missed.",
        ),
        Panel(
            "Rules that failed",
            "ops",
            "scrape",
            _PROMETHEUS,
            (t(f'sum (rate(prometheus_rule_evaluation_failures_total{{job="prometheus"}}[{W}]))', "failures"),),
            "An alert whose rule fails can't fire.",
            thresholds=(Threshold(0.0001, "red"),),
        ),
    ),
)

_PIPELINE = Row(
    "Collector",
    (
        Panel(
            "Received",
            "wps",
            "api-requests",
            _COLLECTOR,
            _flow("receiver_accepted", "receiver", _RECEIVED),
            "Spans and log records taken in.",
        ),
        Panel(
            "Refused",
            "wps",
            "collector-overflow",
            _COLLECTOR,
            _flow("receiver_refused", "receiver", _RECEIVED),
            "Turned away because of the memory limit, or because a queue is full: services keep these and try again as "
            "long as their queues last.",
            thresholds=(Threshold(0.01, "orange"),),
        ),
        Panel(
            "Exported",
            "wps",
            "api-requests",
            _COLLECTOR,
            _flow("exporter_sent", "exporter"),
            "What the stores took.",
        ),
        Panel(
            "Queue",
            "percentunit",
            "jaeger-away",
            _COLLECTOR,
            (
                t(
                    f"otelcol_exporter_queue_size{{{_ON}}} / otelcol_exporter_queue_capacity{{{_ON}}}",
                    "{{exporter}} {{data_type}}",
                ),
            ),
            "Share of the queue in use. It is on disk where the exporter's store must not lose anything, and waits "
            "there while the store is away; full, it drops.",
            thresholds=(Threshold(0.25, "orange"), Threshold(0.5, "red")),
            maximum=1,
        ),
        Panel(
            "Failed",
            "wps",
            "collector-overflow",
            _COLLECTOR,
            (*_lost("send_failed", "not taken"), *_lost("enqueue_failed", "no room in the queue")),
            "Given up for good: lost.",
            thresholds=(Threshold(0.01, "red"),),
        ),
        Panel(
            "Memory of the collector",
            "bytes",
            "scrape",
            _COLLECTOR,
            (t(f"otelcol_process_memory_rss{{{_ON}}}", "resident {{instance}}"),),
            "At its limit it refuses rather than dies.",
        ),
    ),
)

_TRACES = Row(
    "Traces and logs",
    (
        Panel(
            "Spans delivered by services",
            "wps",
            "api-requests",
            SERVICES,
            (t(f"sum by (job) (rate(otel_spans_exported_total[{W}]))", "{{job}}"),),
            "As each service counts them.",
        ),
        Panel(
            "Spans dropped by services",
            "wps",
            "spans-undelivered",
            SERVICES,
            (t(f"sum by (job) (rate(otel_spans_dropped_total[{W}]))", "{{job}}"),),
            "Made and not delivered: the collector was away longer than the service's queue lasts.",
            thresholds=(Threshold(0.01, "orange"),),
        ),
        Panel(
            "Spans by service",
            "wps",
            "api-requests",
            ("spanmetrics",),
            (
                t(
                    f"sum by (service_name, span_kind) (rate({_CALLS}[{W}]))",
                    "{{service_name}} {{span_kind}}",
                ),
            ),
            "Counted by the collector from the spans themselves, so sampling shows.",
        ),
        Panel(
            "Latency from spans",
            "s",
            "api-requests",
            ("spanmetrics",),
            (
                t(
                    quantile(0.95, "traces_span_metrics_duration_milliseconds", "service_name", selector=_SERVED)
                    + " / 1000",
                    "p95 {{service_name}}",
                ),
            ),
            "Should agree with the services' own histograms; where it does not, spans are missing.",
        ),
        Panel(
            "Log records kept",
            "short",
            "api-requests",
            ("victorialogs",),
            (t('sum (vl_storage_rows{job="victorialogs"})', "records"),),
            "Records in the log store. It falls when the oldest day is dropped.",
        ),
        Panel(
            "Size of the log store",
            "bytes",
            "api-requests",
            ("victorialogs",),
            (t('sum by (type) (vl_data_size_bytes{job="victorialogs"})', "{{type}}"),),
            "Compressed, on disk; younger parts are still in memory.",
        ),
    ),
)

DASHBOARD = Dashboard(
    uid="telemetry",
    title="Telemetry",
    description="Who is scraped, what the collector takes and hands on, what is kept, and what gets lost.",
    rows=(_TARGETS, _PIPELINE, _TRACES),
    variables=(Variable("instance", "Collector", 'label_values(otelcol_process_uptime{job="collector"}, instance)'),),
    links=Links("{job}"),
)
