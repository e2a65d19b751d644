"""A small typed client of Prometheus' HTTP API, and panels asked through it."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import requests

from stack.errors import EngineRoomError
from stack.telemetry.board import Panel
from stack.telemetry.panels import queries

__all__ = ["AlertState", "FiringAlert", "Prometheus", "PrometheusError", "Series", "Target", "evaluate"]

AlertState = Literal["inactive", "pending", "firing"]
_TIMEOUT = 10.0


class PrometheusError(EngineRoomError):
    """Prometheus was not reached, or refused a query."""


@dataclass(frozen=True)
class Series:
    """One series of an answer.

    Attributes:
        labels: its labels, `__name__` included where it has one.
        points: (Unix seconds, value), oldest first; what is not a number is left out.
        legend: what its panel calls it, if that is known.
    """

    labels: Mapping[str, str]
    points: tuple[tuple[float, float], ...]
    legend: str = ""

    @property
    def last(self) -> float:
        """Its newest value."""
        return self.points[-1][1]


@dataclass(frozen=True)
class FiringAlert:
    """One alert that is pending or firing."""

    name: str
    state: AlertState
    labels: Mapping[str, str]
    annotations: Mapping[str, str]
    value: float


@dataclass(frozen=True)
class Target:
    """One scrape target; `health` is `up`, `down` or `unknown`."""

    job: str
    instance: str
    health: str
    last_error: str


class Prometheus:
    """The questions that checks ask.

    Args:
        url: of the server, without a path (`http://127.0.0.1:9090`).
        timeout: seconds for one answer.
    """

    def __init__(self, url: str, *, timeout: float = _TIMEOUT) -> None:
        """Connect at the first question."""
        self._url = url.rstrip("/")
        self._timeout = timeout
        self._session = requests.Session()

    def instant(self, query: str, *, at: float | None = None) -> list[Series]:
        """A query at one moment; series whose value is not a number are left out.

        Args:
            query: PromQL without variables.
            at: Unix seconds; now where not given.

        Raises:
            PrometheusError: see the class.
        """
        asked = {"query": query} if at is None else {"query": query, "time": f"{at:.3f}"}
        data = self._data("query", asked)
        if data["resultType"] == "scalar":
            return _series([{"metric": {}, "value": data["result"]}])
        return _series(data["result"])

    def range(self, query: str, *, start: float, end: float, step: float) -> list[Series]:
        """A query over a span of time (Unix seconds), a point every `step` seconds; errors as for `instant`."""
        asked = {"query": query, "start": f"{start:.3f}", "end": f"{end:.3f}", "step": f"{step:g}"}
        return _series(self._data("query_range", asked)["result"])

    def series(self, *matchers: str, start: float | None = None) -> list[dict[str, str]]:
        """Labels of every series that one of the matchers selects, since `start` (Unix seconds) where given."""
        asked: dict[str, str | list[str]] = {"match[]": list(matchers)}
        if start is not None:
            asked["start"] = f"{start:.3f}"
        found: list[dict[str, str]] = self._data("series", asked)
        return found

    def labels(self, name: str) -> list[str]:
        """All values of a label."""
        found: list[str] = self._data(f"label/{name}/values", {})
        return found

    def alerts(self) -> list[FiringAlert]:
        """Every alert that is pending or fires."""
        return [
            FiringAlert(
                name=each["labels"]["alertname"],
                state=each["state"],
                labels=each["labels"],
                annotations=each["annotations"],
                value=float(each["value"]),
            )
            for each in self._data("alerts", {})["alerts"]
        ]

    def rules(self) -> dict[str, str]:
        """Name of each rule -> what its last evaluation said: empty when it was well."""
        found: dict[str, str] = {}
        for group in self._data("rules", {})["groups"]:
            for rule in group["rules"]:
                said = rule.get("lastError", "") or ("" if rule["health"] in {"ok", "unknown"} else rule["health"])
                found[rule["name"]] = found.get(rule["name"], "") or said
        return found

    def targets(self) -> list[Target]:
        """Every target that is scraped."""
        return [
            Target(each["labels"]["job"], each["labels"].get("instance", ""), each["health"], each["lastError"])
            for each in self._data("targets", {"state": "active"})["activeTargets"]
        ]

    def _data(self, path: str, asked: Mapping[str, str | Sequence[str]]) -> Any:
        url = f"{self._url}/api/v1/{path}"
        try:
            answer = self._session.get(url, params=dict(asked), timeout=self._timeout)
            body = answer.json()
        except requests.RequestException as error:
            raise PrometheusError("Prometheus did not answer", on=url, got=str(error), fix="is it running?") from error
        if body.get("status") != "success":
            raise PrometheusError(
                "Prometheus refused the question",
                on=str(asked.get("query", url)),
                got=f"{body.get('errorType', answer.status_code)}: {body.get('error', '')}",
            )
        return body["data"]


def evaluate(
    prometheus: Prometheus,
    panel: Panel,
    *,
    window: str = "1m",
    span: tuple[float, float, float] | None = None,
    **values: str,
) -> list[Series]:
    """What a panel shows, from its own queries; an empty list is an empty panel.

    Args:
        prometheus: who is asked.
        panel: which one.
        window: what `$__rate_interval` stands for.
        span: start, end (Unix seconds) and step (seconds) of what is drawn; now where not given.
        values: chosen values of the dashboard's variables.

    Raises:
        PrometheusError: see `Prometheus.instant`.
    """
    found: list[Series] = []
    for query in queries(panel, window=window, **values):
        if span is None:
            found += prometheus.instant(query)
        else:
            start, end, step = span
            found += prometheus.range(query, start=start, end=end, step=step)
    return found


def _series(result: list[dict[str, Any]]) -> list[Series]:
    found = []
    for each in result:
        pairs = each["values"] if "values" in each else [each["value"]]
        points = tuple((float(moment), float(value)) for moment, value in pairs)
        points = tuple(point for point in points if not math.isnan(point[1]))
        if points:
            found.append(Series(each["metric"], points))
    return found
