"""Database and replication: PostgreSQL's sessions, work, locks and WAL, and how far the replica is behind."""

from __future__ import annotations

from stack.telemetry.board import Dashboard, Links, Panel, Row, Threshold, Variable, t
from stack.telemetry.promql import W, rate

__all__ = ["DASHBOARD"]

_PG = ("postgresql",)
_ON = 'job="postgresql",instance=~"$instance"'
_OF = f'{_ON},datname=~"$datname",datname!~"template.*"'
_ROWS = ("fetched", "inserted", "updated", "deleted")

_SESSIONS = Row(
    "Servers and sessions",
    (
        Panel(
            "Up",
            "short",
            "scrape",
            _PG,
            (t(f"pg_up{{{_ON}}}", "{{instance}}"),),
            "1: the server lets its exporter in; 0: it does not; nothing: the exporter itself is away.",
            kind="states",
            thresholds=(Threshold(0, "red"),),
            maximum=1,
        ),
        Panel(
            "Connections by state",
            "short",
            "held-connections",
            _PG,
            (
                t(
                    f"sum by (instance, state) (pg_stat_activity_count{{{_OF}}}) > 0",
                    "{{instance}} {{state}}",
                ),
            ),
            "`idle in transaction` holds locks and keeps old rows alive.",
        ),
        Panel(
            "Share of connections in use",
            "percentunit",
            "held-connections",
            _PG,
            (
                t(
                    f"sum by (instance) (pg_stat_activity_count{{{_ON}}})"
                    f" / sum by (instance) (pg_settings_max_connections{{{_ON}}})",
                    "{{instance}}",
                ),
            ),
            "At 1 new sessions are refused, and the api answers 503.",
            thresholds=(Threshold(0.6, "orange"), Threshold(0.8, "red")),
            maximum=1,
        ),
        Panel(
            "Longest transaction",
            "s",
            "held-transaction",
            _PG,
            (
                t(
                    f'max by (instance, state) (pg_stat_activity_max_tx_duration{{{_OF},state!="idle"}}) > 0',
                    "{{instance}} {{state}}",
                ),
            ),
            "A transaction that stays open keeps dead rows from being cleaned up, on the replica's side too.",
            thresholds=(Threshold(60, "orange"), Threshold(900, "red")),
        ),
        Panel(
            "Waiting for a lock",
            "short",
            "held-locks",
            _PG,
            (t(f"pg_lock_waiters{{{_ON}}}", "{{instance}}"),),
            "Sessions that can't go on because another one holds what they need.",
            thresholds=(Threshold(1, "orange"), Threshold(10, "red")),
        ),
        Panel(
            "Locks by mode",
            "short",
            "held-locks",
            _PG,
            (t(f"sum by (instance, mode) (pg_locks_count{{{_OF}}}) > 0", "{{instance}} {{mode}}"),),
            "`accessexclusivelock` keeps everybody else out of a table: migrations, mostly.",
        ),
    ),
)

_WORK = Row(
    "Work",
    (
        Panel(
            "Transactions",
            "ops",
            "database-traffic",
            _PG,
            (
                t(rate(f"pg_stat_database_xact_commit{{{_OF}}}", "instance"), "{{instance}} committed"),
                t(rate(f"pg_stat_database_xact_rollback{{{_OF}}}", "instance"), "{{instance}} rolled back"),
            ),
            "Rolled back transactions are normal where two writers collide; many of them are not.",
        ),
        Panel(
            "Rows",
            "wps",
            "database-traffic",
            _PG,
            tuple(
                t(rate(f"pg_stat_database_tup_{what}{{{_OF}}}", "instance"), f"{{{{instance}}}} {what}")
                for what in _ROWS
            ),
            "Rows fetched, inserted, updated and deleted per second.",
        ),
        Panel(
            "Cache hit ratio",
            "percentunit",
            "database-traffic",
            _PG,
            (
                t(
                    f"{rate(f'pg_stat_database_blks_hit{{{_OF}}}', 'instance')} / ("
                    f"{rate(f'pg_stat_database_blks_hit{{{_OF}}}', 'instance')} + "
                    f"{rate(f'pg_stat_database_blks_read{{{_OF}}}', 'instance')} > 0)",
                    "{{instance}}",
                ),
            ),
            "Share of pages found in PostgreSQL's own memory. The system's cache behind it is not counted.",
            maximum=1,
        ),
        Panel(
            "Deadlocks",
            "ops",
            "deadlock",
            _PG,
            (t(rate(f"pg_stat_database_deadlocks{{{_OF}}}", "instance"), "{{instance}}"),),
            "One of the two transactions was ended by the server; its request was an error.",
            thresholds=(Threshold(0.001, "orange"),),
        ),
        Panel(
            "Temporary files",
            "binBps",
            "sort-on-disk",
            _PG,
            (t(rate(f"pg_stat_database_temp_bytes{{{_OF}}}", "instance"), "{{instance}}"),),
            "Sorts and hashes that did not fit into work_mem.",
        ),
        Panel(
            "Database size",
            "bytes",
            "database-traffic",
            _PG,
            (t(f"pg_database_size_bytes{{{_OF}}}", "{{instance}} {{datname}}"),),
            "On disk, indexes included.",
        ),
    ),
)

