"""Alerts on PostgreSQL: down, out of connections, held up, and replicas that fall behind."""

from __future__ import annotations

from stack.telemetry.rules.model import Alert, Group

__all__ = ["GROUPS"]

_ON = 'job="postgresql"'
_MEBIBYTE = 2**20

_DOWN = Alert(
    name="PostgresqlDown",
    expr=f"pg_up{{{_ON}}} == 0",
    hold="1m",
    severity="page",
    summary="PostgreSQL on {{ $labels.instance }} does not let anybody in",
    description="The exporter of {{ $labels.instance }} runs and can't connect: the api answers 503 while the primary "
    "is away.",
    dashboard="database",
    fault="stop:postgresql-primary",
)

_CONNECTIONS = Alert(
    name="PostgresqlConnectionsNearLimit",
    expr=(
        f"sum by (instance) (pg_stat_activity_count{{{_ON}}})"
        f" / sum by (instance) (pg_settings_max_connections{{{_ON}}}) > 0.8"
    ),
    hold="2m",
    severity="page",
    summary="{{ $labels.instance }} is running out of connections",
    description="{{ $value | humanizePercentage }} of max_connections are in use; at 100% new sessions are refused.",
    dashboard="database",
    fault="fill:connections",
)

_TRANSACTION = Alert(
    name="PostgresqlLongTransaction",
    expr=(
        "max by (instance, datname) (pg_stat_activity_max_tx_duration"
        f'{{{_ON},datname!~"template.*",state!="idle"}}) > {{900s:5s}}'
    ),
    hold="1m",
    severity="ticket",
    summary="A transaction on {{ $labels.instance }} has been open for long",
    description="The oldest transaction in {{ $labels.datname }} is {{ $value | humanizeDuration }} old: nothing it "
    "could still see is cleaned up, and whoever needs its locks waits.",
    dashboard="database",
    fault="hold:transaction",
)

_LAG_SECONDS = Alert(
    name="PostgresqlReplicationLag",
    expr=(
        f"pg_replication_lag_seconds{{{_ON}}} > {{30s:5s}} and on (instance) pg_replication_is_replica{{{_ON}}} == 1"
    ),
    hold="1m",
    severity="page",
    summary="{{ $labels.instance }} is behind its primary",
    description="Its data is {{ $value | humanizeDuration }} old: reads go to the primary, and a failover now would "
    "lose that much.",
    dashboard="database",
    fault="hold:replay",
    stimulus="database-traffic",
)

_LAG_BYTES = Alert(
    name="PostgresqlReplicationLagBytes",
    expr=(f"max by (instance, application_name) (pg_stat_replication_pg_wal_lsn_diff{{{_ON}}}) > {64 * _MEBIBYTE}"),
    hold="1m",
    severity="ticket",
    summary="{{ $labels.application_name }} has much WAL to catch up with",
    description="{{ $value | humanize1024 }}B of WAL are written and not replayed by {{ $labels.application_name }}.",
    dashboard="database",
    fault="pause:postgresql-replica",
    stimulus="database-traffic",
)

_DISCONNECTED = Alert(
    name="PostgresqlReplicaDisconnected",
    expr=f"pg_replication_slots_active{{{_ON}}} == 0",
    hold="1m",
    severity="page",
    summary="The replica of slot {{ $labels.slot_name }} does not stream",
    description="Nobody reads the slot {{ $labels.slot_name }} on {{ $labels.instance }}: WAL piles up for it, and "
    "there is nothing to fail over to.",
    dashboard="database",
    fault="stop:postgresql-replica",
)

GROUPS = (
    Group("postgresql", "database", (_DOWN, _CONNECTIONS, _TRANSACTION, _LAG_SECONDS, _LAG_BYTES, _DISCONNECTED)),
)
