"""Reads the values of filters, and says what would have been right."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable
from datetime import UTC, datetime
from enum import StrEnum
from typing import TypeVar

from stack.search.query.errors import QueryError
from stack.search.query.languages import language_name, similar_languages
from stack.search.query.lexer import FILTER_NAMES, Token, TokenKind
from stack.search.query.nodes import (
    Case,
    DateFilter,
    Edge,
    Field,
    FieldFilter,
    Flag,
    Form,
    IsFilter,
    Leaf,
    Pattern,
    Type,
    TypeFilter,
)
from stack.search.query.regex import RegexError, compile_regex

__all__ = ["check_regex", "filter_hint", "filter_of"]

_DATE = re.compile(r"([0-9]{4})(?:-([0-9]{2})(?:-([0-9]{2}))?)?")
_UNKNOWN = re.compile(r"-?([a-z]+):(?!//|:)")
_ELSEWHERE = {
    "language": "lang",
    "symbol": "sym",
    "user": "org",
    "owner": "org",
    "filename": "file",
    "extension": "path",
    "since": "after",
    "until": "before",
}
_FILTERS_AND_OTHERS = {name: name for name in set(FILTER_NAMES.values())} | _ELSEWHERE

_Choice = TypeVar("_Choice", bound=StrEnum)


def filter_of(token: Token) -> Leaf | Case:
    """What a filter's token means.

    Raises:
        QueryError: its value is none that this filter has.
    """
    if token.filter in ("before", "after"):
        return _date(token)
    if token.filter == "is":
        return IsFilter(_choice(token, Flag))
    if token.filter == "type":
        return TypeFilter(_choice(token, Type))
    if token.filter == "case":
        return _choice(token, Case)
    if not token.text:
        raise QueryError(f"{token.filter}: has an empty value", position=token.position, on=token.source)
    field = Field(token.filter)
    return FieldFilter(field, _language(token) if field is Field.LANG else _pattern(token))


def _pattern(token: Token) -> Pattern:
    if token.kind is TokenKind.REGEX:
        check_regex(token)
        return Pattern(token.text, Form.REGEX)
    return Pattern(token.text, Form.GLOB if "*" in token.text else Form.TEXT)


def check_regex(token: Token) -> None:
    """Refuse an expression that RE2 refuses.

    Raises:
        QueryError: with RE2's words, and the place in the query.
    """
    try:
        compile_regex(token.text)
    except RegexError as error:
        raise QueryError(
            error.what,
            position=token.position + (0 if error.offset is None else _offset_in_source(token, error.offset)),
            on=token.source,
            got=error.message,
            fix='RE2 syntax; to search for this as text, put it in quotation marks: "…"',
        ) from None


def _offset_in_source(token: Token, offset: int) -> int:
    """Where a character of the expression stands in what was typed: there, each slash has a backslash before it."""
    begin = token.source.index("/") + 1
    slashes = token.text.count("/", 0, offset)
    return begin + offset + slashes


def _language(token: Token) -> Pattern:
    name = language_name(token.text)
    if name is not None:
        return Pattern(name)
    raise QueryError(
        f"{token.text!r} is not a language known here",
        position=token.position,
        on=token.source,
        fix=_or_quote(similar_languages(token.text), token),
    )


def _choice(token: Token, choices: type[_Choice]) -> _Choice:
    values = [choice.value for choice in choices]
    if token.kind is not TokenKind.REGEX and token.text.lower() in values:
        return choices(token.text.lower())
    close = difflib.get_close_matches(token.text.lower(), values, n=2, cutoff=0.5)
    raise QueryError(
        f"{token.filter}: has no {token.text!r}",
        position=token.position,
        on=token.source,
        got=f"known: {', '.join(values)}",
        fix=_or_quote(close, token),
    )


def _date(token: Token) -> DateFilter:
    match = _DATE.fullmatch(token.text) if token.kind is not TokenKind.REGEX else None
    try:
        if match is not None:
            year, month, day = (int(part) if part else 1 for part in match.groups())
            start = datetime(year, month, day, tzinfo=UTC)
            return DateFilter(Edge(token.filter), token.text, int(start.timestamp()))
        reason = ""
    except ValueError as error:
        reason = str(error)
    raise QueryError(
        f"{token.text!r} is not a date",
        position=token.position,
        on=token.source,
        got=reason,
        fix=_or_quote([f"{token.filter}:2024", f"{token.filter}:2024-03", f"{token.filter}:2024-03-31"], token),
    )


def _or_quote(suggestions: Iterable[str], token: Token) -> str:
    listed = " or ".join(suggestions)
    source = token.source.removeprefix("-").replace("\\", "\\\\").replace('"', '\\"')
    literal = f'to search for it as text: "{source}"'
    return f"did you mean {listed}? Or {literal}" if listed else literal


def filter_hint(token: Token) -> str:
    """A remark for a literal that reads like a mistyped filter; empty if it does not."""
    match = _UNKNOWN.match(token.source)
    if match is None or token.kind is not TokenKind.PLAIN or token.filter:
        return ""
    typed, whole = match[1], match.end() == len(token.source)
    if typed in FILTER_NAMES:
        return f"{typed}: without a value was searched for as text" if whole else ""
    close = difflib.get_close_matches(typed, _FILTERS_AND_OTHERS, n=1, cutoff=0.75)
    if not close:
        return ""
    return f"{typed}: is not a filter and was searched for as text; did you mean {_FILTERS_AND_OTHERS[close[0]]}:?"
