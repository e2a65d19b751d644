"""Chooses which lines of a file to show."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from stack.search.results import Line

__all__ = ["best_line", "excerpt", "window"]

_LINE_CHARS = 400
_CONTEXT = 1
_EXTRA = 3


def best_line(text: str, words: Sequence[str]) -> int:
    r"""The 1-based line that holds most of the words, whole words before parts, earlier before later; 0 if none does.

    Args:
        text: of the file; lines end at `\n` only.
        words: in any case of letters.
    """
    if not words:
        return 0
    wanted = [word.casefold() for word in words]
    whole = [re.compile(rf"(?<!\w){re.escape(word)}(?!\w)") for word in wanted]
    best, best_score = 0, 0
    for number, line in enumerate(text.split("\n"), 1):
        folded = line.casefold()
        score = sum(
            2 + bool(pattern.search(folded)) for word, pattern in zip(wanted, whole, strict=True) if word in folded
        )
        if score > best_score:
            best, best_score = number, score
    return best


def excerpt(text: str, line: int, others: Iterable[int] = ()) -> tuple[Line, ...]:
    """The line, one before and after it, and a few more of the matching ones; long lines are shortened."""
    lines = text.split("\n")
    if not 1 <= line <= len(lines):
        return ()
    hits = {line, *[number for number in others if 1 <= number <= len(lines)][:_EXTRA]}
    near = range(max(line - _CONTEXT, 1), min(line + _CONTEXT, len(lines)) + 1)
    first = [line, *(number for number in sorted({*near, *hits}) if number != line)]
    return tuple(Line(number, lines[number - 1].rstrip("\r")[:_LINE_CHARS], number in hits) for number in first)


def window(text: str, line: int, *, limit: int = 2000) -> str:
    """One line as it stands, without its end; the first `limit` characters of a very long one."""
    lines = text.split("\n")
    return lines[line - 1].rstrip("\r")[:limit] if 1 <= line <= len(lines) else ""
