"""The typed tree of a query: what the parser gives and everything else reads."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import StrEnum

__all__ = [
    "AllOf",
    "AnyOf",
    "Case",
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
    "Regex",
    "TextAtom",
    "Type",
    "TypeFilter",
    "Word",
]


class Case(StrEnum):
    """`case:`: AUTO is smart case (see `stack.search.query.regex.is_case_sensitive`)."""

    AUTO = "auto"
    YES = "yes"
    NO = "no"


class Field(StrEnum):
    """Filters whose value is a pattern."""

    REPO = "repo"
    ORG = "org"
    LANG = "lang"
    PATH = "path"
    FILE = "file"
    SYM = "sym"
    AUTHOR = "author"
    BRANCH = "branch"


class Edge(StrEnum):
    """Which end of a range of dates a filter sets."""

    BEFORE = "before"
    AFTER = "after"


class Type(StrEnum):
    """`type:`: what is looked for."""

    CODE = "code"
    ISSUE = "issue"
    PR = "pr"
    WIKI = "wiki"
    USER = "user"
    ORG = "org"
    REPO = "repo"
    PATH = "path"
    SYMBOL = "symbol"


class Flag(StrEnum):
    """`is:`: a property of the repository, of the piece of work, or of the file."""

    PUBLIC = "public"
    PRIVATE = "private"
    ARCHIVED = "archived"
    FORK = "fork"
    OPEN = "open"
    CLOSED = "closed"
    MERGED = "merged"
    TEST = "test"
    VENDORED = "vendored"
    GENERATED = "generated"


class Form(StrEnum):
    """How a pattern is to be read."""

    TEXT = "text"
    GLOB = "glob"
    REGEX = "regex"


@dataclass(frozen=True, slots=True)
class Pattern:
    """A filter's value; a text with a `*` is a glob."""

    text: str
    form: Form = Form.TEXT


@dataclass(frozen=True, slots=True)
class Word:
    """Letters, digits and underscores only: a word for the engine."""

    text: str


@dataclass(frozen=True, slots=True)
class Literal:
    """Text that must occur exactly as it stands, punctuation and all.

    Args:
        text: the text, escapes resolved.
        quoted: it was typed in quotation marks. A hint only: it plays no part in equality.
    """

    text: str
    quoted: bool = field(default=False, compare=False)


@dataclass(frozen=True, slots=True)
class Regex:
    r"""A regular expression in RE2's syntax, known to compile; `^` and `$` are the ends of a line."""

    pattern: str


@dataclass(frozen=True, slots=True)
class FieldFilter:
    """`repo: org: lang: path: file: sym: author: branch:`; a language is its display name."""

    field: Field
    pattern: Pattern


@dataclass(frozen=True, slots=True)
class DateFilter:
    """`before:` or `after:`.

    Args:
        edge: which end.
        text: the date as typed: YYYY, YYYY-MM or YYYY-MM-DD.
        seconds: first second of that period in UTC, since 1970.
    """

    edge: Edge
    text: str
    seconds: int

    @property
    def low(self) -> int | None:
        """Seconds since 1970, inclusive: `after:2024` starts with 2024."""
        return self.seconds if self.edge is Edge.AFTER else None

    @property
    def high(self) -> int | None:
        """Seconds since 1970, exclusive: `before:2024` ends with 2023."""
        return self.seconds if self.edge is Edge.BEFORE else None


@dataclass(frozen=True, slots=True)
class IsFilter:
    """`is:`."""

    flag: Flag


@dataclass(frozen=True, slots=True)
class TypeFilter:
    """`type:`."""

    type: Type


@dataclass(frozen=True, slots=True)
class Not:
    """The inner node does not hold."""

    inner: Node


@dataclass(frozen=True, slots=True)
class AllOf:
    """Every part holds; without parts it always holds (the empty query)."""

    parts: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class AnyOf:
    """At least one part holds."""

    parts: tuple[Node, ...]


TextAtom = Word | Literal | Regex
Leaf = TextAtom | FieldFilter | DateFilter | IsFilter | TypeFilter
Node = Leaf | Not | AllOf | AnyOf


@dataclass(frozen=True, slots=True)
class Query:
    """A whole query.

    Args:
        root: the tree.
        case: applies to all of it.
        hints: remarks for the person who typed it (`langauge:` is no filter, did you mean `lang:`?); not compared.
    """

    root: Node
    case: Case = Case.AUTO
    hints: tuple[str, ...] = field(default=(), compare=False)

    @property
    def is_empty(self) -> bool:
        """Nothing was asked for: everything matches."""
        return self.root == AllOf(())

    @property
    def needs_exact(self) -> bool:
        """Whether words cannot answer it: it has a literal, a regular expression, or words with `case:yes`."""
        return any(
            isinstance(leaf, Literal | Regex) or (isinstance(leaf, Word) and self.case is Case.YES)
            for leaf, _ in self.leaves()
        )

    def leaves(self) -> Iterator[tuple[Leaf, bool]]:
        """Every leaf from left to right, with whether it is wanted (true) or stands under a negation."""
        return _leaves(self.root, wanted=True)

    def texts(self) -> tuple[TextAtom, ...]:
        """The wanted words, literals and regular expressions, from left to right."""
        return tuple(leaf for leaf, wanted in self.leaves() if wanted and isinstance(leaf, Word | Literal | Regex))


def _leaves(node: Node, *, wanted: bool) -> Iterator[tuple[Leaf, bool]]:
    if isinstance(node, Not):
        yield from _leaves(node.inner, wanted=not wanted)
    elif isinstance(node, AllOf | AnyOf):
        for part in node.parts:
            yield from _leaves(part, wanted=wanted)
    else:
        yield node, wanted
