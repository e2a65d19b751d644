"""For each alert: a fault that fires it, something that comes near and must not, and what it says."""

from __future__ import annotations

from tests.telemetry.rules.trial import Case, counter, gauge, gone

__all__ = ["CASES"]

_HTTP = "http_server_request_duration_seconds_count"
_PRIMARY = 'job="postgresql",instance="postgresql-primary"'
_REPLICA = 'job="postgresql",instance="postgresql-replica"'
_MIB = 2**20
_ROOT = 'job="node",instance="host",mountpoint="/",fstype="ext4",device="/dev/vda"'

_TARGETS = [
    Case(
        "ServiceDown",
        broken=[('up{job="api",instance="a"}', gauge(1, 0)), ('up{job="api",instance="b"}', gone(1))],
        # One of two instances is not the service.
        near=[('up{job="api",instance="a"}', gauge(1, 0)), ('up{job="api",instance="b"}', gauge(1, 1))],
        labels={"job": "api"},
    ),
    Case(
        "TargetDown",
        broken=[
            ('up{job="redis",instance="redis-1"}', gauge(1, 0)),
            ('up{job="redis",instance="redis-2"}', gauge(1, 1)),
        ],
        # A service that is down as a whole is ServiceDown's.
        near=[('up{job="api",instance="a"}', gauge(1, 0))],
        labels={"job": "redis", "instance": "redis-1"},
    ),
    Case(
        "TargetMissing",
        broken=[('up{job="web",instance="w"}', gone(1))],
        near=[('up{job="web",instance="w"}', gauge(1, 0))],
        pick={"job": "web"},
    ),
    Case(
        "MetricAbsent",
        broken=[('up{job="api",instance="a"}', gauge(1, 1)), (f'{_HTTP}{{job="api",instance="a"}}', gone(5))],
        # A service that is away has no meter, and is told of by others.
        near=[('up{job="api",instance="a"}', gauge(1, 0)), (f'{_HTTP}{{job="api",instance="a"}}', gone(5))],
        pick={"job": "api", "metric": _HTTP},
    ),
    Case(
        "MetricAbsent",
        broken=[(f"pg_up{{{_REPLICA}}}", gauge(1, 1)), (f"pg_replication_lag_seconds{{{_REPLICA}}}", gone(0))],
        near=[(f"pg_up{{{_REPLICA}}}", gauge(1, 0)), (f"pg_replication_lag_seconds{{{_REPLICA}}}", gone(0))],
        pick={"job": "postgresql", "metric": "pg_replication_lag_seconds"},
    ),
]

