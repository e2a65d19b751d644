"""What a person reads in a terminal."""

from __future__ import annotations

import pytest

from reports.evidence import Evidence, NotTested
from reports.rules import finding
from reports.terminal import Printer, counts_line
from reports.verdict import ScenarioResult, Verdict
from tests.reports.kit import evidence, result


def printed(whole: Evidence, *, colour: bool = False, page: str | None = "evidence/x/report.html") -> str:
    """A summary as text."""
    parts: list[str] = []
    Printer(parts.append, colour=colour, width=80).summary(whole, page)
    return "".join(parts)


def lines_of(*results: ScenarioResult, colour: bool = False) -> list[str]:
    """What is printed while scenarios end."""
    parts: list[str] = []
    printer = Printer(parts.append, colour=colour, width=80)
    for one in results:
        printer.scenario(one)
    return "".join(parts).splitlines()


@pytest.mark.parametrize("verdict", Verdict)
def test_a_scenario_is_one_line_under_its_feature(verdict: Verdict) -> None:
    """Verdict, title, variant and time."""
    shown = lines_of(result("a title", verdict, variant="opensearch"))
    assert shown[1] == "search/code"
    assert shown[2].split() == [*verdict.label.split(), "a", "title", "[opensearch]", "0.50", "s"]


def test_features_get_their_heading_once() -> None:
    """Consecutive scenarios of a file share it."""
    shown = lines_of(result("a"), result("b"), result("c", area="stack"))
    assert [line for line in shown if line and not line.startswith(" ")] == ["search/code", "stack/code"]


def test_the_reason_stands_below() -> None:
    """What did not pass says why at once, and is never wrapped where programs may read it."""
    message = "a reason of many words " * 10
    shown = lines_of(result(verdict=Verdict.FAIL, message=message.strip()))
    assert shown[-1].strip() == message.strip()


def test_there_are_no_escape_codes_without_a_terminal() -> None:
    """Plain text in a file, colours in a terminal, the same words."""
    whole = evidence([result(verdict=Verdict.FAIL, message="m")], verdict=Verdict.FAIL)
    assert "\x1b" not in printed(whole)
    assert "\x1b[1;31m" in printed(whole, colour=True)


def test_markup_in_a_title_is_text() -> None:
    """Brackets and emoji names are not rich's to read."""
    assert any("[bold]x[/bold] :smile:" in line for line in lines_of(result("[bold]x[/bold] :smile:")))


def test_the_summary_ends_with_headline_and_page() -> None:
    """The two lines a reader looks for are the last."""
    assert printed(evidence([result()])).splitlines()[-2:] == ["PASS: made up", "report: evidence/x/report.html"]
    assert "report:" not in printed(evidence([result()]), page=None)


def test_fails_come_first_with_rule_and_next_step() -> None:
    """Problems are sorted by weight; each says its rule and what to do."""
    unmet = result(
        "u", Verdict.COULD_NOT_VERIFY, findings=(finding("given", "given-not-met", "no disk", evidence="E x"),)
    )
    text = printed(evidence([unmet, result("f", Verdict.FAIL, findings=(finding("then", "then-is-false", "3 hits"),))]))
    assert text.index("search/code: f") < text.index("search/code: u")
    assert "rule: given-not-met, at: given" in text
    assert "next: bring about the state" in text
    assert "  | E x" in text


def test_one_problem_of_many_scenarios_is_told_once() -> None:
    """All of them are named, the reason stands there once."""
    many = [
        result(title, Verdict.COULD_NOT_VERIFY, findings=(finding("given", "given-not-met", "no disk"),))
        for title in ("a", "b", "c")
    ]
    text = printed(evidence(many))
    assert text.count("no disk") == 1
    assert all(f"search/code: {title}" in text for title in ("a", "b", "c"))


def test_what_was_not_tested_is_grouped_by_reason() -> None:
    """A hundred scenarios that lack one server are one reason; names are shortened, never dropped in silence."""
    untested = [NotTested(id=f"search/code: {n}", verdict=Verdict.NOT_CONFIGURED, why="no binary") for n in range(100)]
    text = printed(evidence([result()], not_tested=untested))
    assert text.count("no binary") == 1
    assert "... and 93 more, named in the report" in text


def test_what_is_told_above_is_not_told_twice() -> None:
    """A problem is explained once, and still counted among what was not tested."""
    unmet = result("u", Verdict.COULD_NOT_VERIFY, findings=(finding("given", "given-not-met", "no disk"),))
    untested = [NotTested(id=unmet.id, verdict=unmet.verdict, why="no disk")]
    text = printed(evidence([unmet], not_tested=untested))
    assert text.count("no disk") == 1
    assert "COULD NOT VERIFY: 1 of the scenarios above" in text


def test_what_never_ran_is_listed_not_explained() -> None:
    """A deselected scenario is no problem to be looked into."""
    gone = result("g", Verdict.COULD_NOT_VERIFY, findings=(finding("scope", "not-run", "it was deselected"),))
    text = printed(evidence([gone], not_tested=[NotTested(id=gone.id, verdict=gone.verdict, why="it was deselected")]))
    assert "what went wrong" not in text
    assert "it was deselected" in text


def test_unused_waivers_are_named() -> None:
    """A waiver nobody used can be taken out of the scope file."""
    assert "waivers that this run did not use: meilisearch" in printed(evidence([result()]))


def test_the_counts_line_has_fixed_words() -> None:
    """Programs find four numbers in a fixed order."""
    many = [result(verdict=verdict) for verdict in (*Verdict, Verdict.PASS)]
    assert counts_line(evidence(many)) == "2 passed, 1 failed, 2 skipped, 1 errors"
