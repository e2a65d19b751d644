"""The query language: text to a typed tree and back. See docs/query-language.md."""

from __future__ import annotations

from stack.search.query.errors import QueryError
from stack.search.query.nodes import (
    AllOf,
    AnyOf,
    Case,
    DateFilter,
    Edge,
    Field,
    FieldFilter,
    Flag,
    Form,
    IsFilter,
    Leaf,
    Literal,
    Node,
    Not,
    Pattern,
    Query,
    Regex,
    TextAtom,
    Type,
    TypeFilter,
    Word,
)
from stack.search.query.parser import MAX_ATOMS, MAX_CHARS, MAX_DEPTH, is_word, parse
from stack.search.query.patterns import field_test
from stack.search.query.regex import CompiledRegex, RegexError, compile_regex, is_case_sensitive
from stack.search.query.render import render

__all__ = [
    "MAX_ATOMS",
    "MAX_CHARS",
    "MAX_DEPTH",
    "AllOf",
    "AnyOf",
    "Case",
    "CompiledRegex",
    "DateFilter",
    "Edge",
    "Field",
    "FieldFilter",
    "Flag",
    "Form",
    "IsFilter",
    "Leaf",
    "Literal",
    "Node",
    "Not",
    "Pattern",
    "Query",
    "QueryError",
    "Regex",
    "RegexError",
    "TextAtom",
    "Type",
    "TypeFilter",
    "Word",
    "compile_regex",
    "field_test",
    "is_case_sensitive",
    "is_word",
    "parse",
    "render",
]
