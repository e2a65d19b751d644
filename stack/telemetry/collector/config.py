"""The Collector's configuration, rendered; used by whatever runs it.

A signal that was acknowledged is on disk: between a receiver and the queues of its exporters nothing gathers records in
memory. So batches are made by the queues, which keep what is in them, and not by a processor that would lose it.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from stack.telemetry.collector.files import LOG_FILES, file_log
from stack.telemetry.collector.redaction import processors

__all__ = ["LOG_FILES", "LOG_INDEX", "CollectorPorts", "Destinations", "render"]

LOG_INDEX = "logs-forge"  # in OpenSearch and in Elasticsearch; the day follows
_STORAGE = "file_storage"
_QUEUE = 100_000  # spans or records that wait for one destination; about 100 MB on disk
_BATCH, _LARGEST_BATCH = 500, 2000
_MEMORY_MIB, _SPIKE_MIB = 512, 128
_SERIES = 2000  # of one metric made of spans; more go into one called overflow
# Seconds; those of http_server_request_duration_seconds, so that both can be compared.
_BUCKETS = ("5ms", "10ms", "25ms", "50ms", "100ms", "250ms", "500ms", "1s", "2.5s", "5s", "10s")


@dataclass(frozen=True)
class CollectorPorts:
    """TCP ports of the Collector, all its own."""

    otlp_http: int
    otlp_grpc: int
    health: int
    metrics: int
    spanmetrics: int


@dataclass(frozen=True)
class Destinations:
    """Where the Collector sends; what is `None` is not there.

    Attributes:
        jaeger: OTLP over HTTP, base URL. Over gRPC a client waits longer and longer to connect again, up to two
            minutes; over HTTP it is back within seconds.
        victorialogs: base URL.
        opensearch: base URL.
        loki: base URL of Loki 3 or newer, or of anything else that takes logs at `<url>/v1/logs` by OTLP.
        elastic: base URL of Elasticsearch, or of another OpenSearch.
        authorization: what the header `Authorization` says to a destination: `loki`, `elastic`. It is secret.
    """

    jaeger: str | None = None
    victorialogs: str | None = None
    opensearch: str | None = None
    loki: str | None = None
    elastic: str | None = None
    authorization: Mapping[str, str] = field(default_factory=dict, repr=False)


def render(
    *,
    host: str,
    ports: CollectorPorts,
    storage: Path,
    logs: Path | None,
    to: Destinations,
    scale: float = 1.0,
) -> str:
    """The configuration as JSON, which is YAML. It holds the credentials of `to`: for a file its owner alone can read.

    Args:
        host: address to listen on.
        ports: where.
        storage: a folder for queues and for how far files were read.
        logs: the folder with the services' logs; `None`: none are read.
        to: where signals go.
        scale: metrics made of spans are renewed every 5 s divided by this.
    """
    receivers: dict[str, object] = {
        "otlp": {
            "protocols": {
                "grpc": {"endpoint": f"{host}:{ports.otlp_grpc}", "max_recv_msg_size_mib": 16},
                "http": {"endpoint": f"{host}:{ports.otlp_http}", "max_request_body_size": 16 << 20},
            }
        }
    }
    if logs is not None:
        receivers["file_log"] = file_log(logs, _STORAGE)
    traces, records = _trace_exporters(to), _log_exporters(to)
    document = {
        "extensions": {
            "health_check": {"endpoint": f"{host}:{ports.health}"},
            _STORAGE: {"directory": str(storage), "create_directory": True},
        },
        "receivers": receivers,
        "processors": {
            "memory_limiter": {"check_interval": "1s", "limit_mib": _MEMORY_MIB, "spike_limit_mib": _SPIKE_MIB},
            "batch": {"timeout": "200ms"},
            **processors(),
        },
        "connectors": {"span_metrics": _span_metrics(scale)},
        "exporters": {
            **traces,
            **records,
            "prometheus": {
                "endpoint": f"{host}:{ports.spanmetrics}",
                # Exemplars, which lead from a panel to a trace, exist in this format only.
                "enable_open_metrics": True,
                "without_scope_info": True,
            },
        },
        "service": {
            "extensions": ["health_check", _STORAGE],
            "telemetry": _own_telemetry(host, ports.metrics),
            "pipelines": {
                "traces": _pipeline(["otlp"], [*traces, "span_metrics"]),
                "logs": _pipeline([*receivers], [*records]),
                "metrics/spans": {
                    "receivers": ["span_metrics"],
                    # They are counted again with the next span: nothing is lost with a batch.
                    "processors": ["batch"],
                    "exporters": ["prometheus"],
                },
            },
        },
    }
    # `$` begins a variable in this format; none is wanted.
    return json.dumps(document, indent=1).replace("$", "$$") + "\n"


def _pipeline(receivers: list[str], exporters: list[str]) -> dict[str, list[str]]:
    processing = ["memory_limiter", "transform/redaction", "redaction"]
    return {"receivers": receivers, "processors": processing, "exporters": exporters}


def _sending() -> dict[str, object]:
    """What every destination has: a queue on disk, and no end of trying."""
    return {
        "sending_queue": {
            "storage": _STORAGE,
            "sizer": "items",
            "queue_size": _QUEUE,
            "num_consumers": 2,
            "batch": {"flush_timeout": "200ms", "min_size": _BATCH, "max_size": _LARGEST_BATCH, "sizer": "items"},
        },
        "retry_on_failure": {"initial_interval": "500ms", "max_interval": "5s", "max_elapsed_time": "0s"},
    }


def _trace_exporters(to: Destinations) -> dict[str, object]:
    if to.jaeger is None:
        return {"nop": {}}
    return {"otlp_http/jaeger": {"endpoint": to.jaeger, "compression": "none", "timeout": "10s", **_sending()}}


def _log_exporters(to: Destinations) -> dict[str, object]:
    found: dict[str, object] = {}
    if to.victorialogs is not None:
        # Without its own header every attribute of the resource would make a stream.
        found["otlp_http/victorialogs"] = {
            "logs_endpoint": f"{to.victorialogs}/insert/opentelemetry/v1/logs",
            "headers": {"VL-Stream-Fields": "service.name"},
            "compression": "none",
            "timeout": "10s",
            **_sending(),
        }
    if to.opensearch is not None:
        found["osbulk/opensearch"] = {
            "endpoint": to.opensearch,
            "index": LOG_INDEX,
            # See stack.components.opensearch: without this, a slim Java makes no index at all.
            "index_settings": {"index.analysis.analyzer.thai.type": "standard"},
            **_sending(),
        }
    if to.loki is not None:
        found["otlp_http/loki"] = {"logs_endpoint": f"{to.loki}/v1/logs", **_headers(to, "loki"), **_sending()}
    if to.elastic is not None:
        found["osbulk/elastic"] = {
            "endpoint": to.elastic,
            "index": LOG_INDEX,
            "replicas": 1,
            "compression": "gzip",
            **_headers(to, "elastic"),
            **_sending(),
        }
    return found or {"nop": {}}


def _headers(to: Destinations, name: str) -> dict[str, object]:
    known = to.authorization.get(name)
    return {"headers": {"Authorization": known}} if known else {}


def _span_metrics(scale: float) -> dict[str, object]:
    return {
        "histogram": {"explicit": {"buckets": [*_BUCKETS]}},
        "dimensions": [{"name": "http.response.status_code"}, {"name": "peer.service"}],
        # It is new after every start, and every series with it.
        "exclude_dimensions": ["collector.instance.id"],
        "resource_metrics_key_attributes": ["service.name"],
        "exemplars": {"enabled": True, "max_per_data_point": 5},
        "metrics_flush_interval": f"{max(1.0, 5.0 / scale):g}s",
        "aggregation_cardinality_limit": _SERIES,
    }


def _own_telemetry(host: str, port: int) -> dict[str, object]:
    names = {"without_scope_info": True, "without_type_suffix": True, "without_units": True}
    reader = {"pull": {"exporter": {"prometheus": {"host": host, "port": port, **names}}}}
    return {
        "metrics": {"level": "normal", "readers": [reader]},
        "logs": {"level": "info", "encoding": "json"},
        # It is told nobody that it runs, and its own spans go nowhere.
        "traces": {"level": "none"},
    }
