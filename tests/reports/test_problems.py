"""Problems are told once, however many scenarios they hit."""

from __future__ import annotations

from reports.problems import problems
from reports.rules import finding
from reports.verdict import Verdict
from tests.reports.kit import result


def test_the_same_words_are_one_problem() -> None:
    """Evidence may differ; rule, stage and message may not."""
    first = finding("given", "given-not-met", "no disk", evidence="at 0x1")
    again = finding("given", "given-not-met", "no disk", evidence="at 0x2")
    other = finding("given", "given-not-met", "no network")
    many = [
        result(title, Verdict.COULD_NOT_VERIFY, findings=(note,))
        for title, note in (("a", first), ("b", other), ("c", again))
    ]
    assert [problem.ids for problem in problems(many)] == [
        ("search/code: a", "search/code: c"),
        ("search/code: b",),
    ]
    assert problems(many)[0].findings == (first,)


def test_a_fail_and_an_unverified_one_are_two() -> None:
    """The same words under another verdict are another problem, and fails come first."""
    note = finding("then", "then-is-false", "3 hits")
    many = [result("a", Verdict.COULD_NOT_VERIFY, findings=(note,)), result("b", Verdict.FAIL, findings=(note,))]
    assert [problem.verdict for problem in problems(many)] == [Verdict.FAIL, Verdict.COULD_NOT_VERIFY]


def test_only_what_went_wrong_is_a_problem() -> None:
    """Passed, waived and simulated scenarios are none."""
    many = [result(verdict=verdict) for verdict in (Verdict.PASS, Verdict.NOT_CONFIGURED, Verdict.SIMULATED)]
    assert problems(many) == []
