"""What a word is."""

from __future__ import annotations

import string

import pytest

from stack.search.engines.words import cjk_runs, is_cjk, tokens


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("std::vector<int> p->next", ("std", "vector", "int", "p", "next")),
        ("list_users __init__ _x", ("list_users", "__init__", "_x")),
        ("x=3.14e5 $var @name #if", ("x", "3", "14e5", "var", "name", "if")),
        ("naïve ÉCOLE straße", ("naïve", "ÉCOLE", "straße")),
        ("приве́т नमस्ते", ("приве́т", "नमस्ते")),
        ("foo测试bar", ("foo", "测", "试", "bar")),
        ("テスト、데이터", ("テ", "ス", "ト", "데", "이", "터")),
        ("a\u2028b\u00a0c—d…e“f”", ("a", "b", "c", "d", "e", "f")),
        ("x\U0001f600y z", ("x", "y", "z")),
        ("-> :: // \x00", ()),
    ],
)
def test_text_is_cut_into_words(text: str, words: tuple[str, ...]) -> None:
    """Letters of any script, digits and underscores run together, CJK characters stand alone, all else parts."""
    assert tokens(text) == words


def test_every_ascii_sign_but_the_underscore_parts_words() -> None:
    """No operator is glued to a name."""
    for sign in string.punctuation + string.whitespace:
        assert tokens(f"a{sign}b") == (("a_b",) if sign == "_" else ("a", "b"))


def test_cjk_characters_are_known() -> None:
    """Runs are found, and nothing else is one."""
    assert cjk_runs("plain") == []
    assert cjk_runs("naïve 测试 a の") == ["测试", "の"]
    assert is_cjk("测")
    assert not is_cjk("é")
