"""Stimuli by clients of the Redis Cluster."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager

import redis
from redis.exceptions import RedisError

from stack.errors import NeedMissingError
from steps.stimuli.base import Bench, Stimulus
from steps.stimuli.outages import killed

__all__ = ["STIMULI", "filled", "nodes_away", "primaries"]

_NODES = tuple(f"redis-{number}" for number in range(1, 7))
_PRIMARIES = 3
_CLIENTS = 5
_KILOBYTE = 1024
_LARGE = 100 * _KILOBYTE
_FILLING = 256 * _KILOBYTE
_MOST_KEYS = 1200  # a node may hold 128 MiB, which half of these exceed
_TAG = "{panels}"  # all keys with the same tag are on one node


def primaries(bench: Bench) -> list[str]:
    """The components that are primaries at this moment."""
    with bench.redis() as client:
        ports = {node.port for node in client.get_primaries()}  # type: ignore[no-untyped-call] # untyped in redis
    return [state.name for state in bench.stack.status() if _port(state.address) in ports and state.name in _NODES]


def _port(address: str) -> int:
    port = address.rpartition(":")[2]
    return int(port) if port.isdecimal() else 0


@contextmanager
def _traffic(bench: Bench) -> Iterator[None]:
    mark = secrets.token_hex(4)

    def work(number: int) -> None:
        with bench.redis() as client:
            for index in range(20):
                key = f"panel:{mark}:{number}:{index}"
                client.set(key, "x" * (_LARGE if index < 4 else _KILOBYTE), px=1500)
                client.get(key)
                client.get(f"{key}:missing")

    with bench.repeated(work, every=0.2, most=120):
        yield


@contextmanager
def _clients(bench: Bench) -> Iterator[None]:
    password = bench.cache.password.get_secret_value()
    with ExitStack() as held:
        for node in bench.cache.nodes:
            for _ in range(_CLIENTS):
                client = held.enter_context(closing(redis.Redis(node.host, node.port, password=password)))
                client.ping()
        yield


@contextmanager
def filled(bench: Bench) -> Iterator[None]:
    """One node at its memory limit, with keys that have no expiry; they are deleted afterwards."""
    keys = [f"{_TAG}:{number}" for number in range(_MOST_KEYS)]
    value = secrets.token_bytes(_FILLING)
    with bench.redis() as client:
        try:
            with bench.repeated(lambda number: client.set(keys[number], value), every=0, most=_MOST_KEYS):
                yield
        finally:
            for number in range(0, _MOST_KEYS, 100):
                client.unlink(*keys[number : number + 100])


@contextmanager
def nodes_away(bench: Bench) -> Iterator[None]:
    """So many primaries away that the cluster is none."""
    # Two of three primaries: the rest is no majority, so it can neither vote for their replicas nor be a cluster.
    found = primaries(bench)
    if len(found) < _PRIMARIES:
        raise NeedMissingError("redis", "The cluster has too few primaries", got=", ".join(found))
    with killed(*found[-2:])(bench):
        yield


@contextmanager
def _replica_away(bench: Bench) -> Iterator[None]:
    with bench.redis() as client:
        ports = {node.port for node in client.get_replicas()}  # type: ignore[no-untyped-call] # untyped in redis
    found = [state.name for state in bench.stack.status() if _port(state.address) in ports and state.name in _NODES]
    if not found:
        raise NeedMissingError("redis", "The cluster has no replica")
    with killed(found[0])(bench):
        yield


@contextmanager
def _reads(bench: Bench) -> Iterator[None]:
    def read(number: int) -> None:
        with bench.redis() as client:
            client.get(f"panel:{number}")

    def tolerant(number: int) -> None:
        try:
            read(number)
        except RedisError:
            return  # the node whose turn it was is the one that is away

    with bench.repeated(tolerant, every=0.2, most=200):
        yield


STIMULI: dict[str, Stimulus] = {
    "redis-clients": Stimulus(_clients, needs=_NODES),
    "redis-filled": Stimulus(filled, needs=_NODES),
    "redis-node-away": Stimulus(_reads, nodes_away, needs=_NODES),
    "redis-replica-away": Stimulus(_reads, _replica_away, needs=_NODES),
    "redis-traffic": Stimulus(_traffic, needs=_NODES),
}
