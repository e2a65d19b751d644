"""What a query that cannot be understood raises."""

from __future__ import annotations

from stack.errors import UsageError

__all__ = ["QueryError"]


class QueryError(UsageError):
    """A query is not valid; `position` says where (0-based, in characters)."""

    def __init__(self, what: str, *, position: int, on: str = "", got: str = "", fix: str = "") -> None:
        """Name the place as people count.

        Args:
            what: what is wrong.
            position: 0-based character of the query.
            on: the piece of the query.
            got: what came back from the regular expression engine.
            fix: what to type instead.
        """
        super().__init__(what, on=f"character {position + 1}" + (f": {on}" if on else ""), got=got, fix=fix)
        self.position = position
