r"""Reads RE2's syntax just far enough to say which text a match must contain.

The grammar is RE2's (doc/syntax.txt of its repository). The pattern is known to compile. Whatever is not understood
becomes `Anything`, which requires nothing: that is slower, never wrong.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

__all__ = ["MAX_NESTING", "Alternatives", "Anything", "Characters", "Piece", "Repeat", "Sequence", "Text", "read"]

MAX_NESTING = 50
_MANY = 1000
_COUNT = re.compile(r"\{(\d+)(?:(,)(\d*))?\}")
_GROUP = re.compile(r"\((?:\?(?:P?<\w+>|[A-Za-z-]*:)?)?")
_FLAGS = re.compile(r"\(\?[A-Za-z-]*\)")
_NAMED_CLASS = re.compile(r"\[:\^?\w+:\]")
_PROPERTY = re.compile(r"\\[pP](?:\{[^}]*\}|.)", re.DOTALL)
_HEX = re.compile(r"\\x(?:\{([0-9A-Fa-f]+)\}|([0-9A-Fa-f]{2}))")
_OCTAL = re.compile(r"\\(0[0-7]{0,2}|[1-7][0-7]{1,2})")
_CONTROL = {"a": "\a", "f": "\f", "t": "\t", "n": "\n", "r": "\r", "v": "\v"}
_DIGITS = tuple("0123456789")


@dataclass(frozen=True, slots=True)
class Text:
    """These characters, side by side; empty for anchors and word boundaries."""

    text: str


@dataclass(frozen=True, slots=True)
class Characters:
    """One character out of these, or (`None`) one that is not known."""

    choices: tuple[str, ...] | None


@dataclass(frozen=True, slots=True)
class Anything:
    """Any text, or none."""


@dataclass(frozen=True, slots=True)
class Sequence:
    """One after the other."""

    parts: tuple[Piece, ...]


@dataclass(frozen=True, slots=True)
class Alternatives:
    """One of them."""

    parts: tuple[Piece, ...]


@dataclass(frozen=True, slots=True)
class Repeat:
    """At least `low`, at most `high` times (`None`: no bound)."""

    piece: Piece
    low: int
    high: int | None


Piece = Text | Characters | Anything | Sequence | Alternatives | Repeat


class _NotUnderstoodError(Exception):
    """The pattern goes beyond what is read here."""


def read(pattern: str) -> Piece:
    """The structure of a pattern.

    Args:
        pattern: in RE2's syntax, known to compile.
    """
    reader = _Reader(pattern)
    try:
        piece = reader.alternatives(0)
    except _NotUnderstoodError:
        return Anything()
    return piece if reader.at == len(pattern) else Anything()


class _Reader:
    """Recursive descent over the pattern."""

    def __init__(self, pattern: str) -> None:
        self.pattern = pattern
        self.at = 0

    def alternatives(self, depth: int) -> Piece:
        """What stands between bars, up to a closing parenthesis or the end."""
        if depth > MAX_NESTING:
            raise _NotUnderstoodError
        parts = [self._sequence(depth)]
        while self._take("|"):
            parts.append(self._sequence(depth))
        return parts[0] if len(parts) == 1 else Alternatives(tuple(parts))

    def _sequence(self, depth: int) -> Piece:
        parts: list[Piece] = []
        while self.at < len(self.pattern) and self.pattern[self.at] not in "|)":
            flags = _FLAGS.match(self.pattern, self.at)
            if flags:
                self.at = flags.end()
                continue
            pieces = self._quoted() if self._take("\\Q") else [self._one(depth)]
            if pieces:
                pieces[-1] = self._repeated(pieces[-1])
            parts += pieces
        return Sequence(tuple(parts))

    def _one(self, depth: int) -> Piece:
        character = self.pattern[self.at]
        if character == "(":
            return self._group(depth)
        if character == "[":
            return self._class()
        if character == "\\":
            return self._escape()
        if self._bounds() is not None:
            # After flags or `\\Q\\E` RE2 repeats what stood before them.
            raise _NotUnderstoodError
        self.at += 1
        if character in "^$":
            return Text("")
        return Characters(None) if character == "." else Text(character)

    def _group(self, depth: int) -> Piece:
        opening = _GROUP.match(self.pattern, self.at)
        if opening is None:  # pragma: no cover - the pattern of a group matches every parenthesis
            raise _NotUnderstoodError
        self.at = opening.end()
        inner = self.alternatives(depth + 1)
        if not self._take(")"):
            raise _NotUnderstoodError
        return inner

    def _quoted(self) -> list[Piece]:
        end = self.pattern.find("\\E", self.at)
        text = self.pattern[self.at :] if end < 0 else self.pattern[self.at : end]
        self.at = len(self.pattern) if end < 0 else end + 2
        return [Text(character) for character in text]

    def _repeated(self, piece: Piece) -> Piece:
        """The piece with the repetitions that follow it; RE2 allows no stacked ones but lazy `?`."""
        while self.at < len(self.pattern):
            bounds = self._bounds()
            if bounds is None:
                break
            self._take("?")
            piece = Repeat(piece, *bounds)
        return piece

    def _bounds(self) -> tuple[int, int | None] | None:
        character = self.pattern[self.at]
        simple: dict[str, tuple[int, int | None]] = {"*": (0, None), "+": (1, None), "?": (0, 1)}
        if character in simple:
            self.at += 1
            return simple[character]
        count = _COUNT.match(self.pattern, self.at)
        if count is None or int(count[1]) > _MANY:
            return None
        self.at = count.end()
        low = int(count[1])
        if not count[2]:
            return low, low
        return low, int(count[3]) if count[3] else None

    def _escape(self) -> Piece:
        """One escape outside of a class."""
        rest = self.pattern[self.at + 1 : self.at + 2]
        if rest and rest in "AzbB":
            self.at += 2
            return Text("")
        if rest == "C":
            self.at += 2
            return Characters(None)
        choices = self._choices()
        if choices is not None and len(choices) == 1:
            return Text(choices[0])
        return Characters(choices)

    def _choices(self) -> tuple[str, ...] | None:
        """The characters an escape stands for, in a class or outside; `None` for many."""
        for form in (_HEX, _OCTAL):
            match = form.match(self.pattern, self.at)
            if match:
                self.at = match.end()
                digits = next(group for group in match.groups() if group)
                return (chr(int(digits, 16 if form is _HEX else 8)),)
        match = _PROPERTY.match(self.pattern, self.at)
        if match:
            self.at = match.end()
            return None
        letter = self.pattern[self.at + 1 : self.at + 2]
        self.at += 2
        if letter == "d":
            return _DIGITS
        if letter in _CONTROL:
            return (_CONTROL[letter],)
        if letter.isalnum() or letter == "":
            return None
        return (letter,)

    def _class(self) -> Piece:
        """A bracketed class: its characters if they are few."""
        self.at += 1
        negated = self._take("^")
        known: list[str] | None = None if negated else []
        first = True
        while first or not self.pattern.startswith("]", self.at):
            if self.at >= len(self.pattern):
                raise _NotUnderstoodError
            found = self._class_item()
            known = None if known is None or found is None else known + list(found)
            if known is not None and len(known) > _MANY:
                known = None
            first = False
        self.at += 1
        return Characters(None if known is None else tuple(dict.fromkeys(known)))

    def _class_item(self) -> tuple[str, ...] | None:
        named = _NAMED_CLASS.match(self.pattern, self.at)
        if named:
            self.at = named.end()
            return None
        low = self._class_character()
        if low is None or len(low) > 1:
            return low
        if not self.pattern.startswith("-", self.at) or self.pattern.startswith("-]", self.at):
            return low
        self.at += 1
        high = self._class_character()
        if high is None or len(high) > 1 or ord(high[0]) - ord(low[0]) > _MANY:
            return None
        return tuple(map(chr, range(ord(low[0]), ord(high[0]) + 1)))

    def _class_character(self) -> tuple[str, ...] | None:
        if self.pattern.startswith("\\", self.at):
            return self._choices()
        self.at += 1
        return (self.pattern[self.at - 1],)

    def _take(self, text: str) -> bool:
        if not self.pattern.startswith(text, self.at):
            return False
        self.at += len(text)
        return True
