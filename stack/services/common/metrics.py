"""What every HTTP server here counts, with labels whose number no client can raise."""

from __future__ import annotations

import prometheus_client
from prometheus_client import CollectorRegistry, Gauge, Histogram

__all__ = ["BUCKETS", "HttpMetrics", "method_label", "new_registry"]

BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)
_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})


def new_registry() -> CollectorRegistry:
    """A registry with the metrics of the process and of Python."""
    prometheus_client.disable_created_metrics()  # type: ignore[no-untyped-call]
    registry = CollectorRegistry()
    prometheus_client.ProcessCollector(registry=registry)
    prometheus_client.PlatformCollector(registry=registry)
    prometheus_client.GCCollector(registry=registry)
    return registry


def method_label(method: str) -> str:
    """The method, or `_OTHER`."""
    return method if method in _METHODS else "_OTHER"


class HttpMetrics:
    """The semantic conventions' server metrics under Prometheus' names."""

    def __init__(self, registry: CollectorRegistry) -> None:
        """Register them."""
        self._duration = Histogram(
            "http_server_request_duration_seconds",
            "Duration of HTTP server requests.",
            ("http_request_method", "http_route", "http_response_status_code"),
            buckets=BUCKETS,
            registry=registry,
        )
        self.active = Gauge("http_server_active_requests", "Requests being answered.", registry=registry)

    def observe(self, method: str, route: str, status: int, seconds: float) -> None:
        """Count one request."""
        self._duration.labels(method_label(method), route, str(status)).observe(seconds)
