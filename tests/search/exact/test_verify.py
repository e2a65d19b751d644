"""What is shown as a match is one, at the place that is shown."""

from __future__ import annotations

import re

from hypothesis import given, settings
from hypothesis import strategies as st

from stack.search.exact import Match, Matcher
from stack.search.exact.verify import MAX_LINE_CHARS
from stack.search.query import Case, Literal, Regex, Word
from tests.search.exact.regexes import patterns_with_texts, wild_texts

TEXT = 'package main\n\nfunc main() {\n\tp->next = "Zürich"; // 中文 p->next\n}\n'


def places(atom: Word | Literal | Regex, text: str = TEXT, case: Case = Case.AUTO) -> list[tuple[int, int, str]]:
    """Line, column and matched text."""
    return [(match.line, match.column, text[match.start : match.end]) for match in Matcher(atom, case).find(text)]


def test_literals_are_found_where_they_stand() -> None:
    """Lines and columns count from 1, in characters."""
    assert places(Literal("p->next")) == [(4, 2, "p->next"), (4, 28, "p->next")]
    assert places(Literal("中文")) == [(4, 25, "中文")]
    assert places(Literal("main() {\n\tp")) == [(3, 6, "main() {\n\tp")]
    assert places(Literal("->x")) == []


def test_smart_case() -> None:
    """Lower case finds everything, an upper-case letter only itself, unless told otherwise."""
    text = "Update UPDATE update dat"
    assert len(places(Literal("dat"), text)) == 4
    assert len(places(Literal("Update"), text)) == 1
    assert len(places(Literal("Update"), text, Case.NO)) == 3
    assert len(places(Literal("dat"), text, Case.YES)) == 3
    assert len(places(Word("UPDATE"), text)) == 3
    assert len(places(Word("UPDATE"), text, Case.YES)) == 1
    assert len(places(Regex("d[a]t"), text)) == 4
    assert len(places(Literal("zürich"))) == 1
    assert len(places(Literal("ZÜRICH"), TEXT, Case.NO)) == 1


def test_expressions_see_lines() -> None:
    """`^` and `$` are the ends of each line, `.` stops at them."""
    assert places(Regex("^func.*$")) == [(3, 1, "func main() {")]
    assert places(Regex("main.package"), "main\npackage") == []
    assert places(Regex(r"main\npackage"), "main\npackage") == [(1, 1, "main\npackage")]


def test_an_expression_that_matches_nothing_is_shown_once_per_line() -> None:
    """And blank lines can be looked for."""
    assert [line for line, _, _ in places(Regex("^$"), "a\n\nb\n\n")] == [2, 4, 5]
    assert len(places(Regex("x*"), "aaa\nbbb")) == 2
    assert Matcher(Regex("x*")).occurs("")


def test_line_ends_of_either_kind() -> None:
    r"""`;$` and a phrase over two lines mean the same where lines end with `\r\n`; offsets are those of the file."""
    text = "é = 1;\r\nb = 2;\r\n\r\nc"
    assert places(Regex(";$"), text) == [(1, 6, ";"), (2, 6, ";")]
    assert places(Literal("1;\nb"), text) == [(1, 5, "1;\r\nb")]
    assert places(Literal("1;\r\nb"), text) == [(1, 5, "1;\r\nb")]
    assert places(Regex(r"\r$"), text) == [(1, 7, "\r"), (2, 7, "\r"), (3, 1, "\r")]
    assert places(Literal("c"), text) == [(4, 1, "c")]
    assert [match.line_text for match in Matcher(Literal("b")).find(text)] == ["b = 2;"]
    assert places(Literal("C:\\run"), "C:\\run\r\n") == [(1, 1, "C:\\run")]


def test_long_lines_are_cut_around_the_match() -> None:
    """The column stays that of the file; the cut text holds the match's beginning."""
    text = "x" * 5000 + "needle" + "y" * 5000
    (match,) = Matcher(Literal("needle")).find(text)
    assert (match.line, match.column) == (1, 5001)
    assert len(match.line_text) == MAX_LINE_CHARS
    assert match.line_text[match.start - match.line_start :].startswith("needle")
    (last,) = Matcher(Literal("end")).find("z" * 5000 + "end")
    assert last.line_text.endswith("end")


def test_the_number_of_matches_is_bounded() -> None:
    """The rest is not even looked for."""
    assert len(Matcher(Literal("a")).find("a" * 1000)) == 100
    assert len(Matcher(Literal("a")).find("a" * 1000, limit=3)) == 3


@given(patterns_with_texts(), wild_texts(), wild_texts())
@settings(max_examples=600, deadline=None)
def test_offsets_lines_and_texts_agree(pair: tuple[str, str], before: str, after: str) -> None:
    """For any text: line and column lead to the offset, and the line's text stands there."""
    text = before + pair[1] + after
    for match in Matcher(Regex(pair[0])).find(text):
        assert_consistent(match, text)


def assert_consistent(match: Match, text: str) -> None:
    """Everything a match says follows from its offset."""
    lines = text.split("\n")
    start_of_line = sum(len(line) + 1 for line in lines[: match.line - 1])
    assert match.start == start_of_line + match.column - 1
    assert match.start <= match.end <= len(text)
    assert match.line == text.count("\n", 0, match.start) + 1
    assert text[match.line_start :].startswith(match.line_text)
    assert match.line_text == lines[match.line - 1].removesuffix("\r")


@given(st.text("abA\r\n中é", max_size=40), st.text("abA\n中", min_size=1, max_size=3))
@settings(max_examples=600, deadline=None)
def test_literals_are_all_found(text: str, literal: str) -> None:
    """As a plain search finds them, line ends aside."""
    found = Matcher(Literal(literal), Case.YES).find(text)
    pattern = re.escape(literal).replace("\\\n", "\n").replace("\n", "\r?\n")
    expected = [match.start() for match in re.finditer(pattern, text)]
    if "\n" not in literal:
        assert [match.start for match in found] == expected
    assert bool(found) == bool(expected)
    for match in found:
        assert_consistent(match, text)
