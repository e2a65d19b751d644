"""Every panel of every dashboard as a question that can be asked without Grafana."""

from __future__ import annotations

from stack.errors import UsageError
from stack.telemetry.board import Panel
from stack.telemetry.dashboards import dashboards
from stack.telemetry.promql import resolve

__all__ = ["ALL", "panel", "panels", "queries"]

ALL = ".*"


def panels() -> list[Panel]:
    """All panels, in the order of the dashboards."""
    return [panel for dashboard in dashboards() for panel in dashboard.panels()]


def panel(dashboard: str, title: str) -> Panel:
    """One panel by its dashboard's uid and its title.

    Raises:
        UsageError: there is none.
    """
    for each in panels():
        if (each.dashboard, each.title) == (dashboard, title):
            return each
    titles = [each.title for each in panels() if each.dashboard == dashboard]
    raise UsageError(
        f"There is no panel {title!r} on the dashboard {dashboard!r}",
        got=", ".join(titles) or "no such dashboard",
        fix=f"choose from these titles, or from the dashboards {', '.join(each.uid for each in dashboards())}",
    )


def queries(panel: Panel, *, window: str = "1m", **values: str) -> list[str]:
    """A panel's queries as its store takes them.

    Args:
        panel: which one.
        window: what `$__rate_interval` stands for: a duration of at least two scrapes, better four.
        values: chosen values (regular expressions) of the dashboard's variables; all where not given.

    Raises:
        UnknownVariableError: a query names a variable that its dashboard lacks.
    """
    board = next(each for each in dashboards() if each.uid == panel.dashboard)
    chosen = {variable.name: values.get(variable.name, ALL) for variable in board.variables}
    return [resolve(query, window=window, values=chosen) for query in panel.queries]
