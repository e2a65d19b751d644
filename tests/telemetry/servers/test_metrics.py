"""Metrics in the real Prometheus: of every exporter, and made of spans."""

from __future__ import annotations

import secrets

import pytest

from .kit import SERVER, Servers, eventually, new_trace

_CALLS = "traces_span_metrics_calls_total"
_DURATION = "traces_span_metrics_duration_milliseconds"


def test_every_target_is_up_and_named_after_its_component(servers: Servers) -> None:
    """A target for each server that has metrics, with the labels that dashboards and alerts rely on."""
    wanted = {
        ("collector", "collector"),
        ("spanmetrics", "collector"),
        ("jaeger", "jaeger"),
        ("victorialogs", "victorialogs"),
        ("prometheus", "prometheus"),
        ("node", "node-exporter"),
        ("postgresql", "postgresql-primary"),
        ("postgresql", "postgresql-replica"),
        *(("redis", f"redis-{number}") for number in range(1, 7)),
    }

    def up() -> set[tuple[str, str]]:
        return {(each["metric"]["job"], each["metric"]["instance"]) for each in servers.query("up == 1")}

    eventually(lambda: wanted ^ up(), lambda: up() == wanted)


@pytest.mark.parametrize(
    ("expression", "series"),
    [
        ("pg_up == 1", 2),
        ('pg_stat_database_xact_commit{datname="forge"}', 2),
        ('sum by (instance) (pg_stat_activity_count{datname="forge"})', 2),
        ("pg_replication_is_replica == 1", 1),
        ('pg_replication_lag_seconds{instance="postgresql-replica"} < 60', 1),
        ('pg_replication_slots_active{instance="postgresql-primary"} == 1', 1),
        ("redis_up == 1", 6),
        ("redis_memory_used_bytes > 0", 6),
        ("redis_cluster_state == 1", 6),
        ('count(node_cpu_seconds_total{mode="idle"})', 1),
        ("node_memory_MemAvailable_bytes", 1),
        ('otelcol_process_uptime{job="collector"} > 0', 1),
        ('otelcol_exporter_queue_capacity{exporter="otlp_http/jaeger"} == 100000', 1),
        ('sum(otelcol_receiver_accepted_spans{job="collector"}) > 0', 1),
        ('sum(otelcol_receiver_accepted_spans{job="jaeger"}) > 0', 1),
        ('otelcol_osbulk_documents{exporter="osbulk/opensearch",result="created"} > 0', 1),
        ("sum(vl_storage_rows) > 0", 1),
        ("prometheus_tsdb_head_series > 0", 1),
    ],
)
def test_exporters_have_what_panels_ask_for(servers: Servers, expression: str, series: int) -> None:
    """The names are those of the exporters, on PostgreSQL 18 and Redis 7 as on others."""
    servers.send_spans(new_trace())
    servers.send_log("a record")
    eventually(lambda: servers.query(expression), lambda: len(servers.query(expression)) == series)


def test_exporters_tell_that_their_server_is_away(servers: Servers) -> None:
    """The exporter lives on and says so; it is the scrape of a dead exporter that is empty."""
    servers.stack.kill("redis-6")
    servers.stack.kill("node-exporter")
    try:
        down = 'redis_up{instance="redis-6"} == 0'
        eventually(lambda: servers.query(down), lambda: len(servers.query(down)) == 1)
        gone = 'up{job="node"} == 0'
        eventually(lambda: servers.query(gone), lambda: len(servers.query(gone)) == 1)
        assert servers.query("node_memory_MemAvailable_bytes") == []
    finally:
        servers.stack.forgive()


def test_rate_errors_and_duration_are_made_of_spans(servers: Servers) -> None:
    """So many calls as spans, by service, name and outcome; the duration's histogram has all of them."""
    name, trace = f"GET /red/{secrets.token_hex(4)}", new_trace()
    servers.send_spans(trace, name=name, count=7, kind=SERVER, tags={"http.response.status_code": 200})
    servers.send_spans(trace, name=name, count=3, kind=SERVER, failed=True, tags={"http.response.status_code": 503})
    of = f'service_name="api",span_name="{name}",span_kind="SPAN_KIND_SERVER"'
    eventually(lambda: servers.query(f"{_CALLS}{{{of}}}"), lambda: servers.value(f"sum({_CALLS}{{{of}}})") == 10)
    assert servers.value(f'sum({_CALLS}{{{of},status_code="STATUS_CODE_ERROR"}})') == 3
    assert servers.value(f'sum({_CALLS}{{{of},http_response_status_code="503"}})') == 3
    assert servers.value(f"sum({_DURATION}_count{{{of}}})") == 10
    # Each span took 20 ms.
    assert servers.query(f'{_DURATION}_bucket{{{of},le="10.0"}}')
    assert servers.value(f'sum({_DURATION}_bucket{{{of},le="10.0"}})') == 0
    assert servers.value(f'sum({_DURATION}_bucket{{{of},le="25.0"}})') == 10
    assert 190 <= servers.value(f"sum({_DURATION}_sum{{{of}}})") <= 210


def test_names_without_end_do_not_make_series_without_end(servers: Servers) -> None:
    """A service whose spans are named after what clients send is bounded by the Collector."""
    for _ in range(6):
        # One request holds 500 names; the Collector keeps 2,000 of a metric, and counts the rest as one.
        servers.send_names(500)
    overflow = f'sum({_CALLS}{{otel_metric_overflow="true"}})'
    eventually(lambda: servers.value(overflow), lambda: servers.value(overflow) > 0)
    assert servers.value(f'count({_CALLS}{{service_name="careless"}})') <= 2_001
