"""Who answers a panel's queries: Prometheus and the log store themselves, or a Grafana in front of them."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Protocol

import requests

from stack.addresses import TelemetryAddresses
from stack.errors import EngineRoomError, NeedMissingError
from stack.telemetry.board import Panel
from stack.telemetry.panels import queries
from stack.telemetry.prometheus import Prometheus, PrometheusError, Series
from steps.panel_values import Curve, Seen

__all__ = ["WINDOW", "NoAnswerError", "PanelSource", "Stores", "curves_of", "moments", "series_of"]

WINDOW = 5  # seconds of a rate, at one scrape a second
_SECONDS = 10.0


class NoAnswerError(EngineRoomError):
    """Who answers a panel's queries gave none, or refused one."""


class PanelSource(Protocol):
    """Answers a panel's own queries."""

    def over(self, panel: Panel, start: float, end: float) -> Seen:
        """What the panel shows from one moment (Unix time) to another, at each second.

        Raises:
            NoAnswerError: there is no answer, or the query is refused.
        """


def moments(start: float, end: float) -> list[float]:
    """The whole seconds in a span: the same whoever asks, so that spans can be put together."""
    return [float(second) for second in range(math.ceil(start), math.floor(end) + 1)]


def curves_of(query: int, found: Sequence[Series]) -> Iterator[Curve]:
    """An answer as curves of a panel."""
    for each in found:
        yield Curve(query, each.labels, dict(each.points))


def series_of(panel: Panel, seen: Seen) -> list[Series]:
    """A panel's curves as they are drawn."""
    return [
        Series(curve.labels, tuple(sorted(curve.points.items())), panel.targets[curve.query].named(curve.labels))
        for curve in seen.curves
    ]


@dataclass
class Stores:
    """The stores themselves."""

    addresses: TelemetryAddresses
    slow: float = 1.0
    _prometheus: Prometheus | None = field(default=None, repr=False)

    @property
    def prometheus(self) -> Prometheus:
        """Who keeps the metrics."""
        if self.addresses.prometheus is None:
            raise NeedMissingError("prometheus", "This stack has no Prometheus")
        if self._prometheus is None:
            self._prometheus = Prometheus(self.addresses.prometheus, timeout=_SECONDS * self.slow)
        return self._prometheus

    def over(self, panel: Panel, start: float, end: float) -> Seen:
        """See `PanelSource`."""
        asked = moments(start, end)
        if not asked:
            return Seen((), (), len(panel.queries))
        curves: list[Curve] = []
        for number, query in enumerate(queries(panel, window=f"{WINDOW}s")):
            curves += curves_of(number, self._lines(query, asked) if panel.store == "logs" else self._of(query, asked))
        return Seen(tuple(curves), asked, len(panel.queries))

    def _of(self, query: str, asked: Sequence[float]) -> list[Series]:
        try:
            return self.prometheus.range(query, start=asked[0], end=asked[-1], step=1)
        except PrometheusError as error:
            raise NoAnswerError(error.what, on=error.on, got=error.got) from error

    def _lines(self, query: str, asked: Sequence[float]) -> list[Series]:
        if self.addresses.logs is None:
            raise NeedMissingError("victorialogs", "This stack has no log store")
        url = f"{self.addresses.logs}/select/logsql/stats_query_range"
        given = {"query": query, "start": f"{asked[0]:.0f}", "end": f"{asked[-1] + 1:.0f}", "step": "1s"}
        try:
            answer = requests.post(url, data=given, timeout=_SECONDS * self.slow)
        except requests.RequestException as error:
            raise NoAnswerError("The log store did not answer", on=url, got=str(error)) from error
        if answer.status_code != requests.codes.ok:
            raise NoAnswerError("The log store refused a query", on=query, got=answer.text[:500])
        found = answer.json()["data"]["result"]
        return [
            Series(each["metric"], tuple((float(moment), float(value)) for moment, value in each["values"]))
            for each in found
            if each["values"]
        ]
