"""Exporters: metrics of PostgreSQL, Redis and the machine, for Prometheus."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path

from stack.addresses import Addresses
from stack.components.base import Component, Launch, Plan
from stack.components.postgresql import PRIMARY, REPLICA
from stack.components.postgresql_config import DATABASE, MONITOR
from stack.components.redis import NODES
from stack.components.telemetry import await_first, url_of
from stack.components.waits import AllOf, Condition, HttpAnswers

__all__ = [
    "NODE_EXPORTER",
    "POSTGRESQL_EXPORTERS",
    "REDIS_EXPORTER",
    "NodeExporter",
    "PostgresqlExporter",
    "RedisExporter",
]

# Exporter and the server it is about.
POSTGRESQL_EXPORTERS = {"postgresql-exporter-primary": PRIMARY, "postgresql-exporter-replica": REPLICA}
REDIS_EXPORTER = "redis-exporter"
NODE_EXPORTER = "node-exporter"
_QUERIES = "queries.yml"
_OUR_QUERIES = Path(__file__).resolve().parents[1] / "telemetry" / "exporters" / "postgresql.yml"
_CREDENTIAL = "password"
_CREDENTIALS = "passwords.json"
_FIRST_WITHIN = 20.0  # seconds
_METRICS_BYTES = 4 << 20
_Accept = Callable[[bytes], str]


def _says(line: str, body: bytes) -> str:
    return "" if line.encode() in body.splitlines() else f"metrics without `{line}`"


class _Exporter(Component):
    optional = True

    def address(self, plan: Plan, known: Addresses) -> Addresses:  # noqa: ARG002 - Prometheus asks them, nobody else
        """None of its own."""
        return known


class PostgresqlExporter(_Exporter):
    """Asks one server, as a role that may see statistics and no table."""

    tools = ("postgresql-exporter",)

    def __init__(self, name: str) -> None:
        """One of `POSTGRESQL_EXPORTERS`."""
        self.name = name
        self.server = POSTGRESQL_EXPORTERS[name]
        self.after = (self.server,)
        self.requires = (self.server,)

    def files(self, plan: Plan) -> Mapping[str, str]:
        """The role's password, and our own queries."""
        queries = _OUR_QUERIES.read_text("utf-8") if _OUR_QUERIES.is_file() else "{}\n"
        return {_CREDENTIAL: plan.secrets.postgres_monitor.get_secret_value(), _QUERIES: queries}

    def launch(self, plan: Plan) -> Launch:
        """One process."""
        site, server = plan.site(self.name), plan.site(self.server)
        tool = plan.tools.require("postgresql-exporter")
        arguments: list[str | Path] = [
            tool.program("prometheus-postgres-exporter"),
            f"--web.listen-address={site.host}:{site.ports['server']}",
            f"--extend.query-path={site.config / _QUERIES}",
            # Its columns moved with PostgreSQL 17, which this exporter is older than.
            "--no-collector.bgwriter",
            "--log.format=json",
        ]
        env = {
            **tool.env,
            "DATA_SOURCE_URI": f"{server.host}:{server.ports['server']}/{DATABASE}?sslmode=disable&connect_timeout=2",
            "DATA_SOURCE_USER": MONITOR,
            "DATA_SOURCE_PASS_FILE": str(site.config / _CREDENTIAL),
        }
        return Launch(arguments, cwd=site.scratch, env=env, grace=5.0)

    def answers(self, plan: Plan) -> Condition:
        """It has metrics, also of a server that is away."""
        return self._metrics(plan, lambda body: "" if b"\npg_up " in body else "metrics without pg_up")

    def settle(self, plan: Plan) -> None:
        """Wait until it has seen its server.

        Raises:
            StartError: it does not.
        """
        seen = self._metrics(plan, lambda body: _says("pg_up 1", body))
        await_first(plan, self.name, seen, _FIRST_WITHIN, fix=f"look at its log, and at that of {self.server}")

    def _metrics(self, plan: Plan, accept: _Accept) -> Condition:
        return HttpAnswers(f"{url_of(plan, self.name)}/metrics", accept=accept, timeout=5.0, limit=_METRICS_BYTES)


