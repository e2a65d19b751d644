"""Dashboards as code: one module per dashboard, this registry, and their JSON committed beside it.

A new dashboard is a module with a `DASHBOARD` and its name in `MODULES`; then `python -m stack.telemetry.dashboards`
writes its JSON. docs/dashboards.md tells more.
"""

from __future__ import annotations

from functools import cache
from importlib import import_module

from stack.telemetry.board import Dashboard

__all__ = ["MODULES", "dashboards"]

# In the order in which a reader meets them.
MODULES = (
    "overview",
    "api_latency",
    "git_performance",
    "errors",
    "search_index",
    "database",
    "cache",
    "jobs",
    "telemetry",
    "host",
    "recovery",
)


@cache
def dashboards() -> tuple[Dashboard, ...]:
    """Every dashboard of the registry."""
    return tuple(import_module(f"{__name__}.{module}").DASHBOARD for module in MODULES)
