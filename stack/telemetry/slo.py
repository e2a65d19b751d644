"""The service-level objectives: what users are promised, and what counts as keeping the promise."""

from __future__ import annotations

from dataclasses import dataclass

from stack.telemetry.promql import QUIET, or_zero

__all__ = ["BURNS", "OBJECTIVES", "PERIOD_DAYS", "WINDOWS", "Burn", "Objective"]

PERIOD_DAYS = 30
# Stands for the window wherever an objective counts events.
_W = "[WINDOW]"


@dataclass(frozen=True)
class Burn:
    """One pair of windows: both must burn this fast, so that it is both much and still going on.

    The pairs and factors are those of Google's SRE workbook, chapter "Alerting on SLOs": at 14.4 an hour takes 2 % of
    a budget of 30 days, at 6 six hours take 5 %, at 3 a day takes 10 %, at 1 three days take 10 %.
    """

    short: str
    long: str
    factor: float
    severity: str
    hold: str


BURNS = (
    Burn("5m", "1h", 14.4, "page", "2m"),
    Burn("30m", "6h", 6, "page", "2m"),
    Burn("2h", "1d", 3, "ticket", "15m"),
    Burn("6h", "3d", 1, "ticket", "15m"),
)
WINDOWS = ("5m", "30m", "1h", "2h", "6h", "1d", "3d")


@dataclass(frozen=True)
class Objective:
    """One promise.

    Attributes:
        name: value of the label `slo`.
        alert: name of its burn-rate alerts.
        target: share of events that must be good.
        promise: the promise, as a user would read it.
        bad: PromQL: bad events per second.
        total: PromQL: all events per second.
        least: how many bad events it takes in the long window: one failure at night is no incident.
        dashboard: uid of the dashboard that explains it.
        fault: what fires its alerts; a name of `stack.telemetry.faults`.
        stimulus: the traffic that must go on meanwhile; a name of `stack.telemetry.stimuli`.
        sources: the Prometheus jobs it is counted from.
    """

    name: str
    alert: str
    target: float
    promise: str
    bad: str
    total: str
    dashboard: str
    fault: str
    stimulus: str
    sources: tuple[str, ...]
    least: int = 5

    @property
    def budget(self) -> float:
        """Share of events that may be bad."""
        return round(1 - self.target, 6)

    def bad_over(self, window: str) -> str:
        """Bad events per second over a window."""
        return self.bad.replace(_W, f"[{window}]")

    def total_over(self, window: str) -> str:
        """All events per second over a window."""
        return self.total.replace(_W, f"[{window}]")


def _per_second(selector: str) -> str:
    return f"sum(rate({selector}{_W}))"


def _less(total: str, good: str) -> str:
    return f"({total} - {good})"


_HTTP = "http_server_request_duration_seconds"
_API = f'job="api",{QUIET}'
_API_ALL = _per_second(f"{_HTTP}_count{{{_API}}}")
# Git's own protocol, archives and log files take as long as they are big.
_READS = (
    'job="api",http_request_method=~"GET|HEAD",http_route=~"/api/v1/.*",'
    'http_route!~".*/raw|.*/log|.*/attachments/.*|/api/v1/health"'
)
_READS_ALL = _per_second(f"{_HTTP}_count{{{_READS}}}")
_GIT = f'job="git",{QUIET}'
_GIT_ALL = _per_second(f"{_HTTP}_count{{{_GIT}}}")
_PACKS = 'http_route=~".*/git-(upload|receive)-pack"'
_NOT_PACKS = 'http_route!~".*/git-(upload|receive)-pack"'
_SEARCH = "search_query_duration_seconds"
_SEARCH_ALL = _per_second(f'{_SEARCH}_count{{job="search",outcome!="refused"}}')
_SEARCH_OK = _per_second(f'{_SEARCH}_count{{job="search",outcome="ok"}}')
_PUSHES = "index_push_to_searchable_seconds"
_PUSHES_ALL = _per_second(f'{_PUSHES}_count{{job="indexer"}}')

OBJECTIVES = (
    Objective(
        name="api-availability",
        alert="ApiAvailabilityBurn",
        target=0.999,
        promise="99.9 % of requests to the api are answered without an error of the server",
        bad=or_zero(_per_second(f'{_HTTP}_count{{{_API},http_response_status_code=~"5.."}}'), _API_ALL),
        total=_API_ALL,
        dashboard="errors",
        fault="stop:postgresql-primary",
        stimulus="api-requests",
        sources=("api",),
    ),
    Objective(
        name="api-latency",
        alert="ApiLatencyBurn",
        target=0.99,
        promise="99 % of reads through the api are answered within 0.5 s",
        bad=_less(_READS_ALL, _per_second(f'{_HTTP}_bucket{{{_READS},le="0.5"}}')),
        total=_READS_ALL,
        dashboard="api-latency",
        fault="slow:database",
        stimulus="api-requests",
        sources=("api",),
    ),
    Objective(
        name="git-availability",
        alert="GitAvailabilityBurn",
        target=0.999,
        promise="99.9 % of clones, fetches, pushes and questions to git end well, as far as it is up to us",
        # A git that fails after its answer has begun has a status of 200, so packs are judged by how their git ended.
        bad=" + ".join(
            or_zero(_per_second(selector), _GIT_ALL)
            for selector in (
                f'{_HTTP}_count{{{_GIT},{_NOT_PACKS},http_response_status_code=~"5.."}}',
                f'{_HTTP}_count{{{_GIT},{_PACKS},http_response_status_code="503"}}',
                'git_service_ends_total{job="git",outcome=~"failed|too_long"}',
            )
        ),
        total=_GIT_ALL,
        dashboard="git-performance",
        fault="corrupt:repository",
        stimulus="broken-clone",
        sources=("git",),
    ),
    Objective(
        name="search-availability",
        alert="SearchAvailabilityBurn",
        target=0.999,
        promise="99.9 % of searches that can be understood are answered",
        bad=or_zero(
            _per_second(f'{_SEARCH}_count{{job="search",outcome=~"unavailable|timeout"}}'),
            _SEARCH_ALL,
        ),
        total=_SEARCH_ALL,
        dashboard="search-index",
        fault="stop:opensearch",
        stimulus="search-queries",
        sources=("search",),
    ),
    Objective(
        name="search-latency",
        alert="SearchLatencyBurn",
        target=0.99,
        promise="99 % of answered searches take less than 1 s",
        # Python's client library writes the bound as 1.0, others as 1.
        bad=_less(_SEARCH_OK, _per_second(f'{_SEARCH}_bucket{{job="search",outcome="ok",le=~"1|1.0"}}')),
        total=_SEARCH_OK,
        dashboard="search-index",
        fault="slow:opensearch",
        stimulus="search-queries",
        sources=("search",),
    ),
    Objective(
        name="push-to-searchable",
        alert="PushToSearchableBurn",
        target=0.99,
        promise="99 % of pushes can be found within 30 s",
        bad=_less(_PUSHES_ALL, _per_second(f'{_PUSHES}_bucket{{job="indexer",le=~"30|30.0"}}')),
        total=_PUSHES_ALL,
        dashboard="search-index",
        fault="delay:indexer",
        stimulus="push-to-index",
        sources=("indexer",),
        least=3,
    ),
)
