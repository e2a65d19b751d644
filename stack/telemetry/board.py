"""What a dashboard is, before it is Grafana's: rows of panels, each with its queries, its stimulus and its sources."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Literal

__all__ = ["Dashboard", "Kind", "Links", "Panel", "Row", "Target", "Threshold", "Variable", "t"]

Kind = Literal["timeseries", "bars", "states", "heatmap"]
Store = Literal["prometheus", "logs"]
_LABEL = re.compile(r"\{\{\s*(\w+)\s*\}\}")


@dataclass(frozen=True)
class Target:
    """One query of a panel.

    Attributes:
        query: PromQL, or LogsQL in a panel of the log store; may name the dashboard's variables.
        legend: Grafana's legend format, such as `{{http_route}}`.
    """

    query: str
    legend: str = ""

    def named(self, labels: Mapping[str, str]) -> str:
        """What Grafana calls a series of it: the legend with its labels filled in."""
        return _LABEL.sub(lambda match: labels.get(match[1], ""), self.legend).strip()


def t(query: str, legend: str = "") -> Target:
    """A target; short, for there are many."""
    return Target(query, legend)


@dataclass(frozen=True)
class Threshold:
    """From this value on, the panel is drawn in this colour."""

    value: float
    colour: Literal["orange", "red"]


@dataclass(frozen=True)
class Links:
    """Where a panel leads.

    Attributes:
        service: name of the service whose traces and logs explain the panel; `{label}` takes a series' label.
        tags: what to look for in its traces, in Jaeger's own form (`db.system.name=postgresql`).
        words: what to look for in its logs, in LogsQL (`level:error`).
    """

    service: str
    tags: str = ""
    words: str = ""


@dataclass(frozen=True)
class Panel:
    """One panel.

    Attributes:
        title: unique in its dashboard.
        unit: one of Grafana's units (`s`, `reqps`, `bytes`, `percentunit`, ...).
        stimulus: what makes its value move; a name of `stack.telemetry.stimuli`.
        sources: the Prometheus jobs it draws from: without them it is empty.
        targets: its queries.
        description: what an operator should know to read it.
        kind: how it is drawn.
        thresholds: where it becomes alarming, in its unit.
        maximum: upper end of the axis, where there is one.
        links: where it leads; the dashboard's own where not given.
        store: who answers its queries.
        width: columns of Grafana's grid of 24.
        dashboard: uid of its dashboard; set by the dashboard.
    """

    title: str
    unit: str
    stimulus: str
    sources: tuple[str, ...]
    targets: tuple[Target, ...]
    description: str
    kind: Kind = "timeseries"
    thresholds: tuple[Threshold, ...] = ()
    maximum: float | None = None
    links: Links | None = None
    store: Store = "prometheus"
    width: int = 8
    dashboard: str = ""

    @property
    def queries(self) -> tuple[str, ...]:
        """Its queries, with their variables."""
        return tuple(target.query for target in self.targets)

    @property
    def id(self) -> str:
        """`dashboard/title`: how a report names it."""
        return f"{self.dashboard}/{self.title}"


@dataclass(frozen=True)
class Row:
    """A titled row of panels."""

    title: str
    panels: tuple[Panel, ...]


@dataclass(frozen=True)
class Variable:
    """A choice at the top of a dashboard; all is chosen at first.

    Attributes:
        name: as the queries name it.
        label: as a reader sees it.
        query: Grafana's `label_values(metric, label)`.
    """

    name: str
    label: str
    query: str


@dataclass(frozen=True)
class Dashboard:
    """One dashboard; `uid` is its address (`/d/<uid>`), so it never changes."""

    uid: str
    title: str
    description: str
    rows: tuple[Row, ...]
    variables: tuple[Variable, ...] = ()
    links: Links | None = None
    tags: tuple[str, ...] = field(default=("engine-room",))

    def panels(self) -> list[Panel]:
        """Its panels in order, each knowing its dashboard and where it leads."""
        return [
            replace(panel, dashboard=self.uid, links=panel.links or self.links)
            for row in self.rows
            for panel in row.panels
        ]
