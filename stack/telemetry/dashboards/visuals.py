"""One panel of ours as Grafana's."""

from __future__ import annotations

from typing import Any

from grafana_foundation_sdk.builders import bargauge, common, dashboard, heatmap, prometheus, statetimeline, timeseries
from grafana_foundation_sdk.cog.builder import Builder
from grafana_foundation_sdk.cog.variants import Dataquery
from grafana_foundation_sdk.models import common as common_models
from grafana_foundation_sdk.models import dashboard as models
from grafana_foundation_sdk.models.prometheus import PromQueryFormat

from stack.telemetry.board import Panel, Target
from stack.telemetry.dashboards.explore import Backends

__all__ = ["METRICS", "build"]

METRICS = models.DataSourceRef(type_val="prometheus", uid="${prometheus}")
_HEIGHT = 8
_CALM = "green"


class _LogsQuery(Dataquery):
    """A query of the log store's plugin, which the SDK does not know."""

    def __init__(self, expr: str, ref_id: str, source: models.DataSourceRef) -> None:
        self._fields = {"expr": expr, "queryType": "statsRange", "refId": ref_id, "datasource": source}

    def to_json(self) -> dict[str, object]:
        """As Grafana's JSON has it."""
        return dict(self._fields)


class _Logs(Builder[Dataquery]):
    def __init__(self, query: _LogsQuery) -> None:
        self._query = query

    def build(self) -> Dataquery:
        return self._query


def build(panel: Panel, backends: Backends) -> Builder[models.Panel]:
    """A panel for the SDK's dashboard, with thresholds, units, what it draws from and where it leads."""
    # Each kind has a builder class of its own with the same methods, and no class above them that has these.
    made: Any = _KINDS[panel.kind](panel)
    source = METRICS if panel.store == "prometheus" else _logs(backends)
    made = (
        made.title(panel.title)
        .description(_description(panel))
        .datasource(source)
        .unit(panel.unit)
        .thresholds(_thresholds(panel))
        .height(_HEIGHT)
        .span(panel.width)
        .targets([_target(panel, number, target, backends) for number, target in enumerate(panel.targets)])
    )
    if panel.maximum is not None:
        made = made.min(0).max(panel.maximum)
    links = panel.links
    if links is not None:
        made = made.data_links(
            [
                dashboard.DashboardLink("Traces").url(backends.traces_url(links)).target_blank(target_blank=True),
                dashboard.DashboardLink("Logs").url(backends.logs_url(links)).target_blank(target_blank=True),
            ]
        )
    built: Builder[models.Panel] = made
    return built


def _logs(backends: Backends) -> models.DataSourceRef:
    return models.DataSourceRef(type_val=backends.logs_plugin, uid="${logs}")


def _description(panel: Panel) -> str:
    jobs = ", ".join(panel.sources) or "Prometheus itself"
    return f"{panel.description}\n\nDrawn from: {jobs}. Without it there is nothing here, not a zero."


def _target(panel: Panel, number: int, target: Target, backends: Backends) -> Builder[Dataquery]:
    letter = chr(ord("A") + number)
    if panel.store == "logs":
        return _Logs(_LogsQuery(target.query, letter, _logs(backends)))
    query = prometheus.Dataquery().expr(target.query).legend_format(target.legend or "__auto").ref_id(letter)
    query = query.instant() if panel.kind == "bars" else query.range()
    if panel.kind == "heatmap":
        query = query.format(PromQueryFormat.HEATMAP)
    return query


def _thresholds(panel: Panel) -> dashboard.ThresholdsConfig:
    steps = [models.Threshold(value=None, color=_CALM)]
    if panel.kind == "states":
        # Up is 1 and down is 0: what is alarming lies below.
        steps = [models.Threshold(value=None, color="red"), models.Threshold(value=1, color=_CALM)]
    else:
        steps += [models.Threshold(value=each.value, color=each.colour) for each in panel.thresholds]
    return dashboard.ThresholdsConfig().mode(models.ThresholdsMode.ABSOLUTE).steps(steps)


def _timeseries(panel: Panel) -> timeseries.Panel:
    made = (
        timeseries.Panel()
        .line_width(1)
        .fill_opacity(10)
        .show_points(common_models.VisibilityMode.NEVER)
        # A gap is a gap: an exporter that was away must be seen.
        .span_nulls(span_nulls=False)
        .legend(
            common.VizLegendOptions()
            .display_mode(common_models.LegendDisplayMode.TABLE)
            .placement(common_models.LegendPlacement.BOTTOM)
            .show_legend(show_legend=True)
            .calcs(["lastNotNull", "max"])
        )
        .tooltip(
            common.VizTooltipOptions()
            .mode(common_models.TooltipDisplayMode.MULTI)
            .sort(common_models.SortOrder.DESCENDING)
        )
    )
    if panel.thresholds:
        style = common.GraphThresholdsStyleConfig().mode(common_models.GraphThresholdsStyleMode.DASHED)
        made = made.thresholds_style(style)
    return made


def _bars(_panel: Panel) -> bargauge.Panel:
    return bargauge.Panel().orientation(common_models.VizOrientation.HORIZONTAL)


def _states(_panel: Panel) -> statetimeline.Panel:
    words = {
        "0": models.ValueMappingResult(text="no", color="red"),
        "1": models.ValueMappingResult(text="yes", color=_CALM),
    }
    return (
        statetimeline.Panel().mappings([models.ValueMap(options=words)]).show_value(common_models.VisibilityMode.NEVER)
    )


def _heatmap(_panel: Panel) -> heatmap.Panel:
    return heatmap.Panel().calculate(calculate=False).show_color_scale(show_color_scale=True)


_KINDS = {"timeseries": _timeseries, "bars": _bars, "states": _states, "heatmap": _heatmap}
