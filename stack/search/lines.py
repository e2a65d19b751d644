"""Chooses which lines of a file to show."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from stack.search.results import Line

__all__ = ["best_line", "excerpt", "window"]

_SIDE_BY_SIDE = 100
_LINE_CHARS = 400
_CONTEXT = 1
_EXTRA = 3


def best_line(text: str, wanted: Sequence[str]) -> int:
    r"""The 1-based line to show: 0 if none holds anything that is wanted.

    A line that holds all of it side by side, as it was typed, comes before one that holds more of it, whole words
    before parts of words, earlier lines before later ones.

    Args:
        text: of the file; lines end at `\n` only.
        wanted: words and literals in the order of the query, in any case of letters.
    """
    if not wanted:
        return 0
    folded = [piece.casefold() for piece in wanted]
    whole = [re.compile(rf"(?<!\w){re.escape(piece)}(?!\w)") for piece in folded]
    phrase = " ".join(folded)
    best, best_score = 0, 0
    for number, line in enumerate(text.casefold().split("\n"), 1):
        found = [pattern for piece, pattern in zip(folded, whole, strict=True) if piece in line]
        score = sum(2 + bool(pattern.search(line)) for pattern in found) + _SIDE_BY_SIDE * (phrase in line)
        if score > best_score:
            best, best_score = number, score
    return best


def excerpt(text: str, line: int, others: Iterable[int] = ()) -> tuple[Line, ...]:
    """The line, one before and after it, and a few more of the matching ones, as the file has them; long ones cut."""
    lines = text.split("\n")
    if not 1 <= line <= len(lines):
        return ()
    hits = {line, *[number for number in others if 1 <= number <= len(lines)][:_EXTRA]}
    near = range(max(line - _CONTEXT, 1), min(line + _CONTEXT, len(lines)) + 1)
    shown = sorted({*near, *hits})
    return tuple(Line(number, lines[number - 1].rstrip("\r")[:_LINE_CHARS], number in hits) for number in shown)


def window(text: str, line: int, *, limit: int = 2000) -> str:
    """One line as it stands, without its end; the first `limit` characters of a very long one."""
    lines = text.split("\n")
    return lines[line - 1].rstrip("\r")[:limit] if 1 <= line <= len(lines) else ""
