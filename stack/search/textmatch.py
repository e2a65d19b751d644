"""Evaluates what is left of a query on one file: its text, its path, its fields."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from stack.search.engines.base import Filter, JsonValue
from stack.search.exact.grams import EVERYTHING, TrigramQuery, all_grams, any_grams, literal_query
from stack.search.exact.regex_grams import regex_query
from stack.search.exact.verify import Match, Matcher
from stack.search.extract.symbol import Symbol
from stack.search.filters import matches
from stack.search.query import nodes
from stack.search.query.nodes import Case, Node
from stack.search.query.patterns import field_test

__all__ = ["Subject", "TextTest", "grams_of"]

_MATCHES = 10


@dataclass(frozen=True, slots=True)
class Subject:
    """One file: text, the fields filters look at, and its definitions (asked for only when needed)."""

    text: str
    fields: Mapping[str, JsonValue]
    symbols: Callable[[], list[Symbol]]


@dataclass(slots=True)
class TextTest:
    """A query's tree made ready to be tried on many files.

    Beside exact text a word is text as well: it counts as found wherever it stands in the file, be it part of a longer
    word.

    Args:
        root: what has to hold.
        case: of the whole query.
        filter_of: the filter that a leaf without text stands for.
    """

    root: Node
    case: Case
    filter_of: Callable[[Node], Filter]
    _matchers: dict[nodes.TextAtom, Matcher] = field(default_factory=dict)
    _filters: dict[Node, Filter] = field(default_factory=dict)

    def holds(self, subject: Subject) -> bool:
        """Whether a file matches."""
        return self._holds(self.root, subject)

    def found(self, subject: Subject) -> list[Match]:
        """Where the wanted texts stand, line by line in the order of the file; the first of each leaf always."""
        found: dict[tuple[int, int], Match] = {}
        for leaf in _wanted(self.root):
            for match in self._matcher(leaf).find(subject.text, limit=_MATCHES):
                found.setdefault((match.line, match.column), match)
        return [found[place] for place in sorted(found)]

    def _holds(self, node: Node, subject: Subject) -> bool:
        match node:
            case nodes.AllOf(parts):
                held = all(self._holds(part, subject) for part in parts)
            case nodes.AnyOf(parts):
                held = any(self._holds(part, subject) for part in parts)
            case nodes.Not(inner):
                held = not self._holds(inner, subject)
            case nodes.Word() | nodes.Literal() | nodes.Regex():
                held = self._matcher(node).occurs(subject.text)
            case nodes.FieldFilter(nodes.Field.SYM):
                test = field_test(node)
                held = any(test(symbol.name) for symbol in subject.symbols())
            case _:
                held = matches(self._filter(node), subject.fields)
        return held

    def _filter(self, leaf: Node) -> Filter:
        # Once for the whole search: names and paths are looked up for it in all of the index.
        if leaf not in self._filters:
            self._filters[leaf] = self.filter_of(leaf)
        return self._filters[leaf]

    def _matcher(self, leaf: nodes.TextAtom) -> Matcher:
        if leaf not in self._matchers:
            self._matchers[leaf] = Matcher(leaf, self.case)
        return self._matchers[leaf]


def _wanted(node: Node) -> list[nodes.TextAtom]:
    if isinstance(node, nodes.Word | nodes.Literal | nodes.Regex):
        return [node]
    if isinstance(node, nodes.AllOf | nodes.AnyOf):
        return [leaf for part in node.parts for leaf in _wanted(part)]
    return []


def grams_of(node: Node) -> TrigramQuery:
    """The formula that every file for which the tree can hold satisfies."""
    match node:
        case nodes.AllOf(parts):
            return all_grams(map(grams_of, parts))
        case nodes.AnyOf(parts):
            return any_grams(map(grams_of, parts))
        case nodes.Word(text) | nodes.Literal(text):
            return literal_query(text)
        case nodes.Regex(pattern):
            return regex_query(pattern)
    return EVERYTHING
