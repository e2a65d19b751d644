"""Meilisearch: one process, its master key in a file that its own user alone can read."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

from stack.addresses import Addresses, EngineAddress
from stack.components.base import Component, Launch, Plan, Site
from stack.components.waits import AllOf, Condition, HttpAnswers

__all__ = ["MEILISEARCH", "Meilisearch", "available", "node_settings"]

MEILISEARCH = "meilisearch"
_CONF = "meilisearch.toml"


def node_settings(site: Site, key: str) -> str:
    """The configuration file (a JSON string is a TOML basic string for the characters used here)."""
    values: dict[str, str | bool] = {
        "env": "production",
        "master_key": key,
        "http_addr": f"{site.host}:{site.ports['server']}",
        "db_path": str(site.data / "data.ms"),
        "dump_dir": str(site.data / "dumps"),
        "snapshot_dir": str(site.data / "snapshots"),
        "no_analytics": True,
        "log_level": "INFO",
    }
    return "".join(f"{name} = {json.dumps(value)}\n" for name, value in values.items())


def available(body: bytes) -> str:
    """What is wrong with an answer of `/health`; an empty string when nothing is."""
    try:
        status = json.loads(body).get("status")
    except (ValueError, AttributeError):
        return "something that is not a health document"
    return "" if status == "available" else f"status {status}"


class Meilisearch(Component):
    """A search engine, where its program can be had."""

    name = MEILISEARCH
    tools = ("meilisearch",)
    optional = True

    def files(self, plan: Plan) -> Mapping[str, str]:
        """One file, with the master key in it."""
        return {_CONF: node_settings(plan.site(self.name), plan.secrets.meilisearch.get_secret_value())}

    def launch(self, plan: Plan) -> Launch:
        """The server on its configuration file."""
        site = plan.site(self.name)
        tool = plan.tools.require("meilisearch")
        arguments: list[str | Path] = [tool.program("meilisearch"), "--config-file-path", site.config / _CONF]
        return Launch(arguments, cwd=site.scratch, env=tool.env)

    def answers(self, plan: Plan) -> Condition:
        """`/health` says available, and our key is accepted: it is not the server of another stack."""
        key = plan.secrets.meilisearch.get_secret_value()
        return AllOf(
            (
                HttpAnswers(f"{self._url(plan)}/health", accept=available),
                HttpAnswers(f"{self._url(plan)}/version", headers={"Authorization": f"Bearer {key}"}),
            )
        )

    def address(self, plan: Plan, known: Addresses) -> Addresses:
        """Add an engine."""
        engine = EngineAddress(kind="meilisearch", url=self._url(plan), key=plan.secrets.meilisearch)
        return known.model_copy(update={"engines": (*known.engines, engine)})

    def _url(self, plan: Plan) -> str:
        site = plan.site(self.name)
        return f"http://{site.host}:{site.ports['server']}"
