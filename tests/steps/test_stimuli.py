"""Every stimulus and every fault that dashboards and alerts name is carried out by somebody, and none is too many."""

from __future__ import annotations

import re
from pathlib import Path

from stack.telemetry.dashboards import dashboards
from stack.telemetry.faults import FAULTS
from stack.telemetry.panels import panels
from stack.telemetry.rules import JOBS, alerts
from stack.telemetry.stimuli import STIMULI
from steps.alert_control import expected
from steps.faults import MADE, covered
from steps.panel_control import RESTLESS, by_stimulus
from steps.panels_without import BUSY, COMPONENTS, RARE, drawn_from
from steps.stimuli import CARRIED

_FEATURES = Path(__file__).parents[2] / "features" / "telemetry"


def _column(feature: str, head: str) -> list[str]:
    """Every value of a column of examples, in all tables that have it alone."""
    found: list[str] = []
    inside = False
    for line in (_FEATURES / feature).read_text("utf-8").splitlines():
        cells = re.findall(r"\|\s*([^|]*?)\s*(?=\|)", line)
        if len(cells) != 1:
            inside = False
        elif cells[0] == head:
            inside = True
        elif inside:
            found.append(cells[0])
    return found


def test_every_stimulus_is_carried_out() -> None:
    """Who carries them out knows exactly those that are described."""
    assert set(CARRIED) == set(STIMULI)


def test_every_fault_is_made_once() -> None:
    """Who makes them stands for exactly the faults that are described, and for none of them twice."""
    made = [name for fault in MADE for name in covered(fault)]
    assert sorted(made) == sorted(FAULTS)


def test_every_alert_has_a_fault_that_fires_it() -> None:
    """No alert of the rules is left out, and none is expected of two faults."""
    wanted = [str(each) for fault in MADE for each in expected(fault)]
    assert len(wanted) == len(alerts())
    assert len(set(wanted)) == len(wanted)


def test_what_a_fault_explains_are_alerts() -> None:
    """An alert that was renamed is not explained for ever by its old name."""
    names = {alert.name for alert in alerts()}
    for fault in MADE.values():
        assert fault.explains <= names
        assert set(fault.labels) <= names
        assert fault.carries <= set(STIMULI)


def test_absent_jobs_are_told_apart() -> None:
    """Alerts of one name and no labels of their own are known by the job that is missing."""
    jobs = {dict(each.labels)["job"] for each in expected("unscrape:jobs")}
    assert jobs == set(JOBS)


def test_every_fault_is_in_the_feature() -> None:
    """The feature's examples are exactly the faults that can be made."""
    assert sorted(_column("alerts.feature", "fault")) == sorted(MADE)


def test_every_dashboard_is_in_the_feature() -> None:
    """The features' examples are exactly the dashboards, each once: in every run, or in a soak."""
    wanted = sorted(board.uid for board in dashboards())
    assert sorted(_column("panels.feature", "dashboard")) == wanted
    assert sorted(_column("grafana.feature", "dashboard")) == wanted


def test_every_job_is_in_the_feature() -> None:
    """The feature's examples are exactly the jobs that panels draw from, each once."""
    assert sorted(_column("panels.feature", "job")) == sorted(JOBS)
    assert set(COMPONENTS) == set(JOBS)
    assert {source for panel in panels() for source in panel.sources} == set(JOBS)
    assert all(drawn_from(job) for job in JOBS)


def test_exceptions_are_panels() -> None:
    """A panel that was renamed does not keep its exception."""
    known = {panel.id for panel in panels()}
    assert set(RESTLESS) <= known
    assert set(RARE) <= known
    assert set(BUSY) <= set(CARRIED)


def test_panels_that_share_a_stimulus_are_watched_together() -> None:
    """Each panel is in one group, that of its stimulus."""
    groups = by_stimulus(panels())
    assert sum(map(len, groups.values())) == len(panels())
    assert all(panel.stimulus == name for name, found in groups.items() for panel in found)
