"""Links from a panel into Grafana's Explore, with traces and logs of the service that the panel is about."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import Literal
from urllib.parse import quote

from stack.telemetry.board import Links

__all__ = ["Backends", "LogsKind", "TracesKind"]

TracesKind = Literal["jaeger", "tempo"]
LogsKind = Literal["victorialogs", "loki"]

_PLUGINS = {
    "jaeger": "jaeger",
    "tempo": "tempo",
    "victorialogs": "victoriametrics-logs-datasource",
    "loki": "loki",
}
_LABEL = re.compile(r"\{(\w+)\}")
_PLACEHOLDER = re.compile(r"(\$\{[^}]+\})")
_TAG = re.compile(r"([\w.]+)=(\S+)")


@dataclass(frozen=True)
class Backends:
    """Which stores the dashboards' links speak to; the data source itself is chosen on the dashboard.

    Attributes:
        traces: `jaeger` or `tempo`: their searches are written differently.
        logs: `victorialogs` (LogsQL) or `loki` (LogQL).
    """

    traces: TracesKind = "jaeger"
    logs: LogsKind = "victorialogs"

    @property
    def traces_plugin(self) -> str:
        """Grafana's id of the plugin for traces."""
        return _PLUGINS[self.traces]

    @property
    def logs_plugin(self) -> str:
        """Grafana's id of the plugin for logs."""
        return _PLUGINS[self.logs]

    def traces_url(self, links: Links) -> str:
        """Explore with the traces of the panel's service, in the dashboard's time."""
        service = _field(links.service)
        if self.traces == "jaeger":
            query = {"queryType": "search", "service": service, "tags": links.tags}
        else:
            terms = [f'resource.service.name="{service}"', *(_tempo(*tag) for tag in _TAG.findall(links.tags))]
            query = {"queryType": "traceql", "query": "{" + " && ".join(terms) + "}"}
        return _explore("${traces}", self.traces_plugin, query)

    def logs_url(self, links: Links) -> str:
        """Explore with the log lines of the panel's service, in the dashboard's time."""
        service = _field(links.service)
        if self.logs == "victorialogs":
            expr = f'service.name:="{service}" {links.words}'.strip()
        else:
            # What LogsQL says of a line has no sure counterpart: all of the service's lines are there to narrow down.
            expr = f'{{service_name="{service}"}}'
        return _explore("${logs}", self.logs_plugin, {"queryType": "range", "expr": expr})


def _tempo(key: str, value: str) -> str:
    return "status=error" if (key, value) == ("error", "true") else f'span.{key}="{value}"'


def _field(service: str) -> str:
    return _LABEL.sub(r"${__field.labels.\1}", service)


def _explore(variable: str, plugin: str, query: dict[str, str]) -> str:
    source = {"type": plugin, "uid": variable}
    pane = {
        "datasource": variable,
        "queries": [{"refId": "A", "datasource": source, **query}],
        "range": {"from": "${__from}", "to": "${__to}"},
    }
    text = json.dumps({"a": pane}, separators=(",", ":"))
    # Grafana fills placeholders in before it opens the link, so they must stay readable to it.
    panes = "".join(part if _PLACEHOLDER.fullmatch(part) else quote(part, safe="") for part in _PLACEHOLDER.split(text))
    return f"/explore?schemaVersion=1&orgId=1&panes={panes}"
