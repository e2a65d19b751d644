"""Every component by name, and which ones a request for some of them needs."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from stack.components.api import Api
from stack.components.base import Component
from stack.components.collector import Collector
from stack.components.exporters import (
    NODE_EXPORTER,
    POSTGRESQL_EXPORTERS,
    REDIS_EXPORTER,
    NodeExporter,
    PostgresqlExporter,
    RedisExporter,
)
from stack.components.git_daemon import GitDaemon
from stack.components.git_http import GitService
from stack.components.jaeger import JAEGER, Jaeger
from stack.components.meilisearch import Meilisearch
from stack.components.opensearch import OpenSearch
from stack.components.postgresql import PRIMARY, REPLICA, Primary, Replica
from stack.components.prometheus import PROMETHEUS, Prometheus
from stack.components.redis import NODES, RedisNode
from stack.components.runner import JobRunner
from stack.components.search import Indexer, SearchService
from stack.components.seaweedfs import SeaweedFS
from stack.components.services import COLLECTOR, Service
from stack.components.versitygw import VersityGateway
from stack.components.victorialogs import VICTORIALOGS, VictoriaLogs
from stack.components.web import Web
from stack.errors import UsageError

__all__ = ["GROUPS", "OBJECT_STORES", "catalogue", "expand", "left_out", "select", "services"]

OBJECT_STORES: dict[str, type[SeaweedFS | VersityGateway]] = {
    "seaweedfs": SeaweedFS,
    "versitygw": VersityGateway,
}
# Names that stand for several components.
GROUPS: dict[str, tuple[str, ...]] = {
    "postgresql": (PRIMARY, REPLICA),
    "redis": NODES,
    "postgresql-exporter": (*POSTGRESQL_EXPORTERS,),
    "telemetry": (
        VICTORIALOGS,
        JAEGER,
        COLLECTOR,
        *POSTGRESQL_EXPORTERS,
        REDIS_EXPORTER,
        NODE_EXPORTER,
        PROMETHEUS,
    ),
}


def catalogue(objects: str) -> dict[str, Component]:
    """All components in the order they are shown; `objects` is the store that plays that part."""
    components: list[Component] = [
        Primary(),
        Replica(),
        *(RedisNode(name) for name in NODES),
        OBJECT_STORES[objects](),
        OpenSearch(),
        Meilisearch(),
        GitDaemon(),
        VictoriaLogs(),
        Jaeger(),
        Collector(),
        *(PostgresqlExporter(name) for name in POSTGRESQL_EXPORTERS),
        RedisExporter(),
        NodeExporter(),
        Prometheus(),
        # A service whose code this checkout does not have is no component of it.
        *(each for each in services() if each.is_written),
    ]
    return {each.name: each for each in components}


def services() -> list[Service]:
    """The services of the forge, also those whose code this checkout does not have."""
    return [GitService(), SearchService(), Indexer(), JobRunner(), Api(), Web()]


def expand(components: Mapping[str, Component], wanted: Iterable[str]) -> list[str]:
    """The wanted components, groups by their members.

    Raises:
        UsageError: a name that is neither a component nor a group.
    """
    names = [name for given in wanted for name in GROUPS.get(given, (given,))]
    for name in names:
        if name not in components:
            raise UsageError(
                f"There is no component named {name}",
                got=name,
                fix=f"choose from {', '.join((*components, *GROUPS))}",
            )
    return names


def left_out(components: Mapping[str, Component], without: Iterable[str]) -> set[str]:
    """The components that a request leaves out; a service that is not written may be among them.

    Raises:
        UsageError: a name that is neither a component nor a group.
    """
    return set(expand({**components, **{service.name: service for service in services()}}, without))


def select(components: Mapping[str, Component], wanted: Iterable[str]) -> list[str]:
    """The wanted components and all that they require, in the catalogue's order.

    Raises:
        UsageError: a name that is neither a component nor a group.
    """
    todo = expand(components, wanted)
    chosen: set[str] = set()
    while todo:
        name = todo.pop()
        if name not in chosen:
            chosen.add(name)
            todo.extend(components[name].requires)
    return [name for name in components if name in chosen]
