"""Overview: whether users are served well right now, one line per service, and what fires."""

from __future__ import annotations

from stack.telemetry.board import Dashboard, Links, Panel, Row, Threshold, t
from stack.telemetry.dashboards.errors import SERVICES
from stack.telemetry.promql import QUIET, each_of, quantile, rate

__all__ = ["DASHBOARD"]

_JOB = f'job=~"{each_of(SERVICES)}"'
_OF = f"{_JOB},{QUIET}"
_SECONDS = "http_server_request_duration_seconds"
_COUNT = f"http_server_request_duration_seconds_count{{{_OF}}}"
_WEB = f'job="web",{QUIET}'

_NOW = Row(
    "Now",
    (
        Panel(
            "Requests",
            "reqps",
            "api-requests",
            SERVICES,
            (t(rate(_COUNT, "job"), "{{job}}"),),
            "Requests per second by service, without probes and scrapes.",
        ),
        Panel(
            "Latency",
            "s",
            "api-requests",
            SERVICES,
            (t(quantile(0.95, _SECONDS, "job", selector=_OF), "p95 {{job}}"),),
            "p95 to the end of the answer. Git's is as long as its packs are big.",
        ),
        Panel(
            "Requests in progress",
            "short",
            "concurrent-requests",
            SERVICES,
            (t(f"sum by (job) (http_server_active_requests{{{_JOB}}})", "{{job}}"),),
            "At the moment of the scrape, which counts itself.",
        ),
        Panel(
            "Alerts that fire",
            "short",
            "firing-alert",
            (),
            (t('count by (alertname, severity) (ALERTS{alertstate="firing"})', "{{alertname}} {{severity}}"),),
            "Empty is good, if the panels beside it are not. Each alert has its page in docs/runbooks.",
            kind="bars",
            thresholds=(Threshold(1, "red"),),
        ),
        Panel(
            "Web pages",
            "reqps",
            "page-views",
            ("web",),
            (t(rate(f"http_server_request_duration_seconds_count{{{_WEB}}}", "http_route"), "{{http_route}}"),),
            "Pages of the web by route.",
            links=Links("web"),
        ),
        Panel(
            "Latency of web pages",
            "s",
            "page-views",
            ("web",),
            (
                t(
                    quantile(0.95, _SECONDS, "http_route", selector=_WEB),
                    "p95 {{http_route}}",
                ),
            ),
            "Rendered on the server, its calls to the api included.",
            thresholds=(Threshold(0.5, "orange"), Threshold(1, "red")),
            links=Links("web"),
        ),
    ),
)

DASHBOARD = Dashboard(
    uid="overview",
    title="Overview",
    description="Whether users are served well right now, one line per service, and what fires.",
    rows=(_NOW,),
    links=Links("{job}"),
)
