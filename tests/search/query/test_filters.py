"""Filters: their values, their aliases, and what a wrong one says."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from stack.search.query import (
    DateFilter,
    Field,
    FieldFilter,
    Flag,
    Form,
    IsFilter,
    Literal,
    Pattern,
    QueryError,
    Type,
    TypeFilter,
    field_test,
    parse,
)
from stack.search.query.languages import language_name, language_names


@pytest.mark.parametrize(
    ("typed", "field", "pattern"),
    [
        ("repo:acme/app", Field.REPO, Pattern("acme/app")),
        ("r:app", Field.REPO, Pattern("app")),
        ("org:acme", Field.ORG, Pattern("acme")),
        ("lang:rust", Field.LANG, Pattern("Rust")),
        ("l:c++", Field.LANG, Pattern("C++")),
        ("lang:golang", Field.LANG, Pattern("Go")),
        ("lang:py", Field.LANG, Pattern("Python")),
        ("path:src/net", Field.PATH, Pattern("src/net")),
        ("path:*.go", Field.PATH, Pattern("*.go", Form.GLOB)),
        ("path:/_test\\.go$/", Field.PATH, Pattern("_test\\.go$", Form.REGEX)),
        ('path:"my dir/x"', Field.PATH, Pattern("my dir/x")),
        ("f:main.rs", Field.FILE, Pattern("main.rs")),
        ("file:[id].tsx", Field.FILE, Pattern("[id].tsx")),
        ("sym:empty?", Field.SYM, Pattern("empty?")),
        ("sym:operator()", Field.SYM, Pattern("operator()")),
        ('author:"Jane Doe"', Field.AUTHOR, Pattern("Jane Doe")),
        ("branch:release/1.0", Field.BRANCH, Pattern("release/1.0")),
        ("path:tests++/a%b#c", Field.PATH, Pattern("tests++/a%b#c")),
        ("path:测试", Field.PATH, Pattern("测试")),
    ],
)
def test_filters_with_patterns(typed: str, field: Field, pattern: Pattern) -> None:
    """Text, glob, expression or phrase; languages by name, alias or extension."""
    assert parse(typed).root == FieldFilter(field, pattern)


@pytest.mark.parametrize("flag", list(Flag))
def test_every_flag(flag: Flag) -> None:
    """`is:` knows them in any case."""
    assert parse(f"is:{flag.value}").root == IsFilter(flag)
    assert parse(f"is:{flag.value.upper()}").root == IsFilter(flag)


@pytest.mark.parametrize("kind", list(Type))
def test_every_type(kind: Type) -> None:
    """`type:` knows them."""
    assert parse(f"type:{kind.value}").root == TypeFilter(kind)


@pytest.mark.parametrize(
    ("text", "start"), [("2024", (2024, 1, 1)), ("2024-03", (2024, 3, 1)), ("2024-02-29", (2024, 2, 29))]
)
def test_dates_are_the_start_of_a_period_in_utc(text: str, start: tuple[int, int, int]) -> None:
    """`after:` is from then on, `before:` is until then: together a half-open range."""
    seconds = int(datetime(*start, tzinfo=UTC).timestamp())
    after, before = parse(f"after:{text}").root, parse(f"before:{text}").root
    assert isinstance(after, DateFilter)
    assert isinstance(before, DateFilter)
    assert (after.low, after.high) == (seconds, None)
    assert (before.low, before.high) == (None, seconds)


@pytest.mark.parametrize(
    "text", ["24", "2024-13", "2024-02-30", "2024-2", "0000", "2024-01-01T00:00", "yesterday", "٢٠٢٤", "2024-00"]
)
def test_a_date_that_does_not_exist_is_refused(text: str) -> None:
    """The message shows the three forms and how to search for the text."""
    with pytest.raises(QueryError, match="is not a date") as caught:
        parse(f"foo before:{text}")
    assert caught.value.position == 4
    assert "before:2024-03-31" in caught.value.fix
    assert f'"before:{text}"' in caught.value.fix


@pytest.mark.parametrize(
    ("typed", "suggestion"),
    [
        ("lang:pyton", "Python"),
        ("lang:javscript", "JavaScript"),
        ("type:isue", "issue"),
        ("type:repository", "repo"),
        ("is:publik", "public"),
        ("is:forked", "fork"),
    ],
)
def test_a_wrong_value_is_answered_with_the_nearest_right_one(typed: str, suggestion: str) -> None:
    """And with how to search for it as text."""
    with pytest.raises(QueryError, match="did you mean") as caught:
        parse(typed)
    assert suggestion in caught.value.fix
    assert f'"{typed}"' in caught.value.fix


@pytest.mark.parametrize("typed", ['repo:""', 'lang:""', "lang:/x/", "type:/code/", "is:/fork/", "before:/2024/"])
def test_a_value_of_the_wrong_form_is_refused(typed: str) -> None:
    """Only patterns can be expressions; no value is empty."""
    with pytest.raises(QueryError):
        parse(typed)


@pytest.mark.parametrize(
    ("typed", "hint"),
    [
        ("langauge:go", "lang:"),
        ("language:go", "lang:"),
        ("symbol:X", "sym:"),
        ("repo:", "repo:"),
        ("auther:x", "author:"),
    ],
)
def test_text_that_reads_like_a_filter_gets_a_hint(typed: str, hint: str) -> None:
    """It is searched for as text, and the reader is told."""
    query = parse(typed)
    assert query.root == Literal(typed)
    assert len(query.hints) == 1
    assert hint in query.hints[0]


@pytest.mark.parametrize("typed", ["https://x", "std::vector", "C:\\x", "a:b", "localhost:80", "path::Path", "TODO:"])
def test_ordinary_code_gets_no_hint(typed: str) -> None:
    """A colon alone is no mistake."""
    assert parse(typed).hints == ()


def test_names_win_over_extensions() -> None:
    """Every display name is known by itself, in any case and with hyphens for spaces."""
    for name in language_names():
        assert language_name(name.lower()) == name
        assert language_name(name.upper().replace(" ", "-")) == name
    assert language_name("no such language") is None


@pytest.mark.parametrize(
    ("typed", "value", "holds"),
    [
        ("repo:app", "acme/app", True),
        ("repo:APP", "acme/app", True),
        ("repo:app", "acme/app2", False),
        ("repo:app", "app/other", False),
        ("repo:acme/app", "acme/app", True),
        ("repo:acme/*", "acme/app", True),
        ("repo:a*", "acme/app", True),
        ("repo:a*", "acme/bapp", False),
        ("repo:/me.app/", "acme/app", True),
        ("org:acme", "acme", True),
        ("org:acme", "acme2", False),
        ("path:net", "src/net/http.go", True),
        ("path:src/net", "src/net/http.go", True),
        ("path:src/net/", "src/net/http.go", True),
        ("path:/", "anything", True),
        ("path:rc/net", "src/net/http.go", False),
        ("path:net/http", "src/net/http.go", False),
        ("path:*.go", "src/net/http.go", True),
        ("path:*.go", "src/net/http.gox", False),
        ("path:src/*.go", "src/net/http.go", False),
        ("path:src/**/*.go", "src/net/http.go", True),
        ("path:src/**/*.go", "src/http.go", True),
        ("path:src/**", "src/net/http.go", True),
        ("path:/^src/", "src/net", True),
        ("path:测试", "a/测试/b", True),
        ("path:tests++", "tests++/a", True),
        ("file:http.go", "src/net/HTTP.go", True),
        ("file:net", "src/net/http.go", False),
        ("file:*_test.go", "src/net/http_test.go", True),
        ("file:/^h/", "src/http.go", True),
        ("file:/^src/", "src/http.go", False),
        ("sym:Read*", "ReadString", True),
        ("sym:readstring", "ReadString", True),
        ("sym:Read", "ReadString", False),
        ('author:"jane doe"', "Jane Doe", True),
        ("branch:Main", "main", False),
        ("branch:main", "main", True),
    ],
)
def test_what_a_pattern_means(typed: str, value: str, holds: bool) -> None:
    """Whole components, globs within a component, expressions anywhere."""
    root = parse(typed).root
    assert isinstance(root, FieldFilter)
    assert field_test(root)(value) is holds
