"""A forge whose events stay in the outbox until what they announce can be found: what is there is what is behind."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import NamedTuple

from stack.forge.model import EventKind, OutboxEvent
from stack.forge.smsly import SmslyForge, queries

__all__ = ["Backlog", "HoldingForge", "Released", "Taken"]


class Taken(NamedTuple):
    """An event that a run has taken and not yet made good."""

    id: int
    kind: EventKind
    repository_id: int | None


class Released(NamedTuple):
    """An event that is made good: its kind, and seconds since it was written."""

    kind: EventKind
    age: float


@dataclass(frozen=True, slots=True)
class Backlog:
    """The outbox at one moment.

    Args:
        events: how many wait.
        newest: the highest id among them; 0 without any.
        oldest_age: seconds since the oldest was written, by the database's clock; `None` without any.
        scopes: changes whenever anything was ever taken from the outbox, by whichever indexer.
    """

    events: int
    newest: int
    oldest_age: float | None
    scopes: int


class HoldingForge(SmslyForge):
    """Hands events out once per run, and deletes them only when told that they are made good.

    An indexer acknowledges events before it has acted upon them, and makes up for it with what it keeps in its state.
    For that the events are needed no more; for knowing how far behind the index is, they are.
    """

    def __init__(self, conninfo: str) -> None:
        """Connect to nothing yet."""
        super().__init__(conninfo)
        self.taken: list[Taken] = []
        self.on_taken: Callable[[], None] = lambda: None
        self._after = 0

    def begin(self) -> None:
        """A run begins: everything in the outbox is news to it."""
        self.taken = []
        self._after = 0

    def events(self, *, limit: int) -> list[OutboxEvent]:
        """The next ones, each once in a run; their order doesn't matter, since a run takes all before it acts."""
        query = queries.EVENT + "WHERE id > %(after)s ORDER BY id LIMIT %(limit)s"
        rows = self._db.rows(query, {"after": self._after, "limit": limit})
        found = [queries.to_event(row) for row in rows]
        if found:
            self._after = found[-1].id
        else:
            self.on_taken()
        self.taken += [Taken(event.id, event.kind, event.repository_id) for event in found]
        return found

    def acknowledge(self, event_ids: Iterable[int]) -> None:
        """Do nothing yet: see `made_good`."""

    def made_good(self, events: Iterable[Taken]) -> list[Released]:
        """Forget events that are made good."""
        query = """
            DELETE FROM search_outbox WHERE id = ANY(%(ids)s)
            RETURNING kind, extract(epoch FROM clock_timestamp() - created_at)::float8 AS age
        """
        rows = self._db.rows(query, {"ids": [event.id for event in events]})
        return [Released(EventKind(row["kind"]), max(0.0, row["age"])) for row in rows]

    def backlog(self) -> Backlog:
        """Look at the outbox."""
        row = self._db.row("""
            SELECT count(*) AS events, coalesce(max(id), 0) AS newest,
                extract(epoch FROM clock_timestamp() - min(created_at))::float8 AS oldest_age,
                (SELECT coalesce(sum(version), 0) FROM search.scope)::bigint AS scopes
            FROM search_outbox
        """)
        assert row is not None  # noqa: S101 - an aggregate is one row
        age = row["oldest_age"]
        return Backlog(row["events"], row["newest"], None if age is None else max(0.0, age), row["scopes"])
