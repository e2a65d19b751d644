"""The dashboards in a Grafana that somebody runs: imported beside theirs, asked through its query API, taken out again.

Grafana's HTTP API, as its documentation has it for Grafana 10 and newer: data sources, folders, dashboards and
`/api/ds/query`. It wants a service account's token with the role Admin, since data sources are made and deleted.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Self

import requests

from stack.addresses import HttpAddress, TelemetryAddresses
from stack.errors import NeedMissingError
from stack.telemetry.board import Panel
from stack.telemetry.dashboards import dashboards
from stack.telemetry.dashboards.explore import Backends
from stack.telemetry.dashboards.grafana import render
from stack.telemetry.panels import ALL
from stack.telemetry.promql import resolve
from steps.panel_source import WINDOW, NoAnswerError, moments
from steps.panel_values import Curve, Seen

__all__ = ["Grafana"]

_SECONDS = 10.0
_MILLISECONDS = 1000


@dataclass
class Grafana:
    """A panel source that asks Grafana, which asks the stores.

    Args:
        address: of the Grafana, with a service account's token.
        stores: what its data sources point to; Grafana must reach these addresses.
        slow: factor of every deadline.
    """

    address: HttpAddress
    stores: TelemetryAddresses
    slow: float = 1.0
    mark: str = field(default_factory=lambda: f"engine-room-{secrets.token_hex(4)}")
    _sources: dict[str, str] = field(default_factory=dict)
    _panels: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    _folder: bool = False

    def __enter__(self) -> Self:
        """Nothing is made before a dashboard is imported."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Take out what was put in, however far that came."""
        with ExitStack() as undone:  # each of them, whatever becomes of the others
            for uid in self._sources.values():
                undone.callback(self._call, "DELETE", f"/api/datasources/uid/{uid}")
            if self._folder:
                undone.callback(self._call, "DELETE", f"/api/folders/{self.mark}?forceDeleteRules=true")
        self._sources.clear()
        self._folder = False

    def put(self, dashboard: str) -> None:
        """Import a dashboard under an address of its own.

        Raises:
            NeedMissingError: Grafana does not answer, does not let us, or lacks a plugin that the dashboard needs.
        """
        board = next(each for each in dashboards() if each.uid == dashboard)
        try:
            self._call("GET", "/api/org")
            stores = {panel.store for panel in board.panels()}
            self._source("prometheus", "prometheus", self.stores.prometheus)
            if "logs" in stores:
                self._source("logs", Backends().logs_plugin, self.stores.logs)
            if not self._folder:
                self._call("POST", "/api/folders", json={"uid": self.mark, "title": f"Engine Room {self.mark[-8:]}"})
                self._folder = True
            model = json.loads(render(board, Backends())) | {"uid": self._uid(dashboard), "id": None}
            for variable in model["templating"]["list"]:
                if variable["type"] == "datasource" and variable["name"] in self._sources:
                    uid = self._sources[variable["name"]]
                    variable["current"] = {"text": uid, "value": uid}
            asked = {"dashboard": model, "folderUid": self.mark, "overwrite": False}
            self._call("POST", "/api/dashboards/db", json=asked)
            kept = self._call("GET", f"/api/dashboards/uid/{self._uid(dashboard)}")["dashboard"]
        except NoAnswerError as error:
            raise NeedMissingError("grafana", error.what, on=error.on, got=error.got) from error
        self._panels[dashboard] = list(_flat(kept["panels"]))

    def path(self, dashboard: str) -> str:
        """Where a person opens an imported dashboard."""
        return f"/d/{self._uid(dashboard)}"

    def title(self, dashboard: str) -> str:
        """What its page is called."""
        return next(each.title for each in dashboards() if each.uid == dashboard)

    def over(self, panel: Panel, start: float, end: float) -> Seen:
        """What Grafana answers for the panel as it keeps it; see `PanelSource`."""
        asked = moments(start, end)
        if not asked:
            return Seen((), (), len(panel.queries))
        kept = next((each for each in self._panels[panel.dashboard] if each["title"] == panel.title), None)
        if kept is None:
            raise NoAnswerError("Grafana does not have this panel", on=panel.id)
        queries = [self._query(number, target, panel) for number, target in enumerate(kept["targets"])]
        body = {
            "queries": queries,
            "from": str(int(asked[0] * _MILLISECONDS)),
            "to": str(int(asked[-1] * _MILLISECONDS)),
        }
        results = self._call("POST", "/api/ds/query", json=body)["results"]
        curves: list[Curve] = []
        for number, query in enumerate(queries):
            answer = results.get(query["refId"], {})
            if answer.get("error"):
                raise NoAnswerError("Grafana could not answer a query", on=panel.id, got=str(answer["error"]))
            curves += _curves(number, answer.get("frames", ()))
        return Seen(tuple(curves), asked, len(panel.queries))

    # -- parts -------------------------------------------------------------------------------------------------------

    def _query(self, number: int, target: Mapping[str, Any], panel: Panel) -> dict[str, Any]:
        """One query as Grafana's own page would send it: its variables are the page's business, not the server's."""
        board = next(each for each in dashboards() if each.uid == panel.dashboard)
        chosen = {variable.name: ALL for variable in board.variables}
        source = "logs" if panel.store == "logs" else "prometheus"
        return {
            **target,
            "refId": str(target.get("refId") or f"Q{number}"),
            "datasource": {"uid": self._sources[source]},
            "expr": resolve(str(target["expr"]), window=f"{WINDOW}s", values=chosen),
            "instant": False,
            "range": True,
            "interval": "1s",
            "intervalMs": _MILLISECONDS,
            "maxDataPoints": 11_000,
        }

    def _source(self, name: str, plugin: str, url: str | None) -> None:
        if name in self._sources:
            return
        if url is None:
            raise NeedMissingError(name, "This stack has no such store")
        uid = f"{self.mark}-{name}"
        told = {"uid": uid, "name": uid, "type": plugin, "access": "proxy", "url": url}
        self._call("POST", "/api/datasources", json=told | {"jsonData": {"timeInterval": "1s", "httpMethod": "POST"}})
        self._sources[name] = uid

    def _uid(self, dashboard: str) -> str:
        return f"{self.mark}-{dashboard}"[:40]  # Grafana takes no longer one

    def _call(self, verb: str, path: str, **given: Any) -> Any:
        url = f"{self.address.url}{path}"
        try:
            answer = requests.request(verb, url, headers=self.headers, timeout=_SECONDS * self.slow, **given)
        except requests.RequestException as error:
            raise NoAnswerError("Grafana did not answer", on=url, got=str(error)) from error
        if not answer.ok:
            raise NoAnswerError("Grafana refused", on=f"{verb} {url}", got=f"{answer.status_code} {answer.text[:300]}")
        return answer.json()

    @property
    def headers(self) -> dict[str, str]:
        """What a request of ours carries; a secret."""
        token = self.address.token
        return {} if token is None else {"Authorization": f"Bearer {token.get_secret_value()}"}


def _flat(panels: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """Panels, those of collapsed rows too."""
    for panel in panels:
        if panel["type"] == "row":
            yield from panel.get("panels") or ()
        else:
            yield panel


def _curves(query: int, frames: list[dict[str, Any]]) -> Iterator[Curve]:
    """Data frames as curves: one field of times, the others of numbers."""
    for frame in frames:
        fields, columns = frame["schema"]["fields"], frame["data"]["values"]
        times = next((number for number, each in enumerate(fields) if each["type"] == "time"), None)
        if times is None:
            continue
        for each, values in zip(fields, columns, strict=True):
            if each["type"] != "number":
                continue
            points = {
                moment / _MILLISECONDS: float(value)
                for moment, value in zip(columns[times], values, strict=True)
                if value is not None
            }
            if points:
                yield Curve(query, each.get("labels") or {}, points)
