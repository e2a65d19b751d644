"""Identifiers are found by their parts."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stack.search.extract.identifiers import MAX_WORD_BYTES, identifier_parts, index_word, split


@pytest.mark.parametrize(
    ("identifier", "parts"),
    [
        ("getUserName", "get user name"),
        ("HTTPServer2Go", "http server 2 go"),
        ("parseURL", "parse url"),
        ("parseURLs", "parse urls"),
        ("vlan699", "vlan 699"),
        ("list_users", "list users"),
        ("WWV_FLOW_WEBSERVICES_API", "wwv flow webservices api"),
        ("kebab-case-name", "kebab case name"),
        ("std::vector", "std vector"),
        ("console.log", "console log"),
        ("__init__", "init"),
        ("x", "x"),
        ("ABC", "abc"),
        ("größeÄndern", "größe ändern"),
        ("getÜber2x", "get über 2 x"),
        ("ПриветМир", "привет мир"),
        ("测试", "测试"),
        ("_", ""),
        ("", ""),
    ],
)
def test_split(identifier: str, parts: str) -> None:
    """camelCase, acronyms, snake_case, kebab-case, dots and digits are seams."""
    assert split(identifier) == parts.split()


@given(st.text(st.sampled_from("abcABC019_-.ßÄ"), max_size=40))
def test_split_keeps_every_letter_and_digit(identifier: str) -> None:
    """Joined again, the parts are the identifier without its punctuation and case."""
    assert "".join(split(identifier)) == "".join(char for char in identifier if char.isalnum()).lower()


@given(st.lists(st.text(st.sampled_from("abcdefgh"), min_size=2, max_size=8), min_size=1, max_size=6))
def test_split_undoes_joining(words: list[str]) -> None:
    """However words are put together, they come apart again."""
    assert split("_".join(words)) == words
    assert split("-".join(words)) == words
    assert split("".join(word.capitalize() for word in words)) == words
    assert split("_".join(words).upper()) == words


@given(st.text())
def test_split_never_raises(text: str) -> None:
    """Any text is taken apart, and nothing empty comes out."""
    assert all(split(text))


def test_only_compound_identifiers_add_words() -> None:
    """Plain words are in the content already; parts come once, in order."""
    parts = identifier_parts("fn getUserName(user: str) -> vlan699 { get_user_name(); plain words }")
    assert parts == ("get", "user", "name", "vlan", "699")


def test_a_word_beyond_an_engines_limit_is_found_by_its_head() -> None:
    """Engines drop words of 5,000 characters; the head is indexed, and looked up the same way."""
    word = "Aa0" * 1700
    assert index_word(word) in identifier_parts(f"x = '{word}';")
    assert len(index_word(word).encode()) == MAX_WORD_BYTES
    assert index_word("short") == "short"


@given(st.text(min_size=0, max_size=600))
def test_index_word_fits_and_is_a_head(word: str) -> None:
    """The head never exceeds the limit, is never cut inside a character, and is stable."""
    head = index_word(word)
    assert word.startswith(head)
    assert len(head.encode("utf-8", "surrogatepass")) <= MAX_WORD_BYTES
    assert index_word(head) == head


def test_parts_are_bounded() -> None:
    """A file of a hundred thousand names does not make a document of as many words."""
    text = " ".join(f"name{index:06}_suffix{index:06}" for index in range(100_000))
    assert len(identifier_parts(text)) == 4_800


def test_no_word_is_longer_than_the_limit() -> None:
    """Nothing that an engine would drop is handed to it."""
    text = " ".join("é" * length for length in range(1, 400, 7)) + " " + "ab1" * 5000
    assert all(len(word.encode()) <= MAX_WORD_BYTES for word in identifier_parts(text))


@given(st.text())
def test_identifier_parts_never_raises(text: str) -> None:
    """Any text has distinct, lower-cased parts."""
    parts = identifier_parts(text)
    assert len(set(parts)) == len(parts)
