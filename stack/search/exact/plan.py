"""From a query to the formula over trigrams that every file it finds fulfils."""

from __future__ import annotations

from stack.search.exact.grams import EVERYTHING, TrigramQuery, all_grams, any_grams, literal_query
from stack.search.exact.regex_grams import regex_query
from stack.search.query.nodes import AllOf, AnyOf, Case, Literal, Node, Query, Regex, Word

__all__ = ["plan"]


def plan(query: Query) -> TrigramQuery:
    """What the text of a file must contain, as far as literals, expressions and (with `case:yes`) words say.

    Other words are left out, because an engine finds them by rules of its own (`flush` in `FlushWriter`); so are
    filters, and so is what is negated: a file that has all trigrams of a text may still lack the text.

    Args:
        query: a parsed query.
    """
    return _node(query.root, words=query.case is Case.YES)


def _node(node: Node, *, words: bool) -> TrigramQuery:
    match node:
        case AllOf(parts):
            return all_grams(_node(part, words=words) for part in parts)
        case AnyOf(parts):
            return any_grams(_node(part, words=words) for part in parts)
        case Literal(text):
            return literal_query(text)
        case Regex(pattern):
            return regex_query(pattern)
        case Word(text) if words:
            return literal_query(text)
        case _:
            return EVERYTHING
