"""API latency: how many requests, how fast, how many fail, and what they wait for."""

from __future__ import annotations

from stack.telemetry.board import Dashboard, Links, Panel, Row, Threshold, Variable, t
from stack.telemetry.promql import QUIET, quantile, rate, ratio

__all__ = ["DASHBOARD"]

_API = ("api",)
_OF = f'job="api",instance=~"$instance",http_route=~"$route",{QUIET}'
_REQUESTS = f"http_server_request_duration_seconds_count{{{_OF}}}"
_HISTOGRAM = "http_server_request_duration_seconds"
_WITHIN = f'{_HISTOGRAM}_bucket{{{_OF},le="0.5"}}'
_PROCESS = 'job="api",instance=~"$instance"'
_OPERATIONS = "db_client_operation_duration_seconds"
_CLIENT = "http_client_request_duration_seconds"
_SLOW = (Threshold(0.25, "orange"), Threshold(0.5, "red"))
_LABEL = "{{http_request_method}} {{http_route}}"


def _by_route(level: float) -> Panel:
    share = f"p{level * 100:.0f}"
    return Panel(
        f"Latency {share} by route",
        "s",
        "api-requests",
        _API,
        (t(quantile(level, _HISTOGRAM, "http_request_method, http_route", selector=_OF), _LABEL),),
        f"The time in which {level:.0%} of a route's requests were answered. Read it within the histogram's buckets: "
        "between two of them it is interpolated.",
        thresholds=_SLOW,
    )


_TRAFFIC = Row(
    "Requests",
    (
        Panel(
            "Request rate",
            "reqps",
            "api-requests",
            _API,
            (t(rate(_REQUESTS), "requests"),),
            "Requests of users per second; probes and scrapes are left out.",
        ),
        Panel(
            "Requests by route",
            "reqps",
            "api-requests",
            _API,
            (t(rate(_REQUESTS, "http_request_method, http_route"), _LABEL),),
            "Routes are templates as registered, so their number is fixed; what no route knows is `unmatched`.",
        ),
        Panel(
            "Requests by status",
            "reqps",
            "api-requests",
            _API,
            (t(rate(_REQUESTS, "http_response_status_code"), "{{http_response_status_code}}"),),
            "A database outage is 503, never 401 or 404: what users see and what this shows agree.",
        ),
        Panel(
            "Share of server errors",
            "percentunit",
            "failing-requests",
            _API,
            (
                t(
                    ratio(
                        rate(f'http_server_request_duration_seconds_count{{{_OF},http_response_status_code=~"5.."}}'),
                        rate(_REQUESTS),
                    ),
                    "5xx",
                ),
            ),
            "Answers with a status of 500 or more: 0 while requests come and none fails, empty without requests.",
            thresholds=(Threshold(0.001, "orange"), Threshold(0.01, "red")),
            links=Links("api", tags="error=true", words="level:error"),
        ),
        Panel(
            "Requests in progress",
            "short",
            "concurrent-requests",
            _API,
            (t(f"http_server_active_requests{{{_PROCESS}}}", "{{instance}}"),),
            "As seen at the moment of a scrape, the scrape's own request included: 1 is idle.",
        ),
        Panel(
            "Share answered within 0.5 s",
            "percentunit",
            "api-requests",
            _API,
            (t(f"{rate(_WITHIN)} / ({rate(_REQUESTS)} > 0)", "within 0.5 s"),),
            "What the latency objective counts, here for every route that is selected.",
            maximum=1,
        ),
    ),
)

_LATENCY = Row(
    "Latency",
    (
        Panel(
            "Latency",
            "s",
            "api-requests",
            _API,
            tuple(t(quantile(level, _HISTOGRAM, selector=_OF), f"p{level * 100:.0f}") for level in (0.5, 0.95, 0.99)),
            "Time to the end of the answer, over all selected routes.",
            thresholds=_SLOW,
        ),
        Panel(
            "Latency spread",
            "s",
            "api-requests",
            _API,
            (t(f"sum by (le) (increase({_HISTOGRAM}_bucket{{{_OF}}}[$__rate_interval]))", "{{le}}"),),
            "How many requests took how long: two humps are two kinds of requests, which no percentile shows.",
            kind="heatmap",
        ),
        Panel(
            "Slowest routes",
            "s",
            "api-requests",
            _API,
            (t(f"topk(10, {quantile(0.95, _HISTOGRAM, 'http_request_method, http_route', selector=_OF)})", _LABEL),),
            "The ten routes with the highest p95 now.",
            kind="bars",
            thresholds=_SLOW,
        ),
        _by_route(0.5),
        _by_route(0.95),
        _by_route(0.99),
    ),
)

