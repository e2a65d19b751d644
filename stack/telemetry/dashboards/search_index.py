"""Search and index lag: what people ask, how fast they are answered, and how long a push takes to be found."""

from __future__ import annotations

from stack.telemetry.board import Dashboard, Links, Panel, Row, Threshold, Variable, t
from stack.telemetry.promql import quantile, rate, ratio

__all__ = ["DASHBOARD"]

_SEARCH = ("search",)
_INDEXER = ("indexer",)
_ASKED = 'job="search",type=~"$type"'
_QUERIES = f"search_query_duration_seconds_count{{{_ASKED}}}"
_ANSWERED = f'{_ASKED},outcome="ok"'
_ENGINE = 'job="indexer",engine=~"$engine"'
_SLOW = (Threshold(0.5, "orange"), Threshold(1, "red"))
_LATE = (Threshold(30, "orange"), Threshold(300, "red"))

_QUESTIONS = Row(
    "Questions",
    (
        Panel(
            "Queries by type",
            "reqps",
            "search-queries",
            _SEARCH,
            (t(rate(_QUERIES, "type"), "{{type}}"),),
            "Searches per second. `suggest` is what the search box asks while somebody types.",
        ),
        Panel(
            "Query latency",
            "s",
            "search-queries",
            _SEARCH,
            tuple(
                t(quantile(level, "search_query_duration_seconds", selector=_ANSWERED), f"p{level * 100:.0f}")
                for level in (0.5, 0.95, 0.99)
            ),
            "Of queries that were answered; those that failed are in the outcomes.",
            thresholds=_SLOW,
        ),
        Panel(
            "Query latency by type",
            "s",
            "search-queries",
            _SEARCH,
            (t(quantile(0.95, "search_query_duration_seconds", "type", selector=_ANSWERED), "p95 {{type}}"),),
            "Exact and regular-expression searches of code verify every hit on the real text: they are the slow ones.",
            thresholds=_SLOW,
        ),
        Panel(
            "Outcomes",
            "reqps",
            "search-queries",
            _SEARCH,
            (t(rate(_QUERIES, "outcome"), "{{outcome}}"),),
            "`refused`: the query itself was wrong, and its author was told why.",
        ),
        Panel(
            "Share without an answer",
            "percentunit",
            "search-without-engine",
            _SEARCH,
            (
                t(
                    ratio(
                        rate(f'search_query_duration_seconds_count{{{_ASKED},outcome=~"unavailable|timeout"}}'),
                        rate(_QUERIES),
                    ),
                    "unavailable or timed out",
                ),
            ),
            "What the objective of search's availability counts.",
            thresholds=(Threshold(0.001, "orange"), Threshold(0.01, "red")),
            links=Links("search", tags="error=true", words="level:error"),
        ),
        Panel(
            "Share of empty answers",
            "percentunit",
            "empty-queries",
            _SEARCH,
            (
                t(
                    ratio(
                        rate(f'search_results_total{{{_ASKED},result="none"}}', "type"),
                        rate(f"search_results_total{{{_ASKED}}}", "type"),
                    ),
                    "{{type}}",
                ),
            ),
            "A step up without a step in the queries means that something is no longer in the index.",
        ),
    ),
)

_LAG = Row(
    "From a push to its hits",
    (
        Panel(
            "Index lag",
            "s",
            "indexing-held",
            _INDEXER,
            (t(f"max by (engine) (index_lag_seconds{{{_ENGINE}}})", "{{engine}}"),),
            "Age of the oldest event that is not searchable yet; 0 when there is none.",
            thresholds=_LATE,
        ),
        Panel(
            "Events to index",
            "short",
            "indexing-held",
            _INDEXER,
            (t('max (index_outbox_events{job="indexer"})', "events"),),
            "Rows of the outbox: pushes and changes that the index does not have yet.",
        ),
        Panel(
            "Time from push to searchable",
            "s",
            "push-to-index",
            _INDEXER,
            tuple(
                t(
                    quantile(level, "index_push_to_searchable_seconds", "engine", selector=_ENGINE),
                    f"p{level * 100:.0f} {{{{engine}}}}",
                )
                for level in (0.5, 0.95)
            ),
            "From the push's event to the engine saying that its documents are in.",
            thresholds=_LATE,
        ),
        Panel(
            "Since the last good run",
            "s",
            "push-to-index",
            _INDEXER,
            (t(f"time() - max by (engine) (index_last_success_timestamp_seconds{{{_ENGINE}}})", "{{engine}}"),),
            "Grows while the indexer can't finish a run, whatever the reason. The alert IndexerStalled looks at it.",
            thresholds=_LATE,
        ),
    ),
)

_WORK = Row(
    "The indexer's work",
    (
        Panel(
            "Documents",
            "wps",
            "push-to-index",
            _INDEXER,
            (t(rate(f"index_documents_total{{{_ENGINE}}}", "engine, operation"), "{{engine}} {{operation}}"),),
            "Documents the engine confirmed: a document counts when the engine's task succeeded.",
        ),
        Panel(
            "Runs",
            "ops",
            "push-to-index",
            _INDEXER,
            (t(rate(f"index_runs_total{{{_ENGINE}}}", "engine, result"), "{{engine}} {{result}}"),),
            "`incomplete` goes on in the next run; `failed` is tried again and named in the log.",
        ),
        Panel(
            "Duration of runs",
            "s",
            "push-to-index",
            _INDEXER,
            (t(quantile(0.95, "index_run_duration_seconds", "engine", selector=_ENGINE), "p95 {{engine}}"),),
            "One run takes what the outbox holds, up to a limit.",
        ),
    ),
)

DASHBOARD = Dashboard(
    uid="search-index",
    title="Search and index lag",
    description="What people ask, how fast they are answered, and how long a push takes to be found.",
    rows=(_QUESTIONS, _LAG, _WORK),
    variables=(
        Variable("type", "Type", 'label_values(search_query_duration_seconds_count{job="search"}, type)'),
        Variable("engine", "Engine", 'label_values(index_lag_seconds{job="indexer"}, engine)'),
    ),
    links=Links("search"),
)
