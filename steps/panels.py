"""Steps about panels: that they show what happens, and nothing when their source is away."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
from pytest_bdd import given, parsers, then, when

from reports.context import run_context
from stack.errors import NeedMissingError
from stack.runtimes.base import Stack
from stack.settings import Settings
from stack.telemetry.board import Panel
from stack.telemetry.drawing import draw
from stack.telemetry.panels import panels
from stack.toolchain import Toolchain
from steps.browser import BrowserControl
from steps.git_people import GitPeople
from steps.grafana_source import Grafana
from steps.panel_control import PanelControl
from steps.panel_source import PanelSource, Stores, series_of
from steps.panel_values import Seen
from steps.panels_without import PanelsWithout
from steps.people import People
from steps.stimuli import Bench

__all__: list[str] = []

_MOVED = ("overview", "git-performance")  # dashboards whose panels are moved, and drawn, in every run
_LAST = 300.0  # seconds


@pytest.fixture
def bench(stack: Stack, people: People, git_people: GitPeople, tmp_path: Path, settings: Settings) -> Bench:
    """What stimuli and faults work with."""
    return Bench(stack, people, git_people, tmp_path, settings.slow, settings=settings)


@pytest.fixture
def stores(stack: Stack, settings: Settings) -> Stores:
    """Who answers the panels' queries."""
    if stack.addresses.telemetry is None:
        raise NeedMissingError("prometheus", "This stack has no telemetry")
    return Stores(stack.addresses.telemetry, settings.slow)


@pytest.fixture
def panel_source(stores: Stores) -> PanelSource:
    """Who is asked for a panel: the stores, unless a step names Grafana."""
    return stores


@pytest.fixture
def panel_control(bench: Bench, panel_source: PanelSource, settings: Settings) -> PanelControl:
    """The panels of a scenario."""
    return PanelControl(bench, panel_source, settings.slow)


@pytest.fixture
def grafana(stores: Stores, settings: Settings) -> Iterator[Grafana]:
    """The Grafana that somebody runs; nothing of ours stays in it."""
    address = stores.addresses.grafana
    if address is None:
        raise NeedMissingError("grafana", "No Grafana is named", fix="set ENGINEROOM_GRAFANA_URL and its token")
    with Grafana(address, stores.addresses, settings.slow) as control:
        yield control


@pytest.fixture
def panels_without(bench: Bench, stores: Stores, settings: Settings) -> Iterator[PanelsWithout]:
    """The panels of a scenario whose source goes away."""
    control = PanelsWithout(bench, stores, settings.slow)
    yield control
    control.close()


@given(parsers.parse('all that the stimuli of the dashboard "{dashboard}" need is ready'))
def ready(panel_control: PanelControl, dashboard: str) -> None:
    panel_control.require(dashboard)


@when(parsers.parse('the stimuli of "{dashboard}" are carried out one after the other'))
def carried_out(panel_control: PanelControl, dashboard: str) -> None:
    panel_control.carry_out(dashboard)


@then("there is a picture of every panel, drawn from its own query")
def pictures(panel_control: PanelControl, pytestconfig: pytest.Config) -> None:
    context = run_context(pytestconfig)
    for proof in panel_control.proofs:
        context.attach_picture(proof.panel.id, draw(proof.panel, series_of(proof.panel, proof.seen), form="png"))


@when("every panel that no stimulus of this run moves is asked for its last five minutes", target_fixture="asked")
def asked_for(panel_source: PanelSource) -> dict[str, Seen]:
    now = time.time()
    return {panel.id: panel_source.over(panel, now - _LAST, now) for panel in _others()}


@then("each is answered, and a picture of it, drawn from its own query, is in the report")
def all_pictures(asked: dict[str, Seen], pytestconfig: pytest.Config) -> None:
    context = run_context(pytestconfig)
    others = _others()
    assert set(asked) == {panel.id for panel in others}
    for panel in others:
        context.attach_picture(panel.id, draw(panel, series_of(panel, asked[panel.id]), form="png"))


@then("the report says of each dashboard how many panels show something")
def shown(asked: dict[str, Seen], pytestconfig: pytest.Config) -> None:
    counts = Counter(name.partition("/")[0] for name, seen in asked.items() if seen.curves)
    assert counts, "not one panel shows anything"
    labels = sorted({name.partition("/")[0] for name in asked})
    context = run_context(pytestconfig)
    context.attach_measurement("panels that show something", "panels", [counts[name] for name in labels], labels=labels)


def _others() -> list[Panel]:
    return [panel for panel in panels() if panel.dashboard not in _MOVED]


@then("the report says of which panels only the presence could be proved, and after how long the others moved")
def told(panel_control: PanelControl, pytestconfig: pytest.Config) -> None:
    context = run_context(pytestconfig)
    for name, unit, values in panel_control.measured():
        context.attach_measurement(name, unit, list(values.values()), labels=list(values))


@then("every panel moved with its stimulus and not without it")
def moved(panel_control: PanelControl) -> None:
    assert panel_control.proofs, "no panel was looked at"
    failures = panel_control.failures()
    assert not failures, f"{len(failures)} of {len(panel_control.proofs)} panels: " + " | ".join(failures)


# -- Grafana ---------------------------------------------------------------------------------------------------------


@given(
    parsers.parse('the dashboard "{dashboard}" is imported into Grafana, which is asked for its panels'),
    target_fixture="panel_source",
)
def imported(grafana: Grafana, dashboard: str) -> PanelSource:
    grafana.put(dashboard)
    return grafana


@then(parsers.parse('there is a picture of "{dashboard}" as Grafana draws it'))
def photographed(
    grafana: Grafana, dashboard: str, tmp_path: Path, settings: Settings, pytestconfig: pytest.Config
) -> None:
    chromium = Toolchain(settings).require("chromium")
    with BrowserControl(chromium, grafana.address.url, tmp_path, settings.slow, headers=grafana.headers) as browser:
        browser.start()
        browser.open(f"{grafana.path(dashboard)}?kiosk&from=now-5m&to=now")
        assert browser.says(grafana.title(dashboard)), f"Grafana shows {browser.title()}"
        run_context(pytestconfig).attach_picture(f"{dashboard} in Grafana", browser.picture())


# -- a source that is away -------------------------------------------------------------------------------------------


@given(parsers.parse('everybody is busy, and every panel of "{job}" has a value within {seconds:d} seconds'))
def busy(panels_without: PanelsWithout, job: str, seconds: int) -> None:
    panels_without.keep_busy(job, seconds)


@when("what it is scraped from is killed")
def taken_away(panels_without: PanelsWithout) -> None:
    panels_without.take_away()


@then(parsers.parse("the check for empty panels names each of them within {seconds:d} seconds"))
def named(panels_without: PanelsWithout, seconds: int) -> None:
    panels_without.expect_named(seconds)


@when("it is started again")
def brought_back(panels_without: PanelsWithout) -> None:
    panels_without.bring_back()


@then(parsers.parse("the check for empty panels names none of them within {seconds:d} seconds"))
def none_named(panels_without: PanelsWithout, seconds: int) -> None:
    panels_without.expect_back(seconds)
