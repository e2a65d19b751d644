"""Long texts are cut so that no engine truncates a part, and nothing is lost."""

# ruff: noqa: RUF001 - Chinese punctuation

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stack.search.extract.parts import MAX_PART_CHARS, MAX_PART_POSITIONS, OVERLAP, cut, positions

_LIMIT = 65_535


def _joined(text: str, **limits: int) -> str:
    return "".join(text[part.start + part.overlap : part.end] for part in cut(text, **limits))


@given(st.lists(st.sampled_from(["a; ", "\n", "word ", "测", "x" * 5000, "line of code\n" * 400]), max_size=60))
def test_parts_concatenate_to_the_text(pieces: list[str]) -> None:
    """Leaving out the overlaps, the parts are the text, and none is above the limits."""
    text = "".join(pieces)
    parts = cut(text, max_chars=16_384, max_positions=34_000)
    assert "".join(text[part.start + part.overlap : part.end] for part in parts) == text
    assert all(part.end - part.start <= 16_384 + OVERLAP for part in parts)
    assert parts[0].start == 0
    assert parts[-1].end == len(text)
    assert all(before.end == after.start + after.overlap for before, after in itertools.pairwise(parts))


@given(st.lists(st.sampled_from(["a; ", "\n", "word ", "x" * 9000, "line of code\n" * 400]), max_size=40))
def test_first_lines_are_right(pieces: list[str]) -> None:
    """A part's first line is one more than the line ends before it."""
    text = "".join(pieces)
    for part in cut(text, max_chars=16_384, max_positions=34_000):
        assert part.first_line == text.count("\n", 0, part.start) + 1


@given(st.lists(st.sampled_from(["a", " ", "\n", "word; "]), max_size=300))
def test_short_lines_are_never_cut_inside(pieces: list[str]) -> None:
    """Where every line is short, parts begin at line starts and repeat nothing."""
    whole = ("".join(pieces) + "\n") * 200
    for part in cut(whole, max_chars=16_384, max_positions=34_000):
        assert part.overlap == 0
        assert part.start == 0 or whole[part.start - 1] == "\n"


@pytest.mark.parametrize(
    "text",
    [
        "a;" * 500_000,
        "a, b; c! d? e. f\n" * 60_000,
        "测试；函数，返回。" * 60_000,
        "word " * 400_000,
        "x" * 1_000_000,
        "\n" * 1_000_000,
        "if (a == b) { return c->d[e]; }\n" * 20_000,
    ],
    ids=lambda text: repr(text[:12]),
)
def test_no_part_exceeds_an_engines_positions(text: str) -> None:
    """Whatever the text, each part stays below the positions an engine counts, and below the size of a part."""
    parts = cut(text)
    assert _joined(text) == text
    for part in parts:
        piece = text[part.start : part.end]
        assert len(piece) <= MAX_PART_CHARS
        assert positions(piece) <= MAX_PART_POSITIONS + 8 * OVERLAP < _LIMIT


def test_positions_count_what_separators_cost() -> None:
    """A word after a soft separator is one further, after a hard one eight."""
    assert positions("") == 0
    assert positions("a b") == 2
    assert positions("a; b") == 2 + 7
    assert positions("foo_bar->baz") == 3
    assert positions("测试") >= 2


def test_a_phrase_across_a_cut_in_a_long_line_is_whole_in_one_part() -> None:
    """The overlap keeps words and phrases of up to 256 characters together."""
    text = " ".join(f"needle{index:06}" for index in range(80_000))
    parts = cut(text)
    assert len(parts) > 1
    for before, after in itertools.pairwise(parts):
        across = text[before.end - 100 : before.end + 100]
        assert across in text[after.start : after.end]


def test_a_small_text_is_one_part() -> None:
    """Nothing is cut that need not be."""
    assert len(cut("fn main() {}\n")) == 1
    assert len(cut("")) == 1
