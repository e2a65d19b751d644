"""Reads a query: text in, typed tree out, or one `QueryError` that says where and what instead."""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass, field

from stack.search.query.errors import QueryError
from stack.search.query.filters import check_regex, filter_hint, filter_of
from stack.search.query.lexer import Token, TokenKind, lex
from stack.search.query.nodes import AllOf, AnyOf, Case, Literal, Node, Not, Query, Regex, Word

__all__ = ["MAX_ATOMS", "MAX_CHARS", "MAX_DEPTH", "all_of", "any_of", "is_word", "negate", "parse"]

MAX_CHARS = 1000
"""As GitHub's code search (docs: search-github/github-code-search/about-github-code-search)."""
MAX_ATOMS = 64
MAX_DEPTH = 16


def parse(text: str) -> Query:
    """Read a query.

    `a b` is both, `a or b` is either and binds weaker, `-a` is without, parentheses group. See docs/query-language.md.

    Args:
        text: what was typed, at most 1,000 characters.

    Raises:
        QueryError: too long, too many or too deep parts, a bad filter value, a bad expression, an `or` without a side.
    """
    if len(text) > MAX_CHARS:
        raise QueryError(
            f"the query has {len(text)} characters", position=MAX_CHARS, fix=f"at most {MAX_CHARS} are allowed"
        )
    surrogate = next((at for at, character in enumerate(text) if "\ud800" <= character <= "\udfff"), None)
    if surrogate is not None:
        raise QueryError("the query is not valid Unicode", position=surrogate)
    parser = _Parser(lex(text), end=len(text))
    root = parser.any_of(depth=0)
    return Query(root, parser.case or Case.AUTO, tuple(dict.fromkeys(parser.hints)))


def is_word(text: str) -> bool:
    """Whether a text has only letters (of any script), marks, digits and underscores."""
    return bool(text) and all(
        character.isalnum() or character == "_" or unicodedata.category(character) in ("Mn", "Mc") for character in text
    )


@dataclass(slots=True)
class _Parser:
    """Recursive descent, one method per level of precedence."""

    tokens: list[Token]
    end: int
    at: int = 0
    atoms: int = 0
    case: Case | None = None
    hints: list[str] = field(default_factory=list)

    def any_of(self, depth: int) -> Node:
        """Alternatives."""
        parts: list[Node] = []
        alternatives = False
        while True:
            part = self.all_of(depth)
            following = self._peek()
            is_or = following is not None and following.kind is TokenKind.OR
            alternatives = alternatives or is_or
            if alternatives and part == AllOf(()):
                raise self._dangling()
            parts.append(part)
            if not is_or:
                return any_of(parts)
            self.at += 1

    def all_of(self, depth: int) -> Node:
        """Things side by side, up to an `or`, a closing parenthesis or the end."""
        parts: list[Node] = []
        while True:
            token = self._peek()
            if token is None or token.kind in (TokenKind.OR, TokenKind.CLOSE):
                return all_of(parts)
            self.at += 1
            node = self._group(token, depth + 1) if token.kind is TokenKind.OPEN else self._atom(token)
            if node is not None:
                parts.append(negate(node) if token.negated else node)

    def _group(self, opening: Token, depth: int) -> Node:
        if depth > MAX_DEPTH:
            raise QueryError(
                "the parentheses are nested too deep", position=opening.position, fix=f"at most {MAX_DEPTH} levels"
            )
        inner = self.any_of(depth)
        self.at += 1  # the lexer only gives parentheses that have a partner
        if inner == AllOf(()):
            raise QueryError(
                "the parentheses hold nothing to search for", position=opening.position, fix="leave them out"
            )
        return inner

    def _atom(self, token: Token) -> Node | None:
        self.atoms += 1
        if self.atoms > MAX_ATOMS:
            raise QueryError(
                "the query has too many parts",
                position=token.position,
                on=token.source,
                fix=f'at most {MAX_ATOMS}; a long piece of text is one part in quotation marks: "…"',
            )
        if token.filter:
            return self._filter(token)
        if token.kind is TokenKind.REGEX:
            check_regex(token)
            return Regex(token.text)
        if token.kind is TokenKind.PHRASE:
            if not token.text:
                raise QueryError(
                    "the phrase is empty", position=token.position, on='""', fix=r'for two quotation marks: "\"\""'
                )
            return Literal(token.text, quoted=True)
        hint = filter_hint(token)
        if hint:
            self.hints.append(hint)
        return Word(token.text) if is_word(token.text) else Literal(token.text)

    def _filter(self, token: Token) -> Node | None:
        meaning = filter_of(token)
        if not isinstance(meaning, Case):
            return meaning
        if token.negated:
            raise QueryError("case: can't be negated", position=token.position, on=token.source, fix="case:no")
        if self.case not in (None, meaning):
            raise QueryError(
                "case: is set twice, to different values",
                position=token.position,
                on=token.source,
                fix="it applies to the whole query: keep one",
            )
        self.case = meaning
        return None

    def _peek(self) -> Token | None:
        return self.tokens[self.at] if self.at < len(self.tokens) else None

    def _dangling(self) -> QueryError:
        token = self._peek()
        position = token.position if token is not None else self.end
        return QueryError(
            "nothing stands on one side of an `or`",
            position=position,
            fix='to search for the word itself: "or"',
        )


def all_of(parts: list[Node]) -> Node:
    """All of the parts, flat; one alone is itself."""
    flat = [inner for part in parts for inner in (part.parts if isinstance(part, AllOf) else (part,))]
    return flat[0] if len(flat) == 1 else AllOf(tuple(flat))


def any_of(parts: list[Node]) -> Node:
    """Any of the parts, flat; one alone is itself."""
    flat = [inner for part in parts for inner in (part.parts if isinstance(part, AnyOf) else (part,))]
    return flat[0] if len(flat) == 1 else AnyOf(tuple(flat))


def negate(node: Node) -> Node:
    """Without the node; twice is the node."""
    return node.inner if isinstance(node, Not) else Not(node)
