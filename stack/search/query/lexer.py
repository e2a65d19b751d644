"""Cuts a query into tokens, and decides which parentheses group and which are text.

Code is full of the characters that query languages like to keep for themselves. The rules, in the order applied:

- A token ends at white space. A phrase `"…"` or an expression `/…/` may hold white space, but it has to begin where a
  token begins (after a `-`, a `name:` or a grouping parenthesis) and end where one ends; otherwise it is plain text.
- A parenthesis groups if it and its partner stand alone, or if an `or` stands between them. All others are text.
- `-` negates what follows if that is a phrase, an expression, a group, a filter, or a word of more than one letter.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import Enum, auto

__all__ = ["FILTER_NAMES", "Token", "TokenKind", "lex"]

_ALIASES = {"r": "repo", "f": "file", "l": "lang"}
FILTER_NAMES = {
    name: name
    for name in (
        "repo", "org", "lang", "path", "file", "sym", "author", "branch", "before", "after", "is", "type", "case",
    )
} | _ALIASES  # fmt: skip
"""What can stand before a colon, and the filter it means."""

_FILTER = re.compile(r"([a-z]+):(?=[^\s:])")
_PHRASE = re.compile(r'"((?:[^"\\]|\\.)*)"', re.DOTALL)
# Not `//`, `/*` and `/ `: comments and divisions. RE2 could do nothing with a leading `*` anyway.
_REGEX = re.compile(r"/(?![\s*/])((?:[^/\\]|\\.)+)/", re.DOTALL)
_ESCAPED_QUOTE = re.compile(r'\\(["\\])')
_ESCAPED = re.compile(r"\\(.)", re.DOTALL)


class TokenKind(Enum):
    """What a token is."""

    OPEN = auto()
    CLOSE = auto()
    OR = auto()
    PLAIN = auto()
    PHRASE = auto()
    REGEX = auto()


@dataclass(slots=True)
class Token:
    """One token.

    Args:
        kind: OPEN and CLOSE are parentheses that group.
        text: escapes resolved; of a filter, its value.
        position: 0-based character of the query.
        source: as typed.
        negated: a `-` stood before it.
        filter: the filter's name, `""` if it is none.
    """

    kind: TokenKind
    text: str
    position: int
    source: str
    negated: bool = False
    filter: str = ""


@dataclass(slots=True)
class _Paren:
    """A parenthesis that may group."""

    position: int
    negated: bool
    chunk: int
    alone: bool
    groups: bool = False


@dataclass(slots=True)
class _Chunk:
    """What stands between two white spaces: parentheses, then a body, then parentheses."""

    opens: list[_Paren]
    start: int
    end: int
    closes: list[_Paren]
    body: Token | None


def lex(query: str) -> list[Token]:
    """All tokens of a query; every query has some reading, so nothing is raised."""
    chunks: list[_Chunk] = []
    position = 0
    while True:
        while position < len(query) and query[position].isspace():
            position += 1
        if position == len(query):
            break
        chunk, position = _chunk(query, position, len(chunks))
        chunks.append(chunk)
    _pair(query, chunks)
    return [token for chunk in chunks for token in _tokens(query, chunk)]


def _chunk(query: str, start: int, number: int) -> tuple[_Chunk, int]:
    opens, position = _opens(query, start, number)
    body, end, tail = _delimited(query, position)
    if body is None:
        tail = position
        while tail < len(query) and not query[tail].isspace():
            tail += 1
        trailing = _unmatched_at_end(query[position:tail])
        end = tail - trailing
    alone = end == position
    if alone and opens and tail > end:  # `()`: neither stands alone, both are text
        alone = False
    closes = [_Paren(at, negated=False, chunk=number, alone=alone) for at in range(end, tail)]
    for paren in opens:
        paren.alone = alone and not closes
    return _Chunk(opens, position, end, closes, body), tail


def _opens(query: str, position: int, number: int) -> tuple[list[_Paren], int]:
    found: list[_Paren] = []
    while True:
        negated = query.startswith("-(", position)
        if not negated and not query.startswith("(", position):
            return found, position
        found.append(_Paren(position, negated=negated, chunk=number, alone=False))
        position += 2 if negated else 1


def _unmatched_at_end(text: str) -> int:
    """How many of the parentheses at the end close nothing within the text."""
    depth = unmatched = 0
    for character in text:
        if character == "(":
            depth += 1
        elif character == ")" and depth:
            depth -= 1
        elif character == ")":
            unmatched += 1
    return min(unmatched, len(text) - len(text.rstrip(")")))


def _delimited(query: str, start: int) -> tuple[Token | None, int, int]:
    """A phrase or an expression that begins here: the token, its end, and the end of the parentheses after it."""
    position = start + 1 if query.startswith("-", start) else start
    name = _FILTER.match(query, position)
    field = FILTER_NAMES.get(name[1], "") if name else ""
    if name and field:
        position = name.end()
    phrase = _PHRASE.match(query, position)
    match = phrase or _REGEX.match(query, position)
    if match is None:
        return None, start, start
    tail = match.end()
    while query.startswith(")", tail):
        tail += 1
    if tail < len(query) and not query[tail].isspace():
        return None, start, start
    kind = TokenKind.PHRASE if phrase else TokenKind.REGEX
    text = _ESCAPED_QUOTE.sub(r"\1", match[1]) if phrase else _ESCAPED.sub(_unescape_slash, match[1])
    negated = query.startswith("-", start)
    return Token(kind, text, start, query[start : match.end()], negated, field), match.end(), tail


def _unescape_slash(match: re.Match[str]) -> str:
    return "/" if match[1] == "/" else match[0]


def _pair(query: str, chunks: list[_Chunk]) -> None:
    """Mark the parentheses that group."""
    is_or = [_is_or(query, chunk) for chunk in chunks]
    stack: list[_Paren] = []
    pairs: list[tuple[_Paren, _Paren]] = []
    for chunk in chunks:
        stack.extend(chunk.opens)
        pairs.extend((stack.pop(), close) for close in chunk.closes if stack)
    outer_until = -1
    for opening, closing in sorted(pairs, key=lambda pair: pair[0].position):
        alternatives = any(is_or[opening.chunk + 1 : closing.chunk])
        alone = opening.alone and closing.alone and closing.chunk - opening.chunk > 1
        if alone or alternatives or closing.position < outer_until:
            opening.groups = closing.groups = True
        if alternatives:
            outer_until = max(outer_until, closing.position)


def _is_or(query: str, chunk: _Chunk) -> bool:
    return not chunk.opens and not chunk.closes and query[chunk.start : chunk.end] in ("or", "OR")


def _tokens(query: str, chunk: _Chunk) -> list[Token]:
    """The tokens of a chunk; parentheses that do not group are given back to the text they touch."""
    tokens: list[Token] = []
    start, end, whole = chunk.start, chunk.end, chunk.body is None
    loose: list[_Paren] = []
    for paren in chunk.opens:
        if paren.groups:
            tokens += [_text(query, p.position, p.position + 1 + p.negated) for p in loose]
            loose = []
            source = "-(" if paren.negated else "("
            tokens.append(Token(TokenKind.OPEN, "(", paren.position, source, paren.negated))
        else:
            loose.append(paren)
    after: list[Token] = []
    if loose and whole:
        start = loose[0].position
    elif loose:
        tokens += [_text(query, p.position, p.position + 1 + p.negated) for p in loose]
    for paren in chunk.closes:
        if paren.groups:
            after.append(Token(TokenKind.CLOSE, ")", paren.position, ")"))
        elif whole and not after:
            end = paren.position + 1
        else:
            after.append(_text(query, paren.position, paren.position + 1))
    if chunk.body is not None:
        tokens.append(chunk.body)
    elif end > start:
        tokens.append(_plain(query, start, end))
    return tokens + after


def _text(query: str, start: int, end: int) -> Token:
    return Token(TokenKind.PLAIN, query[start:end], start, query[start:end])


def _plain(query: str, start: int, end: int) -> Token:
    """A word, a literal, a filter or an `or`, perhaps negated."""
    source = query[start:end]
    if source in ("or", "OR"):
        return Token(TokenKind.OR, source, start, source)
    negated = _negates(source)
    text = source[1:] if negated else source
    name = _FILTER.match(text)
    field = FILTER_NAMES.get(name[1], "") if name else ""
    if name and field:
        text = text[name.end() :]
    return Token(TokenKind.PLAIN, text, start, source, negated, field)


def _negates(source: str) -> bool:
    """`-word`, `-std::vector` and `-repo:x` negate; `-`, `->`, `--flag`, `-5` and the command-line flag `-r` do not."""
    rest = source[1:]
    if not source.startswith("-") or not rest or not (rest[0].isalpha() or rest[0] == "_"):
        return False
    return len(rest) > 1 or not rest.isascii()
