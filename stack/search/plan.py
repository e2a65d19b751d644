"""Turns a parsed query into what the layers of the search are asked."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Protocol

from stack.search.engines.base import And, Equals, Filter, Index, Not, OneOf, Or, Range
from stack.search.extract.identifiers import index_word
from stack.search.query import nodes
from stack.search.query.errors import QueryError
from stack.search.query.nodes import Case, Field, Flag, Form, Node, Query, Type
from stack.search.query.patterns import field_test

__all__ = ["Names", "Plan", "filter_of", "plan"]

_INDEX = {
    Type.CODE: Index.CODE,
    Type.PATH: Index.CODE,
    Type.SYMBOL: Index.CODE,
    Type.ISSUE: Index.ISSUES,
    Type.PR: Index.PULL_REQUESTS,
    Type.WIKI: Index.WIKI,
    Type.USER: Index.USERS,
    Type.ORG: Index.ORGANIZATIONS,
    Type.REPO: Index.REPOSITORIES,
}
_WITHIN = {Type.PATH: ("basename", "path_parts"), Type.SYMBOL: ("symbol_names",)}
_WORK = frozenset({Index.ISSUES, Index.PULL_REQUESTS})
_OF_REPOSITORY = frozenset({Index.CODE, Index.ISSUES, Index.PULL_REQUESTS, Index.WIKI, Index.REPOSITORIES})
_MAX_PATHS = 2_000  # Meilisearch takes time that grows with the square of a filter's length


class Names(Protocol):
    """What has to be looked up to turn a pattern into values."""

    def repositories(self, test: Callable[[str], bool]) -> list[int]:
        """Ids of the repositories whose `owner/name` passes."""

    def forks(self) -> list[int]:
        """Ids of repositories that are forks."""

    def authors(self, test: Callable[[str], bool]) -> list[str]:
        """Authors whose name passes."""

    def files(self, test: Callable[[str], bool], *, limit: int) -> list[str]:
        """At most `limit` ids of files whose path passes."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What to ask.

    Args:
        index: where.
        words: what the engine has to find, all of it.
        none_of: what it must not find.
        within: fields the words are limited to; empty is all.
        filter: everything that is no text.
        exact: what words cannot answer and has to be checked on the real text; `None` when words can answer it all.
        symbols: names that must be defined in the file, where that is not what `within` says already.
    """

    index: Index
    words: tuple[str, ...]
    none_of: tuple[str, ...]
    within: tuple[str, ...]
    filter: Filter
    exact: Node | None
    symbols: tuple[str, ...] = ()


def plan(query: Query, names: Names) -> Plan:
    """Divide a query between the layers.

    Raises:
        QueryError: a filter does not fit what is looked for, or is too broad to be looked up.
    """
    kind = _kind(query)
    index = _INDEX[kind]
    parts = query.root.parts if isinstance(query.root, nodes.AllOf) else (query.root,)
    filters: list[Filter] = []
    words: list[str] = []
    none_of: list[str] = []
    symbols: list[str] = []
    exact: list[Node] = []
    for part in parts:
        symbol = _symbol(part)
        if isinstance(part, nodes.TypeFilter):
            continue
        _check_type(part)
        if symbol is not None and index is Index.CODE:
            symbols.append(symbol)
        elif _only_filters(part):
            filters.append(filter_of(part, index, names))
        elif isinstance(part, nodes.Word) and query.case is not Case.YES:
            words.append(index_word(part.text))
        elif isinstance(part, nodes.Not) and isinstance(part.inner, nodes.Word) and query.case is not Case.YES:
            none_of.append(index_word(part.inner.text))
        else:
            exact.append(part)
    within = _WITHIN.get(kind, ())
    if len(symbols) == 1 and not words and not none_of and not exact and not within:
        words, within, symbols = [symbols[0]], ("symbol_names",), []
    if exact or symbols:
        exact = [*exact, *map(nodes.Word, words), *(nodes.Not(nodes.Word(word)) for word in none_of)]
        words, none_of = [], []
    if exact and index is not Index.CODE:
        words, exact = [*words, *_record_words(exact)], []
    return Plan(
        index=index,
        words=tuple(words),
        none_of=tuple(none_of),
        within=within,
        filter=And(tuple(filters)),
        exact=nodes.AllOf(tuple(exact)) if exact or symbols else None,
        symbols=tuple(symbols),
    )


def _kind(query: Query) -> Type:
    kinds = [leaf.type for leaf, wanted in query.leaves() if isinstance(leaf, nodes.TypeFilter) and wanted]
    if len(set(kinds)) > 1:
        raise QueryError("Only one type: can be searched at a time", position=0, on=" ".join(kinds))
    if kinds:
        return kinds[0]
    work = {Flag.OPEN, Flag.CLOSED, Flag.MERGED}
    for leaf, _ in query.leaves():
        if isinstance(leaf, nodes.IsFilter) and leaf.flag in work:
            return Type.PR if leaf.flag is Flag.MERGED else Type.ISSUE
    return Type.CODE


def _check_type(part: Node) -> None:
    """Raise where a `type:` stands in a part of the query: all of it is looked for in one place."""
    if isinstance(part, nodes.Not) and isinstance(part.inner, nodes.TypeFilter):
        raise QueryError("type: cannot be taken out", position=0, on="-type:", fix="name the type that is wanted")
    if any(isinstance(leaf, nodes.TypeFilter) for leaf in _leaves(part)):
        raise QueryError(
            "type: stands for the whole query, not for one side of an `or`",
            position=0,
            on="type:",
            fix="`or` binds weaker than a blank: put parentheses around it, as in type:issue (is:open or is:closed)",
        )


def _leaves(node: Node) -> Iterator[Node]:
    if isinstance(node, nodes.Not):
        yield from _leaves(node.inner)
    elif isinstance(node, nodes.AllOf | nodes.AnyOf):
        for part in node.parts:
            yield from _leaves(part)
    else:
        yield node


def _symbol(node: Node) -> str | None:
    if isinstance(node, nodes.FieldFilter) and node.field is Field.SYM and node.pattern.form is Form.TEXT:
        return node.pattern.text
    return None


def _only_filters(node: Node) -> bool:
    if isinstance(node, nodes.Not):
        return _only_filters(node.inner)
    if isinstance(node, nodes.AllOf | nodes.AnyOf):
        return all(map(_only_filters, node.parts))
    if isinstance(node, nodes.FieldFilter):
        return node.field is not Field.SYM
    return isinstance(node, nodes.DateFilter | nodes.IsFilter)


def _record_words(parts: list[Node]) -> list[str]:
    """Records have no exact layer: a literal is looked up as the words in it."""
    found: list[str] = []
    for part in parts:
        if isinstance(part, nodes.Word):
            found.append(part.text)
        elif isinstance(part, nodes.Literal):
            found += re.findall(r"\w+", part.text)
        else:
            either = isinstance(part, nodes.AnyOf)
            raise QueryError(
                "Only words and phrases can be looked for here",
                position=0,
                on="or" if either else "type:",
                fix="of words ask for one at a time; filters may be either, in parentheses: (is:open or is:closed)"
                if either
                else "search code with it instead",
            )
    return found


def filter_of(node: Node, index: Index, names: Names) -> Filter:
    """A tree without text as an engine's filter.

    Raises:
        QueryError: a filter does not fit the index, or is too broad to be looked up.
    """
    if isinstance(node, nodes.Not):
        return Not(filter_of(node.inner, index, names))
    if isinstance(node, nodes.AllOf):
        return And(tuple(filter_of(part, index, names) for part in node.parts))
    if isinstance(node, nodes.AnyOf):
        return Or(tuple(filter_of(part, index, names) for part in node.parts))
    if isinstance(node, nodes.DateFilter):
        return Range("date" if index is Index.CODE else "updated", node.low, node.high)
    if isinstance(node, nodes.IsFilter):
        return _flag(node.flag, index, names)
    assert isinstance(node, nodes.FieldFilter)  # noqa: S101 - _only_filters lets nothing else through
    return _field(node, index, names)


def _flag(flag: Flag, index: Index, names: Names) -> Filter:
    if flag in {Flag.PUBLIC, Flag.PRIVATE} and index in _OF_REPOSITORY:
        return Equals("visibility", flag.value)
    if flag in {Flag.TEST, Flag.VENDORED, Flag.GENERATED} and index is Index.CODE:
        return Equals(f"is_{flag.value}", value=True)
    if flag in {Flag.OPEN, Flag.CLOSED, Flag.MERGED} and index in _WORK:
        return Equals("state", flag.value)
    if flag is Flag.ARCHIVED and index in _OF_REPOSITORY:
        return Equals("archived", value=True)
    if flag is Flag.FORK and index in _OF_REPOSITORY:
        return OneOf("repository_id", tuple(names.forks()))
    raise QueryError("This filter does not fit what is looked for", position=0, on=f"is:{flag}", got=f"type {index}")


def _field(node: nodes.FieldFilter, index: Index, names: Names) -> Filter:
    text = node.pattern.text
    match node.field:
        case Field.REPO | Field.ORG if index in _OF_REPOSITORY:
            return OneOf("repository_id", tuple(names.repositories(_on_owner(node))))
        case Field.AUTHOR if index is Index.CODE:
            return OneOf("author", tuple(names.authors(field_test(node))))
        case Field.AUTHOR if node.pattern.form is Form.TEXT:
            return Equals("author", text)
        case Field.LANG if index is Index.CODE:
            return Equals("language", text)
        case Field.BRANCH if index is Index.CODE:
            return Equals("branch", text)
        case Field.PATH | Field.FILE if index is Index.CODE:
            return _path(node, names)
    raise QueryError(
        "This filter does not fit what is looked for", position=0, on=f"{node.field}:{text}", got=f"type {index}"
    )


def _on_owner(node: nodes.FieldFilter) -> Callable[[str], bool]:
    test = field_test(node)
    if node.field is Field.ORG:
        return lambda name: test(name.partition("/")[0])
    return test


def _path(node: nodes.FieldFilter, names: Names) -> Filter:
    text = node.pattern.text.strip("/").lower()
    if node.pattern.form is Form.TEXT:
        return Equals("path_tokens", text if node.field is Field.PATH else f"/{text}")
    if node.pattern.form is Form.GLOB and re.fullmatch(r"\*\.[^*?/]+", text):
        return Equals("path_tokens", text)
    found = names.files(field_test(node), limit=_MAX_PATHS + 1)
    if len(found) > _MAX_PATHS:
        raise QueryError(
            f"This pattern fits more than {_MAX_PATHS:,} paths",
            position=0,
            on=f"{node.field}:{node.pattern.text}",
            fix="narrow it, or name a folder or an extension such as *.rs",
        )
    return OneOf("file_id", tuple(found))
