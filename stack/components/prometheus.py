"""Prometheus: scrapes what the plan has, and evaluates the rules."""

from __future__ import annotations

import json
import signal
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path

from stack.addresses import Addresses
from stack.components.base import Component, Launch, Plan
from stack.components.exporters import NODE_EXPORTER, POSTGRESQL_EXPORTERS, REDIS_EXPORTER
from stack.components.jaeger import JAEGER
from stack.components.redis import NODES
from stack.components.services import COLLECTOR
from stack.components.telemetry import url_of, with_telemetry
from stack.components.victorialogs import VICTORIALOGS
from stack.components.waits import AllOf, Condition, HttpAnswers
from stack.telemetry.rules import render
from stack.telemetry.scraping import Target, scrape_config

__all__ = ["PROMETHEUS", "Prometheus", "targets"]

PROMETHEUS = "prometheus"
_CONF = "prometheus.json"
_RETENTION = "15d"
# A job for each service: what it is called in telemetry, by its component.
_SERVICES = {
    "api": "api",
    "git-http": "git",
    "search": "search",
    "indexer": "indexer",
    "runner": "runner",
    "web": "web",
}
# Component and port of what has metrics of its own, by job.
_OTHERS = {
    "collector": (COLLECTOR, "metrics"),
    "spanmetrics": (COLLECTOR, "spanmetrics"),
    "node": (NODE_EXPORTER, "server"),
    "prometheus": (PROMETHEUS, "server"),
    "victorialogs": (VICTORIALOGS, "server"),
    "jaeger": (JAEGER, "metrics"),
}


def targets(plan: Plan) -> list[Target]:
    """What there is to scrape in a plan; `instance` is always the component that the metrics are about."""

    def at(component: str, port: str = "server") -> str:
        site = plan.site(component)
        return f"{site.host}:{site.ports[port]}"

    found = [Target(job, name, at(name)) for name, job in _SERVICES.items() if name in plan.sites]
    found += [Target(job, name, at(name, port)) for job, (name, port) in _OTHERS.items() if name in plan.sites]
    found += [
        Target("postgresql", server, at(exporter))
        for exporter, server in POSTGRESQL_EXPORTERS.items()
        if exporter in plan.sites
    ]
    if REDIS_EXPORTER in plan.sites:
        exporter = at(REDIS_EXPORTER)
        found += [
            Target("redis", node, exporter, path="/scrape", parameters={"target": f"redis://{at(node)}"})
            for node in NODES
            if node in plan.sites
        ]
    return found


def _are_known(expected: int, body: bytes) -> str:
    try:
        health = json.loads(body)
        known = len(health["data"]["activeTargets"])
    except (ValueError, KeyError, TypeError):
        return "something that is no list of targets"
    return "" if known == expected else f"that it has {known} of {expected} targets"


class Prometheus(Component):
    """One server without a password: loopback only."""

    name = PROMETHEUS
    tools = (PROMETHEUS,)
    optional = True
    reload = signal.SIGHUP

    def files(self, plan: Plan) -> Mapping[str, str]:
        """What to scrape, and the rules."""
        found = targets(plan)
        # A stack without one of the jobs must not be told for ever that it is missing.
        rules = render(plan.telemetry_scale, jobs=dict.fromkeys(target.job for target in found))
        return {_CONF: scrape_config(found, rule_files=[*rules], scale=plan.telemetry_scale), **rules}

    def launch(self, plan: Plan) -> Launch:
        """One process."""
        site = plan.site(self.name)
        tool = plan.tools.require(PROMETHEUS)
        arguments: list[str | Path] = [
            tool.program("prometheus"),
            f"--config.file={site.config / _CONF}",
            f"--storage.tsdb.path={site.data}",
            f"--storage.tsdb.retention.time={_RETENTION}",
            f"--web.listen-address={site.host}:{site.ports['server']}",
            # What leads from a panel to a trace.
            "--enable-feature=exemplar-storage",
            "--log.format=json",
        ]
        return Launch(arguments, cwd=site.scratch, env=tool.env, grace=20.0)

    def answers(self, plan: Plan) -> Condition:
        """It has read its data and takes queries."""
        return HttpAnswers(f"{url_of(plan, self.name)}/-/ready")

    def ready(self, plan: Plan) -> Condition:
        """It also knows every target of the plan."""
        # The answer may be long, and grows with the labels of each target.
        known = HttpAnswers(
            f"{url_of(plan, self.name)}/api/v1/targets?state=active",
            accept=partial(_are_known, len(self._known(plan))),
            limit=1 << 20,
        )
        return AllOf((self.answers(plan), known))

    def address(self, plan: Plan, known: Addresses) -> Addresses:
        """Fill `telemetry.prometheus`, and `telemetry.grafana` where somebody runs one."""
        return with_telemetry(known, prometheus=url_of(plan, self.name), grafana=plan.elsewhere.grafana)

    def _known(self, plan: Plan) -> Sequence[Target]:
        return targets(plan)
