"""The OpenTelemetry Collector: takes spans and logs of every service, hides secrets, and brings them where they go."""

from __future__ import annotations

import signal
from collections.abc import Mapping

from stack.addresses import Addresses, HttpAddress
from stack.components.base import Component, Launch, Plan
from stack.components.jaeger import JAEGER
from stack.components.opensearch import OPENSEARCH
from stack.components.services import COLLECTOR
from stack.components.telemetry import url_of, with_telemetry
from stack.components.victorialogs import VICTORIALOGS
from stack.components.waits import AllOf, Condition, HttpAnswers, PortOpen
from stack.telemetry.collector import CollectorPorts, Destinations, render

__all__ = ["Collector"]

_CONF = "collector.json"
_TOOL = "otelcol"


class Collector(Component):
    """It runs as whoever starts the stack: the services' logs are theirs."""

    name = COLLECTOR
    tools = (_TOOL,)
    ports = ("otlp_http", "otlp_grpc", "health", "metrics", "spanmetrics")
    own_user = True
    optional = True
    reload = signal.SIGHUP

    def files(self, plan: Plan) -> Mapping[str, str]:
        """Its configuration, with what it sends to of this plan."""
        site = plan.site(self.name)
        text = render(
            host=site.host,
            ports=CollectorPorts(**{name: site.ports[name] for name in self.ports}),
            storage=site.data / "queues",
            logs=plan.logs,
            to=self._destinations(plan),
            scale=plan.telemetry_scale,
        )
        return {_CONF: text}

    def launch(self, plan: Plan) -> Launch:
        """One process."""
        site = plan.site(self.name)
        tool = plan.tools.require(_TOOL)
        return Launch([tool.program("otelcol"), "--config", site.config / _CONF], cwd=site.scratch, env=tool.env)

    def answers(self, plan: Plan) -> Condition:
        """Its pipelines run, and it takes spans."""
        site = plan.site(self.name)
        return AllOf(
            (
                HttpAnswers(f"{url_of(plan, self.name, 'health')}/"),
                PortOpen(site.host, site.ports["otlp_http"]),
                PortOpen(site.host, site.ports["otlp_grpc"]),
            )
        )

    def address(self, plan: Plan, known: Addresses) -> Addresses:
        """Fill `telemetry.otlp_http` and `telemetry.otlp_grpc`."""
        site = plan.site(self.name)
        return with_telemetry(
            known, otlp_http=url_of(plan, self.name, "otlp_http"), otlp_grpc=f"{site.host}:{site.ports['otlp_grpc']}"
        )

    def _destinations(self, plan: Plan) -> Destinations:
        elsewhere = plan.elsewhere
        tokens = {
            "loki": (elsewhere.loki, "Bearer"),
            "elastic": (elsewhere.elastic, "ApiKey"),
        }
        return Destinations(
            jaeger=url_of(plan, JAEGER, "otlp-http") if JAEGER in plan.sites else None,
            victorialogs=url_of(plan, VICTORIALOGS) if VICTORIALOGS in plan.sites else None,
            opensearch=url_of(plan, OPENSEARCH) if OPENSEARCH in plan.sites else None,
            loki=_base(elsewhere.loki),
            elastic=_base(elsewhere.elastic),
            authorization={
                name: f"{scheme} {address.token.get_secret_value()}"
                for name, (address, scheme) in tokens.items()
                if address is not None and address.token is not None
            },
        )


def _base(address: HttpAddress | None) -> str | None:
    return address.url if address is not None else None
