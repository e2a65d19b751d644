"""The Collector: what it is built of (`builder.yaml`, `osbulk/`) and how it is configured."""

from __future__ import annotations

from stack.telemetry.collector.config import (
    LOG_FILES,
    LOG_INDEX,
    CollectorPorts,
    Destinations,
    render,
)

__all__ = ["LOG_FILES", "LOG_INDEX", "CollectorPorts", "Destinations", "render"]
