"""Turns a regular expression into the trigrams that every match contains.

The method is Russ Cox's ("Regular Expression Matching with a Trigram Index", swtch.com, /~rsc/regexp/regexp4.html): of
each piece one knows the texts it can match exactly, if they are few, else with what its matches begin and end, and a
formula that holds for the document in any case. Here the texts are folded UTF-8 bytes, as the index has them.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product

from stack.search.exact.fold import fold, fold_character, is_known
from stack.search.exact.grams import EVERYTHING, GRAM, TrigramQuery, all_grams, any_grams, bytes_query
from stack.search.exact.regex_syntax import Alternatives, Anything, Characters, Piece, Repeat, Sequence, Text, read

__all__ = ["regex_query"]

_MAX_CHOICES = 16  # of a character class; a larger one is any character
_MAX_TEXTS = 32  # of what a piece matches, begins with or ends with
_MAX_BYTES = 512  # of several exact texts together
_MAX_COPIES = 3  # of a repeated piece: enough for a trigram of single characters
_KEPT = GRAM - 1  # bytes of a beginning or an end that a neighbour can complete to a trigram
_NONE = frozenset({b""})
_REPLACEMENT = "\ufffd"  # RE2 also lets it match bytes that are no UTF-8


@dataclass(frozen=True, slots=True)
class _Known:
    """What is known of a piece.

    Args:
        exact: all texts it can match, or `None`.
        begins: each match begins with one of these; only looked at when `exact` is `None`, at most two bytes each.
        ends: each match ends with one of these, likewise.
        needs: holds for every document with a match; says nothing of `exact` yet.
    """

    exact: frozenset[bytes] | None
    begins: frozenset[bytes] = _NONE
    ends: frozenset[bytes] = _NONE
    needs: TrigramQuery = EVERYTHING


_ANY = _Known(None)
_EMPTY = _Known(_NONE)


def regex_query(pattern: str) -> TrigramQuery:
    """A formula that holds for every document in which RE2 finds a match, with or without regard to case.

    Args:
        pattern: in RE2's syntax, known to compile.
    """
    return _loosen(_know(read(pattern))).needs


def _know(piece: Piece) -> _Known:
    match piece:
        case Text(text):
            return _join([_character(character) for character in text])
        case Characters(choices):
            return _choice(choices)
        case Sequence(parts):
            return _join([_know(part) for part in parts])
        case Alternatives(parts):
            return _either([_know(part) for part in parts])
        case Repeat(inner, low, high):
            return _repeat(_know(inner), low, high)
        case Anything():
            return _ANY


def _character(character: str) -> _Known:
    uncertain = character in ("\r", _REPLACEMENT) or "\ud800" <= character <= "\udfff" or not is_known(character)
    return _ANY if uncertain else _Known(frozenset({fold(fold_character(character))}))


def _choice(choices: tuple[str, ...] | None) -> _Known:
    if choices is None or len(choices) > _MAX_CHOICES * 2:
        return _ANY
    known = [_character(character) for character in choices]
    texts = frozenset(text for each in known for text in each.exact or ())
    return _ANY if len(texts) > _MAX_CHOICES or _ANY in known else _Known(texts)


def _join(parts: list[_Known]) -> _Known:
    known = _EMPTY
    for part in parts:
        known = _both(known, part)
    return known


def _both(left: _Known, right: _Known) -> _Known:
    """One after the other."""
    if left.exact is not None and right.exact is not None:
        joined = _exact(_cross(left.exact, right.exact))
        if joined is not None:
            return joined
    loose_left, loose_right = _loosen(left), _loosen(right)
    begins, ends = loose_left.begins, loose_right.ends
    if left.exact is not None:
        begins = _begins(_cross(left.exact, loose_right.begins))
    if right.exact is not None:
        ends = _ends(_cross(loose_left.ends, right.exact))
    across = _cross(loose_left.ends, loose_right.begins)
    needs = all_grams((loose_left.needs, loose_right.needs, _some_of(across, least=GRAM)))
    return _Known(None, begins, ends, needs)


def _either(parts: list[_Known]) -> _Known:
    if all(part.exact is not None for part in parts):
        union = _exact(frozenset(text for part in parts for text in part.exact or ()))
        if union is not None:
            return union
    loose = [_loosen(part) for part in parts]
    return _Known(
        None,
        _begins(frozenset(text for part in loose for text in part.begins)),
        _ends(frozenset(text for part in loose for text in part.ends)),
        any_grams(part.needs for part in loose),
    )


def _repeat(inner: _Known, low: int, high: int | None) -> _Known:
    if high == 0:
        return _EMPTY
    if low == 0:
        return _either([inner, _EMPTY]) if high == 1 else _ANY
    copies = _join([inner] * min(low, _MAX_COPIES))
    if low == high and low <= _MAX_COPIES:
        return copies
    # Further copies stand between the first ones and the last ones: beginnings, ends and needs stay true.
    return _loosen(copies)


def _exact(texts: frozenset[bytes]) -> _Known | None:
    """A piece that matches these texts only, unless they are too many to be of use."""
    if len(texts) > 1 and (len(texts) > _MAX_TEXTS or sum(map(len, texts)) > _MAX_BYTES):
        return None
    return _Known(texts)


def _loosen(known: _Known) -> _Known:
    """Give up the exact texts: their trigrams become needs, two bytes on each side are kept for the neighbours."""
    if known.exact is None:
        return known
    return _Known(None, _begins(known.exact), _ends(known.exact), _some_of(known.exact, least=_KEPT))


def _some_of(texts: frozenset[bytes], *, least: int) -> TrigramQuery:
    """The document has one of the texts; nothing is asked if they are many or one is shorter than `least` bytes."""
    if len(texts) > _MAX_TEXTS or min(map(len, texts), default=0) < least:
        return EVERYTHING
    return any_grams(bytes_query(text) for text in sorted(texts))


def _begins(texts: frozenset[bytes]) -> frozenset[bytes]:
    for size in range(_KEPT, 0, -1):
        cut = frozenset(text[:size] for text in texts)
        if len(cut) <= _MAX_TEXTS:
            return cut
    return _NONE


def _ends(texts: frozenset[bytes]) -> frozenset[bytes]:
    for size in range(_KEPT, 0, -1):
        cut = frozenset(text[-size:] for text in texts)
        if len(cut) <= _MAX_TEXTS:
            return cut
    return _NONE


def _cross(left: frozenset[bytes], right: frozenset[bytes]) -> frozenset[bytes]:
    return frozenset(one + other for one, other in product(left, right))
