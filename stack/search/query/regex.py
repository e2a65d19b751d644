"""Regular expressions as queries use them: RE2, so that every search is linear in the text."""

from __future__ import annotations

import re
from typing import Protocol, cast

import re2

from stack.errors import UsageError
from stack.search.query.nodes import Case, Literal, Regex, TextAtom

__all__ = ["CompiledRegex", "RegexError", "compile_regex", "is_case_sensitive"]

# Parts of a pattern whose letters are not text: \pL and \p{Greek}, \x{1F}, other escapes, and what follows `(?`.
_NOT_TEXT = re.compile(r"\\[pP](?:\{[^}]*\}|.)|\\x\{[^}]*\}|\\x..|\\.|\(\?(?:P?<\w*>|[A-Za-z-]*)", re.DOTALL)


class RegexMatch(Protocol):
    """What a search gives; offsets in bytes."""

    def span(self) -> tuple[int, int]:
        """Start and end."""


class CompiledRegex(Protocol):
    """A compiled expression over UTF-8 bytes."""

    def search(self, text: bytes, pos: int = 0) -> RegexMatch | None:
        """The leftmost match at or after `pos`, seen in the context of the whole text."""


class RegexError(UsageError):
    """RE2 does not take a pattern; `offset` says where in it, when RE2's message tells."""

    def __init__(self, what: str, *, pattern: str, message: str, offset: int | None) -> None:
        """Keep RE2's own message.

        Args:
            what: what is wrong.
            pattern: the expression.
            message: RE2's words.
            offset: 0-based character of the pattern.
        """
        place = "" if offset is None else f"character {offset + 1} of "
        super().__init__(
            what, on=f"{place}/{pattern}/", got=message, fix="RE2 syntax: no look-around, no back-references"
        )
        self.message = message
        self.offset = offset


def compile_regex(pattern: str, *, case_sensitive: bool = True) -> CompiledRegex:
    r"""Compile a pattern: `^` and `$` at every line, `.` without the line's end, UTF-8.

    Args:
        pattern: RE2 syntax.
        case_sensitive: false folds case as Unicode's simple folding does.

    Raises:
        RegexError: RE2 refuses it.
    """
    options = re2.Options()
    options.log_errors = False
    options.case_sensitive = case_sensitive
    options.never_capture = True
    try:
        # The pattern alone first, so that the message is about what was typed and a stray `)` cannot close our group.
        re2.compile(pattern.encode("utf-8"), options)
        return cast("CompiledRegex", re2.compile(b"(?m)" + pattern.encode("utf-8"), options))
    except UnicodeEncodeError as error:
        raise RegexError(
            "the regular expression is not valid Unicode",
            pattern=ascii(pattern),
            message=error.reason,
            offset=error.start,
        ) from error
    except re2.error as error:
        raw = error.args[0] if error.args else b""
        message = raw.decode("utf-8", "replace") if isinstance(raw, bytes) else str(raw)
        raise RegexError(
            "the regular expression is not valid", pattern=pattern, message=message, offset=_offset(pattern, message)
        ) from None


def _offset(pattern: str, message: str) -> int | None:
    """RE2 ends its message with the piece it stumbled over; where that is the whole pattern, it says nothing."""
    _, colon, piece = message.partition(": ")
    found = pattern.rfind(piece) if colon and piece and piece != pattern else -1
    return found if found >= 0 else None


def is_case_sensitive(atom: TextAtom, case: Case) -> bool:
    r"""Smart case: literals and expressions heed case if they hold an upper-case letter, words only with `case:yes`.

    Args:
        atom: a word, a literal or a regular expression; the letters of escapes such as `\S` do not count.
        case: what the query says.
    """
    if case is not Case.AUTO:
        return case is Case.YES
    if isinstance(atom, Regex):
        return any(map(str.isupper, _NOT_TEXT.sub("", atom.pattern)))
    return isinstance(atom, Literal) and any(map(str.isupper, atom.text))
