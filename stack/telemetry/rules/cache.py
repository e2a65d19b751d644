"""Alerts on the Redis Cluster: nodes away, slots nobody serves, memory at its limit."""

from __future__ import annotations

from stack.telemetry.rules.model import Alert, Group

__all__ = ["GROUPS"]

_ON = 'job="redis"'

_NODE = Alert(
    name="RedisNodeDown",
    expr=f"redis_up{{{_ON}}} == 0",
    hold="1m",
    severity="ticket",
    summary="{{ $labels.instance }} does not answer",
    description="The exporter runs and {{ $labels.instance }} does not answer it. Its replica takes over; until it is "
    "back that part of the cache has no second copy.",
    dashboard="cache",
    fault="stop:redis-1",
)

_CLUSTER = Alert(
    name="RedisClusterDown",
    expr=f"min (redis_cluster_state{{{_ON}}}) == 0",
    hold="1m",
    severity="ticket",
    summary="The Redis Cluster serves only part of its slots, or none",
    description="At least one node calls the cluster failed. The api works without its cache: slower, and without rate "
    "limits.",
    dashboard="cache",
    fault="stop:redis-majority",
)

_MEMORY = Alert(
    name="RedisMemoryFull",
    expr=f"redis_memory_used_bytes{{{_ON}}} / (redis_memory_max_bytes{{{_ON}}} > 0) > 0.95",
    hold="5m",
    severity="ticket",
    summary="{{ $labels.instance }} is at its memory limit",
    description="{{ $value | humanizePercentage }} of its memory is in use: it evicts what would have been a hit.",
    dashboard="cache",
    fault="fill:redis",
)

GROUPS = (Group("redis", "cache", (_NODE, _CLUSTER, _MEMORY)),)
