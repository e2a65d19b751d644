"""Cache: the Redis Cluster's nodes, what it is asked and what it finds, and whether the cluster is whole."""

from __future__ import annotations

from stack.telemetry.board import Dashboard, Links, Panel, Row, Threshold, Variable, t
from stack.telemetry.promql import W, rate, ratio

__all__ = ["DASHBOARD"]

_REDIS = ("redis",)
_ON = 'job="redis",instance=~"$instance"'
_HITS = f"redis_keyspace_hits_total{{{_ON}}}"
_MISSES = f"redis_keyspace_misses_total{{{_ON}}}"
_GETS = 'cache_operations_total{job="api",result=~"hit|miss"}'

_CLUSTER = Row(
    "Cluster",
    (
        Panel(
            "Up",
            "short",
            "scrape",
            _REDIS,
            (t(f"redis_up{{{_ON}}}", "{{instance}}"),),
            "1: the node answers its exporter; 0: it does not; nothing: the exporter is away.",
            kind="states",
            thresholds=(Threshold(0, "red"),),
            maximum=1,
        ),
        Panel(
            "Cluster state",
            "short",
            "redis-node-away",
            _REDIS,
            (t(f"redis_cluster_state{{{_ON}}}", "{{instance}}"),),
            "What each node thinks of the cluster: 1 is ok. Judge it by the api's cache errors as well: a cluster can "
            "call itself ok while a node refuses.",
            kind="states",
            thresholds=(Threshold(0, "red"),),
            maximum=1,
        ),
        Panel(
            "Slots that fail",
            "short",
            "redis-node-away",
            _REDIS,
            (t(f"redis_cluster_slots_fail{{{_ON}}} + redis_cluster_slots_pfail{{{_ON}}}", "{{instance}}"),),
            "Of 16384: keys in these slots can't be read or written until a replica takes over.",
            thresholds=(Threshold(1, "red"),),
        ),
        Panel(
            "Connected replicas",
            "short",
            "redis-replica-away",
            _REDIS,
            (t(f"redis_connected_slaves{{{_ON}}}", "{{instance}}"),),
            "A primary without one loses its slots when it dies.",
        ),
    ),
)

_USE = Row(
    "Use",
    (
        Panel(
            "Operations",
            "ops",
            "redis-traffic",
            _REDIS,
            (t(rate(f"redis_commands_processed_total{{{_ON}}}", "instance"), "{{instance}}"),),
            "Commands per second, those of replication and of the exporter included: idle is not 0.",
        ),
        Panel(
            "Hit ratio",
            "percentunit",
            "redis-traffic",
            _REDIS,
            (t(f"{rate(_HITS)} / ({rate(_HITS)} + {rate(_MISSES)} > 0)", "all nodes"),),
            "As Redis counts it, for every client.",
            maximum=1,
        ),
        Panel(
            "Hit ratio of the api",
            "percentunit",
            "cached-reads",
            ("api",),
            (
                t(
                    ratio(
                        rate('cache_operations_total{job="api",result="hit"}', "operation"),
                        rate(_GETS, "operation"),
                    ),
                    "{{operation}}",
                ),
            ),
            "Of the api's own reads that the cache answered at all.",
            maximum=1,
            links=Links("api"),
        ),
        Panel(
            "Connections",
            "short",
            "redis-clients",
            _REDIS,
            (t(f"redis_connected_clients{{{_ON}}}", "{{instance}}"),),
            "Clients, the exporter's own connection included.",
        ),
        Panel(
            "Time per command",
            "s",
            "redis-traffic",
            _REDIS,
            (
                t(
                    f"topk(10, {rate(f'redis_commands_duration_seconds_total{{{_ON}}}', 'cmd')}"
                    f" / ({rate(f'redis_commands_total{{{_ON}}}', 'cmd')} > 0))",
                    "{{cmd}}",
                ),
            ),
            "Mean time inside the server, of the ten slowest commands.",
        ),
        Panel(
            "Bytes",
            "binBps",
            "redis-traffic",
            _REDIS,
            (
                t(rate(f"redis_net_input_bytes_total{{{_ON}}}", "instance"), "{{instance}} in"),
                t(rate(f"redis_net_output_bytes_total{{{_ON}}}", "instance"), "{{instance}} out"),
            ),
            "In and out of each node, replication included.",
        ),
    ),
)

_MEMORY = Row(
    "Memory",
    (
        Panel(
            "Memory",
            "bytes",
            "redis-traffic",
            _REDIS,
            (t(f"redis_memory_used_bytes{{{_ON}}}", "{{instance}}"),),
            "What the data and its overhead take.",
        ),
        Panel(
            "Share of the memory limit",
            "percentunit",
            "redis-filled",
            _REDIS,
            (t(f"redis_memory_used_bytes{{{_ON}}} / (redis_memory_max_bytes{{{_ON}}} > 0)", "{{instance}}"),),
            "At 1 the node evicts; a cache may live there, as long as the hit ratio holds.",
            thresholds=(Threshold(0.8, "orange"), Threshold(0.95, "red")),
            maximum=1,
        ),
        Panel(
            "Evicted keys",
            "ops",
            "redis-filled",
            _REDIS,
            (t(f"rate(redis_evicted_keys_total{{{_ON}}}[{W}])", "{{instance}}"),),
            "Keys thrown out for lack of memory.",
            thresholds=(Threshold(1, "orange"),),
        ),
        Panel(
            "Expired keys",
            "ops",
            "redis-traffic",
            _REDIS,
            (t(f"rate(redis_expired_keys_total{{{_ON}}}[{W}])", "{{instance}}"),),
            "Keys whose time was over: the normal end.",
        ),
        Panel(
            "Keys",
            "short",
            "redis-traffic",
            _REDIS,
            (t(f"sum by (instance) (redis_db_keys{{{_ON}}})", "{{instance}}"),),
            "Keys held by each node.",
        ),
    ),
)

DASHBOARD = Dashboard(
    uid="cache",
    title="Cache",
    description="The Redis Cluster: whether it is whole, what it is asked, what it finds and what it forgets.",
    rows=(_CLUSTER, _USE, _MEMORY),
    variables=(Variable("instance", "Node", 'label_values(redis_up{job="redis"}, instance)'),),
    links=Links("api"),
)
