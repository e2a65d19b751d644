"""Plots as inline SVG: the same numbers give the same bytes, and the colours follow the page's light or dark scheme."""

from __future__ import annotations

import html
import io
import re
import warnings
from collections.abc import Callable, Sequence
from statistics import median
from typing import Any

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from reports.evidence import Measurement
from reports.verdict import ScenarioResult, Verdict

__all__ = ["measurement_plot", "slowest_plot", "timeline_plot"]

# Stand-ins that no plot uses otherwise; each becomes a custom property of the page's style sheet.
_INK, _MUTED, _LINE, _ACCENT = "#010101", "#010102", "#010103", "#010104"
_COLOURS = {
    Verdict.PASS: "#010111",
    Verdict.FAIL: "#010112",
    Verdict.COULD_NOT_VERIFY: "#010113",
    Verdict.NOT_CONFIGURED: "#010114",
    Verdict.SIMULATED: "#010115",
}
_PROPERTIES = {
    _INK: "var(--ink)",
    _MUTED: "var(--muted)",
    _LINE: "var(--line)",
    _ACCENT: "var(--accent)",
    **{colour: f"var(--{verdict.value.replace('_', '-')})" for verdict, colour in _COLOURS.items()},
}
_STYLE: dict[Any, Any] = {
    "svg.fonttype": "none",
    "text.parse_math": False,
    "font.size": 9.0,
    "text.color": _INK,
    "axes.edgecolor": _LINE,
    "axes.labelcolor": _MUTED,
    "xtick.color": _MUTED,
    "ytick.color": _MUTED,
    "ytick.labelcolor": _INK,
    "grid.color": _LINE,
    "axes.grid": True,
    "axes.grid.axis": "x",
    "axes.axisbelow": True,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.spines.left": False,
}
_WIDTH = 10.6
_LONGEST_LABEL = 64
_SLOWEST = 10
_VISIBLE = 0.01
_FEW = 40
# A bar this share of the axis is the thinnest that can be seen.
_THINNEST = 0.003


def timeline_plot(results: Sequence[ScenarioResult]) -> str:
    """When each scenario ran and for how long, a row per feature; empty where nothing ran."""
    ran = sorted((r for r in results if r.started is not None), key=lambda r: (r.started, r.id))
    if not ran:
        return ""
    starts = [result.started.timestamp() for result in ran if result.started is not None]
    origin = min(starts)
    rows = list(dict.fromkeys(result.place for result in ran))
    length = max(start - origin + result.duration for start, result in zip(starts, ran, strict=True)) or 1.0

    def draw(axes: Axes) -> dict[str, str]:
        titles = {}
        for index, (start, result) in enumerate(zip(starts, ran, strict=True)):
            row, left, width = rows.index(result.place), start - origin, max(result.duration, length * _THINNEST)
            colour = _COLOURS[result.verdict]
            bars = axes.barh(row, width, left=left, height=0.56, color=colour, edgecolor="none")
            bars[0].set_gid(f"bar{index}")
            titles[f"bar{index}"] = f"{result.id}: {result.verdict.label}, {result.duration:.2f} s"
            if result.verdict is not Verdict.PASS:
                place = (left + width / 2, row - 0.34)
                axes.text(*place, result.verdict.mark, ha="center", va="bottom", color=colour, weight="bold")
        axes.set_yticks(range(len(rows)), [_short(row) for row in rows])
        axes.set_ylim(len(rows) - 0.4, -0.75)
        axes.set_xlim(0, length * 1.01)
        axes.set_xlabel("seconds since the first scenario began")
        return titles

    return _svg("timeline", draw, height=0.9 + 0.36 * len(rows))


def slowest_plot(results: Sequence[ScenarioResult]) -> str:
    """The scenarios that took longest, as far as they can be seen beside the first; empty where there is but one."""
    ran = sorted((r for r in results if r.started is not None), key=lambda r: (-r.duration, r.id))[:_SLOWEST]
    ran = [result for result in ran if result.duration > ran[0].duration * _VISIBLE]
    if len(ran) <= 1:
        return ""

    def draw(axes: Axes) -> dict[str, str]:
        _bars(axes, [r.id for r in ran], [r.duration for r in ran], [_COLOURS[r.verdict] for r in ran], "s")
        axes.set_xlabel("seconds")
        return {}

    return _svg("slowest", draw, height=0.8 + 0.3 * len(ran))


