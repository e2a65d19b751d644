"""Every panel is a question with a stimulus, a source and an honest answer."""

from __future__ import annotations

import re
from collections import Counter

import pytest

from stack.errors import UsageError
from stack.telemetry.board import Panel
from stack.telemetry.dashboards import dashboards
from stack.telemetry.panels import panel, panels, queries
from stack.telemetry.promql import UnknownVariableError, or_zero, ratio, resolve, variables
from stack.telemetry.stimuli import STIMULI

_JOBS = {
    "api", "git", "search", "indexer", "runner", "web", "collector", "spanmetrics", "postgresql", "redis", "node",
    "prometheus", "victorialogs", "jaeger",
}  # fmt: skip
_ALL = pytest.mark.parametrize("each", panels(), ids=lambda each: each.id)


def test_panels_have_names_of_their_own() -> None:
    """A report names a panel by its dashboard and its title, so no two share them."""
    assert [name for name, times in Counter(each.id for each in panels()).items() if times > 1] == []


def test_dashboards_have_addresses_of_their_own() -> None:
    """A dashboard's uid is its address."""
    uids = [board.uid for board in dashboards()]
    assert len(set(uids)) == len(uids)


def test_every_stimulus_is_described_and_used() -> None:
    """Whoever proves the panels knows what to do for each, and does nothing in vain."""
    assert {each.stimulus for each in panels()} == set(STIMULI)


@_ALL
def test_sources_are_jobs_that_prometheus_scrapes(each: Panel) -> None:
    """A panel names the jobs whose absence empties it; only what Prometheus makes itself has none."""
    assert set(each.sources) <= _JOBS
    assert each.sources or "ALERTS" in each.queries[0]


@_ALL
def test_a_dead_exporter_is_never_drawn_as_zero(each: Panel) -> None:
    """No query falls back on a constant: a zero stands only where a series of the same exporter is there to say so."""
    for query in each.queries:
        assert "vector(" not in query
        assert "absent" not in query
        for zero in re.findall(r"or 0 \* (.{6})", query):
            assert zero.startswith(("sum", "(sum")), query


@_ALL
def test_counters_are_drawn_as_rates_over_grafanas_interval(each: Panel) -> None:
    """A fixed range would miss samples at one zoom and smear them at another."""
    if each.store == "prometheus":
        for query in each.queries:
            assert set(re.findall(r"\[([$\w]+)\]", query)) <= {"$__rate_interval"}, query


@_ALL
def test_queries_resolve_without_grafana(each: Panel) -> None:
    """After resolving, no variable is left, and the window is the one that was asked for."""
    for raw, query in zip(each.queries, queries(each, window="7s"), strict=True):
        assert variables(query) == set()
        assert ("[7s]" in query) == ("$__rate_interval" in raw)


def test_chosen_values_reach_the_query() -> None:
    """A reader's choice of a route narrows the query to it."""
    [query] = queries(panel("api-latency", "Request rate"), route="/api/v1/repos")
    assert 'http_route=~"/api/v1/repos"' in query
    assert 'instance=~".*"' in query


def test_an_unknown_panel_is_refused_with_the_known_ones() -> None:
    """A misspelt title answers with the titles there are."""
    with pytest.raises(UsageError) as caught:
        panel("cache", "Hit rate")
    assert "Hit ratio" in caught.value.got


def test_an_unknown_variable_is_refused() -> None:
    """A query with a variable of another dashboard does not go out as it is."""
    with pytest.raises(UnknownVariableError) as caught:
        resolve('up{job="$job"}', window="1m", values={"instance": ".*"})
    assert "instance" in caught.value.got


def test_a_share_is_zero_only_where_the_whole_is_there() -> None:
    """The zero of a share is made from its whole, and a whole that does not happen gives no share."""
    assert or_zero("bad", "all") == "(bad or 0 * all)"
    assert ratio("bad", "all") == "(bad or 0 * all) / (all > 0)"
