"""Telemetry: dashboards and alert rules as code, the questions they ask Prometheus, and the collector."""

from __future__ import annotations

__all__: list[str] = []
