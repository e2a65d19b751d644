"""Alerts on the machines: disks and memory."""

from __future__ import annotations

from stack.telemetry.dashboards.host import FILESYSTEMS
from stack.telemetry.rules.model import Alert, Group

__all__ = ["GROUPS"]

_FS = f'job="node",{FILESYSTEMS}'
_FREE = f"node_filesystem_avail_bytes{{{_FS}}} / node_filesystem_size_bytes{{{_FS}}}"

_DISK = Alert(
    name="DiskNearlyFull",
    expr=f"{_FREE} < 0.1",
    hold="2m",
    severity="page",
    summary="{{ $labels.mountpoint }} on {{ $labels.instance }} is nearly full",
    description="{{ $value | humanizePercentage }} is left: databases stop when nothing is, and git refuses pushes "
    "before.",
    dashboard="host",
    fault="fill:disk",
)

# Not while most of it is free: a first big write must not foretell the end.
_SOON = Alert(
    name="DiskFullSoon",
    expr=(f"predict_linear(node_filesystem_avail_bytes{{{_FS}}}[1h], {{14400s}}) < 0 and {_FREE} < 0.5"),
    hold="10m",
    severity="ticket",
    summary="{{ $labels.mountpoint }} on {{ $labels.instance }} will be full within four hours",
    description="At the last hour's rate {{ $value | humanize1024 }}B would be left by then.",
    dashboard="host",
    fault="fill:disk-slowly",
)

_MEMORY = Alert(
    name="HostMemoryLow",
    expr='node_memory_MemAvailable_bytes{job="node"} / node_memory_MemTotal_bytes{job="node"} < 0.1',
    hold="2m",
    severity="page",
    summary="{{ $labels.instance }} is running out of memory",
    description="{{ $value | humanizePercentage }} is available: the kernel will end a process soon.",
    dashboard="host",
    fault="fill:memory",
)

GROUPS = (Group("host", "host", (_DISK, _SOON, _MEMORY)),)
