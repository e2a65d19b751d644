"""What is committed, what the time scale does, and that rules, panels, pages and faults name each other rightly."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from stack.errors import UsageError
from stack.process import run
from stack.telemetry.dashboards import dashboards
from stack.telemetry.faults import FAULTS
from stack.telemetry.generated import differences
from stack.telemetry.promql import QUIET
from stack.telemetry.rules import JOBS, alerts, groups, render
from stack.telemetry.rules.__main__ import FOLDER
from stack.telemetry.rules.scaling import duration, scaled, seconds
from stack.telemetry.rules.targets import METERS
from stack.telemetry.slo import OBJECTIVES
from stack.telemetry.stimuli import STIMULI

_SCALES = pytest.mark.parametrize("scale", [1, 60])


def _rules(scale: float) -> list[dict[str, Any]]:
    return [
        rule for text in render(scale).values() for group in yaml.safe_load(text)["groups"] for rule in group["rules"]
    ]


def test_what_is_committed_is_what_the_code_renders() -> None:
    """No file of rules is missing, out of date or left over: else run `python -m stack.telemetry.rules`."""
    assert differences(FOLDER, render(), "*.yml") == []


@_SCALES
def test_promtool_finds_nothing_wrong(scale: float, promtool: Path, tmp_path: Path) -> None:
    """`promtool check rules` accepts every file, and warns of no duplicate."""
    for name, text in render(scale).items():
        (tmp_path / name).write_text(text, encoding="utf-8")
    done = run([promtool, "check", "rules", *sorted(tmp_path.glob("*.yml"))], timeout=60)
    assert "duplicate" not in done.text
    assert done.text.count("SUCCESS") == len(render(scale))


def test_every_window_is_divided() -> None:
    """At a scale of 60, minutes are seconds, hours are minutes, and holds and intervals follow."""
    for plain, quick in zip(_rules(1), _rules(60), strict=True):
        for before, after in zip(_durations(plain["expr"]), _durations(quick["expr"]), strict=True):
            assert after == max(before / 60, 4)
        if "for" in plain:
            assert seconds(quick["for"]) == pytest.approx(
                max(seconds(plain["for"]) / 60, 1) if plain["for"] != "0s" else 0
            )


def _durations(expr: str) -> list[float]:
    return [seconds(found) for found in re.findall(r"(?:\[|offset )(\d\w*)", expr)]


@pytest.mark.parametrize(
    ("text", "scale", "expected"),
    [
        ("1h", 1, "1h"),
        ("90m", 1, "1h30m"),
        ("5m", 60, "5s"),
        ("5m", 40, "7s500ms"),
        ("15s", 60, "1s"),
        ("3d", 60, "1h12m"),
    ],
)
def test_durations_are_written_as_promql_has_them(text: str, scale: float, expected: str) -> None:
    """Whole units, down to milliseconds, never below a second."""
    assert duration(text, scale) == expected


@pytest.mark.parametrize(
    ("expr", "expected"),
    [
        ("rate(x[5m])", "rate(x[5s])"),
        ("rate(x[1m])", "rate(x[4s])"),
        ("x offset 15m > {900s}", "x offset 15s > 15"),
        ("x > {30s:5s}", "x > 5"),
        ('x{code=~"[1-4].."} > {3600s}', 'x{code=~"[1-4].."} > 60'),
        ("slo:burn_rate:rate5m > 14.4", "slo:burn_rate:rate5m > 14.4"),
    ],
)
def test_only_times_are_divided(expr: str, expected: str) -> None:
    """Ranges, offsets and marked numbers; names, thresholds and matchers stay."""
    assert scaled(expr, 60) == expected


def test_a_scale_below_one_is_refused() -> None:
    """It would make production slower to tell."""
    with pytest.raises(UsageError):
        render(0.5)


def test_every_alert_says_what_to_do_where_to_look_and_what_fires_it() -> None:
    """Severity, words, an existing dashboard, a known fault and traffic, a page: nobody is woken by a bare name."""
    boards = {board.uid for board in dashboards()}
    for alert in alerts():
        assert alert.severity in {"page", "ticket"}
        assert alert.summary
        assert alert.description.endswith(".")
        assert alert.dashboard in boards
        assert alert.fault in FAULTS
        assert alert.stimulus in {"", *STIMULI}
        assert seconds(alert.hold) or alert.hold == "0s"
    assert {alert.fault for alert in alerts()} == set(FAULTS)


def test_alerts_of_one_name_are_told_apart_by_their_labels() -> None:
    """Two rules with the same name and labels would hide each other."""
    keys = [(alert.name, tuple(sorted(alert.labels.items()))) for alert in alerts()]
    assert len(set(keys)) == len(keys)


def test_a_runbook_url_is_added_where_the_pages_are_served() -> None:
    """A deployment that serves its pages gives their address; the place in the checkout is always there."""
    text = render(runbooks="https://ops.example/pages/")["cache.yml"]
    annotations = yaml.safe_load(text)["groups"][0]["rules"][0]["annotations"]
    assert annotations["runbook"] == "docs/runbooks/RedisNodeDown.md"
    assert annotations["runbook_url"] == "https://ops.example/pages/RedisNodeDown.md"


def test_a_deployment_without_a_job_is_not_told_that_it_misses() -> None:
    """Only the jobs that it has are watched for being gone."""
    text = render(jobs=[job for job in JOBS if job != "web"])["targets.yml"]
    assert 'absent(up{job="api"})' in text
    assert 'job="web"' not in text


def test_meters_belong_to_known_jobs() -> None:
    """Each is looked for only while its job could show it."""
    for _metric, job, able in METERS:
        assert job in JOBS
        assert f'job="{job}"' in able


def test_probes_are_no_traffic() -> None:
    """Objectives about requests leave out what looks at a service: it would hide that users fail."""
    for objective in OBJECTIVES:
        if "http_server_request_duration_seconds" in objective.total:
            assert QUIET in objective.total or 'http_route=~"/api/v1/' in objective.total


def test_recorded_series_that_alerts_and_panels_use_exist() -> None:
    """A misspelt record would be an alert that can't fire."""
    recorded = {rule["record"] for rule in _rules(1) if "record" in rule}
    named = set()
    for board in dashboards():
        for panel in board.panels():
            for query in panel.queries:
                named |= set(re.findall(r"\bslo:\w+:\w+", query))
    for rule in _rules(1):
        named |= set(re.findall(r"\bslo:\w+:\w+", rule["expr"]))
    assert named <= recorded
    assert recorded - named <= {name for name in recorded if ":error_ratio:" in name}


def test_groups_have_names_of_their_own() -> None:
    """Prometheus refuses a file with two groups of one name."""
    names = [group.name for group in groups()]
    assert len(set(names)) == len(names)
