"""Dashboards as Grafana's JSON, made with Grafana's own SDK."""

from __future__ import annotations

import json
from collections.abc import Iterable

from grafana_foundation_sdk.builders import dashboard as builders
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.models import dashboard as models

from stack.telemetry.board import Dashboard, Variable
from stack.telemetry.dashboards import dashboards, visuals
from stack.telemetry.dashboards.explore import Backends

__all__ = ["render", "render_all"]

_TAG = "engine-room"


def render_all(backends: Backends | None = None, boards: Iterable[Dashboard] | None = None) -> dict[str, str]:
    """File name -> JSON of each dashboard; the registry's where `boards` is not given."""
    chosen = dashboards() if boards is None else boards
    return {f"{board.uid}.json": render(board, backends or Backends()) for board in chosen}


def render(board: Dashboard, backends: Backends) -> str:
    """One dashboard as Grafana imports it: the same input gives the same bytes."""
    made = (
        builders.Dashboard(board.title)
        .uid(board.uid)
        .description(board.description)
        .tags(list(board.tags))
        .readonly()
        .tooltip(models.DashboardCursorSync.CROSSHAIR)
        .refresh("30s")
        .time("now-1h", "now")
        .timezone("browser")
        .link(
            builders.DashboardLink("Dashboards")
            .type(models.DashboardLinkType.DASHBOARDS)
            .tags([_TAG])
            .as_dropdown(as_dropdown=True)
            .keep_time(keep_time=True)
        )
        .annotation(
            builders.AnnotationQuery()
            .name("Alerts")
            .datasource(visuals.METRICS)
            .enable(enable=True)
            .icon_color("red")
            .expr('ALERTS{alertstate="firing",severity="page"}')
        )
    )
    made = made.with_variable(_source("prometheus", "Metrics", "prometheus"))
    made = made.with_variable(_source("traces", "Traces", backends.traces_plugin))
    made = made.with_variable(_source("logs", "Logs", backends.logs_plugin))
    for variable in board.variables:
        made = made.with_variable(_variable(variable))
    panels = iter(board.panels())
    for row in board.rows:
        made = made.with_row(builders.Row(row.title))
        for _panel in row.panels:
            made = made.with_panel(visuals.build(next(panels), backends))
    built = made.build()
    for number, panel in enumerate(built.panels or (), start=1):
        panel.id_val = number
    return json.dumps(built, cls=JSONEncoder, indent=1, sort_keys=True, ensure_ascii=False) + "\n"


def _source(name: str, label: str, plugin: str) -> builders.DatasourceVariable:
    return builders.DatasourceVariable(name).label(label).type(plugin)


def _variable(variable: Variable) -> builders.QueryVariable:
    return (
        builders.QueryVariable(variable.name)
        .label(variable.label)
        .query(variable.query)
        .datasource(visuals.METRICS)
        .refresh(models.VariableRefresh.ON_TIME_RANGE_CHANGED)
        .sort(models.VariableSort.ALPHABETICAL_ASC)
        .multi(multi=True)
        .include_all(include_all=True)
        .all_value(".*")
        .current(models.VariableOption(selected=True, text="All", value="$__all"))
    )
