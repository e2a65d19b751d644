"""Folding makes equal what RE2 takes for equal without regard to case."""

from __future__ import annotations

import re2
from hypothesis import given, settings
from hypothesis import strategies as st

from stack.search.exact.fold import fold, fold_character, is_known
from stack.search.query import compile_regex

_EVERY_CHARACTER = "".join(chr(code) for code in range(0x110000) if not 0xD800 <= code <= 0xDFFF)


def test_every_orbit_of_re2_folds_to_one_character() -> None:
    """For every character that can have a case: whatever `(?i)` lets it match folds to the same."""
    with_case = "".join(re2.findall(r"[\p{Lu}\p{Ll}\p{Lt}\p{Nl}\p{So}\x{345}]", _EVERY_CHARACTER))
    assert len(with_case) > 5000
    encoded, orbits = with_case.encode(), 0
    for character in with_case:
        compiled = compile_regex(f"[{character}]" if ord(character) > 0x7F else character, case_sensitive=False)
        at, members = 0, []
        while (match := compiled.search(encoded, at)) is not None:
            start, at = match.span()
            members.append(encoded[start:at].decode())
        orbits += len(members) > 1
        for member in members:
            assert fold_character(member) == fold_character(character) or not is_known(character)
    assert orbits > 2500


def test_no_character_beyond_the_table_changes() -> None:
    """The table ends where cased characters end."""
    assert all(fold_character(character) == character for character in _EVERY_CHARACTER[0x20000:])


@given(st.text(max_size=60))
@settings(max_examples=500, deadline=None)
def test_folding_is_done_character_by_character(text: str) -> None:
    """And twice is once."""
    kept = text.replace("\r", "")
    assert fold(kept) == "".join(map(fold_character, kept)).encode()
    assert fold(fold(kept).decode()) == fold(kept)


def test_line_ends_fold() -> None:
    """A lone carriage return stays."""
    assert fold("A\r\nB\rC\r\r\n") == b"a\nb\rc\r\n"


def test_a_lone_surrogate_does_no_harm() -> None:
    """Its bytes are kept."""
    assert fold("a\ud800B") == b"a\xed\xa0\x80b"
