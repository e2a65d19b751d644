"""A panel that stands still is told from one that moves, also where it moves a little by itself."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from steps.panel_values import Baseline, Curve, Seen


def _seen(*curves: Sequence[float | None], first: int = 100, name: str = "api") -> Seen:
    length = max((len(values) for values in curves), default=3)
    moments = [float(first + second) for second in range(length)]
    made = []
    for number, values in enumerate(curves):
        points = {moment: value for moment, value in zip(moments, values, strict=False) if value is not None}
        if points:
            made.append(Curve(0, {"job": f"{name}{number}"}, points))
    return Seen(tuple(made), moments)


def test_the_same_value_all_the_time_is_rest() -> None:
    """A curve that stays where it is does not count as moving."""
    assert _seen([3, 3, 3]).unrest == ""


def test_nothing_at_all_is_rest() -> None:
    """A panel that shows nothing does not move."""
    assert _seen().unrest == ""


def test_a_different_value_is_unrest_and_is_told() -> None:
    """What moved is told with where it was and where it went."""
    assert _seen([3, 3, 4]).unrest == "job=api0 went from 3 to 4"


def test_the_last_digits_of_a_rate_are_no_movement() -> None:
    """Sums of floating-point numbers differ in their last digits."""
    assert _seen([3.0, 3.0000000001, 3.0]).unrest == ""


def test_a_curve_with_a_gap_is_unrest() -> None:
    """A curve that was not there for some of the time came or went."""
    assert "for 2 of 3 seconds" in _seen([3, None, 3]).unrest


def test_staying_inside_its_range_is_no_movement() -> None:
    """Where a curve had been before, it is not moved by what was done since."""
    before = Baseline.of(_seen([1, 5, 3]))
    assert before.moved(_seen([5, 1, 2, 4], first=200)) == ""


def test_leaving_its_range_is_movement() -> None:
    """A curve that goes where it had not been has moved."""
    before = Baseline.of(_seen([0, 0, 0]))
    assert before.moved(_seen([0, 7, 9], first=200)) == "job=api0 went from 0 to 9"


def test_one_sample_alone_is_no_movement() -> None:
    """A single sample beyond may be a coincidence."""
    before = Baseline.of(_seen([0, 0, 0]))
    assert before.moved(_seen([0, 7, 0], first=200)) == ""


def test_a_new_curve_is_movement() -> None:
    """A series that was not there before is movement, once it has been seen twice."""
    before = Baseline.of(_seen([1, 1, 1]))
    assert before.moved(_seen([1, 1, 1], [None, 2, 2], first=200)) == "job=api1 came with 2"
    assert before.moved(_seen([1, 1, 1], [None, None, 2], first=200)) == ""


def test_a_new_curve_of_zeros_is_no_movement() -> None:
    """That there is something to count now does not mean that it happened."""
    before = Baseline.of(_seen([1, 1, 1]))
    assert before.moved(_seen([1, 1, 1], [0, 0, 0], first=200)) == ""


def test_a_restless_curve_must_go_further_than_it_goes_by_itself() -> None:
    """With room, going a little beyond its own range is nothing; going far beyond is."""
    before = Baseline.of(_seen([10, 14, 12]), room=0.5, towards="up")
    assert before.moved(_seen([15, 16, 16], first=200)) == ""
    assert before.moved(_seen([15, 17, 18], first=200)) == "job=api0 went from 10 to 14 to 18"


def test_a_restless_curve_is_not_moved_by_falling() -> None:
    """It falls by itself after whatever else had lifted it."""
    before = Baseline.of(_seen([10, 14, 12]), room=0.5, towards="up")
    assert before.moved(_seen([2, 2, 2], first=200)) == ""


def test_a_clock_is_moved_by_being_set_back() -> None:
    """What grows all the time has moved when it is below where it was last."""
    before = Baseline.of(_seen([5, 6, 7]).last(), towards="down")
    assert before.moved(_seen([8, 9, 10], first=103)) == ""
    assert before.moved(_seen([8, 0, 1], first=103)) == "job=api0 went from 7 to 0"


def test_a_baseline_holds_only_as_long_as_everything_is_where_it_was() -> None:
    """What an earlier stimulus left behind must be gone before the next one begins."""
    before = Baseline.of(_seen([1, 2, 1]))
    assert before.holds(_seen([9, 9, 1, 2], first=200))
    assert not before.holds(_seen([1, 1, 9, 9], first=200))
    assert not before.holds(_seen([1, 1, 1, 1], [None, None, 5, 5], first=200))


def test_an_empty_panel_is_empty_now() -> None:
    """What it showed a moment ago does not make a panel less empty."""
    assert _seen([1, 1, None]).is_empty
    assert not _seen([None, None, 1]).is_empty
    assert Seen((), ()).is_empty


def test_queries_that_gave_nothing_are_named() -> None:
    """A panel of several queries has to show something of each."""
    one = Curve(0, {}, {1.0: 1.0})
    assert Seen((one,), (1.0,), queries=3).without_data == [1, 2]


def test_two_spans_are_put_together() -> None:
    """A curve goes on from one span into the next."""
    joined = _seen([1, 1], first=100).joined(_seen([2, 2], first=102))
    assert [dict(curve.points) for curve in joined.curves] == [{100.0: 1, 101.0: 1, 102.0: 2, 103.0: 2}]
    assert list(joined.moments) == [100.0, 101.0, 102.0, 103.0]


@pytest.mark.parametrize("value", [0.0, -5.0, 1e12])
def test_still_curves_of_any_size_stay_still(value: float) -> None:
    """Whether a curve moved does not depend on how large its values are."""
    assert Baseline.of(_seen([value] * 5)).moved(_seen([value] * 5, first=200)) == ""