_DATABASE = Row(
    "Database, as the api sees it",
    (
        Panel(
            "Pool",
            "short",
            "concurrent-requests",
            _API,
            (
                t(
                    f"sum by (db_client_connection_state) (db_client_connection_count{{{_PROCESS}}})",
                    "{{db_client_connection_state}}",
                ),
                t(f"sum (db_client_connection_max{{{_PROCESS}}})", "most"),
            ),
            "Connections the api holds to PostgreSQL. With as many in use as there may be, requests wait for one.",
        ),
        Panel(
            "Pool in use",
            "percentunit",
            "concurrent-requests",
            _API,
            (
                t(
                    f'sum by (instance) (db_client_connection_count{{{_PROCESS},db_client_connection_state="used"}})'
                    f" / sum by (instance) (db_client_connection_max{{{_PROCESS}}})",
                    "{{instance}}",
                ),
            ),
            "The alert ApiPoolExhausted fires above 90 %.",
            thresholds=(Threshold(0.7, "orange"), Threshold(0.9, "red")),
            maximum=1,
        ),
        Panel(
            "Database operations",
            "ops",
            "api-requests",
            _API,
            (t(rate(f"{_OPERATIONS}_count{{{_PROCESS}}}", "db_operation_name"), "{{db_operation_name}}"),),
            "Statements per second by kind. Readiness probes ask the database too.",
            links=Links("api", tags="db.system.name=postgresql"),
        ),
        Panel(
            "Database latency",
            "s",
            "api-requests",
            _API,
            (
                t(
                    quantile(0.95, _OPERATIONS, "db_operation_name", selector=_PROCESS),
                    "p95 {{db_operation_name}}",
                ),
            ),
            "A statement's time as the api measures it: the network and the wait for its answer included.",
            thresholds=_SLOW,
            links=Links("api", tags="db.system.name=postgresql"),
        ),
    ),
)

_UPSTREAM = Row(
    "Other services, as the api sees them",
    (
        Panel(
            "Calls to other services",
            "reqps",
            "file-reads",
            _API,
            (t(rate(f"{_CLIENT}_count{{{_PROCESS}}}", "server_service"), "{{server_service}}"),),
            "Requests the api makes to git, search and the object store.",
        ),
        Panel(
            "Latency of other services",
            "s",
            "file-reads",
            _API,
            (t(quantile(0.95, _CLIENT, "server_service", selector=_PROCESS), "p95 {{server_service}}"),),
            "A slow route with a slow service behind it is that service's matter.",
            thresholds=_SLOW,
        ),
        Panel(
            "Failed calls to other services",
            "percentunit",
            "search-without-engine",
            _API,
            (
                t(
                    ratio(
                        rate(
                            f'{_CLIENT}_count{{{_PROCESS},http_response_status_code!~"[1-4].."}}',
                            "server_service",
                        ),
                        rate(f"{_CLIENT}_count{{{_PROCESS}}}", "server_service"),
                    ),
                    "{{server_service}}",
                ),
            ),
            "Share of calls that had a status of 500 or more, or no answer at all.",
            thresholds=(Threshold(0.001, "orange"), Threshold(0.01, "red")),
            links=Links("api", tags="error=true", words="level:error"),
        ),
        Panel(
            "Cache",
            "ops",
            "cached-reads",
            _API,
            (t(rate(f"cache_operations_total{{{_PROCESS}}}", "operation, result"), "{{operation}} {{result}}"),),
            "Reads of the cache by result. Everything works without it, only slower: `error` is no error of the api.",
        ),
    ),
)

DASHBOARD = Dashboard(
    uid="api-latency",
    title="API latency",
    description="Rate, errors and duration of the api's requests, and what they wait for.",
    rows=(_TRAFFIC, _LATENCY, _DATABASE, _UPSTREAM),
    variables=(
        Variable("instance", "Instance", 'label_values(http_server_active_requests{job="api"}, instance)'),
        Variable("route", "Route", 'label_values(http_server_request_duration_seconds_count{job="api"}, http_route)'),
    ),
    links=Links("api"),
)