_REPLICATION = Row(
    "Replication and WAL",
    (
        Panel(
            "Replication lag in seconds",
            "s",
            "replica-paused",
            _PG,
            (t(f"pg_replication_lag_seconds{{{_ON}}} and pg_replication_is_replica{{{_ON}}} == 1", "{{instance}}"),),
            "How old the replica's data is. 0 where it has replayed all it received, so an idle forge has no lag; a "
            "replica that lost its primary shows the age of its last transaction.",
            thresholds=(Threshold(5, "orange"), Threshold(30, "red")),
        ),
        Panel(
            "Replication lag in bytes",
            "bytes",
            "replica-paused",
            _PG,
            (
                t(
                    f"max by (instance, application_name) (pg_stat_replication_pg_wal_lsn_diff{{{_ON}}})",
                    "{{application_name}}",
                ),
            ),
            "WAL the primary wrote and the replica has not replayed, as the primary sees it. Nothing: no replica is "
            "connected.",
            thresholds=(Threshold(16 * 2**20, "orange"), Threshold(64 * 2**20, "red")),
        ),
        Panel(
            "WAL kept for a replica",
            "bytes",
            "replica-away",
            _PG,
            (t(f"pg_replication_slots_pg_wal_lsn_diff{{{_ON}}}", "{{slot_name}}"),),
            "What its slot holds on to. Beyond max_slot_wal_keep_size the slot is lost, and the replica made anew.",
            thresholds=(Threshold(512 * 2**20, "orange"), Threshold(900 * 2**20, "red")),
        ),
        Panel(
            "Replica connected",
            "short",
            "replica-away",
            _PG,
            (t(f"pg_replication_slots_active{{{_ON}}}", "{{slot_name}}"),),
            "1 while the slot's replica streams.",
            kind="states",
            thresholds=(Threshold(0, "red"),),
            maximum=1,
        ),
        Panel(
            "WAL written and replayed",
            "binBps",
            "database-traffic",
            _PG,
            (t(f"rate(pg_wal_position_bytes{{{_ON}}}[{W}])", "{{instance}}"),),
            "The primary writes it, the replica replays it: two lines that part are a lag in the making.",
        ),
        Panel(
            "WAL on disk",
            "bytes",
            "database-traffic",
            _PG,
            (t(f"pg_wal_size_bytes{{{_ON}}}", "{{instance}}"),),
            "Grows when archiving fails or a slot holds it back.",
        ),
    ),
)

DASHBOARD = Dashboard(
    uid="database",
    title="Database and replication",
    description="PostgreSQL's sessions, transactions, cache, locks and WAL, and how far the replica is behind.",
    rows=(_SESSIONS, _REPLICATION, _WORK),
    variables=(
        Variable("instance", "Server", 'label_values(pg_up{job="postgresql"}, instance)'),
        Variable("datname", "Database", 'label_values(pg_stat_database_xact_commit{job="postgresql"}, datname)'),
    ),
    links=Links("api", tags="db.system.name=postgresql"),
)
