"""The five verdicts: how they merge and what a process ends with."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from reports.verdict import ExitCode, ScenarioResult, Verdict, exit_code, merge
from tests.reports.kit import result

PASS, FAIL, UNVERIFIED, UNCONFIGURED, SIMULATED = Verdict

verdicts = st.sampled_from(Verdict)


@given(st.lists(verdicts, min_size=1), st.randoms())
def test_order_does_not_matter(many: list[Verdict], random: object) -> None:
    """Merging is commutative over any shuffle."""
    shuffled = list(many)
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    assert merge(many) is merge(shuffled)


@given(verdicts, verdicts, verdicts)
def test_grouping_does_not_matter(a: Verdict, b: Verdict, c: Verdict) -> None:
    """Merging is associative, so areas can be merged before runs."""
    assert merge([merge([a, b]), c]) is merge([a, merge([b, c])]) is merge([a, b, c])


@given(verdicts)
def test_a_verdict_merged_with_itself_is_itself(verdict: Verdict) -> None:
    """Merging is idempotent."""
    assert merge([verdict, verdict]) is verdict


@given(st.lists(verdicts))
def test_a_fail_is_never_outvoted(many: list[Verdict]) -> None:
    """A single fail makes a fail, and without one there is none."""
    assert (merge(many) is FAIL) == (FAIL in many)


@given(st.lists(verdicts))
def test_a_pass_needs_a_pass_and_nothing_unverified(many: list[Verdict]) -> None:
    """Neither the waived nor the simulated ever make a pass, nor spoil one."""
    assert (merge(many) is PASS) == (PASS in many and FAIL not in many and UNVERIFIED not in many)


def test_nothing_at_all_could_not_be_verified() -> None:
    """The merge of no verdict is could_not_verify."""
    assert merge([]) is UNVERIFIED


@given(st.lists(verdicts))
def test_only_a_pass_ends_with_zero(many: list[Verdict]) -> None:
    """Exit code 0 for a pass, 1 for a fail, 2 for everything else."""
    verdict = merge(many)
    expected = {PASS: 0, FAIL: 1}.get(verdict, 2)
    assert exit_code(verdict) == expected


def test_the_exit_codes_are_an_interface() -> None:
    """The numbers are the documented ones."""
    assert {code.name: int(code) for code in ExitCode} == {
        "PASS": 0,
        "FAIL": 1,
        "COULD_NOT_VERIFY": 2,
        "USAGE": 64,
        "INTERRUPTED": 130,
    }


def test_every_verdict_has_its_own_word_and_mark() -> None:
    """Nothing is told by colour alone, and no two verdicts look the same."""
    for attribute in ("label", "mark", "counted"):
        assert len({getattr(verdict, attribute) for verdict in Verdict}) == 5


def test_no_verdict_but_pass_is_counted_as_passed() -> None:
    """The words a count is read by keep passed for a pass."""
    assert [verdict for verdict in Verdict if "pass" in verdict.counted] == [PASS]


def test_every_pair_merges_to_one_of_the_two() -> None:
    """A merge invents no verdict."""
    assert all(merge(pair) in pair for pair in itertools.product(Verdict, repeat=2))


def test_a_start_without_a_time_zone_is_refused() -> None:
    """Moments are aware."""
    with pytest.raises(ValidationError, match="timezone"):
        ScenarioResult.model_validate({**result().model_dump(), "started": "2024-02-29T12:00:00"})


def test_an_unknown_key_is_refused() -> None:
    """A misspelt field does not vanish."""
    with pytest.raises(ValidationError, match="verdikt"):
        ScenarioResult.model_validate({**result().model_dump(), "verdikt": "pass"})


def test_a_result_cannot_be_changed() -> None:
    """What was found stays what was found."""
    with pytest.raises(ValidationError, match="frozen"):
        result().verdict = FAIL
