"""Which line is shown."""

from __future__ import annotations

from stack.search.lines import best_line, excerpt, window

TEXT = "#include <ctype.h>\n#include <stdio.h>\nint\tmain(void)\n  main stdio\r\nlast"


def test_what_stands_as_typed_comes_before_what_holds_more() -> None:
    """The words side by side win over the same words apart."""
    assert best_line(TEXT, ["#include", "<stdio.h>"]) == 2


def test_the_first_of_equal_lines_is_shown() -> None:
    """Earlier before later."""
    assert best_line(TEXT, ["#include"]) == 1


def test_a_whole_word_comes_before_a_part() -> None:
    """`main` in `domain` is less than `main`."""
    assert best_line("domain\nmain", ["main"]) == 2


def test_no_line_is_zero() -> None:
    """A file found by its name has no line."""
    assert best_line(TEXT, ["absent"]) == 0
    assert best_line(TEXT, []) == 0


def test_an_excerpt_has_the_line_its_neighbours_and_other_hits_in_their_order() -> None:
    """Each once, as somebody reads the file."""
    lines = excerpt(TEXT, 2, [4])
    assert [(line.number, line.hit) for line in lines] == [(1, False), (2, True), (3, False), (4, True)]
    assert lines[-1].text == "  main stdio"
    assert [line.number for line in excerpt(TEXT, 5, [1, 2])] == [1, 2, 4, 5]


def test_a_line_that_is_not_there_shows_nothing() -> None:
    """The blob may have become shorter than the index thought."""
    assert excerpt(TEXT, 99) == ()
    assert window(TEXT, 99) == ""
    assert window(TEXT, 0) == ""


def test_a_very_long_line_is_shortened() -> None:
    """A minified file does not fill a terminal."""
    assert len(window("x" * 10_000, 1)) == 2000
