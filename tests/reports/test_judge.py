"""What a run comes to, from what its scenarios came to."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reports.judge import judge, unmatched, used_waivers
from reports.scope import parse_scope
from reports.verdict import ScenarioResult, Verdict
from tests.reports.kit import result

PASS, FAIL, UNVERIFIED, UNCONFIGURED, SIMULATED = Verdict

results = st.builds(
    lambda verdict, required, kind: result("t", verdict, required=required, kind=kind),
    st.sampled_from(Verdict),
    st.booleans(),
    st.sampled_from(["scenario", "test"]),
)


@given(st.lists(results))
def test_zero_means_that_every_required_scenario_passed(many: list[ScenarioResult]) -> None:
    """Exit code 0 if there is a required scenario, each of them passed or was waived, and nothing failed."""
    judgement = judge(many, waived={})
    required = [one for one in many if one.required]
    proved = any(one.verdict is PASS and one.kind == "scenario" for one in required)
    clean = all(one.verdict in (PASS, UNCONFIGURED) for one in required)
    assert (judgement.exit_code == 0) == (proved and clean and all(one.verdict is not FAIL for one in many))


@given(st.lists(results))
def test_one_means_that_something_failed(many: list[ScenarioResult]) -> None:
    """A fail counts whoever required it, and nothing else is a fail."""
    assert (judge(many, waived={}).exit_code == 1) == any(one.verdict is FAIL for one in many)


@given(st.lists(results))
def test_everything_that_was_not_tested_is_listed(many: list[ScenarioResult]) -> None:
    """Counts add up, and what neither passed nor failed is named."""
    judgement = judge(many, waived={}, left_out=["other: x"])
    assert sum(judgement.counts.values()) == len(many)
    listed = [one.verdict for one in judgement.not_tested]
    assert listed == [one.verdict for one in many if one.verdict not in (PASS, FAIL)] + [None]


@pytest.mark.parametrize(
    ("many", "verdict", "code"),
    [
        ([], UNVERIFIED, 2),
        ([result()], PASS, 0),
        ([result(), result(verdict=UNCONFIGURED)], PASS, 0),
        ([result(verdict=UNCONFIGURED)], UNVERIFIED, 2),
        ([result(), result(verdict=SIMULATED)], UNVERIFIED, 2),
        ([result(), result(verdict=SIMULATED, required=False)], PASS, 0),
        ([result(verdict=SIMULATED, required=False)], UNVERIFIED, 2),
        ([result(), result(verdict=UNVERIFIED)], UNVERIFIED, 2),
        ([result(), result(verdict=UNVERIFIED, required=False)], PASS, 0),
        ([result(), result(verdict=FAIL, required=False)], FAIL, 1),
        ([result(verdict=UNVERIFIED), result(verdict=FAIL)], FAIL, 1),
        ([result(kind="test")], UNVERIFIED, 2),
        ([result(required=False)], UNVERIFIED, 2),
        ([result(), result(verdict=FAIL, kind="test")], FAIL, 1),
    ],
)
def test_a_run_comes_to(many: Sequence[ScenarioResult], verdict: Verdict, code: int) -> None:
    """Each way a run can end."""
    judgement = judge(many, waived={})
    assert (judgement.verdict, judgement.exit_code) == (verdict, code)


def test_an_interrupted_run_is_no_pass() -> None:
    """Ctrl-C ends with 130, even if all that ran passed."""
    judgement = judge([result()], waived={}, interrupted=True)
    assert (judgement.verdict, judgement.exit_code) == (UNVERIFIED, 130)
    assert judgement.headline.startswith("INTERRUPTED, COULD NOT VERIFY")


def test_the_headline_counts_and_names_what_is_waived() -> None:
    """Every verdict that occurs is counted, a waived need is named."""
    many = [result(), result(verdict=FAIL), result(verdict=UNVERIFIED), result(verdict=UNCONFIGURED)]
    judgement = judge(many, waived={"meilisearch": ["x"]})
    assert judgement.headline == ("FAIL: 1 failed, 1 could not verify, 1 passed, 1 not configured (meilisearch waived)")


def test_the_headline_says_that_a_run_was_partial() -> None:
    """Selected paths are named."""
    assert judge([result()], waived={}, selection=["features/search"]).headline == (
        "PASS: 1 passed; partial run of features/search"
    )


def test_the_headline_says_that_nothing_ran() -> None:
    """A run of nothing does not read like a run of something."""
    assert judge([], waived={}).headline == "COULD NOT VERIFY: 0 passed; nothing ran at all"
    waived = judge([result(verdict=UNCONFIGURED)], waived={"x": ["y"]}).headline
    assert "no scenario was put to the test" in waived


def test_the_reason_of_a_waiver_is_why_it_was_not_tested() -> None:
    """A waived scenario is listed with what the scope file says."""
    judgement = judge([result(verdict=UNCONFIGURED, message="missing", waiver="meilisearch: no binary")], waived={})
    assert judgement.not_tested[0].why == "meilisearch: no binary"


def test_what_is_not_required_is_marked() -> None:
    """A reader can tell why it did not spoil the run."""
    judgement = judge([result(verdict=UNVERIFIED, message="it did not run", required=False)], waived={})
    assert judgement.not_tested[0].why == "it did not run (not required)"


def test_a_glob_that_fits_nothing_is_a_result() -> None:
    """A misspelt requirement does not require less in silence; exclusions may fit nothing."""
    scope = parse_scope(b'requires = ["serch/*", "search/*", "!chaos/*"]')
    missing = unmatched(scope, ["search/code: x"])
    assert [(one.id, one.verdict) for one in missing] == [("scope: serch/*", UNVERIFIED)]


def test_waivers_know_who_used_them() -> None:
    """Unused ones are listed too, so that they can be taken out."""
    waivers = ('need="a"', 'need="b"', 'need="a"\nruntime="cluster"')
    text = "".join(f'[[waive]]\nreason="r"\n{waiver}\n' for waiver in waivers)
    listed = used_waivers(parse_scope(text.encode()), {"a": ["z", "y"]}, "local")
    assert [(one.need, one.runtime, one.used_by) for one in listed] == [
        ("a", None, ("y", "z")),
        ("b", None, ()),
        ("a", "cluster", ()),
    ]
