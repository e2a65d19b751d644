"""Burn-rate alerts: which of the four pairs of windows speaks at which speed, for every objective."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest

from stack.telemetry.rules import burn
from stack.telemetry.rules.model import Group
from stack.telemetry.slo import BURNS, OBJECTIVES, Objective
from tests.telemetry.rules.trial import Case, Series, told, try_rules

# Events a sample, and samples, one every two minutes: ten minutes well, eight hours of errors, nine hours well again.
_EVERY = "2m"
_PACE = 6000
_WELL, _BROKEN, _AFTER = 5, 235, 270
_DURING, _ENDED = "420m", "1018m"

_HTTP = "http_server_request_duration_seconds"
_READ = 'job="api",http_request_method="GET",http_route="/api/v1/repos",http_response_status_code="200"'
# For each objective: what counts all (or all good) events, and what the bad ones make of another counter.
_ALL = {
    "api-availability": f"{_HTTP}_count{{{_READ}}}",
    "api-latency": f"{_HTTP}_count{{{_READ}}}",
    "git-availability": f'{_HTTP}_count{{job="git",http_route="/git-upload-pack"}}',
    "search-availability": 'search_query_duration_seconds_count{job="search",type="code",outcome="ok"}',
    "search-latency": 'search_query_duration_seconds_count{job="search",type="code",outcome="ok"}',
    "push-to-searchable": 'index_push_to_searchable_seconds_count{job="indexer",engine="opensearch"}',
}
_BAD = {
    "api-availability": f"{_HTTP}_count{{{_READ.replace('200', '503')}}}",
    "git-availability": 'git_service_ends_total{job="git",service="upload-pack",outcome="failed"}',
    "search-availability": 'search_query_duration_seconds_count{job="search",type="code",outcome="timeout"}',
}
_IN_TIME = {
    "api-latency": f'{_HTTP}_bucket{{{_READ},le="0.5"}}',
    "search-latency": 'search_query_duration_seconds_bucket{job="search",type="code",outcome="ok",le="1.0"}',
    "push-to-searchable": 'index_push_to_searchable_seconds_bucket{job="indexer",engine="opensearch",le="30.0"}',
}


def _counter(*phases: tuple[float, int]) -> str:
    """A counter that grows by so much a sample for so many samples, phase after phase."""
    parts, value = [], 0.0
    for pace, samples in phases:
        parts.append(f"{value + pace:.0f}+{pace:.0f}x{samples - 1}")
        value += pace * samples
    return " ".join(parts)


def _events(objective: Objective, share: float) -> Sequence[Series]:
    """The objective's own counters, with this share of bad events in the middle."""
    name, bad = objective.name, _PACE * share
    if name in _IN_TIME:
        in_time = _counter((_PACE, _WELL), (_PACE - bad, _BROKEN), (_PACE, _AFTER))
        return [(_ALL[name], _counter((_PACE, _WELL + _BROKEN + _AFTER))), (_IN_TIME[name], in_time)]
    # Git's own count of requests includes those that ended badly; the others have a series for each.
    good = _PACE if name == "git-availability" else _PACE - bad
    return [
        (_ALL[name], _counter((_PACE, _WELL), (good, _BROKEN), (_PACE, _AFTER))),
        (_BAD[name], _counter((0, _WELL), (bad, _BROKEN), (0, _AFTER))),
    ]


def _groups(objective: Objective) -> list[Group]:
    return [group for group in burn.groups() if group.name.startswith(f"{objective.name} ")]


def _expected(objective: Objective, speed: float) -> list[dict[str, dict[str, str]]]:
    case = Case(objective.alert, broken=(), near=(), labels={"slo": objective.name}, value=f"{speed:g}")
    fast_enough = {f"{each.short}/{each.long}" for each in BURNS if speed > each.factor}
    return [case.expected(each) for each in burn.alerts(objective) if each.labels["window"] in fast_enough]


def test_every_objective_is_tried() -> None:
    """A new objective needs its counters here."""
    assert set(_ALL) == {each.name for each in OBJECTIVES} == set(_BAD) | set(_IN_TIME)


# Every step of speed for one objective; for the others one that is too fast for all windows, and one for none.
_SPEEDS = {20.0: 4, 8.0: 3, 4.0: 2, 2.0: 1, 0.5: 0}
_TRIALS = [
    pytest.param(objective, speed, spoken, id=f"{objective.name}-{speed:g}")
    for objective in OBJECTIVES
    for speed, spoken in _SPEEDS.items()
    if objective is OBJECTIVES[0] or speed in {20, 0.5}
]


@pytest.mark.parametrize(("objective", "speed", "spoken"), _TRIALS)
def test_the_speed_decides_which_windows_speak(
    objective: Objective, speed: float, spoken: int, promtool: Path, tmp_path: Path
) -> None:
    """Pages above 14.4 and 6, tickets above 3 and 1, nothing below; all quiet before, and again when it is over."""
    expected = _expected(objective, speed)
    assert len(expected) == spoken
    moments: Mapping[str, Sequence[object]] = {"8m": [], _DURING: expected, _ENDED: []}
    series = _events(objective, speed * objective.budget)
    try_rules(
        promtool, tmp_path, _groups(objective), [told(series, objective.alert, moments, every=_EVERY)], every=_EVERY
    )


def _steps(number: int) -> str:
    """So many single events, ten minutes apart, from minute 20 on."""
    return " ".join(["0+0x19", *(f"{count}+0x9" for count in range(1, number + 1)), f"{number}+0x60"])


@pytest.mark.parametrize(("failures", "fires"), [(3, False), (6, True)])
def test_a_few_failures_at_night_wake_nobody(failures: int, fires: bool, promtool: Path, tmp_path: Path) -> None:
    """With a request every ten minutes, each failure is a high share: it takes more than four of them in an hour."""
    objective = OBJECTIVES[0]
    series = [(_ALL[objective.name], "0+0.1x200"), (_BAD[objective.name], _steps(failures))]
    at = f"{20 + 10 * failures - 9 + 3}m"
    speech = _expected(objective, 1000)
    case = told(series, objective.alert, {at: speech if fires else []})
    page = _groups(objective)
    if not fires:
        try_rules(promtool, tmp_path, page, [case])
        return
    # What it says depends on the minute, so only that it speaks is asked.
    case = {
        "interval": "1m",
        "input_series": case["input_series"],
        "promql_expr_test": [
            {
                "expr": 'count(ALERTS{alertname="ApiAvailabilityBurn",severity="page",alertstate="firing"}) > bool 0',
                "eval_time": at,
                "exp_samples": [{"labels": "{}", "value": 1}],
            }
        ],
    }
    try_rules(promtool, tmp_path, page, [case])


def test_nothing_asked_is_no_broken_promise(promtool: Path, tmp_path: Path) -> None:
    """Without traffic there is no ratio: neither 0 nor 1."""
    objective = OBJECTIVES[0]
    test = {
        "interval": "1m",
        "input_series": [{"series": _ALL[objective.name], "values": "5+0x100"}],
        "promql_expr_test": [{"expr": "slo:error_ratio:rate5m", "eval_time": "50m", "exp_samples": []}],
    }
    try_rules(promtool, tmp_path, _groups(objective), [test])
