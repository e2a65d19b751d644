"""Steps about drills."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from pytest_bdd import given, parsers, then, when

from reports.context import run_context
from reports.verdict import ExitCode, Verdict
from stack.recovery.drill import STAGES
from steps.recovery_drill_control import Drills
from steps.recovery_sets_control import Sets
from steps.recovery_sets_site import SetSite

__all__: list[str] = []


@pytest.fixture
def drills(set_site: SetSite, tmp_path: Path) -> Iterator[Drills]:
    """The controller of these steps."""
    control = Drills(set_site, tmp_path)
    yield control
    control.tidy()


@given("a forge with a secret, an object and a pull request, of which a set with canaries was taken")
def forge_with_all(drills: Drills) -> None:
    drills.fill()


@given("its WAL and its pushes are shipped all the time")
def shipped(drills: Drills) -> None:
    drills.ship()


@given("a row names a commit that no git repository has")
def odd_row(drills: Drills) -> None:
    drills.name_nowhere()


@given("a set with canaries is taken of that")
def taken(drills: Drills) -> None:
    drills.take()


@given("there was no drill of it yet, which is an alarm")
def never_drilled(drills: Drills) -> None:
    said = drills.check_age(26)
    assert said.code == ExitCode.FAIL
    assert "DRILL_LATE: there was never a drill" in said.text


@when("an operator runs `engineroom drill`")
def drilled_by_command(drills: Drills) -> None:
    drills.run()


@then("the drill is recent for 26 hours, and late for an hour of no length")
def recent(drills: Drills) -> None:
    assert "DRILL_LATE" not in drills.check_age(26).text
    said = drills.check_age(1e-6)
    assert said.code == ExitCode.FAIL
    assert "DRILL_LATE: the last drill began" in said.text


@when("a drill is carried out")
def drilled(drills: Drills) -> None:
    drills.drill()


@when("a drill is carried out with another key")
def drilled_with_another_key(drills: Drills) -> None:
    drills.drill_with_another_key()


@when(parsers.parse("a byte of {what} is flipped there and a drill of the copy is carried out"))
def drilled_copy(drills: Drills, sets: Sets, what: str) -> None:
    drills.flip(sets.the_copy, what)
    drills.drill(sets.the_copy)


@then("it passes, and every stage of it ran")
def passed(drills: Drills) -> None:
    found = [f"{each.name}: {each.verdict} {each.findings} {each.why}" for each in drills.last.stages if each.findings]
    assert drills.last.verdict is Verdict.PASS, found
    assert all(each.ran for each in drills.last.stages)
    assert [each.name for each in drills.last.stages] == list(STAGES)


@then("every stage of it ran")
def all_ran(drills: Drills) -> None:
    assert [each.name for each in drills.last.stages if not each.ran] == []


@then("it says how long the first push took and what a loss would take")
def measured(drills: Drills, request: pytest.FixtureRequest) -> None:
    report, context = drills.last, run_context(request.config)
    assert report.rto is not None
    assert report.loss.worse is not None, report.loss.why
    context.attach_measurement("drill: restore to the first push", "s", [report.rto])
    context.attach_measurement("drill: rows that a loss would take", "s", [report.loss.rows or 0.0])
    context.attach_measurement("drill: pushes that a loss would take", "s", [report.loss.pushes or 0.0])


@then("its page, its JSON and the terminal say the same")
def same(drills: Drills) -> None:
    assert drills.said is not None
    assert drills.said.code == 0, drills.said.text
    assert f"{drills.last.verdict.label}: drill of set {drills.last.set}" in drills.said.text
    page, told = drills.page.read_text("utf-8"), drills.told()
    assert told["verdict"] == drills.last.verdict.value
    assert told["set"] == drills.last.set
    assert f"{drills.last.verdict.label} ·" in page
    assert all(f"<b>{name}</b>" in page for name in STAGES)
    assert "<script" not in page


@then(parsers.parse('it fails by "{rule}" in the stage "{stage}"'))
def failed(drills: Drills, rule: str, stage: str) -> None:
    assert drills.last.verdict is Verdict.FAIL
    found = [finding.rule for finding in drills.stage(stage).findings]
    assert rule in found, [f"{each.name}: {[f.rule for f in each.findings]} {each.why}" for each in drills.last.stages]
    drills.failed_in = stage


@then("no stage after that one ran, and it says so")
def not_run(drills: Drills) -> None:
    names = list(STAGES)
    after = [drills.stage(name) for name in names[names.index(drills.failed_in) + 1 :]]
    assert after
    assert [each.name for each in after if each.ran] == []
    assert all(each.why and each.verdict is Verdict.COULD_NOT_VERIFY for each in after)
    # What came back in part only is no pass either.
    assert drills.stage("restore").verdict is not Verdict.PASS
    assert "Not run:" in drills.page.read_text("utf-8")


@then("nothing was restored")
def untouched(drills: Drills) -> None:
    assert not drills.came_back
    assert [each.name for each in drills.last.stages if each.ran and each.name != "inspect" and not each.findings] == []
