"""Host: processor, memory, disks and network of the machines, and what the services take of them."""

from __future__ import annotations

from stack.telemetry.board import Dashboard, Links, Panel, Row, Threshold, Variable, t
from stack.telemetry.promql import W, each_of

__all__ = ["DASHBOARD", "FILESYSTEMS"]

_NODE = ("node",)
_ON = 'job="node",instance=~"$instance"'
# Images of read-only packages are always full.
FILESYSTEMS = 'fstype!~"squashfs|iso9660"'
_FS = f"{_ON},{FILESYSTEMS}"
# The services whose client libraries report their process.
_PROCESSES = ("api", "search", "indexer", "runner", "web")
_OF = f'job=~"{each_of(_PROCESSES)}"'

_MACHINE = Row(
    "Machine",
    (
        Panel(
            "Processor",
            "percentunit",
            "cpu-load",
            _NODE,
            (
                t(
                    f'avg by (instance, mode) (rate(node_cpu_seconds_total{{{_ON},mode!="idle"}}[{W}]))',
                    "{{instance}} {{mode}}",
                ),
            ),
            "Share of all processors, by what they do; `steal` is time the hypervisor gave to others.",
            maximum=1,
        ),
        Panel(
            "Load",
            "short",
            "cpu-load",
            _NODE,
            (t(f"node_load1{{{_ON}}}", "{{instance}}"),),
            "Processes that run or want to, over a minute. Compare it with the number of processors.",
        ),
        Panel(
            "Memory",
            "percentunit",
            "memory-load",
            _NODE,
            (t(f"1 - node_memory_MemAvailable_bytes{{{_ON}}} / node_memory_MemTotal_bytes{{{_ON}}}", "{{instance}}"),),
            "Share that is not available to a new process; the page cache counts as available.",
            thresholds=(Threshold(0.8, "orange"), Threshold(0.9, "red")),
            maximum=1,
        ),
        Panel(
            "Pressure",
            "percentunit",
            "cpu-load",
            _NODE,
            (
                t(f"rate(node_pressure_cpu_waiting_seconds_total{{{_ON}}}[{W}])", "{{instance}} processor"),
                t(f"rate(node_pressure_memory_waiting_seconds_total{{{_ON}}}[{W}])", "{{instance}} memory"),
                t(f"rate(node_pressure_io_waiting_seconds_total{{{_ON}}}[{W}])", "{{instance}} disk"),
            ),
            "Share of time in which something had to wait for it.",
        ),
    ),
)

_DISKS = Row(
    "Disks and network",
    (
        Panel(
            "Disk in use",
            "percentunit",
            "disk-traffic",
            _NODE,
            (
                t(
                    f"1 - node_filesystem_avail_bytes{{{_FS}}} / node_filesystem_size_bytes{{{_FS}}}",
                    "{{instance}} {{mountpoint}}",
                ),
            ),
            "What is reserved for root counts as used: services don't get it.",
            thresholds=(Threshold(0.8, "orange"), Threshold(0.9, "red")),
            maximum=1,
        ),
        Panel(
            "Disk traffic",
            "binBps",
            "disk-traffic",
            _NODE,
            (
                t(f"sum by (instance) (rate(node_disk_read_bytes_total{{{_ON}}}[{W}]))", "{{instance}} read"),
                t(f"sum by (instance) (rate(node_disk_written_bytes_total{{{_ON}}}[{W}]))", "{{instance}} written"),
            ),
            "Over all disks.",
        ),
        Panel(
            "Inodes in use",
            "percentunit",
            "scrape",
            _NODE,
            (
                t(
                    f"1 - node_filesystem_files_free{{{_FS}}} / (node_filesystem_files{{{_FS}}} > 0)",
                    "{{instance}} {{mountpoint}}",
                ),
            ),
            "Many small git objects can use them up while there is room left.",
            thresholds=(Threshold(0.8, "orange"), Threshold(0.9, "red")),
            maximum=1,
        ),
        Panel(
            "Network traffic",
            "binBps",
            "network-traffic",
            _NODE,
            (
                t(f"sum by (instance) (rate(node_network_receive_bytes_total{{{_ON}}}[{W}]))", "{{instance}} in"),
                t(f"sum by (instance) (rate(node_network_transmit_bytes_total{{{_ON}}}[{W}]))", "{{instance}} out"),
            ),
            "Over all interfaces, the loopback included.",
        ),
    ),
)

_SERVICES = Row(
    "Services",
    (
        Panel(
            "Memory of services",
            "bytes",
            "scrape",
            _PROCESSES,
            (t(f"process_resident_memory_bytes{{{_OF}}}", "{{job}} {{instance}}"),),
            "Resident memory, as each service reports it.",
            links=Links("{job}"),
        ),
        Panel(
            "Processor of services",
            "short",
            "api-requests",
            _PROCESSES,
            (t(f"rate(process_cpu_seconds_total{{{_OF}}}[{W}])", "{{job}} {{instance}}"),),
            "1 is one processor busy all the time.",
            links=Links("{job}"),
        ),
        Panel(
            "Open files of services",
            "short",
            "scrape",
            _PROCESSES,
            (t(f"process_open_fds{{{_OF}}}", "{{job}} {{instance}}"),),
            "Sockets included. A line that only rises is a leak.",
            links=Links("{job}"),
        ),
    ),
)

DASHBOARD = Dashboard(
    uid="host",
    title="Host",
    description="Processor, memory, disks and network of the machines, and what the services take of them.",
    rows=(_MACHINE, _DISKS, _SERVICES),
    variables=(Variable("instance", "Host", 'label_values(node_load1{job="node"}, instance)'),),
)
