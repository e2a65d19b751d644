"""Redis Cluster: three primaries with a replica each, formed the same way every time."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import redis
from pydantic import SecretStr

from stack.addresses import Addresses, HostPort, RedisClusterAddress
from stack.components.base import Component, Launch, Plan, Site, StartError
from stack.components.waits import Condition, Seen, WaitGaveUpError, wait

__all__ = ["NODES", "ClusterNodeReady", "RedisNode", "node_settings", "slot_ranges"]

_PRIMARIES = 3
NODES = tuple(f"redis-{number}" for number in range(1, 2 * _PRIMARIES + 1))
_CONF = "redis.conf"
# The number of hash slots is fixed by the Redis Cluster specification.
_SLOTS = 16_384
_FORM_WITHIN = 20.0
_WITH_REPLICA = 4  # parts of a range in an answer of CLUSTER SLOTS


def slot_ranges(primaries: int) -> list[tuple[int, int]]:
    """The hash slots of each primary, inclusive and as even as they go."""
    edges = [_SLOTS * number // primaries for number in range(primaries + 1)]
    return [(low, high - 1) for low, high in itertools.pairwise(edges)]


def node_settings(site: Site, password: SecretStr) -> str:
    """redis.conf of one node."""
    secret = password.get_secret_value()
    settings = {
        "bind": site.host,
        "port": str(site.ports["server"]),
        "protected-mode": "yes",
        "daemonize": "no",
        # Changing the title overwrites the environment by which a leftover process is found.
        "set-proc-title": "no",
        "dir": _quoted(site.data),
        "logfile": '""',
        "requirepass": _quoted(secret),
        "masterauth": _quoted(secret),
        "cluster-enabled": "yes",
        "cluster-config-file": "nodes.conf",
        "cluster-port": str(site.ports["bus"]),
        "cluster-announce-ip": site.host,
        "cluster-announce-port": str(site.ports["server"]),
        "cluster-announce-bus-port": str(site.ports["bus"]),
        "cluster-node-timeout": "2000",
        # A cache goes on answering for the slots it has.
        "cluster-require-full-coverage": "no",
        # Pairs stay as they were formed, so that a scenario can name the replica of a node.
        "cluster-allow-replica-migration": "no",
        "appendonly": "yes",
        "appendfsync": "everysec",
        "save": "60 1000",
        "maxmemory": "128mb",
        "maxmemory-policy": "allkeys-lfu",
        # 5 s by default, to gather replicas for one transfer; each primary has one.
        "repl-diskless-sync-delay": "0",
        # 10 s by default. Until its first ping or write a primary's replicas have got nowhere, and are told to nobody.
        "repl-ping-replica-period": "1",
        # Otherwise a primary that is told to stop waits up to 10 s for a replica that may be gone already.
        "shutdown-timeout": "0",
    }
    return "".join(f"{name} {value}\n" for name, value in settings.items())


def _quoted(value: object) -> str:
    text = str(value).replace("\\", "\\\\").replace('"', '\\"')
    return f'"{text}"'


@contextmanager
def _connected(site: Site, password: SecretStr) -> Iterator[Any]:
    client = redis.Redis(
        host=site.host,
        port=site.ports["server"],
        password=password.get_secret_value(),
        socket_timeout=2,
        socket_connect_timeout=1,
        decode_responses=True,
    )
    try:
        yield client
    finally:
        client.close()


@dataclass(frozen=True)
class _Pings:
    site: Site
    password: SecretStr

    def __call__(self) -> Seen:
        try:
            with _connected(self.site, self.password) as client:
                client.ping()
        except redis.RedisError as error:
            return Seen(ok=False, what=f"{self.site.name}: {error}")
        return Seen(ok=True, what=f"{self.site.name} answers PING")


@dataclass(frozen=True)
class ClusterNodeReady:
    """True when a node sees a whole cluster with every slot served and, as a replica, is linked to its primary."""

    site: Site
    password: SecretStr
    nodes: int = len(NODES)

    def __call__(self) -> Seen:
        """Ask the node itself."""
        try:
            with _connected(self.site, self.password) as client:
                cluster = client.execute_command("CLUSTER INFO")
                replication = client.info("replication")
        except redis.RedisError as error:
            return Seen(ok=False, what=f"{self.site.name}: {error}")
        wanted = {
            "cluster_state": "ok",
            "cluster_slots_ok": str(_SLOTS),
            "cluster_known_nodes": str(self.nodes),
        }
        wrong = [f"{key}={cluster.get(key)}" for key, value in wanted.items() if str(cluster.get(key)) != value]
        role = replication.get("role")
        if role == "slave" and replication.get("master_link_status") != "up":
            wrong.append(f"link to its primary is {replication.get('master_link_status')}")
        return Seen(ok=not wrong, what=f"{self.site.name}: {', '.join(wrong) or f'cluster is whole, role {role}'}")


class RedisNode(Component):
    """One node; the first one also forms the cluster, once."""

    tools = ("redis",)
    ports = ("server", "bus")

    def __init__(self, name: str) -> None:
        """One of `NODES`."""
        self.name = name
        self.requires = tuple(other for other in NODES if other != name)
        self.after = self.requires if name == NODES[0] else ()

    def files(self, plan: Plan) -> Mapping[str, str]:
        """redis.conf, with the password in it instead of in the arguments."""
        return {_CONF: node_settings(plan.site(self.name), plan.secrets.redis)}

    def launch(self, plan: Plan) -> Launch:
        """The server on its configuration file."""
        site = plan.site(self.name)
        tool = plan.tools.require("redis")
        return Launch([tool.program("redis-server"), site.config / _CONF], cwd=site.data, env=tool.env, grace=10.0)

    def answers(self, plan: Plan) -> Condition:
        """PING is answered."""
        return _Pings(plan.site(self.name), plan.secrets.redis)

    def settle(self, plan: Plan) -> None:
        """Form the cluster from the first node."""
        if self.name == NODES[0]:
            _form(plan)

    def ready(self, plan: Plan) -> Condition:
        """The node sees a whole cluster."""
        return ClusterNodeReady(plan.site(self.name), plan.secrets.redis)

    def address(self, plan: Plan, known: Addresses) -> Addresses:
        """Add this node to `cache`."""
        site = plan.site(self.name)
        node = HostPort(host=site.host, port=site.ports["server"])
        others = known.cache.nodes if known.cache else ()
        return known.model_copy(
            update={"cache": RedisClusterAddress(nodes=(*others, node), password=plan.secrets.redis)}
        )


def _form(plan: Plan) -> None:
    """Give out slots, introduce the nodes, attach node 4 to 1, 5 to 2, 6 to 3; nothing if they already know each other.

    The steps are those of `redis-cli --cluster create`, in a fixed order and with fixed epochs.
    """
    sites = [plan.site(name) for name in NODES]
    password = plan.secrets.redis
    try:
        with _connected(sites[0], password) as client:
            if int(client.execute_command("CLUSTER INFO")["cluster_known_nodes"]) > 1:
                return
        _introduce(sites, password, plan)
    except (WaitGaveUpError, redis.RedisError) as error:
        raise StartError(
            "The Redis nodes answer but did not form a cluster",
            on=", ".join(f"{site.name} {site.host}:{site.ports['server']}" for site in sites),
            got=str(error),
            fix="look at the nodes' logs; on a slow machine raise ENGINEROOM_SLOW",
        ) from error


def _introduce(sites: list[Site], password: SecretStr, plan: Plan) -> None:
    ids = []
    for number, site in enumerate(sites):
        with _connected(site, password) as client:
            ids.append(str(client.execute_command("CLUSTER MYID")))
            client.execute_command("CLUSTER SET-CONFIG-EPOCH", number + 1)
            if number < _PRIMARIES:
                client.execute_command("CLUSTER ADDSLOTSRANGE", *slot_ranges(_PRIMARIES)[number])
    with _connected(sites[0], password) as client:
        for site in sites[1:]:
            client.execute_command("CLUSTER MEET", site.host, site.ports["server"], site.ports["bus"])
    wait(_Acquainted(tuple(sites), password), within=_FORM_WITHIN, poll=0.05, called_off=plan.called_off)
    for number in range(_PRIMARIES, len(sites)):
        with _connected(sites[number], password) as client:
            client.execute_command("CLUSTER REPLICATE", ids[number - _PRIMARIES])
    pairs = {ids[number]: ids[number - _PRIMARIES] for number in range(_PRIMARIES, len(sites))}
    wait(_Acquainted(tuple(sites), password, pairs), within=_FORM_WITHIN, poll=0.05, called_off=plan.called_off)
    for site in sites:
        wait(ClusterNodeReady(site, password), within=_FORM_WITHIN, poll=0.05, called_off=plan.called_off)
    wait(_Offered(tuple(sites), password), within=_FORM_WITHIN, poll=0.05, called_off=plan.called_off)


@dataclass(frozen=True)
class _Offered:
    """True when every node tells clients of a replica for each range of slots.

    CLUSTER SLOTS leaves a replica out until that node has heard how far the replica has got, which takes a gossip more
    than to hear of the replica itself; a client that asked earlier would know of no replica at all.
    """

    sites: tuple[Site, ...]
    password: SecretStr

    def __call__(self) -> Seen:
        for site in self.sites:
            try:
                with _connected(site, self.password) as client:
                    ranges = client.execute_command("CLUSTER SLOTS")
            except redis.RedisError as error:
                return Seen(ok=False, what=f"{site.name}: {error}")
            # First and last slot, the primary, and then its replicas.
            if len(ranges) < _PRIMARIES or any(len(answer) < _WITH_REPLICA for answer in ranges):
                return Seen(ok=False, what=f"{site.name} offers no replica yet")
        return Seen(ok=True, what="every node offers a replica of each range")


@dataclass(frozen=True)
class _Acquainted:
    """True when every node knows every other by its final name, and who replicates whom.

    During a handshake a node shows a made-up name; and what one node was told travels to the others by gossip.
    """

    sites: tuple[Site, ...]
    password: SecretStr
    pairs: Mapping[str, str] = field(default_factory=dict)

    def __call__(self) -> Seen:
        for site in self.sites:
            try:
                with _connected(site, self.password) as client:
                    nodes = client.execute_command("CLUSTER NODES")
            except redis.RedisError as error:
                return Seen(ok=False, what=f"{site.name}: {error}")
            known = [n for n in nodes.values() if "handshake" not in n["flags"]]
            if len(known) < len(self.sites):
                return Seen(ok=False, what=f"{site.name} knows {len(known)} of {len(self.sites)} nodes")
            primaries = {n["node_id"]: n["master_id"] for n in known}
            if any(primaries.get(replica) != primary for replica, primary in self.pairs.items()):
                return Seen(ok=False, what=f"{site.name} has not heard of every replica yet")
        return Seen(ok=True, what="all nodes know each other and who replicates whom")