_DATABASE = [
    Case(
        "PostgresqlDown",
        broken=[(f"pg_up{{{_PRIMARY}}}", gauge(1, 0))],
        near=[(f"pg_up{{{_PRIMARY}}}", gone(1))],
        labels={"job": "postgresql", "instance": "postgresql-primary"},
    ),
    Case(
        "PostgresqlConnectionsNearLimit",
        broken=[
            (f'pg_stat_activity_count{{{_PRIMARY},datname="forge",state="active"}}', gauge(5, 25)),
            (f'pg_stat_activity_count{{{_PRIMARY},datname="forge",state="idle"}}', gauge(5, 60)),
            (f"pg_settings_max_connections{{{_PRIMARY}}}", gauge(100, 100)),
        ],
        near=[
            (f'pg_stat_activity_count{{{_PRIMARY},datname="forge",state="idle"}}', gauge(5, 80)),
            (f"pg_settings_max_connections{{{_PRIMARY}}}", gauge(100, 100)),
        ],
        labels={"instance": "postgresql-primary"},
        value="85%",
    ),
    Case(
        "PostgresqlLongTransaction",
        broken=[
            (
                f'pg_stat_activity_max_tx_duration{{{_PRIMARY},datname="forge",state="idle in transaction"}}',
                gauge(0, 1000),
            ),
            (f'pg_stat_activity_max_tx_duration{{{_PRIMARY},datname="forge",state="active"}}', gauge(0, 10)),
        ],
        near=[(f'pg_stat_activity_max_tx_duration{{{_PRIMARY},datname="forge",state="active"}}', gauge(0, 900))],
        labels={"instance": "postgresql-primary", "datname": "forge"},
        value="16m 40s",
    ),
    Case(
        "PostgresqlReplicationLag",
        broken=[
            (f"pg_replication_lag_seconds{{{_REPLICA}}}", gauge(0, 45)),
            (f"pg_replication_is_replica{{{_REPLICA}}}", gauge(1, 1)),
        ],
        # What was the replica is the primary now: its last words as a replica are nobody's lag.
        near=[
            (f"pg_replication_lag_seconds{{{_REPLICA}}}", gauge(0, 45)),
            (f"pg_replication_is_replica{{{_REPLICA}}}", gauge(0, 0)),
        ],
        labels={"job": "postgresql", "instance": "postgresql-replica"},
        value="45s",
    ),
    Case(
        "PostgresqlReplicationLagBytes",
        broken=[
            (
                f'pg_stat_replication_pg_wal_lsn_diff{{{_PRIMARY},application_name="replica_1",state="streaming"}}',
                gauge(0, 128 * _MIB),
            )
        ],
        near=[
            (
                f'pg_stat_replication_pg_wal_lsn_diff{{{_PRIMARY},application_name="replica_1",state="streaming"}}',
                gauge(0, 64 * _MIB),
            )
        ],
        labels={"instance": "postgresql-primary", "application_name": "replica_1"},
        value="128Mi",
    ),
    Case(
        "PostgresqlReplicaDisconnected",
        broken=[(f'pg_replication_slots_active{{{_PRIMARY},slot_name="replica_1"}}', gauge(1, 0))],
        near=[(f'pg_replication_slots_active{{{_PRIMARY},slot_name="replica_1"}}', "1+0x9 0 1+0x80")],
        labels={"job": "postgresql", "instance": "postgresql-primary", "slot_name": "replica_1"},
    ),
]

_CACHE = [
    Case(
        "RedisNodeDown",
        broken=[('redis_up{job="redis",instance="redis-1"}', gauge(1, 0))],
        near=[('redis_up{job="redis",instance="redis-1"}', "1+0x9 0 1+0x80")],
        labels={"job": "redis", "instance": "redis-1"},
    ),
    Case(
        "RedisClusterDown",
        broken=[
            ('redis_cluster_state{job="redis",instance="redis-1"}', gone(1)),
            ('redis_cluster_state{job="redis",instance="redis-2"}', gauge(1, 0)),
        ],
        # A node alone that is away: the others go on.
        near=[
            ('redis_cluster_state{job="redis",instance="redis-1"}', gone(1)),
            ('redis_cluster_state{job="redis",instance="redis-2"}', gauge(1, 1)),
        ],
    ),
    Case(
        "RedisMemoryFull",
        broken=[
            ('redis_memory_used_bytes{job="redis",instance="redis-1"}', gauge(10, 99)),
            ('redis_memory_max_bytes{job="redis",instance="redis-1"}', gauge(100, 100)),
        ],
        # Without a limit there is no share of it.
        near=[
            ('redis_memory_used_bytes{job="redis",instance="redis-1"}', gauge(10, 99)),
            ('redis_memory_max_bytes{job="redis",instance="redis-1"}', gauge(0, 0)),
        ],
        labels={"job": "redis", "instance": "redis-1"},
        value="99%",
    ),
]

_ENGINE = 'job="indexer",engine="opensearch"'
_SEARCH = [
    Case(
        "IndexLagHigh",
        broken=[(f"index_lag_seconds{{{_ENGINE}}}", gauge(0, 400))],
        near=[(f"index_lag_seconds{{{_ENGINE}}}", gauge(0, 300))],
        labels={"engine": "opensearch"},
        value="6m 40s",
    ),
    Case(
        "IndexerStalled",
        # Good at every minute until it is gone with the time of its last success, and good again.
        broken=[(f"index_last_success_timestamp_seconds{{{_ENGINE}}}", "0+60x9 stale _x19 1800+60x60")],
        near=[(f"index_last_success_timestamp_seconds{{{_ENGINE}}}", "0+60x9 540+0x13 1440+60x60")],
        labels={"engine": "opensearch"},
        value="19m 0s",
        fires="28m",
    ),
    Case(
        "IndexRunsFailing",
        broken=[
            (f'index_runs_total{{{_ENGINE},result="ok"}}', counter(2, 0)),
            (f'index_runs_total{{{_ENGINE},result="failed"}}', counter(0, 3)),
        ],
        # Some fail and some end well: it goes on.
        near=[
            (f'index_runs_total{{{_ENGINE},result="ok"}}', counter(2, 1)),
            (f'index_runs_total{{{_ENGINE},result="failed"}}', counter(0, 3)),
        ],
        labels={"engine": "opensearch"},
        value="30",
    ),
]

