"""Recovery: how old backups are, what would be lost now, and what the last drill came to."""

from __future__ import annotations

from stack.telemetry.board import Dashboard, Links, Panel, Row, Threshold, Variable, t
from stack.telemetry.promql import rate

__all__ = ["DASHBOARD"]

_NODE = ("node",)
_ON = 'job="node",server=~"$server"'
_HOUR = 3600


def _now(metric: str) -> str:
    return f"{metric}{{{_ON}}}"


_SETS = Row(
    "Sets",
    (
        Panel(
            "Age of the newest set",
            "s",
            "backups",
            _NODE,
            (t(_now("engineroom_set_age_seconds"), "{{server}}"),),
            "Since its catalogue was written, by the bucket's own clock. More than 26 hours is an alarm.",
            thresholds=(Threshold(25 * _HOUR, "orange"), Threshold(26 * _HOUR, "red")),
        ),
        Panel(
            "Sets and base backups",
            "short",
            "backups",
            _NODE,
            (
                t(_now("engineroom_sets"), "sets of {{server}}"),
                t(_now("engineroom_base_backups"), "base backups of {{server}}"),
            ),
            "Those that are complete: a set without its catalogue does not exist.",
        ),
        Panel(
            "Size in the bucket",
            "bytes",
            "backups",
            _NODE,
            (t(_now("engineroom_bucket_bytes"), "{{server}}"),),
            "Base backups and WAL of the server.",
        ),
        Panel(
            "Bucket and database",
            "short",
            "backup-store-away",
            _NODE,
            (
                t(_now("engineroom_bucket_up"), "bucket of {{server}}"),
                t(_now("engineroom_database_up"), "database of {{server}}"),
            ),
            "1 while it answers whoever writes these metrics.",
        ),
    ),
)

_ROWS = Row(
    "Rows",
    (
        Panel(
            "Rows not in the bucket",
            "s",
            "backup-store-away",
            _NODE,
            (t(_now("engineroom_wal_received_age_seconds"), "{{server}}"),),
            "Since all that the receiver had was in the bucket: what a loss would take.",
            thresholds=(Threshold(60, "orange"), Threshold(300, "red")),
        ),
        Panel(
            "Segments that wait",
            "short",
            "backup-store-away",
            _NODE,
            (t(_now("engineroom_wal_waiting_segments"), "{{server}}"),),
            "Whole segments of 16 MB that PostgreSQL keeps until they are archived.",
            thresholds=(Threshold(8, "orange"), Threshold(64, "red")),
        ),
        Panel(
            "Failures of archiving",
            "ops",
            "backup-store-away",
            _NODE,
            (
                t(rate(f"engineroom_wal_archive_failures_total{{{_ON}}}", "server"), "archiver of {{server}}"),
                t(rate(f"engineroom_wal_receiver_failures_total{{{_ON}}}", "server"), "receiver of {{server}}"),
            ),
            "Attempts that did not work; both try again.",
            thresholds=(Threshold(0.001, "orange"),),
        ),
    ),
)

_PUSHES = Row(
    "Pushes",
    (
        Panel(
            "Pushes not in the bucket",
            "s",
            "backup-store-away",
            _NODE,
            (t(_now("engineroom_pushes_lag_seconds"), "{{server}}"),),
            "Age of the oldest accepted push that is not in the bucket: what a loss would take.",
            thresholds=(Threshold(60, "orange"), Threshold(300, "red")),
        ),
        Panel(
            "Pushes that wait",
            "short",
            "backup-store-away",
            _NODE,
            (t(_now("engineroom_pushes_waiting"), "{{server}}"),),
            "Accepted, and still on the forge's disk alone.",
        ),
        Panel(
            "Pushes shipped",
            "ops",
            "backups",
            _NODE,
            (t(rate(f"engineroom_pushes_shipped_total{{{_ON}}}", "server"), "{{server}}"),),
            "As many as were accepted, unless they wait.",
        ),
    ),
)

_DRILLS = Row(
    "Drills",
    (
        Panel(
            "Since the last drill",
            "s",
            "backups",
            _NODE,
            (t(f"time() - {_now('engineroom_drill_last_timestamp_seconds')}", "{{server}}"),),
            "More than 26 hours is an alarm: nobody knows whether the forge comes back.",
            thresholds=(Threshold(25 * _HOUR, "orange"), Threshold(26 * _HOUR, "red")),
        ),
        Panel(
            "The last drill passed",
            "short",
            "backups",
            _NODE,
            (t(_now("engineroom_drill_last_passed"), "{{server}}"),),
            "1 when every stage of it did.",
        ),
        Panel(
            "Time to the first push",
            "s",
            "backups",
            _NODE,
            (t(_now("engineroom_drill_last_rto_seconds"), "{{server}}"),),
            "In the last drill: from the restore's beginning until the restored forge took a push (RTO).",
        ),
        Panel(
            "What a loss would have taken",
            "s",
            "backups",
            _NODE,
            (t(_now("engineroom_drill_last_rpo_seconds"), "{{server}}"),),
            "The worse of rows and pushes, measured by the last drill (RPO).",
            thresholds=(Threshold(5, "orange"), Threshold(60, "red")),
        ),
    ),
)

DASHBOARD = Dashboard(
    uid="recovery",
    title="Recovery",
    description="How old backups are, what would be lost now, and what the last drill came to.",
    rows=(_SETS, _ROWS, _PUSHES, _DRILLS),
    variables=(Variable("server", "Server", 'label_values(engineroom_database_up{job="node"}, server)'),),
    links=Links("node"),
)
