"""Jaeger v2: keeps traces in its own store (Badger), which survives it, and answers by trace id."""

from __future__ import annotations

import json
from collections.abc import Mapping

from stack.addresses import Addresses
from stack.components.base import Component, Launch, Plan, Site
from stack.components.telemetry import url_of, with_telemetry
from stack.components.waits import AllOf, Condition, HttpAnswers, PortOpen

__all__ = ["JAEGER", "Jaeger", "settings"]

JAEGER = "jaeger"
_CONF = "jaeger.json"
_STORE = "badger"
_KEPT = "72h"


def settings(site: Site) -> str:
    """The configuration (JSON, which is YAML): spans go into the store before they are acknowledged.

    There is neither a batch processor nor a queue between the receiver and the store, as there is in Jaeger's own
    examples: what they hold in memory would be acknowledged, and gone with the process.
    """
    host, ports = site.host, site.ports
    names = {"without_scope_info": True, "without_type_suffix": True, "without_units": True}
    reader = {"pull": {"exporter": {"prometheus": {"host": host, "port": ports["metrics"], **names}}}}
    document = {
        "extensions": {
            "healthcheckv2": {"use_v2": True, "http": {"endpoint": f"{host}:{ports['health']}"}},
            "jaeger_query": {
                "storage": {"traces": _STORE},
                "http": {"endpoint": f"{host}:{ports['server']}"},
                "grpc": {"endpoint": f"{host}:{ports['query-grpc']}"},
            },
            "jaeger_storage": {
                "backends": {
                    _STORE: {
                        "badger": {
                            "ephemeral": False,
                            "directories": {"keys": str(site.data / "keys"), "values": str(site.data / "values")},
                            "ttl": {"spans": _KEPT},
                        }
                    }
                }
            },
        },
        "receivers": {
            "otlp": {
                "protocols": {
                    "grpc": {"endpoint": f"{host}:{ports['otlp-grpc']}", "max_recv_msg_size_mib": 64},
                    "http": {"endpoint": f"{host}:{ports['otlp-http']}", "max_request_body_size": 64 << 20},
                }
            }
        },
        "exporters": {"jaeger_storage_exporter": {"trace_storage": _STORE}},
        "service": {
            "extensions": ["jaeger_storage", "jaeger_query", "healthcheckv2"],
            "telemetry": {"metrics": {"level": "normal", "readers": [reader]}, "logs": {"encoding": "json"}},
            "pipelines": {
                "traces": {"receivers": ["otlp"], "processors": [], "exporters": ["jaeger_storage_exporter"]}
            },
        },
    }
    return json.dumps(document, indent=1).replace("$", "$$") + "\n"


class Jaeger(Component):
    """One process with everything: receiver, store, query API. It has no password: loopback only."""

    name = JAEGER
    tools = (JAEGER,)
    ports = ("server", "otlp-http", "otlp-grpc", "query-grpc", "health", "metrics")
    optional = True

    def files(self, plan: Plan) -> Mapping[str, str]:
        """Its configuration."""
        return {_CONF: settings(plan.site(self.name))}

    def launch(self, plan: Plan) -> Launch:
        """One process."""
        site = plan.site(self.name)
        tool = plan.tools.require(JAEGER)
        # It would send spans about itself to whatever listens on port 4317.
        env = {**tool.env, "OTEL_TRACES_SAMPLER": "always_off", "OTEL_SDK_DISABLED": "true"}
        return Launch([tool.program("jaeger"), "--config", site.config / _CONF], cwd=site.scratch, env=env)

    def answers(self, plan: Plan) -> Condition:
        """Its store is read, and spans are taken."""
        site = plan.site(self.name)
        return AllOf(
            (
                HttpAnswers(f"{url_of(plan, self.name)}/api/services"),
                PortOpen(site.host, site.ports["otlp-http"]),
                PortOpen(site.host, site.ports["otlp-grpc"]),
            )
        )

    def address(self, plan: Plan, known: Addresses) -> Addresses:
        """Fill `telemetry.jaeger`."""
        return with_telemetry(known, jaeger=url_of(plan, self.name))