class RedisExporter(_Exporter):
    """Asks each node of the cluster when it is asked for it."""

    name = REDIS_EXPORTER
    tools = (REDIS_EXPORTER,)
    after = NODES
    requires = NODES

    def files(self, plan: Plan) -> Mapping[str, str]:
        """The password of each node."""
        password = plan.secrets.redis.get_secret_value()
        return {_CREDENTIALS: json.dumps({self._target(plan, node): password for node in NODES}, indent=1) + "\n"}

    def launch(self, plan: Plan) -> Launch:
        """One process for all nodes."""
        site = plan.site(self.name)
        tool = plan.tools.require(REDIS_EXPORTER)
        arguments: list[str | Path] = [
            tool.program("prometheus-redis-exporter"),
            f"-web.listen-address={site.host}:{site.ports['server']}",
            # None by itself: it is told the node with each question.
            "-redis.addr=",
            f"-redis.password-file={site.config / _CREDENTIALS}",
            "-connection-timeout=2s",
            "-log-format=json",
        ]
        return Launch(arguments, cwd=site.scratch, env=tool.env, grace=5.0)

    def answers(self, plan: Plan) -> Condition:
        """It lives."""
        return HttpAnswers(f"{url_of(plan, self.name)}/health")

    def settle(self, plan: Plan) -> None:
        """Wait until it has seen every node.

        Raises:
            StartError: it does not.
        """
        scrape = f"{url_of(plan, self.name)}/scrape?target="
        seen = AllOf(
            tuple(
                HttpAnswers(
                    f"{scrape}{self._target(plan, node)}",
                    accept=lambda body: _says("redis_up 1", body),
                    timeout=5.0,
                    limit=_METRICS_BYTES,
                )
                for node in NODES
            )
        )
        await_first(plan, self.name, seen, _FIRST_WITHIN, fix="look at its log, and at those of the nodes")

    def _target(self, plan: Plan, node: str) -> str:
        site = plan.site(node)
        return f"redis://{site.host}:{site.ports['server']}"


class NodeExporter(_Exporter):
    """Metrics of the machine that all of this runs on."""

    name = NODE_EXPORTER
    tools = (NODE_EXPORTER,)

    def files(self, plan: Plan) -> Mapping[str, str]:  # noqa: ARG002 - it has arguments only
        """None."""
        return {}

    def launch(self, plan: Plan) -> Launch:
        """One process."""
        site = plan.site(self.name)
        tool = plan.tools.require(NODE_EXPORTER)
        arguments: list[str | Path] = [
            tool.program("prometheus-node-exporter"),
            f"--web.listen-address={site.host}:{site.ports['server']}",
            # Mounts of containers, and file systems without a device, are not the machine's.
            "--collector.filesystem.mount-points-exclude=^/(dev|proc|run/credentials/.+|sys|var/lib/(docker|containers)/.+)($|/)",
            # On by default in Debian's, and a system's manager is nothing of ours.
            "--no-collector.systemd",
            f"--collector.textfile.directory={plan.textfile}",
            # Debian's leaves the loopback out, over which all of this talks.
            "--collector.netdev.device-exclude=^(ifb|veth).*",
            "--log.format=json",
        ]
        return Launch(arguments, cwd=site.scratch, env=tool.env, grace=5.0)

    def answers(self, plan: Plan) -> Condition:
        """It has read the machine's counters."""
        return HttpAnswers(
            f"{url_of(plan, self.name)}/metrics",
            accept=lambda body: "" if b"\nnode_cpu_seconds_total" in body else "metrics without processors",
            timeout=5.0,
            limit=_METRICS_BYTES,
        )
