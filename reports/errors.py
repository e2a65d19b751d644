"""What can go wrong while a run is judged and written down.

This package is the lowest layer and knows nothing of the stack. An exception raised by a step or a fixture says that
something a verification needs is not there by carrying a `need: str` attribute (see `missing_need`); where it also has
`what`, `on`, `got` and `fix` strings, the report shows them.
"""

from __future__ import annotations

__all__ = ["EvidenceError", "ReportError", "UsageError", "missing_need"]

_MOST_CAUSES = 20


class ReportError(Exception):
    """Something about the report itself did not work; says what, on what, what came back and what to try next."""

    def __init__(self, what: str, *, on: str = "", got: str = "", fix: str = "") -> None:
        """Keep the parts.

        Args:
            what: what was attempted, as a sentence without a full stop.
            on: the file or key it was attempted on.
            got: what came back.
            fix: what the reader can do about it.
        """
        super().__init__(what)
        self.what = what
        self.on = on
        self.got = got
        self.fix = fix

    def __str__(self) -> str:
        """One line per part that is known."""
        parts = [("on", self.on), ("got", self.got), ("fix", self.fix)]
        return "\n".join([self.what, *(f"  {label}: {text}" for label, text in parts if text)])


class UsageError(ReportError):
    """A scope file or an option is not valid: nothing was run (exit code 64)."""


class EvidenceError(ReportError):
    """Evidence could not be written, or what was read is no evidence of a known schema."""


def missing_need(error: BaseException) -> str | None:
    """The need that an exception, or one of its explicit causes, says is missing.

    Only `raise ... from` chains are followed: an error that merely happened while another one was handled may well be
    a false Then, and must stay one.
    """
    cause: BaseException | None = error
    for _ in range(_MOST_CAUSES):
        if cause is None:
            return None
        need = getattr(cause, "need", None)
        if isinstance(need, str) and need:
            return need
        cause = cause.__cause__
    return None
