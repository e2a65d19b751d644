"""Cuts a text into parts that no engine truncates.

Meilisearch gives each word of an attribute a position and silently ignores those past 65,535 (its documentation, known
limitations). A word after a soft separator takes 1 position, after a hard one (`. `, `, `, `;`, `!`, `?`) 8, and each
element of an array starts 8 further (milli, update/new/extract/searchable/tokenize_document.rs). The budget below
leaves room for the 2,000 definition lines of a part, each an array element: 48,000 + 8 x 2,000 < 65,535.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

__all__ = ["MAX_PART_CHARS", "MAX_PART_POSITIONS", "OVERLAP", "Part", "cut", "positions"]

MAX_PART_CHARS = 256 * 1024
MAX_PART_POSITIONS = 48_000
OVERLAP = 256
_BLOCK = 8 * 1024  # a block of this many characters never takes more than 4 positions each: 32,768

_ASCII_WORDS = bytes(code if chr(code).isalnum() else 0x20 for code in range(128)) + bytes(range(128, 256))
_HARD = (";", "!", "?", ". ", ", ")
_HARD_WIDE = ("。", "！", "？", "；", "，", "、", "।", "؟", "،")  # noqa: RUF001 - ambiguous on purpose
_HARD_EXTRA = 7


@dataclass(frozen=True, slots=True)
class Part:
    """`text[start:end]`; its first `overlap` characters repeat the end of the part before.

    Args:
        start: offset in characters.
        end: offset in characters, exclusive.
        overlap: 0 where the cut fell on a line boundary.
        first_line: 1-based line number of the character at `start`.
    """

    start: int
    end: int
    overlap: int
    first_line: int


def positions(text: str) -> int:
    """An upper estimate of the word positions that Meilisearch counts in a text.

    Args:
        text: any length; cost is linear. Every non-ASCII character counts as up to 3 words, because ideographs are
            segmented one by one in the worst case.
    """
    raw = text.encode("utf-8", "surrogatepass")
    words = len(raw.translate(_ASCII_WORDS).split())
    hard = sum(map(text.count, _HARD))
    if len(raw) > len(text):
        words += len(raw) - len(text)
        hard += sum(map(text.count, _HARD_WIDE))
    return words + _HARD_EXTRA * hard


def cut(text: str, *, max_chars: int = MAX_PART_CHARS, max_positions: int = MAX_PART_POSITIONS) -> list[Part]:
    """Cut at line boundaries; only a line over 8 KiB is cut inside, and then the parts overlap by 256 characters.

    The overlap lets a phrase or a word of up to 256 characters that lies across the cut be found in the second part.
    Leaving out each part's overlap, the parts concatenate to exactly the text.

    Args:
        text: the whole file; an empty text is one empty part.
        max_chars: characters per part, at least 16,384.
        max_positions: positions per part, at least 34,000.
    """
    parts: list[Part] = []
    start, line, overlap, used = 0, 1, 0, 0
    for begin, end, inside in _blocks(text):
        cost = positions(text[begin:end])
        if begin > start and (end - start > max_chars or used + cost > max_positions):
            parts.append(Part(start, begin, overlap, line))
            overlap = min(OVERLAP, begin - start) if inside else 0
            line += text.count("\n", start, begin - overlap)
            start, used = begin - overlap, 0
        used += cost
    parts.append(Part(start, len(text), overlap, line))
    return parts


def _blocks(text: str) -> Iterator[tuple[int, int, bool]]:
    """Ranges of whole lines up to 8 KiB together, longer lines in pieces; the flag: the range starts inside a line."""
    begin, size, inside = 0, len(text), False
    while begin < size:
        end = min(begin + _BLOCK, size)
        if end < size:
            newline = text.rfind("\n", begin, end)
            end = newline + 1 if newline >= 0 else end
        yield begin, end, inside
        inside = text[end - 1] != "\n"
        begin = end
