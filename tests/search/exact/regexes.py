"""Random regular expressions, each with a text that holds a match of it."""

from __future__ import annotations

from hypothesis import strategies as st

__all__ = ["ALPHABET", "patterns_with_texts", "wild_patterns", "wild_texts"]

ALPHABET = "abcABkKsS0_-> \n\u212a\u017fßẞéÉшШ\u03c3Σς中İ\u0131\ufb05\ufb06"

Pair = tuple[str, str]

_CHARACTERS = st.sampled_from(ALPHABET)


_SPECIAL = [
    (".", "q"), (".*", "zz"), (r"\w+", "ab9"), (r"\s", "\t"), (r"\d", "7"), (r"\pL", "λ"), ("[^x]", "y"),
    ("[^x]", "\r"), (r"\x{43}", "C"), (r"\x41", "A"), (r"\101", "A"), (r"\Qa.b\E", "a.b"), ("[[:alpha:]]", "g"),
    ("[a-d]", "c"), ("[A-]", "-"), ("^", ""), ("$", ""), ("(?:)", ""), (r"\n", "\n"), (r"\r", "\r"), ("\n", "\n"),
    (r"[\s]", "\r"), ("[]a]", "]"), ("(?i)", ""), (r"\Q\E", ""), ("x{,2}", "x{,2}"), (r"\p{Greek}", "Σ"),
]  # fmt: skip
_REPEATS = [
    ("*", 0), ("*", 3), ("+", 1), ("+", 4), ("?", 0), ("?", 1), ("{2}", 2), ("{1,}", 5), ("{0,2}", 1), ("{4,5}", 4),
    ("*?", 2), ("{0}", 0), ("+?", 1), ("{3}?", 3),
]  # fmt: skip


def _escaped(character: str) -> str:
    return character if character.isalnum() or character in "_\n " or ord(character) > 0x7F else "\\" + character


def _literal(character: str) -> Pair:
    return _escaped(character), character


@st.composite
def _classes(draw: st.DrawFn) -> Pair:
    members = draw(st.lists(_CHARACTERS, min_size=1, max_size=4))
    return "[" + "".join(map(_escaped, members)) + "]", draw(st.sampled_from(members))


def _leaves() -> st.SearchStrategy[Pair]:
    return st.one_of(
        st.text(alphabet=ALPHABET, min_size=1, max_size=6).map(lambda text: ("".join(map(_escaped, text)), text)),
        _CHARACTERS.map(_literal),
        _classes(),
        st.sampled_from(_SPECIAL),
    )


def _extended(inner: st.SearchStrategy[Pair]) -> st.SearchStrategy[Pair]:
    return st.one_of(
        st.lists(inner, min_size=1, max_size=4).map(
            lambda pairs: ("".join(pattern for pattern, _ in pairs), "".join(text for _, text in pairs))
        ),
        st.tuples(st.lists(inner, min_size=1, max_size=4), st.integers(0, 3)).map(
            lambda pair: ("(" + "|".join(p for p, _ in pair[0]) + ")", pair[0][pair[1] % len(pair[0])][1])
        ),
        st.tuples(inner, st.sampled_from(_REPEATS)).map(
            lambda pair: (f"(?:{pair[0][0]}){pair[1][0]}", pair[0][1] * pair[1][1])
        ),
        inner.map(lambda pair: (f"(?i:{pair[0]})", pair[1].swapcase())),
        inner.map(lambda pair: (f"(?P<n>{pair[0]})", pair[1])),
    )


def patterns_with_texts() -> st.SearchStrategy[Pair]:
    """A pattern, and a text that was made to match it (assertions may keep it from doing so)."""
    return st.recursive(_leaves(), _extended, max_leaves=12)


def wild_patterns() -> st.SearchStrategy[str]:
    """Anything that looks like a pattern; most do not compile."""
    pieces = [
        *ALPHABET,
        *"()|*+?.[]{}^$\\",
        "(?:",
        "(?i)",
        "(?s)",
        "\\b",
        "{2}",
        "{1,3}",
        "[^",
        "\\Q",
        "\\E",
        "\\d",
        "\\x{6b}",
        "\\pL",
    ]
    return st.lists(st.sampled_from(pieces), min_size=1, max_size=12).map("".join)


def wild_texts() -> st.SearchStrategy[str]:
    """Texts over the same characters."""
    return st.text(alphabet=ALPHABET + "\r", max_size=40)
