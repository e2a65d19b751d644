"""The root of every error that Engine Room raises on purpose."""

from __future__ import annotations

__all__ = ["EngineRoomError", "NeedMissingError", "UsageError"]


class EngineRoomError(Exception):
    """Something was attempted and did not work; says what, on what, what came back and what to try next."""

    def __init__(self, what: str, *, on: str = "", got: str = "", fix: str = "") -> None:
        """Keep the parts, so that a report can show them one by one.

        Args:
            what: what was attempted, as a sentence without a full stop.
            on: the file, host, component or repository it was attempted on.
            got: what came back (the last lines of output, an exit code, a status).
            fix: what the reader can do about it.
        """
        super().__init__(what)
        self.what = what
        self.on = on
        self.got = got
        self.fix = fix

    def __str__(self) -> str:
        """One line per part that is known."""
        lines = [self.what]
        for label, text in (("on", self.on), ("got", self.got), ("fix", self.fix)):
            if text:
                lines.append(f"  {label}: {text}")
        return "\n".join(lines)


class UsageError(EngineRoomError):
    """The command line, a configuration file or a query is not valid: nothing was touched (exit code 64)."""


class NeedMissingError(EngineRoomError):
    """Something a verification needs is not there, so it cannot run: the verdict is could_not_verify."""

    def __init__(self, need: str, what: str, *, on: str = "", got: str = "", fix: str = "") -> None:
        """Name the need as a scope file would (`meilisearch`, `containers`)."""
        super().__init__(what, on=on, got=got, fix=fix)
        self.need = need
