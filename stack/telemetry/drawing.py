"""A panel drawn without Grafana, from its own queries' answers: for the report."""

from __future__ import annotations

import io
import math
from collections.abc import Sequence
from typing import Any, Literal

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter

from stack.telemetry.board import Panel
from stack.telemetry.prometheus import Series

__all__ = ["draw", "in_unit"]

_SIZE = (6.4, 2.8)
_DPI = 110
_SHOWN = 12  # in the legend; the rest is drawn and counted
_STYLE: dict[Any, Any] = {
    "font.size": 8.0,
    "text.parse_math": False,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "grid.alpha": 0.25,
    "svg.fonttype": "none",
    "svg.hashsalt": "engine-room",
}
_BINARY = ("B", "KiB", "MiB", "GiB", "TiB")
_SUFFIX = {"reqps": " req/s", "ops": " ops/s", "wps": "/s", "short": ""}
_KIBI = 1024
_MILLI = 1e-3
_MINUTE, _HOUR = 60, 3600


def draw(panel: Panel, series: Sequence[Series], *, form: Literal["svg", "png"] = "svg") -> bytes:
    """A picture of a panel.

    Args:
        panel: its title, unit and thresholds.
        series: what its queries gave; none is drawn as an empty panel that says so.
        form: of the picture.
    """
    with mpl.rc_context(_STYLE):
        figure = Figure(figsize=_SIZE, layout="constrained")
        axes = figure.add_subplot()
        axes.set_title(panel.title, loc="left", fontweight="bold")
        if not series:
            axes.text(0.5, 0.5, "no data", ha="center", va="center", transform=axes.transAxes, color="tab:red")
            axes.set_xticks([])
            axes.set_yticks([])
        elif panel.kind == "bars" or all(len(each.points) == 1 for each in series):
            _bars(axes, panel, series)
        else:
            _lines(axes, panel, series)
        stream = io.BytesIO()
        metadata = {"Date": None, "Creator": None} if form == "svg" else {"Software": None}
        figure.savefig(stream, format=form, dpi=_DPI, metadata=metadata)
    return stream.getvalue()


def _lines(axes: Axes, panel: Panel, series: Sequence[Series]) -> None:
    start = min(each.points[0][0] for each in series)
    for number, each in enumerate(series):
        moments = [moment - start for moment, _ in each.points]
        label = _name(each) if number < _SHOWN else "_"
        axes.plot(
            moments,
            [value for _, value in each.points],
            linewidth=1.3,
            label=label,
            drawstyle="steps-post" if panel.kind == "states" else "default",
        )
    for threshold in panel.thresholds:
        low, high = axes.get_ylim()
        if low <= threshold.value <= high:
            axes.axhline(threshold.value, color=threshold.colour, linestyle="--", linewidth=0.8)
    axes.set_ylim(bottom=min(0.0, axes.get_ylim()[0]))
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _place: in_unit(value, panel.unit)))
    axes.set_xlabel("seconds")
    more = len(series) - _SHOWN
    axes.legend(
        loc="center left",
        bbox_to_anchor=(1.0, 0.5),
        frameon=False,
        fontsize=7,
        title=f"and {more} more" if more > 0 else None,
    )


def _bars(axes: Axes, panel: Panel, series: Sequence[Series]) -> None:
    shown = sorted(series, key=lambda each: each.last)[-_SHOWN:]
    axes.barh([_name(each) for each in shown], [each.last for each in shown], height=0.6)
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _place: in_unit(value, panel.unit)))


def _name(series: Series) -> str:
    shown = [value for key, value in sorted(series.labels.items()) if key != "__name__"]
    return series.legend or " ".join(shown) or series.labels.get("__name__", "value")


def in_unit(value: float, unit: str) -> str:
    """A value as a reader of the panel sees it, for the units that the dashboards use."""
    if unit == "percentunit":
        return f"{value * 100:.4g} %"
    if unit == "s":
        return _time(value)
    if unit in {"bytes", "binBps"}:
        power = min(int(math.log(abs(value), _KIBI)), len(_BINARY) - 1) if abs(value) >= 1 else 0
        return f"{value / _KIBI**power:.4g} {_BINARY[power]}" + ("/s" if unit == "binBps" else "")
    return f"{value:.4g}{_SUFFIX.get(unit, '')}"


def _time(value: float) -> str:
    size = abs(value)
    if size >= _HOUR:
        return f"{value / _HOUR:.3g} h"
    if size >= _MINUTE:
        return f"{value / _MINUTE:.3g} min"
    if size >= 1 or size == 0:
        return f"{value:.4g} s"
    return f"{value / _MILLI:.4g} ms"