_SERVICES = [
    Case(
        "ApiPoolExhausted",
        broken=[
            ('db_client_connection_count{job="api",instance="a",db_client_connection_state="used"}', gauge(2, 16)),
            ('db_client_connection_count{job="api",instance="a",db_client_connection_state="idle"}', gauge(14, 0)),
            ('db_client_connection_max{job="api",instance="a"}', gauge(16, 16)),
        ],
        # All connections are open, and idle.
        near=[
            ('db_client_connection_count{job="api",instance="a",db_client_connection_state="used"}', gauge(2, 14)),
            ('db_client_connection_count{job="api",instance="a",db_client_connection_state="idle"}', gauge(14, 2)),
            ('db_client_connection_max{job="api",instance="a"}', gauge(16, 16)),
        ],
        labels={"instance": "a"},
        value="100%",
    ),
    Case(
        "GitSpoolNotDraining",
        broken=[('git_spool_entries{job="git",instance="g"}', gauge(0, 7))],
        # It fills and drains all the time: pushes are announced.
        near=[('git_spool_entries{job="git",instance="g"}', "0+0x9 7 0 7 0 7 0 7 0 7 0 7 0 7 0 7 0 7 0 7 0+0x60")],
        labels={"instance": "g"},
        value="7",
    ),
    Case(
        "GitBusy",
        broken=[('git_refused_total{job="git",instance="g",reason="busy"}', counter(0, 60))],
        near=[('git_refused_total{job="git",instance="g",reason="token"}', counter(0, 60))],
        labels={"instance": "g"},
        value="1",
    ),
    Case(
        "JobQueueBacklog",
        broken=[('runner_oldest_queued_seconds{job="runner",instance="r"}', gauge(0, 600))],
        near=[('runner_oldest_queued_seconds{job="runner",instance="r"}', gauge(0, 300))],
        value="10m 0s",
    ),
    Case(
        "JobsLost",
        # The series is born with its first event: a rate alone would not see it.
        broken=[
            ('runner_jobs_total{job="runner",kind="steps",result="succeeded"}', counter(5, 5)),
            ('runner_jobs_total{job="runner",kind="steps",result="retried"}', "_x20 1+0x80"),
            ('up{job="runner",instance="r"}', "1+0x100"),
        ],
        # New to Prometheus, because Prometheus is new.
        near=[
            ('runner_jobs_total{job="runner",kind="steps",result="lost"}', counter(0, 0)),
            ('up{job="runner",instance="r"}', "1+0x100"),
        ],
        labels={"kind": "steps"},
        value="1",
        fires="22m",
    ),
    Case(
        "JobsFailing",
        broken=[
            ('runner_jobs_total{job="runner",kind="steps",result="succeeded"}', counter(0, 0)),
            ('runner_jobs_total{job="runner",kind="steps",result="failed"}', counter(0, 4)),
        ],
        near=[
            ('runner_jobs_total{job="runner",kind="steps",result="succeeded"}', counter(0, 1)),
            ('runner_jobs_total{job="runner",kind="steps",result="failed"}', counter(0, 4)),
        ],
        labels={"kind": "steps"},
        value="100%",
    ),
    Case(
        "JobLogUploadFailing",
        broken=[('runner_log_upload_failures_total{job="runner",instance="r"}', counter(0, 1))],
        near=[('runner_log_upload_failures_total{job="runner",instance="r"}', counter(0, 0))],
        value="10",
    ),
]

