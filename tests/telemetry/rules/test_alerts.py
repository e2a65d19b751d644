"""Every alert fires when it should, with the right labels and words, stays quiet when it should, and clears."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from stack.process import ProgramFailedError
from stack.telemetry.rules import alerts
from stack.telemetry.slo import OBJECTIVES
from tests.telemetry.rules.cases import CASES
from tests.telemetry.rules.trial import Case, alone, told, try_rules

_ALL = pytest.mark.parametrize("case", CASES, ids=lambda case: case.id)


def test_every_alert_is_tried() -> None:
    """Each name has a case here; those on objectives are tried in test_burn.py."""
    assert {each.name for each in alerts()} - {each.alert for each in OBJECTIVES} == {case.name for case in CASES}


@_ALL
def test_a_fault_fires_it_and_its_end_clears_it(case: Case, promtool: Path, tmp_path: Path) -> None:
    """Quiet before the fault, firing during it with its labels and words, quiet some time after it."""
    alert = case.alert(alerts())
    moments = {"9m": [], case.fires: [case.expected(alert)], case.clears: []}
    try_rules(promtool, tmp_path, [alone(alert)], [told(case.broken, alert.name, moments)])


@_ALL
def test_what_comes_near_does_not_fire_it(case: Case, promtool: Path, tmp_path: Path) -> None:
    """At no minute of an hour and a half."""
    alert = case.alert(alerts())
    never: dict[str, list[object]] = {f"{minute}m": [] for minute in range(90)}
    try_rules(promtool, tmp_path, [alone(alert)], [told(case.near, alert.name, never)])


@_ALL
def test_a_trial_can_fail(case: Case, promtool: Path, tmp_path: Path) -> None:
    """The same trial with an alert that can't fire fails: promtool does look."""
    alert = case.alert(alerts())
    never = replace(alert, expr=f"({alert.expr}) and on () vector(0) > 1")
    with pytest.raises(ProgramFailedError):
        try_rules(
            promtool, tmp_path, [alone(never)], [told(case.broken, alert.name, {case.fires: [case.expected(alert)]})]
        )
