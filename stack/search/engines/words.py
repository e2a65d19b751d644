"""What a word is, for both engines alike: a run of letters, digits and underscores; a CJK character stands alone.

Neither engine stems, drops stop words or guesses typing errors. Chinese, Japanese and Korean are written without spaces
between words; their characters are looked up one by one, next to each other, so that no dictionary decides what can be
found.
"""

from __future__ import annotations

import re

__all__ = ["LUCENE_PATTERN", "MAX_LENGTH", "cjk_runs", "is_cjk", "tokens"]

MAX_LENGTH = 255
"""Characters of a word that OpenSearch tells apart; Lucene itself refuses a document with a word of 32,766 bytes."""

# Unicode blocks (https://www.unicode.org/Public/UNIDATA/Blocks.txt) written out rather than taken from `unicodedata`,
# whose answers change with the version of Python, while an index must go on meaning the same.
_CJK = (
    (0x3040, 0x30FF),  # Hiragana, Katakana
    (0x3400, 0x4DBF),  # CJK extension A
    (0x4E00, 0x9FFF),  # CJK unified ideographs
    (0xAC00, 0xD7AF),  # Hangul syllables
    (0xF900, 0xFAFF),  # CJK compatibility ideographs
    (0x20000, 0x3FFFF),  # CJK extensions B and later
)
_NO_WORD = (
    (0x80, 0xA9),
    (0xAB, 0xB4),
    (0xB6, 0xB9),
    (0xBB, 0xBF),
    (0xD7, 0xD7),
    (0xF7, 0xF7),
    (0x2000, 0x206F),  # general punctuation
    (0x20A0, 0x20CF),  # currency
    (0x2190, 0x2BFF),  # arrows, mathematics, boxes, shapes, dingbats
    (0x2E00, 0x2E7F),  # supplemental punctuation
    (0x3000, 0x3004),
    (0x3008, 0x3020),
    (0x3030, 0x3030),
    (0x303D, 0x303F),
    (0xD800, 0xF8FF),  # surrogates, private use
    (0xFE10, 0xFE6F),
    (0xFF00, 0xFF0F),  # full-width punctuation
    (0xFF1A, 0xFF20),
    (0xFF3B, 0xFF40),
    (0xFF5B, 0xFF65),
    (0xFFE0, 0xFFFF),
    (0x1F000, 0x1FAFF),  # emoji
    (0xE0000, 0x10FFFF),
)


def _others(taken: tuple[tuple[int, int], ...]) -> list[tuple[int, int]]:
    free, start = [], 0x80
    for low, high in sorted(taken):
        if low > start:
            free.append((start, low - 1))
        start = high + 1
    return free


def _class(ranges: list[tuple[int, int]] | tuple[tuple[int, int], ...]) -> str:
    return "".join(f"{chr(low)}-{chr(high)}" for low, high in ranges)


_LETTERS = f"A-Za-z0-9_{_class(_others((*_CJK, *_NO_WORD)))}"
_IDEOGRAPHS = _class(_CJK)

LUCENE_PATTERN = f"[{_LETTERS}]+|[{_IDEOGRAPHS}]"
"""One word, as Lucene's regular expressions write it (the `simple_pattern` tokenizer)."""

_WORD = re.compile(LUCENE_PATTERN)
_RUN = re.compile(f"[{_IDEOGRAPHS}]+")


def tokens(text: str) -> tuple[str, ...]:
    """The words of a text, in order and as written."""
    return tuple(_WORD.findall(text))


def is_cjk(token: str) -> bool:
    """Whether a word is a CJK character."""
    return _RUN.match(token) is not None


def cjk_runs(text: str) -> list[str]:
    """Runs of neighbouring CJK characters."""
    return [] if text.isascii() else _RUN.findall(text)
