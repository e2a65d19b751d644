"""Writes a tree back as the one canonical query that reads as that tree."""

from __future__ import annotations

import re

from stack.search.query.lexer import TokenKind, lex
from stack.search.query.nodes import (
    AllOf,
    AnyOf,
    Case,
    DateFilter,
    FieldFilter,
    Form,
    IsFilter,
    Leaf,
    Literal,
    Node,
    Not,
    Pattern,
    Query,
    Regex,
    TypeFilter,
    Word,
)

__all__ = ["render"]

_SLASH = re.compile(r"\\.|/", re.DOTALL)
_SAFE_VALUE = re.compile(r'[^\s"():/\\][^\s"()]*')


def render(query: Query) -> str:
    """The canonical text; parsing it gives an equal query.

    Args:
        query: as the parser gives it.
    """
    parts = [_node(query.root, inside_all=False)] if not query.is_empty else []
    if query.case is not Case.AUTO:
        # An `or` at the top would take the filter for a part of its last side only to read, not in meaning: no group.
        parts.append(f"case:{query.case.value}")
    return " ".join(parts)


def _node(node: Node, *, inside_all: bool) -> str:
    if isinstance(node, AllOf):
        return " ".join(_node(part, inside_all=True) for part in node.parts)
    if isinstance(node, AnyOf):
        text = " or ".join(_node(part, inside_all=False) for part in node.parts)
        return f"( {text} )" if inside_all else text
    if isinstance(node, Not):
        return _negated(node.inner)
    return _leaf(node)


def _negated(inner: Node) -> str:
    if isinstance(inner, AllOf | AnyOf | Not):
        return f"-( {_node(inner, inside_all=False)} )"
    text = _leaf(inner)
    tokens = lex(f"-{text}")
    return f"-{text}" if len(tokens) == 1 and tokens[0].negated else f"-( {text} )"


def _leaf(leaf: Leaf) -> str:
    match leaf:
        case Word(text):
            return text
        case Literal():
            return _literal(leaf)
        case Regex(pattern):
            return _regex(pattern)
        case _:
            return _filter(leaf)


def _filter(leaf: FieldFilter | DateFilter | IsFilter | TypeFilter) -> str:
    match leaf:
        case FieldFilter(field, pattern):
            return f"{field.value}:{_value(pattern)}"
        case DateFilter(edge, text, _):
            return f"{edge.value}:{text}"
        case IsFilter(flag):
            return f"is:{flag.value}"
        case TypeFilter(kind):
            return f"type:{kind.value}"


def _literal(literal: Literal) -> str:
    """As typed, where that reads the same anywhere in a query; in quotation marks otherwise."""
    text = literal.text
    if not literal.quoted and not any(character in "()" for character in text):
        tokens = lex(text)
        if (
            len(tokens) == 1
            and tokens[0].kind is TokenKind.PLAIN
            and tokens[0].text == text
            and not text.startswith("-")
        ):
            return text
    return _quoted(text)


def _quoted(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def _regex(pattern: str) -> str:
    return "/" + _SLASH.sub(lambda match: "\\/" if match[0] == "/" else match[0], pattern) + "/"


def _value(pattern: Pattern) -> str:
    if pattern.form is Form.REGEX:
        return _regex(pattern.text)
    return pattern.text if _SAFE_VALUE.fullmatch(pattern.text) else _quoted(pattern.text)
