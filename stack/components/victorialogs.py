"""VictoriaLogs: keeps log lines, takes them by OTLP, finds them by LogsQL."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from stack.addresses import Addresses
from stack.components.base import Component, Launch, Plan
from stack.components.telemetry import url_of, with_telemetry
from stack.components.waits import Condition, HttpAnswers

__all__ = ["VICTORIALOGS", "VictoriaLogs"]

VICTORIALOGS = "victorialogs"
_RETENTION = "7d"
_MEMORY = "128MiB"  # for its caches; 60 % of the machine's by default


class VictoriaLogs(Component):
    """One server without a password: loopback only."""

    name = VICTORIALOGS
    tools = (VICTORIALOGS,)
    optional = True

    def files(self, plan: Plan) -> Mapping[str, str]:  # noqa: ARG002 - it has arguments only
        """None."""
        return {}

    def launch(self, plan: Plan) -> Launch:
        """One process."""
        site = plan.site(self.name)
        tool = plan.tools.require(VICTORIALOGS)
        arguments: list[str | Path] = [
            tool.program("victoria-logs"),
            f"-httpListenAddr={site.host}:{site.ports['server']}",
            f"-storageDataPath={site.data}",
            f"-retentionPeriod={_RETENTION}",
            f"-memory.allowedBytes={_MEMORY}",
            # Lines of a clock that is ahead are kept as well.
            "-futureRetention=7d",
            "-loggerFormat=json",
        ]
        return Launch(arguments, cwd=site.scratch, env=tool.env)

    def answers(self, plan: Plan) -> Condition:
        """A query is answered."""
        return HttpAnswers(f"{url_of(plan, self.name)}/select/logsql/query?query=engineroom&limit=1")

    def address(self, plan: Plan, known: Addresses) -> Addresses:
        """Fill `telemetry.logs`."""
        return with_telemetry(known, logs=url_of(plan, self.name))
