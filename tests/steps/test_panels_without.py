"""The check for panels whose source is away, on answers made up for it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import cast

import pytest

from stack.telemetry.board import Panel
from steps.panel_source import PanelSource
from steps.panel_values import Curve, Seen
from steps.panels_without import PanelsWithout, drawn_from
from steps.stimuli import Bench


@dataclass(frozen=True)
class Answers:
    """A source that shows curves with these labels, whatever the panel."""

    labels: tuple[dict[str, str], ...]

    def over(self, _panel: Panel, start: float, end: float) -> Seen:
        """The curves, with a value at the end."""
        return Seen(tuple(Curve(0, labels, {start: 1.0, end: 1.0}) for labels in self.labels), (start, end))


def check(panel: str, job: str, *labels: dict[str, str]) -> dict[str, str]:
    """What the check says of one panel while a job is away."""
    found = [each for each in drawn_from(job) if each.id == panel]
    assert found, f"{panel} does not draw from {job}"
    source = cast("PanelSource", Answers(labels))
    return PanelsWithout(cast("Bench", None), source, job=job).check(found)


def test_a_panel_of_objectives_is_named_when_none_of_those_that_the_job_counts_for_is_there() -> None:
    """Objectives of other jobs go on being shown, and say nothing of the one that is away."""
    others = ({"slo": "api-availability"}, {"slo": "search-latency"})
    assert "nothing of git" in check("errors/Burn rate", "git", *others)["errors/Burn rate"]
    assert check("errors/Burn rate", "git", *others, {"slo": "git-availability"}) == {}


@pytest.mark.parametrize("label", ["job", "instance"])
def test_a_panel_of_several_jobs_is_named_when_its_curves_are_of_others(label: str) -> None:
    """Curves without a job can't tell whose they are, so such a panel is not said to be empty."""
    found = check("errors/Server errors by route", "git", {label: "api"})
    assert bool(found) == (label == "job")
    assert check("errors/Server errors by route", "git")