_MOUNTED = {"job": "node", "instance": "host", "mountpoint": "/", "fstype": "ext4", "device": "/dev/vda"}
_HOST = [
    Case(
        "DiskNearlyFull",
        broken=[
            (f"node_filesystem_avail_bytes{{{_ROOT}}}", gauge(50, 8)),
            (f"node_filesystem_size_bytes{{{_ROOT}}}", gauge(100, 100)),
        ],
        near=[
            (f"node_filesystem_avail_bytes{{{_ROOT}}}", gauge(50, 10)),
            (f"node_filesystem_size_bytes{{{_ROOT}}}", gauge(100, 100)),
        ],
        labels=_MOUNTED,
        value="8%",
    ),
    Case(
        "DiskFullSoon",
        # 1 MiB a minute: what is there after 61 minutes, less four hours' worth.
        broken=[
            (f"node_filesystem_avail_bytes{{{_ROOT}}}", "209715200-1048576x100 209715200+0x100"),
            (f"node_filesystem_size_bytes{{{_ROOT}}}", "524288000+0x300"),
        ],
        # The same rate, and most of the disk is free.
        near=[
            (f"node_filesystem_avail_bytes{{{_ROOT}}}", "209715200-1048576x80"),
            (f"node_filesystem_size_bytes{{{_ROOT}}}", "240000000+0x300"),
        ],
        labels=_MOUNTED,
        value="-101Mi",
        fires="61m",
        clears="180m",
    ),
    Case(
        "HostMemoryLow",
        broken=[
            ('node_memory_MemAvailable_bytes{job="node",instance="host"}', gauge(50, 5)),
            ('node_memory_MemTotal_bytes{job="node",instance="host"}', gauge(100, 100)),
        ],
        near=[
            ('node_memory_MemAvailable_bytes{job="node",instance="host"}', "50+0x9 5+0x1 50+0x80"),
            ('node_memory_MemTotal_bytes{job="node",instance="host"}', gauge(100, 100)),
        ],
        labels={"job": "node", "instance": "host"},
        value="5%",
    ),
]

_JAEGER = 'job="collector",instance="c",exporter="otlp_grpc/jaeger"'
_LOGS = 'job="collector",instance="c",exporter="otlp_http/victorialogs"'
_TELEMETRY = [
    Case(
        "SpansDropped",
        broken=[('otel_spans_dropped_total{job="api",instance="a"}', counter(0, 120))],
        near=[('otel_spans_dropped_total{job="api",instance="a"}', counter(0, 0))],
        labels={"job": "api"},
        value="2",
    ),
    Case(
        "CollectorQueueFilling",
        broken=[
            (f'otelcol_exporter_queue_size{{{_JAEGER},data_type="traces"}}', gauge(0, 600)),
            (f'otelcol_exporter_queue_capacity{{{_JAEGER},data_type="traces"}}', gauge(1000, 1000)),
        ],
        near=[
            (f'otelcol_exporter_queue_size{{{_JAEGER},data_type="traces"}}', gauge(0, 500)),
            (f'otelcol_exporter_queue_capacity{{{_JAEGER},data_type="traces"}}', gauge(1000, 1000)),
        ],
        labels={"job": "collector", "instance": "c", "exporter": "otlp_grpc/jaeger", "data_type": "traces"},
        value="60%",
    ),
    Case(
        "CollectorExportFailing",
        broken=[
            (f'otelcol_exporter_queue_size{{{_JAEGER},data_type="traces"}}', gauge(0, 3)),
            (f"otelcol_exporter_sent_spans{{{_JAEGER}}}", counter(60, 0)),
        ],
        # There is always something in the queue of a busy exporter; it is taken.
        near=[
            (f'otelcol_exporter_queue_size{{{_JAEGER},data_type="traces"}}', gauge(0, 3)),
            (f"otelcol_exporter_sent_spans{{{_JAEGER}}}", counter(60, 60)),
        ],
        labels={"exporter": "otlp_grpc/jaeger", "data_type": "traces"},
        value="3",
    ),
    Case(
        "TelemetryLost",
        broken=[
            (f"otelcol_exporter_enqueue_failed_spans{{{_JAEGER}}}", "_x20 50+0x80"),
            ('up{job="collector",instance="c"}', "1+0x100"),
        ],
        near=[
            (f"otelcol_exporter_enqueue_failed_spans{{{_JAEGER}}}", counter(0, 0)),
            ('up{job="collector",instance="c"}', "1+0x100"),
        ],
        labels={"exporter": "otlp_grpc/jaeger"},
        value="50",
        fires="22m",
    ),
    Case(
        "LogPipelineStalled",
        broken=[
            (f"otelcol_exporter_sent_log_records{{{_LOGS}}}", counter(60, 0)),
            (f'{_HTTP}{{job="api"}}', counter(60, 60)),
        ],
        # Nobody asks for anything: no lines are to come.
        near=[
            (f"otelcol_exporter_sent_log_records{{{_LOGS}}}", counter(60, 0)),
            (f'{_HTTP}{{job="api"}}', counter(60, 0)),
        ],
        labels={"exporter": "otlp_http/victorialogs"},
        value="0",
    ),
]

