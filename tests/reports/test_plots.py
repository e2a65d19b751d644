"""Plots as parts of a page."""

from __future__ import annotations

from datetime import timedelta

import pytest

from reports.evidence import Measurement
from reports.plots import measurement_plot, slowest_plot, timeline_plot
from reports.verdict import ScenarioResult, Verdict
from tests.reports.kit import NOON, parsed, result

LATENCY = Measurement(name="latency", unit="ms", values=(1.0, 9.0, 2.0))
SPEED = Measurement(name="speed", unit="MB/s", values=(12.0, 4.0), labels=("opensearch", "meilisearch"))
SVG = "{http://www.w3.org/2000/svg}"


def run_of(*verdicts: Verdict) -> list[ScenarioResult]:
    """Scenarios one after the other, a second each."""
    return [
        result(f"s{index}", verdict, started=NOON + timedelta(seconds=index), duration=1.0)
        for index, verdict in enumerate(verdicts)
    ]


def texts(svg: str) -> list[str]:
    """What can be read in a plot."""
    return ["".join(element.itertext()) for element in parsed(svg).iter(f"{SVG}text")]


def test_a_bar_per_scenario_with_its_name() -> None:
    """Every scenario that ran is in the timeline, with id, verdict and time to be read from its bar."""
    svg = timeline_plot(run_of(Verdict.PASS, Verdict.FAIL))
    titles = [element.text for element in parsed(svg).iter(f"{SVG}title")]
    assert titles == ["search/code: s0: PASS, 1.00 s", "search/code: s1: FAIL, 1.00 s"]
    assert "search/code" in texts(svg)


@pytest.mark.parametrize("verdict", [verdict for verdict in Verdict if verdict is not Verdict.PASS])
def test_what_did_not_pass_is_marked_by_more_than_colour(verdict: Verdict) -> None:
    """A sign stands over the bar."""
    assert verdict.mark in texts(timeline_plot(run_of(Verdict.PASS, verdict)))
    assert verdict.mark not in texts(timeline_plot(run_of(Verdict.PASS, Verdict.PASS)))


def test_what_never_ran_is_not_in_the_plots() -> None:
    """No bar for a scenario without a start, no plot where there is none."""
    missing = result("missing", Verdict.COULD_NOT_VERIFY, started=None)
    assert "missing" not in timeline_plot([*run_of(Verdict.PASS), missing])
    assert timeline_plot([missing]) == slowest_plot([missing]) == timeline_plot([]) == ""


def test_the_slowest_come_first_and_the_quick_are_left_out() -> None:
    """Longest at the top; what could not be seen beside it is not drawn."""
    many = [result("quick", duration=0.001), result("slow", duration=4.0), result("slower", duration=5.0)]
    labels = [text for text in texts(slowest_plot(many)) if text.startswith("search/")]
    assert labels == ["search/code: slower", "search/code: slow"]


def test_one_scenario_has_nothing_to_be_compared_with() -> None:
    """No ranking of one."""
    assert slowest_plot(run_of(Verdict.PASS)) == ""


@pytest.mark.parametrize("measurement", [LATENCY, SPEED])
def test_a_measurement_shows_its_unit(measurement: Measurement) -> None:
    """The axis says what the numbers are."""
    assert any(measurement.unit in text for text in texts(measurement_plot(measurement, "m0")))


def test_labelled_values_are_bars_with_their_names() -> None:
    """Names and values can be read."""
    shown = texts(measurement_plot(SPEED, "m0"))
    for expected in ("opensearch", "meilisearch", "12 MB/s", "4 MB/s"):
        assert expected in shown


def test_a_series_shows_its_median() -> None:
    """The middle value is drawn and named."""
    assert "median 2 ms" in texts(measurement_plot(LATENCY, "m0"))


def test_colours_come_from_the_page() -> None:
    """No fixed colour is left, so that the dark scheme has its own."""
    drawn = [timeline_plot(run_of(*Verdict)), measurement_plot(LATENCY, "m0"), measurement_plot(SPEED, "m1")]
    for svg in drawn:
        assert "#0101" not in svg
        assert "var(--" in svg
        assert "<style" not in svg
        assert 'width="' not in svg.partition(">")[0]


def test_the_same_numbers_give_the_same_bytes() -> None:
    """No date, no random id; another name has other ids."""
    assert measurement_plot(LATENCY, "m0") == measurement_plot(LATENCY, "m0")
    assert measurement_plot(LATENCY, "m0") != measurement_plot(LATENCY, "m1")


@pytest.mark.parametrize("title", ["$x^{$", "a\\b_c^d", "<b>&amp;", "测试", "x" * 500])
def test_any_title_can_be_drawn(title: str) -> None:
    """Formula signs, markup, other scripts and very long titles."""
    svg = timeline_plot([result(title), result("b")]) + slowest_plot([result(title), result("b")])
    assert svg.count("<svg") == 2
