"""Error rates: who fails, on which route, how fast the error budgets burn, and what was denied."""

from __future__ import annotations

from stack.telemetry.board import Dashboard, Links, Panel, Row, Threshold, Variable, t
from stack.telemetry.promql import QUIET, W, each_of, rate, ratio

__all__ = ["DASHBOARD", "SERVICES"]

SERVICES = ("api", "git", "search", "indexer", "runner", "web")
_OBJECTIVES = ("api", "git", "search", "indexer")
_JOB = f'job=~"$service",job=~"{each_of(SERVICES)}"'
_OF = f"{_JOB},{QUIET}"
_REQUESTS = f"http_server_request_duration_seconds_count{{{_OF}}}"
_API = ("api",)


def _with(status: str) -> str:
    return f'http_server_request_duration_seconds_count{{{_OF},http_response_status_code=~"{status}"}}'


_RATES = Row(
    "Errors",
    (
        Panel(
            "Share of server errors by service",
            "percentunit",
            "failing-requests",
            SERVICES,
            (t(ratio(rate(_with("5.."), "job"), rate(_REQUESTS, "job")), "{{job}}"),),
            "Share of a service's answers with a status of 500 or more. 0 while requests come and none fails; empty "
            "without requests, and empty without its metrics.",
            thresholds=(Threshold(0.001, "orange"), Threshold(0.01, "red")),
        ),
        Panel(
            "Server errors by route",
            "reqps",
            "failing-requests",
            SERVICES,
            (
                t(
                    rate(_with("5.."), "job, http_route, http_response_status_code"),
                    "{{job}} {{http_route}} {{http_response_status_code}}",
                ),
            ),
            "503 is an upstream that is away (database, git, search); 500 is a fault in the service.",
        ),
        Panel(
            "Client errors by status",
            "reqps",
            "bad-requests",
            SERVICES,
            (t(rate(_with("4.."), "job, http_response_status_code"), "{{job}} {{http_response_status_code}}"),),
            "What clients did wrong. A step up right after a release is often ours all the same.",
            links=Links("{job}", words="http_response_status_code:4*"),
        ),
        Panel(
            "Paths without a route",
            "reqps",
            "unknown-paths",
            SERVICES,
            (
                t(
                    rate(f'http_server_request_duration_seconds_count{{{_JOB},http_route="unmatched"}}', "job"),
                    "{{job}}",
                ),
            ),
            "Scanners, mostly, or a broken link of ours. However many paths they try, it stays one series.",
        ),
        Panel(
            "Error lines in the logs",
            "short",
            "failing-requests",
            ("collector",),
            (t("level:error | stats by (service.name) count() lines", "{{service.name}}"),),
            "Lines of level error, by service, from the log store. The query is LogsQL: another store needs its own.",
            store="logs",
        ),
    ),
)

_BUDGETS = Row(
    "Objectives",
    (
        Panel(
            "Burn rate",
            "short",
            "failing-requests",
            _OBJECTIVES,
            (
                t("slo:burn_rate:rate5m", "{{slo}} 5m"),
                t("slo:burn_rate:rate1h", "{{slo}} 1h"),
            ),
            "How many times faster than allowed the error budget goes: at 1 it lasts its 30 days, at 14.4 it is "
            "gone in two days. Windows are named for a time scale of 1.",
            thresholds=(Threshold(1, "orange"), Threshold(14.4, "red")),
        ),
        Panel(
            "Share of bad events",
            "percentunit",
            "failing-requests",
            _OBJECTIVES,
            (t("slo:error_ratio:rate1h", "{{slo}}"),),
            "What each objective counts as bad, over an hour.",
        ),
        Panel(
            "Budget left, from the last three days",
            "percentunit",
            "failing-requests",
            _OBJECTIVES,
            (t("1 - slo:burn_rate:rate3d * 3 / 30", "{{slo}}"),),
            "What would be left of 30 days' budget if only the last three days had burnt of it.",
            kind="bars",
            maximum=1,
        ),
    ),
)

_DENIED = Row(
    "Denied",
    (
        Panel(
            "Denied by reason",
            "reqps",
            "denied-requests",
            _API,
            (t(rate("api_denied_total", "reason"), "{{reason}}"),),
            "`unauthorized`: nobody known; `forbidden`: known and not allowed. What a caller may not know of is a 404 "
            "and not counted here.",
            links=Links("api", words="http_response_status_code:in(401,403)"),
        ),
        Panel(
            "Sign-ins",
            "reqps",
            "sign-ins",
            _API,
            (t(rate("api_sign_ins_total", "result"), "{{result}}"),),
            "`refused` in bulk is guessing; `unavailable` is a database that is away.",
            links=Links("api", words="http_route:login"),
        ),
        Panel(
            "Rate limited",
            "reqps",
            "rate-limited-requests",
            _API,
            (t(rate("api_rate_limited_total"), "429"),),
            "Requests over a client's limit. Without Redis there are no limits, and nothing is counted.",
            links=Links("api", words="http_response_status_code:429"),
        ),
        Panel(
            "Spans dropped by services",
            "ops",
            "spans-undelivered",
            SERVICES,
            (t(f'sum by (job) (rate(otel_spans_dropped_total{{job=~"$service"}}[{W}]))', "{{job}}"),),
            "Spans that a service made and could not deliver: traces have holes while this is above 0.",
            thresholds=(Threshold(0.01, "orange"),),
        ),
    ),
)

DASHBOARD = Dashboard(
    uid="errors",
    title="Errors",
    description="Who fails, where, how fast the error budgets burn, and what was denied.",
    rows=(_RATES, _BUDGETS, _DENIED),
    variables=(Variable("service", "Service", "label_values(http_server_request_duration_seconds_count, job)"),),
    links=Links("{job}", tags="error=true", words="level:error"),
)
