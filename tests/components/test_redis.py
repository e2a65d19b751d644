"""Redis Cluster's configuration."""

from __future__ import annotations

import dataclasses

from pydantic import SecretStr

from stack.components.base import Plan
from stack.components.redis import NODES, RedisNode, node_settings, slot_ranges


def test_every_slot_has_exactly_one_primary() -> None:
    """The ranges cover 0 to 16383 without gap or overlap, whatever the number of primaries."""
    for primaries in (1, 3, 5, 7):
        covered = [slot for low, high in slot_ranges(primaries) for slot in range(low, high + 1)]
        assert covered == list(range(16_384))


def test_a_node_asks_for_a_password_and_persists(plan: Plan) -> None:
    """Clients and replicas need the password, writes go to disk, and a node times out after 2 s."""
    settings = dict(line.split(" ", 1) for line in RedisNode("redis-2").files(plan)["redis.conf"].splitlines())
    assert settings["requirepass"] == settings["masterauth"] == '"secret-redis"'
    assert settings["appendonly"] == "yes"
    assert settings["cluster-node-timeout"] == "2000"
    assert settings["cluster-port"] == str(plan.site("redis-2").ports["bus"])
    assert settings["set-proc-title"] == "no"


def test_a_quote_cannot_end_a_value(plan: Plan) -> None:
    """A quote or backslash in a value is escaped as Redis reads it."""
    site = dataclasses.replace(plan.site("redis-1"))
    assert 'requirepass "a\\"b\\\\c"\n' in node_settings(site, SecretStr('a"b\\c'))


def test_only_the_first_node_waits_for_the_others() -> None:
    """It forms the cluster, so the others must be up; nobody waits for it."""
    assert set(RedisNode("redis-1").after) == set(NODES) - {"redis-1"}
    assert all(RedisNode(name).after == () for name in NODES[1:])
