"""Faults that are a component: killed, or stopped in its tracks."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager

from steps.faults.base import Fault
from steps.stimuli.base import OWNER, Bench, Carried
from steps.stimuli.cache import nodes_away
from steps.stimuli.outages import killed, paused

__all__ = ["FAULTS"]

_NODES = tuple(f"redis-{number}" for number in range(1, 7))
# What everybody sees who needs the database.
_NO_DATABASE = frozenset(
    {
        "ApiAvailabilityBurn",
        "ApiLatencyBurn",
        "ApiPoolExhausted",
        "GitAvailabilityBurn",
        "GitSpoolNotDraining",
        "IndexLagHigh",
        "PostgresqlDown",
        "PostgresqlReplicaDisconnected",
        "PostgresqlReplicationLag",
        "PushToSearchableBurn",
        "SearchAvailabilityBurn",
        "SearchLatencyBurn",
        "ServiceDown",
    }
)
_NO_ENGINE = frozenset(
    {
        "ApiAvailabilityBurn",
        "ApiLatencyBurn",
        "IndexLagHigh",
        "PushToSearchableBurn",
        "SearchAvailabilityBurn",
        "SearchLatencyBurn",
    }
)
_PUSHES = 6
_FOUND_AFTER = 32.0  # seconds: a push that is found later breaks the promise
_STALLED_AFTER = 80.0  # seconds without a good run, whatever the time scale
_SLOW_FOR, _SLOW_EVERY = 1.3, 0.4  # seconds that an engine is stopped, and runs in between


def _indexed(bench: Bench) -> None:
    bench.repository("found")


@contextmanager
def _indexer_late(bench: Bench) -> Iterator[None]:
    """The indexer stands still until it counts as stalled; what was pushed meanwhile is found late.

    It is not killed: what a new process counts before it is scraped for the first time is an increase to nobody.
    """
    begun = time.monotonic()
    bench.stack.pause("indexer")
    back = False

    def work(number: int) -> None:
        nonlocal back
        if number < _PUSHES:
            bench.push(f"{OWNER}/found")
        elif not back and time.monotonic() - begun > max(_FOUND_AFTER, _STALLED_AFTER):
            bench.stack.resume("indexer")
            back = True

    try:
        with bench.repeated(work, every=1, most=600):
            yield
    finally:
        if not back:
            bench.stack.resume("indexer")


def _engine_killed(bench: Bench) -> Carried:
    return killed(bench.engine)(bench)


def _engine_paused(bench: Bench) -> Carried:
    return paused(bench.engine)(bench)


@contextmanager
def _engine_slow(bench: Bench) -> Iterator[None]:
    """An engine that does nothing for more than a second, again and again."""

    def stop_for_a_while(_: int) -> None:
        bench.stack.pause(bench.engine)
        time.sleep(_SLOW_FOR)
        bench.stack.resume(bench.engine)

    try:
        with bench.repeated(stop_for_a_while, every=_SLOW_FOR + _SLOW_EVERY, most=100):
            yield
    finally:
        bench.stack.resume(bench.engine)


def _nothing(bench: Bench) -> Carried:
    return bench.still()


FAULTS: dict[str, Fault] = {
    "cut:log-store": Fault(killed("victorialogs"), needs=("api", "victorialogs", "collector")),
    "kill:runner": Fault(_nothing, needs=("api", "runner"), within=90.0, explains=frozenset({"ServiceDown"})),
    "pause:jaeger": Fault(paused("jaeger"), needs=("api", "jaeger", "collector")),
    "pause:opensearch": Fault(
        _engine_paused, needs=("api", "indexer", "search"), prepare=_indexed, explains=_NO_ENGINE
    ),
    "pause:postgresql-replica": Fault(
        paused("postgresql-replica"),
        needs=("postgresql-primary", "postgresql-replica"),
        explains=frozenset({"PostgresqlDown", "PostgresqlReplicaDisconnected", "PostgresqlReplicationLag"}),
    ),
    "slow:opensearch": Fault(_engine_slow, needs=("api", "search"), prepare=_indexed, explains=_NO_ENGINE),
    "stop:api": Fault(killed("api"), labels={"ServiceDown": {"job": "api"}}),
    "stop:collector": Fault(killed("collector"), needs=("api", "collector"), within=60.0),
    "stop:indexer": Fault(
        _indexer_late,
        covers=("stop:indexer", "delay:indexer"),
        needs=("api", "git-http", "indexer"),
        prepare=_indexed,
        carries=frozenset({"push-to-index"}),
        explains=frozenset({"IndexLagHigh", "ServiceDown"}),
        within=150.0,
        cleared_within=120.0,
    ),
    "stop:objects": Fault(killed("objects"), needs=("api", "runner", "objects"), within=60.0),
    "stop:opensearch": Fault(
        _engine_killed,
        needs=("api", "indexer", "search"),
        prepare=_indexed,
        explains=_NO_ENGINE,
        within=90.0,
        cleared_within=90.0,
    ),
    "stop:postgresql-primary": Fault(
        killed("postgresql-primary"),
        needs=("api", "git-http", "postgresql-primary"),
        labels={"PostgresqlDown": {"instance": "postgresql-primary"}},
        explains=_NO_DATABASE,
    ),
    "stop:postgresql-replica": Fault(
        killed("postgresql-replica"),
        needs=("postgresql-primary", "postgresql-replica"),
        labels={"PostgresqlReplicaDisconnected": {"slot_name": "replica_1"}},
        explains=frozenset({"PostgresqlDown"}),
    ),
    "stop:redis-1": Fault(killed("redis-1"), needs=_NODES, labels={"RedisNodeDown": {"instance": "redis-1"}}),
    "stop:redis-exporter": Fault(
        killed("redis-exporter"), needs=("redis-exporter",), labels={"TargetDown": {"job": "redis"}}
    ),
    "stop:redis-majority": Fault(nodes_away, needs=_NODES),
}
