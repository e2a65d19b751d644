r"""Looks at the real text: what is found here is found, whatever an index thought.

Texts may end their lines with `\r\n`. Expressions and literals see `\n` there, so that `;$` and a phrase over two
lines mean the same in every file; offsets are those of the text as it is. A pattern that speaks of `\r` sees it.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice

from stack.search.query.nodes import Case, Regex, TextAtom
from stack.search.query.regex import CompiledRegex, compile_regex, is_case_sensitive

__all__ = ["MAX_LINE_CHARS", "MAX_MATCHES", "Match", "Matcher"]

MAX_MATCHES = 100
MAX_LINE_CHARS = 1024
"""Of `Match.line_text`; a longer line is shown from a little before the match."""

_BEFORE_MATCH = 80
_CONTINUATION = bytes(range(0x80, 0xC0))
_ORDINARY = re.compile(rb"[^A-Za-z0-9_\x80-\xff]")
_SPEAKS_OF_CR = re.compile(r"\r|\\(?:r|x0[dD]|x\{0*[dD]\}|015)")


@dataclass(frozen=True, slots=True)
class Match:
    """One occurrence.

    Args:
        line: 1-based; lines end at a newline.
        column: 1-based, in characters.
        start: offset in the text, in characters.
        end: offset behind the last character.
        line_text: the line that it begins in, without its end, at most 1,024 characters of it.
        line_start: offset of the first character of `line_text`.
    """

    line: int
    column: int
    start: int
    end: int
    line_text: str
    line_start: int


class Matcher:
    """Finds one atom of a query in texts; every search is linear in the text."""

    def __init__(self, atom: TextAtom, case: Case = Case.AUTO) -> None:
        """Prepare to look for an atom.

        Args:
            atom: words and literals match as they stand, anywhere; expressions as RE2 does, `^` and `$` at each line.
            case: what the query says; see `stack.search.query.is_case_sensitive`.

        Raises:
            RegexError: the expression does not compile.
        """
        self.atom = atom
        sensitive = is_case_sensitive(atom, case)
        pattern = atom.pattern if isinstance(atom, Regex) else atom.text.replace("\r\n", "\n")
        self._keeps_cr = (_SPEAKS_OF_CR.search(pattern) is not None) if isinstance(atom, Regex) else "\r" in pattern
        self._literal = b""
        self._regex: CompiledRegex | None = None
        if isinstance(atom, Regex):
            self._regex = compile_regex(pattern, case_sensitive=sensitive)
        elif sensitive or not any(map(_has_case, pattern)):
            self._literal = pattern.encode("utf-8")
        else:
            self._regex = compile_regex(_quote(pattern), case_sensitive=False)

    def occurs(self, text: str) -> bool:
        """Whether the text has a match at all, be it an empty one."""
        return next(self._spans(self._bytes(text)), None) is not None

    def find(self, text: str, *, limit: int = MAX_MATCHES) -> tuple[Match, ...]:
        """The first matches, from left to right, none within another; of empty ones, one per line.

        Args:
            text: the whole file.
            limit: at most this many.
        """
        data = self._bytes(text)
        place = _Place(text, data, removed_cr=self._removes_cr(text))
        return tuple(place.match(start, end) for start, end in islice(self._spans(data), limit))

    def _removes_cr(self, text: str) -> bool:
        return not self._keeps_cr and "\r\n" in text

    def _bytes(self, text: str) -> bytes:
        data = text.encode("utf-8", "surrogatepass")
        return data.replace(b"\r\n", b"\n") if self._removes_cr(text) else data

    def _spans(self, data: bytes) -> Iterator[tuple[int, int]]:
        at = 0
        while at <= len(data):
            span = self._next(data, at)
            if span is None:
                return
            yield span
            start, end = span
            if end > start:
                at = end
            else:
                newline = data.find(b"\n", end)
                at = len(data) + 1 if newline < 0 else newline + 1

    def _next(self, data: bytes, at: int) -> tuple[int, int] | None:
        if self._regex is not None:
            match = self._regex.search(data, at)
            return match.span() if match is not None else None
        start = data.find(self._literal, at)
        return (start, start + len(self._literal)) if start >= 0 else None


def _has_case(character: str) -> bool:
    return character.lower() != character or character.upper() != character


def _quote(text: str) -> str:
    quoted = _ORDINARY.sub(lambda match: b"\\x{%x}" % match[0][0], text.encode("utf-8"))
    return quoted.decode("utf-8")


class _Place:
    """Turns byte offsets, which only ever grow, into lines, columns and offsets in characters."""

    def __init__(self, text: str, data: bytes, *, removed_cr: bool) -> None:
        self._text = text
        self._data = data
        self._is_plain = text.isascii()
        self._removed = (
            [found.start() - number for number, found in enumerate(re.finditer("\r\n", text))] if removed_cr else []
        )
        self._bytes = self._characters = 0
        self._line = 1
        self._line_at = 0

    def match(self, start: int, end: int) -> Match:
        """The match at these bytes."""
        first, last = self._offset(start), self._offset(end)
        self._line += self._text.count("\n", self._line_at, first)
        self._line_at = first
        line_start = self._text.rfind("\n", 0, first) + 1
        line_end = self._text.find("\n", first)
        line_end = len(self._text) if line_end < 0 else line_end
        column = first - line_start + 1
        if self._text[line_start:line_end].endswith("\r"):
            line_end -= 1
        if line_end - line_start > MAX_LINE_CHARS:
            line_start = max(line_start, min(first - _BEFORE_MATCH, line_end - MAX_LINE_CHARS))
            line_end = min(line_end, line_start + MAX_LINE_CHARS)
        return Match(self._line, column, first, last, self._text[line_start:line_end], line_start)

    def _offset(self, at: int) -> int:
        characters = self._count(at)
        return characters + bisect_left(self._removed, characters) if self._removed else characters

    def _count(self, at: int) -> int:
        if self._is_plain:
            return at
        if at < self._bytes:
            self._bytes = self._characters = 0
        piece = self._data[self._bytes : at]
        self._characters += len(piece.translate(None, _CONTINUATION))
        self._bytes = at
        return self._characters
