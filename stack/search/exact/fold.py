r"""Folds text so that everything that can match case-insensitively has the same bytes.

The index holds trigrams of folded text only: one index serves searches that heed case and searches that do not.
Folding is by orbit of Unicode's simple case folding (CaseFolding.txt, statuses C and S), which is what RE2 uses: `k`,
`K` and the Kelvin sign are one. Line ends are folded too, `\r\n` to `\n`.
"""

from __future__ import annotations

import re
import unicodedata
from functools import cache

__all__ = ["FOLDING", "fold", "fold_character", "is_known"]

FOLDING = f"1:{unicodedata.unidata_version}"
"""Identifies the tables: text folded by other ones cannot be compared with text folded by these."""

# Simple foldings newer than the Unicode tables of Python 3.11: UnicodeData 15.1 gave these pairs one.
_NEWER = {"\u1fd3": "\u0390", "\u1fe3": "\u03b0", "\ufb05": "\ufb06"}
_LAST_CASED = 0x20000  # no character of the higher planes has a case
_HIGH_BYTES = re.compile(rb"[\x80-\xff]+")


def fold_character(character: str) -> str:
    """The one character that stands for all that equal this one but for case."""
    newer = _NEWER.get(character)
    if newer:
        return newer
    folded = character.casefold()
    if len(folded) == 1:
        return folded
    lower = character.lower()
    return lower if len(lower) == 1 else character


def is_known(character: str) -> bool:
    """Whether this Python knows the character: of one it doesn't, RE2 may know another case."""
    return unicodedata.category(character) != "Cn"


@cache
def _table() -> dict[int, str]:
    """What `fold_character` changes."""
    return {code: folded for code in range(0x80, _LAST_CASED) if (folded := fold_character(chr(code))) != chr(code)}


def fold(text: str) -> bytes:
    """UTF-8 of the text with cases and line ends folded.

    Args:
        text: any; a lone surrogate keeps its three bytes.
    """
    data = text.encode("utf-8", "surrogatepass").lower()  # of bytes: touches ASCII only
    if not text.isascii():
        data = _HIGH_BYTES.sub(_fold_run, data)
    return data.replace(b"\r\n", b"\n") if b"\r" in data else data


def _fold_run(match: re.Match[bytes]) -> bytes:
    return match[0].decode("utf-8", "surrogatepass").translate(_table()).encode("utf-8", "surrogatepass")
