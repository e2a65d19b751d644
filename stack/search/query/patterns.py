"""What a filter's pattern means for one value: the single truth behind whatever an engine pre-selects."""

from __future__ import annotations

import re
from collections.abc import Callable

from stack.search.query.nodes import Field, FieldFilter, Form
from stack.search.query.regex import compile_regex

__all__ = ["field_test"]

_EXACT_CASE = frozenset({Field.BRANCH})
_STARS = re.compile(r"(\*\*/|\*+)")


def field_test(wanted: FieldFilter) -> Callable[[str], bool]:
    """A test for one value of the field.

    - `repo:` of `owner/name`: `name` or `owner/name`; `path:` of a path: consecutive whole components anywhere in it;
      `file:` of a path: its last component; the others: the whole value.
    - In a glob `*` stands for anything within a component, `**` for anything at all.
    - An expression may match anywhere in the value (`file:` in the last component).

    Case is ignored, except in branch names.

    Args:
        wanted: a filter.
    """
    field, pattern = wanted.field, wanted.pattern
    fold = field not in _EXACT_CASE
    expression = pattern.text if pattern.form is Form.REGEX else rf"\A(?:{_expression(wanted)})\z"
    compiled = compile_regex(expression, case_sensitive=not fold)
    last_only = field is Field.FILE

    def test(value: str) -> bool:
        subject = value.rpartition("/")[2] if last_only else value
        return compiled.search(subject.encode("utf-8", "surrogatepass")) is not None

    return test


def _expression(wanted: FieldFilter) -> str:
    text = wanted.pattern.text
    if wanted.field is Field.PATH:
        components = text.strip("/")
        return rf"(?:(?s:.*)/)?{_glob(components)}(?:/(?s:.*))?" if components else "(?s:.*)"
    if wanted.field is Field.REPO and "/" not in text:
        return rf"[^/]*/{_glob(text)}"
    return _glob(text)


def _glob(text: str) -> str:
    pieces = _STARS.split(text)
    return "".join(_star(piece) if number % 2 else _escaped(piece) for number, piece in enumerate(pieces))


def _star(stars: str) -> str:
    if stars == "**/":
        return "(?:(?s:.*)/)?"
    return "[^/]*" if stars == "*" else "(?s:.*)"


def _escaped(text: str) -> str:
    return re.sub(r"([\x00-\x7f])", lambda match: match[1] if match[1].isalnum() else _escape(match[1]), text)


def _escape(character: str) -> str:
    return f"\\x{{{ord(character):x}}}"