def measurement_plot(measurement: Measurement, name: str) -> str:
    """A measured series: bars where the values have labels, a line otherwise; `name` is unique on the page."""

    def draw(axes: Axes) -> dict[str, str]:
        values, unit = measurement.values, measurement.unit
        if measurement.labels:
            _bars(axes, measurement.labels, values, [_ACCENT] * len(values), unit)
            axes.set_xlabel(unit)
            return {}
        axes.grid(visible=True, axis="y")
        axes.grid(visible=False, axis="x")
        axes.plot(
            range(1, len(values) + 1),
            values,
            color=_ACCENT,
            marker="o" if len(values) <= _FEW else None,
            markersize=3,
            linewidth=1.4,
        )
        middle = median(values)
        axes.axhline(middle, color=_MUTED, linestyle="--", linewidth=1)
        axes.annotate(
            f"median {middle:.4g} {unit}".strip(),
            (1, middle),
            xycoords=("axes fraction", "data"),
            xytext=(4, 0),
            textcoords="offset points",
            va="center",
            color=_MUTED,
        )
        axes.set_ylabel(unit)
        axes.set_ylim(bottom=min(0, *values))
        axes.set_xlabel("in the order measured")
        return {}

    height = 0.8 + 0.3 * len(measurement.labels) if measurement.labels else 2.6
    return _svg(name, draw, height=height)


def _bars(axes: Axes, labels: Sequence[str], values: Sequence[float], colours: Sequence[str], unit: str) -> None:
    rows = range(len(values))
    axes.barh(rows, values, height=0.56, color=colours, edgecolor="none")
    for row, value in zip(rows, values, strict=True):
        axes.annotate(
            f"{value:.4g} {unit}".strip(), (value, row), xytext=(4, 0), textcoords="offset points", va="center"
        )
    axes.set_yticks(rows, [_short(label) for label in labels])
    axes.set_ylim(len(values) - 0.4, -0.6)
    axes.margins(x=0.12)


def _svg(name: str, draw: Callable[[Axes], dict[str, str]], *, height: float) -> str:
    with mpl.rc_context({**_STYLE, "svg.hashsalt": name}), warnings.catch_warnings():
        # A title may hold a glyph that the font used for measuring lacks; the reader's browser has its own fonts.
        warnings.simplefilter("ignore", UserWarning)
        figure = Figure(figsize=(_WIDTH, height), layout="constrained")
        axes = figure.add_subplot()
        titles = draw(axes)
        axes.tick_params(length=0)
        figure.patch.set_visible(False)
        axes.patch.set_visible(False)
        stream = io.StringIO()
        figure.savefig(stream, format="svg", metadata={"Date": None, "Creator": None, "Format": None, "Type": None})
    return _inline(stream.getvalue(), name, titles)


def _inline(text: str, name: str, titles: dict[str, str]) -> str:
    """An SVG file as part of a page: no prologue, no fixed size, ids of its own, colours and fonts of the page."""
    svg = text[text.index("<svg") :]
    svg = re.sub(r"<(metadata|style)\b.*?</\1>", "", svg, flags=re.DOTALL)
    svg = re.sub(r' (?:width|height)="[^"]*pt"', "", svg, count=2)
    for identifier, title in titles.items():
        svg = svg.replace(f'<g id="{identifier}">', f'<g id="{identifier}"><title>{html.escape(title)}</title>', 1)
    svg = re.sub(r'\bid="([^"]+)"', rf'id="{name}-\1"', svg)
    svg = re.sub(r'(href="#|url\(#)', rf"\1{name}-", svg)
    svg = re.sub(r"font-family: [^;\"]*", "font-family: var(--sans)", svg)
    for colour, value in _PROPERTIES.items():
        svg = svg.replace(colour, value)
    return svg.strip()


def _short(label: str) -> str:
    # Cut in the middle: a title begins with its feature and ends with its variant, and both tell it apart.
    half = _LONGEST_LABEL // 2
    return label if len(label) <= _LONGEST_LABEL else f"{label[:half]}…{label[1 - half :]}"
