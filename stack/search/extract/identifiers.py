"""Takes identifiers apart, so that `user` finds `getUserName` and `vlan 699` finds `vlan699`.

Engines lower-case words and cut at punctuation, but none of ours cuts inside a word: Meilisearch switched camelCase
splitting off in v1.3. The parts are therefore indexed beside the content. Whole identifiers are in the content already.
"""

from __future__ import annotations

import functools
import itertools
import re
from collections.abc import Iterator

__all__ = ["MAX_WORD_BYTES", "identifier_parts", "index_word", "split"]

MAX_WORD_BYTES = 240
"""Meilisearch drops words over 250 bytes (milli, MAX_WORD_LENGTH): such a word is indexed and looked up by its head."""

_MAX_PARTS = 5_000  # array elements: 8 positions each, see parts.py
_MAX_LONG_WORDS = 200
_MAX_SPLIT = 128  # characters of an identifier beyond which it is data, not a name

# Plural acronym (URLs), acronym before a capitalised word (HTTP|Server), word, upper-case run, digits, other letters.
_PIECE = re.compile(r"[A-Z]{2,}s(?![a-z])|[A-Z]+(?=[A-Z][a-z])|[A-Z]?[a-z]+|[A-Z]+|\d+")
# A word with a letter and an inner seam: lower-to-upper, letter-to-digit, digit-to-letter, acronym-to-word, underscore.
_WORD = re.compile(r"[^\W_]\w+")
_WORDS_ONLY = bytes(code if chr(code).isalnum() or chr(code) == "_" else 0x20 for code in range(128)) + bytes(128)
_SEAM = re.compile(r"[^\W_]_[^\W_]|[a-z\d][A-Z]|[A-Z][A-Z][a-z]|[A-Za-z]\d|\d[A-Za-z]")


def split(identifier: str) -> list[str]:
    """The lower-cased parts of an identifier, in order.

    camelCase, PascalCase with acronyms, snake_case, kebab-case, dotted names and digits are taken apart:
    `HTTPServer2Go` is http, server, 2, go; `vlan699` is vlan, 699. Letters outside ASCII stay with their neighbours
    where those have the same case style.

    Args:
        identifier: one name; its cost is linear in its length.
    """
    if identifier.isascii():
        return [piece.lower() for piece in _PIECE.findall(identifier)]
    return [piece.lower() for word in _ANY_WORD.findall(identifier) for piece in _split_unicode(word)]


_ANY_WORD = re.compile(r"[^\W_]+")


def _split_unicode(word: str) -> Iterator[str]:
    """The same seams, told by the character classes of Unicode."""
    begin = 0
    for at in range(1, len(word)):
        before, here = word[at - 1], word[at]
        seam = (
            before.isdigit() != here.isdigit()
            or (here.isupper() and not before.isupper())
            or (here.isupper() and before.isupper() and at + 1 < len(word) and word[at + 1].islower())
        )
        if seam:
            yield word[begin:at]
            begin = at
    yield word[begin:]


def index_word(word: str) -> str:
    """The form under which an overlong word is indexed and must be looked up: its first 240 bytes; others unchanged."""
    raw = word.encode("utf-8", "surrogatepass")
    return word if len(raw) <= MAX_WORD_BYTES else raw[:MAX_WORD_BYTES].decode("utf-8", "ignore")


def identifier_parts(text: str) -> tuple[str, ...]:
    """The distinct lower-cased parts of the compound identifiers in a text, and the heads of overlong words.

    Words without a seam are left out (the content has them), as are single letters; digits stay (`699`). At most 5,000
    parts are kept, in order of first appearance, and the heads of at most 200 overlong words.

    Args:
        text: any text; cost is linear in its length.
    """
    words = dict.fromkeys(_ascii_words(text) if text.isascii() else _WORD.findall(text))
    # All letters of one case have no seam; leaving them out here spares most of the work.
    names = [word for word in words if len(word) <= _MAX_SPLIT and not (word.isalpha() and word.islower())]
    parts = dict.fromkeys(itertools.chain.from_iterable(map(_compound, names)))
    kept = itertools.islice(parts, _MAX_PARTS - _MAX_LONG_WORDS)
    heads = (index_word(word) for word in words if len(word) > _MAX_SPLIT and _is_overlong(word))
    return tuple(dict.fromkeys(itertools.chain(kept, itertools.islice(heads, _MAX_LONG_WORDS))))


def _ascii_words(text: str) -> list[str]:
    """The words of an ASCII text, several times as fast as by regular expression."""
    return text.encode("ascii").translate(_WORDS_ONLY).decode("ascii").split()


def _is_overlong(word: str) -> bool:
    return len(word.encode("utf-8", "surrogatepass")) > MAX_WORD_BYTES


@functools.lru_cache(maxsize=1 << 14)  # a repository uses the same names in most of its files
def _compound(word: str) -> tuple[str, ...]:
    """The parts worth indexing of a word, none if it has only one."""
    if word.isascii() and not _SEAM.search(word):
        return ()
    pieces = split(word)
    return tuple(piece for piece in pieces if len(piece) > 1 or piece.isdigit()) if len(pieces) > 1 else ()
