"""Steps about alerts: fired by the fault that they are about, and cleared after it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from pytest_bdd import given, parsers, then, when

from reports.context import run_context
from stack.settings import Settings
from steps.alert_control import AlertControl
from steps.panel_source import Stores
from steps.stimuli import Bench

__all__: list[str] = []


@pytest.fixture
def alert_control(bench: Bench, stores: Stores, settings: Settings) -> Iterator[AlertControl]:
    """The fault of a scenario, and its alerts."""
    control = AlertControl(bench, stores.prometheus, settings.slow)
    yield control
    control.close()


@given("no alert pages")
def calm(alert_control: AlertControl) -> None:
    alert_control.require_calm()


@when(parsers.parse('the fault "{fault}" is made'))
def made(alert_control: AlertControl, fault: str) -> None:
    alert_control.make(fault)


@then("every alert that names it fires, with its labels")
def fired(alert_control: AlertControl) -> None:
    alert_control.expect_fired()


@when("it is undone")
def undone(alert_control: AlertControl) -> None:
    alert_control.undo()


@then("all of them have cleared")
def cleared(alert_control: AlertControl, pytestconfig: pytest.Config) -> None:
    alert_control.expect_cleared()
    context = run_context(pytestconfig)
    for name, seconds in (
        ("from a fault to its alerts", alert_control.fired),
        ("from its end to no alert", alert_control.cleared),
    ):
        context.attach_measurement(name, "s", [round(each, 1) for each in seconds.values()], labels=list(seconds))


@then("nothing paged that the fault does not explain")
def explained(alert_control: AlertControl) -> None:
    alert_control.expect_explained()