_BACKUPS = 'job="node",instance="host",server="forge"'
_OF_BACKUPS = {"job": "node", "instance": "host", "server": "forge"}
_TEXTFILE = 'node_textfile_mtime_seconds{job="node",instance="host",file="/textfile/engineroom.prom"}'

_RECOVERY = [
    Case(
        "RecoveryMetricsStale",
        # Seconds since 1970, which is when promtool's clock begins.
        broken=[(_TEXTFILE, "0+60x9 540+0x70 4860+60x15")],
        near=[(_TEXTFILE, "0+60x9 540+0x59 4200+60x20")],
        labels={"job": "node", "instance": "host", "file": "/textfile/engineroom.prom"},
        value="1h 2m 0s",
        fires="71m",
        clears="85m",
    ),
    Case(
        "BackupStoreUnreachable",
        broken=[(f"engineroom_bucket_up{{{_BACKUPS}}}", gauge(1, 0))],
        near=[(f"engineroom_bucket_up{{{_BACKUPS}}}", gone(1))],
        labels=_OF_BACKUPS,
    ),
    Case(
        "WalArchivingFailing",
        broken=[(f"engineroom_wal_archive_failing{{{_BACKUPS}}}", gauge(0, 1))],
        near=[
            (f"engineroom_wal_archive_failing{{{_BACKUPS}}}", gauge(0, 0)),
            (f"engineroom_wal_archive_failures_total{{{_BACKUPS}}}", counter(0, 5)),
        ],
        labels=_OF_BACKUPS,
    ),
    Case(
        "WalNotReceived",
        broken=[(f"engineroom_wal_received_age_seconds{{{_BACKUPS}}}", gauge(1, 400))],
        near=[(f"engineroom_wal_received_age_seconds{{{_BACKUPS}}}", gauge(1, 300))],
        labels=_OF_BACKUPS,
        value="6m 40s",
    ),
    Case(
        "PushesNotShipped",
        broken=[(f"engineroom_pushes_lag_seconds{{{_BACKUPS}}}", gauge(0, 400))],
        near=[(f"engineroom_pushes_lag_seconds{{{_BACKUPS}}}", gauge(0, 300))],
        labels=_OF_BACKUPS,
        value="6m 40s",
    ),
    Case(
        "BackupSetStale",
        broken=[
            (f"engineroom_set_age_seconds{{{_BACKUPS}}}", gauge(3600, 93601)),
            (f"engineroom_sets{{{_BACKUPS}}}", gauge(3, 3)),
        ],
        near=[
            (f"engineroom_set_age_seconds{{{_BACKUPS}}}", gauge(3600, 93600)),
            (f"engineroom_sets{{{_BACKUPS}}}", gauge(3, 3)),
        ],
        labels=_OF_BACKUPS,
        value="93601",
    ),
    Case(
        "DrillLate",
        broken=[
            (f"engineroom_sets{{{_BACKUPS}}}", gauge(3, 3)),
            (f"engineroom_drill_last_timestamp_seconds{{{_BACKUPS}}}", gauge(0, -93600)),
        ],
        # Where there is no set yet, there is nothing to drill.
        near=[(f"engineroom_sets{{{_BACKUPS}}}", gauge(0, 0))],
        labels=_OF_BACKUPS,
        fires="27m",
    ),
    Case(
        "DrillFailed",
        broken=[(f"engineroom_drill_last_passed{{{_BACKUPS}}}", gauge(1, 0))],
        near=[(f"engineroom_drill_last_passed{{{_BACKUPS}}}", gauge(1, 1))],
        labels=_OF_BACKUPS,
    ),
]

CASES = (*_TARGETS, *_DATABASE, *_CACHE, *_SEARCH, *_SERVICES, *_HOST, *_TELEMETRY, *_RECOVERY)
