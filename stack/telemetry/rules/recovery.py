"""Alerts on backups: whether they are taken, whether rows and pushes get there, whether somebody tries them out.

What they ask is written by `engineroom backup metrics` into a node exporter's text file. A forge without backups has no
such file, and none of these alerts.
"""

from __future__ import annotations

from stack.telemetry.rules.model import Alert, Group

__all__ = ["GROUPS"]

_ON = 'job="node"'
_FILE = f'node_textfile_mtime_seconds{{{_ON},file=~".*/engineroom[.]prom"}}'
_DRILLED = f"engineroom_drill_last_timestamp_seconds{{{_ON}}}"

_STALE = Alert(
    name="RecoveryMetricsStale",
    expr=f"time() - {_FILE} > {{3600s:10s}}",
    hold="0s",
    severity="page",
    summary="Nobody knows how the backups of {{ $labels.instance }} are",
    description="Their metrics were last written {{ $value | humanizeDuration }} ago: all other alerts on backups look "
    "at old values.",
    dashboard="recovery",
    fault="stop:backup-metrics",
)

_STORE = Alert(
    name="BackupStoreUnreachable",
    expr=f"engineroom_bucket_up{{{_ON}}} == 0",
    hold="5m",
    severity="page",
    summary="The bucket of {{ $labels.server }}'s backups does not answer",
    description="Rows and pushes wait on the forge's own disks; what is lost there now is lost.",
    dashboard="recovery",
    fault="fail:backup-store",
)

_WAL = Alert(
    name="WalArchivingFailing",
    expr=f"engineroom_wal_archive_failing{{{_ON}}} == 1",
    hold="5m",
    severity="page",
    summary="PostgreSQL cannot archive the WAL of {{ $labels.server }}",
    description="The last attempt failed: pg_wal grows until its disk is full, and a restore ends where the archive "
    "does.",
    dashboard="recovery",
    fault="fail:backup-store",
)

_RECEIVED = Alert(
    name="WalNotReceived",
    expr=f"engineroom_wal_received_age_seconds{{{_ON}}} > {{300s:8s}}",
    hold="1m",
    severity="page",
    summary="Rows of {{ $labels.server }} are no longer on their way to the bucket",
    description="All that the receiver had was in the bucket {{ $value | humanizeDuration }} ago: up to a whole "
    "segment would be lost.",
    dashboard="recovery",
    fault="fail:backup-store",
)

_PUSHES = Alert(
    name="PushesNotShipped",
    expr=f"engineroom_pushes_lag_seconds{{{_ON}}} > {{300s:5s}}",
    hold="1m",
    severity="page",
    summary="Accepted pushes of {{ $labels.server }} are not in the bucket",
    description="The oldest has been waiting for {{ $value | humanizeDuration }}: that much would be lost.",
    dashboard="recovery",
    fault="fail:backup-store",
)

_SETS = Alert(
    name="BackupSetStale",
    expr=f"engineroom_set_age_seconds{{{_ON}}} > {{93600s}} or engineroom_sets{{{_ON}}} == 0",
    hold="15m",
    severity="page",
    summary="{{ $labels.server }} has no recent set",
    description="By the bucket's own clock none was complete within 26 hours ({{ $value }}: its age in seconds, or 0 "
    "where there is none).",
    dashboard="recovery",
    fault="skip:backups",
)

_LATE = Alert(
    name="DrillLate",
    expr=(
        f"time() - {_DRILLED} > {{93600s}} or (engineroom_sets{{{_ON}}} > 0 unless on (instance, server) {_DRILLED})"
    ),
    hold="15m",
    severity="ticket",
    summary="Nobody tried the backups of {{ $labels.server }} out",
    description="The last drill began more than 26 hours ago, or there was none: whether the forge comes back is not "
    "known.",
    dashboard="recovery",
    fault="skip:backups",
)

_FAILED = Alert(
    name="DrillFailed",
    expr=f"engineroom_drill_last_passed{{{_ON}}} == 0",
    hold="0s",
    severity="page",
    summary="The last drill of {{ $labels.server }} did not pass",
    description="The forge did not come back whole, or a stage could not be tried: its page says which.",
    dashboard="recovery",
    fault="skip:backups",
)

GROUPS = (Group("recovery", "recovery", (_STALE, _STORE, _WAL, _RECEIVED, _PUSHES, _SETS, _LATE, _FAILED)),)
