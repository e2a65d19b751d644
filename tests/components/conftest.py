"""A plan with made-up places and secrets."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from pydantic import SecretStr

from stack.components.base import Plan, Secrets, Site, Tool
from stack.components.catalogue import catalogue, services


@dataclass(frozen=True)
class MadeUpTool:
    name: str
    root: Path
    env: Mapping[str, str] = field(default_factory=dict)

    def program(self, name: str) -> Path:
        return self.root / "bin" / name


class MadeUpTools:
    def find(self, name: str) -> Tool | None:
        return MadeUpTool(name, Path("/tools") / name)

    def require(self, name: str) -> Tool:
        return MadeUpTool(name, Path("/tools") / name)


@pytest.fixture
def plan(tmp_path: Path) -> Plan:
    """Every component, and every service, at a site of its own, with ports from 10000 on."""
    sites = {}
    port = 10_000
    components = catalogue("seaweedfs") | {service.name: service for service in services()}
    for name, component in components.items():
        ports = {}
        for each in component.ports:
            ports[each] = port
            port += 1
        sites[name] = Site(
            name=name, folder=tmp_path / name, host="127.0.0.1", ports=ports, sockets=tmp_path / "sockets"
        )
    secrets = Secrets(
        postgres_superuser=SecretStr("secret-superuser"),
        postgres_forge=SecretStr("secret-forge"),
        postgres_replication=SecretStr("secret-replication"),
        redis=SecretStr("secret-redis"),
        objects_access_key="ACCESS",
        objects_secret_key=SecretStr("secret-objects"),
        meilisearch=SecretStr("secret-meilisearch"),
        git_token=SecretStr("secret-git-token"),
        search_token=SecretStr("secret-search-token"),
        postgres_monitor=SecretStr("secret-monitor"),
    )
    return Plan(run="r1", sites=sites, secrets=secrets, tools=MadeUpTools(), git_root=tmp_path / "git")
