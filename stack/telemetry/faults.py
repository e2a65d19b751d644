"""What fires each alert: a fault that can be made on purpose, and undone."""

from __future__ import annotations

__all__ = ["FAULTS"]

FAULTS: dict[str, str] = {
    "corrupt:repository": "damage a pack of one repository, then clone it again and again",
    "cut:log-store": "stop the log store while services go on writing lines",
    "delay:indexer": "stop the indexer, push several times, start it again after more than 30 s",
    "fill:collector": "pause Jaeger and send spans until half of the collector's queue is in use",
    "fill:connections": "open sessions until more than 80 % of max_connections are in use, and keep them",
    "fill:disk": "write a file until less than 10 % of a file system is free (a small one mounted for it will do)",
    "fill:disk-slowly": "write to a file system (a small one will do) at a rate that fills it within four hours",
    "fill:git": "hold every place for a git process with clones that are read slowly, and ask for more",
    "fill:jobs": "queue more jobs than the runner can run in the time that is tolerated",
    "fill:memory": "take memory until less than 10 % of the host's is available",
    "fill:redis": "write keys without an expiry until a node is at its memory limit",
    "fail:jobs": "queue jobs whose step fails, and no others",
    "hold:replay": "hold replay up on the replica, by a session that reads what was locked since, and write rows",
    "hold:transaction": "open a transaction, read a row and leave it open",
    "kill:runner": "kill the runner with SIGKILL while it runs a job, and start it again",
    "lock:database": "lock a table that the api reads, and send more reads at once than the pool has connections",
    "overflow:collector": "pause Jaeger and send more spans than the collector's queue holds",
    "pause:jaeger": "pause Jaeger with SIGSTOP while spans go on coming",
    "pause:opensearch": "pause the search engine with SIGSTOP, and push",
    "pause:postgresql-replica": "pause the replica with SIGSTOP and write more WAL than the bytes tolerated",
    "slow:database": "delay every statement: a proxy, or a lock held for longer than 0.5 s again and again",
    "slow:opensearch": "pause the search engine for more than 1 s again and again, and search meanwhile",
    "stop:api": "stop the api; any other service does as well",
    "stop:collector": "stop the collector while services go on making spans",
    "stop:indexer": "stop the indexer",
    "stop:objects": "stop the object store while a job prints",
    "stop:opensearch": "stop the search engine",
    "stop:postgresql-primary": "stop PostgreSQL's primary",
    "stop:postgresql-replica": "stop PostgreSQL's replica",
    "stop:redis-1": "stop one Redis node",
    "stop:redis-exporter": "stop an exporter; the one of Redis, for example",
    "stop:redis-majority": "stop two of the three primaries of the Redis Cluster at once",
    "strip:meters": "drop the metrics that are watched at the scrape (metric_relabel_configs), as broken meters would",
    "unscrape:jobs": "take the jobs out of Prometheus' scrape configuration",
}
