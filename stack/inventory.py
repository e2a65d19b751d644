"""What a run can count on and is made of: missing needs, servers with their versions, secrets that must not be told."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from pydantic import BaseModel, SecretStr

from stack.addresses import Addresses, ObjectStoreAddress
from stack.attestation import describe
from stack.components.catalogue import services
from stack.components.services import PythonService
from stack.errors import UsageError
from stack.process import ProgramFailedError, run
from stack.runtimes.base import Stack
from stack.settings import Settings
from stack.toolchain import Toolchain

__all__ = ["ServerFacts", "ask_git", "missing_need", "object_store", "secrets_of", "servers_of"]

_COMPONENT_TOOLS = {
    "postgresql-primary": "postgresql",
    "postgresql-replica": "postgresql",
    "opensearch": "opensearch",
    "meilisearch": "meilisearch",
    "collector": "otelcol",
    "postgresql-exporter-primary": "postgresql-exporter",
    "postgresql-exporter-replica": "postgresql-exporter",
}
_OWN_LICENCE = "MIT"


@dataclass(frozen=True)
class ServerFacts:
    """One server of a run; no checksum means that it is not locked."""

    name: str
    version: str
    licence: str
    checksum: str | None


def ask_git(arguments: Sequence[str]) -> str | None:
    """What git says about this checkout; `None` when there is no git or no checkout."""
    try:
        return run(["git", *arguments], timeout=30, cwd=Path(__file__).parent).text
    except ProgramFailedError:
        return None


def missing_need(name: str, settings: Settings) -> str | None:
    """Why a scenario that needs this cannot run here; `None` when it can.

    Args:
        name: an entry of the toolchain file, a runtime, or `root`, `soak`, `grafana`.
        settings: of the run.
    """
    of_the_run = {
        "soak": (settings.soak, "it takes long: `make soak-telemetry` and ENGINEROOM_SOAK=true run it"),
        "grafana": (settings.grafana_url, "no Grafana is named: set ENGINEROOM_GRAFANA_URL and its token"),
        "root": (os.geteuid() == 0, "only root can mount a small file system to fill it"),
    }
    if name in of_the_run:
        is_met, why = of_the_run[name]
        return None if is_met else why
    toolchain = Toolchain(settings)
    if name in {"local", "containers", "cluster", "external"}:
        return None if settings.runtime == name else f"this run is on the runtime {settings.runtime}"
    if name not in {entry.name for entry in toolchain.entries()}:
        return f"nothing here is called {name}"
    if toolchain.find(name) is None:
        return f"{name} is not installed: run `engineroom setup {name}`, or give its path{_told(name)}"
    return None


def object_store(settings: Settings) -> ObjectStoreAddress | None:
    """The store that S3_ENDPOINT names, if it names one.

    Raises:
        UsageError: its keys are missing.
    """
    if settings.s3_endpoint is None:
        return None
    if settings.s3_access_key is None or settings.s3_secret_key is None:
        raise UsageError(
            "S3_ENDPOINT is set without its keys", on=settings.s3_endpoint, fix="set S3_ACCESS_KEY and S3_SECRET_KEY"
        )
    return ObjectStoreAddress(
        endpoint=settings.s3_endpoint, access_key=settings.s3_access_key, secret_key=settings.s3_secret_key
    )


def servers_of(settings: Settings, stack: Stack) -> Iterator[ServerFacts]:
    """Every program that the components of a stack run, once.

    A service that is built from this checkout has a digest of its sources as its version, one in Python the commit.
    """
    toolchain = Toolchain(settings)
    licences = {entry.name: entry.licence for entry in toolchain.entries()}
    present = [state.name for state in stack.status()]
    running = {"ctags"}
    if stack.runtime == "containers":
        from stack.runtimes.containers.stack import ContainersStack  # noqa: PLC0415 - its client is heavy

        # The images have versions of their own, whatever the toolchain has.
        if isinstance(stack, ContainersStack):
            yield from (ServerFacts(*server) for server in stack.servers())
    else:
        running |= {_tool_of(name, settings) for name in present}
        running |= {tool for service in services() if service.name in present for tool in service.tools}
    for name in sorted(running & set(licences)):
        installed = toolchain.find(name)
        if installed is not None:
            yield ServerFacts(name, installed.version, licences[name], installed.checksum)
    for service in services():
        if isinstance(service, PythonService) and service.name in present:
            yield ServerFacts(service.name, _own_version(), _OWN_LICENCE, None)


def _own_version() -> str:
    try:
        release = version("engine-room")
    except PackageNotFoundError:  # run from a folder that was only copied
        release = "unknown"
    commit = (ask_git(["describe", "--always", "--dirty"]) or "").strip()
    return f"{release} at {commit}" if commit else release


def secrets_of(addresses: Addresses) -> Iterator[str]:
    """Every secret value in the addresses."""
    yield from _secrets(addresses)


def _told(name: str) -> str:
    return f". Last seen: {describe(name)}" if name == "meilisearch" else ""


def _secrets(value: object) -> Iterator[str]:
    if isinstance(value, SecretStr):
        yield value.get_secret_value()
    elif isinstance(value, BaseModel):
        for name in type(value).model_fields:
            yield from _secrets(getattr(value, name))
    elif isinstance(value, tuple):
        for item in value:
            yield from _secrets(item)


def _tool_of(component: str, settings: Settings) -> str:
    if component.startswith("redis-"):
        return "redis"
    return settings.objects if component == "objects" else _COMPONENT_TOOLS.get(component, component)
