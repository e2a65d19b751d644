"""What the indexer counts."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from stack.services.search.indexer.lag import Lag

__all__ = ["IndexerMetrics"]

_SEARCHABLE = (0.5, 1, 2, 3, 5, 10, 15, 30, 60, 120, 300, 600, 1800, 3600)
_RUNS = (0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 1800)


class IndexerMetrics:
    """All of them, for one engine."""

    def __init__(self, registry: CollectorRegistry, engine: str, lag: Lag) -> None:
        """Register them; `lag` is asked at every scrape."""
        self._engine = engine
        behind = Gauge(
            "index_lag_seconds", "Age of the oldest event that is not searchable yet.", ("engine",), registry=registry
        )
        behind.labels(engine).set_function(lag.seconds)
        Gauge("index_outbox_events", "Events that are not searchable yet.", registry=registry).set_function(lag.events)
        searchable = Histogram(
            "index_push_to_searchable_seconds",
            "From a push to its being searchable.",
            ("engine",),
            buckets=_SEARCHABLE,
            registry=registry,
        )
        self.searchable = searchable.labels(engine)
        self._documents = Counter("index_documents", "Documents written.", ("engine", "operation"), registry=registry)
        for operation in ("put", "delete", "patch"):
            self._documents.labels(engine, operation)
        self._runs = Counter("index_runs", "Runs by how they ended.", ("engine", "result"), registry=registry)
        for result in ("ok", "incomplete", "failed"):
            self._runs.labels(engine, result)
        duration = Histogram(
            "index_run_duration_seconds", "Length of runs.", ("engine",), buckets=_RUNS, registry=registry
        )
        self.duration = duration.labels(engine)
        self._success = Gauge(
            "index_last_success_timestamp_seconds", "End of the last good run.", ("engine",), registry=registry
        )

    def written(self, operation: str, number: int) -> None:
        """Documents have arrived."""
        self._documents.labels(self._engine, operation).inc(number)

    def ended(self, result: str) -> None:
        """A run has ended."""
        self._runs.labels(self._engine, result).inc()
        if result != "failed":
            self._success.labels(self._engine).set_to_current_time()
