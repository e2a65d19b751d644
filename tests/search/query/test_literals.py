"""Code typed as it stands is searched for as it stands."""

from __future__ import annotations

import pytest

from stack.search.query import AllOf, Literal, Not, Regex, Word, parse


@pytest.mark.parametrize(
    "text",
    [
        "https://example.org/a?b=c#d",
        "http://localhost:8080",
        "std::vector",
        "C:\\x",
        "C:\\Windows\\System32",
        "key:value",
        "x:",
        "repo:",
        "type:",
        "path::Path",
        "f::g",
        "sym::name",
        "Repo:upper",
    ],
)
def test_an_unknown_or_empty_filter_is_text(text: str) -> None:
    """A colon makes a filter only after a filter's name and before a value."""
    assert parse(text).root == Literal(text)


@pytest.mark.parametrize(
    "text",
    [
        "->",
        "::",
        "()",
        "==",
        "$x",
        "#include",
        "loop()",
        "main()",
        "foo(bar",
        "foo)bar",
        ")",
        "(",
        "))",
        "-",
        "--",
        "-=",
        "->next",
        "--flag",
        "-5",
        "-r",
        "-$x",
        "&hi",
        "ABC/12345",
        "Test.mp3",
        "console.log",
        'console.log("hello")',
        "//",
        "/*",
        "*/",
        "/",
        "/**",
        "@media",
        "a+b",
        "...",
        '"',
        '"foo',
        'foo"bar',
        '"foo"bar',
        "\\",
        "[]",
        "{}",
        "(x)",
        "-(x)",
        "((",
        "中文。标点",
        "<stdio.h>",
    ],
)
def test_punctuation_is_text(text: str) -> None:
    """Operators, calls, comments and flags are one literal, character for character."""
    assert parse(text).root == Literal(text)


@pytest.mark.parametrize(
    "text", ["list_users", "list_", "_users", "vlan", "699", "x86_64", "测试", "naïve", "__", "हिन्दी"]
)
def test_a_word_is_letters_digits_and_underscores_of_any_script(text: str) -> None:
    """What an engine can look up as a word is one."""
    assert parse(text).root == Word(text)


def test_several_words_must_all_occur() -> None:
    """`vlan 699` keeps its number."""
    assert parse("vlan  699").root == AllOf((Word("vlan"), Word("699")))


def test_include_line_is_two_atoms() -> None:
    """White space separates unless quoted."""
    assert parse("#include <stdio.h>").root == AllOf((Literal("#include"), Literal("<stdio.h>")))
    assert parse('"#include <stdio.h>"').root == Literal("#include <stdio.h>")


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ('"foo"', "foo"),
        ('"a b"', "a b"),
        (r'"say \"hi\""', 'say "hi"'),
        (r'"C:\\temp"', "C:\\temp"),
        (r'"line\n"', "line\\n"),
        ('"or"', "or"),
        ('"repo:x"', "repo:x"),
        ('"/x/"', "/x/"),
        ('"two\nlines"', "two\nlines"),
        ('"中文 搜索"', "中文 搜索"),
        (r'"\"\""', '""'),
    ],
)
def test_a_phrase_is_exactly_what_stands_between_its_marks(typed: str, meant: str) -> None:
    """Only the mark itself and the backslash are escaped."""
    root = parse(typed).root
    assert root == Literal(meant)
    assert isinstance(root, Literal)
    assert root.quoted


@pytest.mark.parametrize(
    "path", ["/usr/bin", "/usr/lib/foo", "src/main.rs", "/usr/lib/", "a/b/", "/a", "./x/", "//x//y/"]
)
def test_a_path_is_never_an_expression(path: str) -> None:
    """An expression's first bare slash is its last character."""
    assert parse(path).root == Literal(path)


@pytest.mark.parametrize(
    ("typed", "pattern"),
    [
        ("/foo/", "foo"),
        ("/foo bar/", "foo bar"),
        (r"/a\/b/", "a/b"),
        (r"/\\/", r"\\"),
        (r"/Read(String|Bytes)/", "Read(String|Bytes)"),
        (r"/^\s*fn main/", r"^\s*fn main"),
        ("/中.*文/", "中.*文"),
        ("/(a|b)c/", "(a|b)c"),
    ],
)
def test_an_expression_stands_between_slashes(typed: str, pattern: str) -> None:
    """Slashes inside are escaped, white space is not."""
    assert parse(typed).root == Regex(pattern)


def test_a_comment_is_text() -> None:
    """`/* x */` and `a / b / c` begin and end with slashes and are no expressions."""
    assert parse("/* x */").root == AllOf((Literal("/*"), Word("x"), Literal("*/")))
    assert parse("a / b / c").root == AllOf((Word("a"), Literal("/"), Word("b"), Literal("/"), Word("c")))
    assert parse("// TODO").root == AllOf((Literal("//"), Word("TODO")))


@pytest.mark.parametrize(
    ("typed", "inner"),
    [
        ("-foo", Word("foo")),
        ("-_x", Word("_x")),
        ("-std::vector", Literal("std::vector")),
        ("-foo()", Literal("foo()")),
        ('-"a b"', Literal("a b")),
        ("-/a.b/", Regex("a.b")),
        ("-测", Word("测")),
        ("-https://x", Literal("https://x")),
    ],
)
def test_a_hyphen_negates_words_phrases_and_expressions(typed: str, inner: Word | Literal | Regex) -> None:
    """`-` means without, where it can't be an operator or a flag."""
    assert parse(typed).root == Not(inner)


def test_a_flag_after_a_command_is_text() -> None:
    """`grep -r` looks for the flag; it does not exclude files with an r."""
    assert parse("grep -r").root == AllOf((Word("grep"), Literal("-r")))
