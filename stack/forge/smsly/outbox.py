"""The transactional outbox: pushes are announced here, and a consumer takes events and acknowledges them."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from stack.forge.model import EventKind, OutboxEvent, RefUpdate
from stack.forge.smsly import queries
from stack.forge.smsly.base import SmslyBase, announce, moment, repository_row

__all__ = ["Outbox"]


class Outbox(SmslyBase):
    """See `Forge` for what each verb promises."""

    def record_push(
        self,
        owner: str,
        name: str,
        updates: Iterable[RefUpdate],
        *,
        digest: str | None = None,
        wiki: bool = False,
        at: datetime | None = None,
    ) -> None:
        """Announce a push, and remember what the refs are now."""
        with self._db.transaction() as connection:
            row = repository_row(connection, owner, name)
            connection.execute("UPDATE repository SET updated_at = %s WHERE id = %s", [moment(at), row["id"]])
            if digest is not None:
                connection.execute(
                    """
                    INSERT INTO repository_refs (repository_id, is_wiki, digest, recorded_at)
                    VALUES (%(repository)s, %(wiki)s, %(digest)s, %(at)s)
                    ON CONFLICT (repository_id, is_wiki)
                    DO UPDATE SET digest = EXCLUDED.digest, recorded_at = EXCLUDED.recorded_at
                    """,
                    {"repository": row["id"], "wiki": wiki, "digest": digest, "at": moment(at)},
                )
            kind = EventKind.WIKI if wiki else EventKind.PUSH
            announce(connection, kind, repository=row, updates=updates)

    def ref_digests(self) -> dict[tuple[int, bool], str]:
        """What the refs were when a push was last announced."""
        rows = self._db.rows("SELECT repository_id, is_wiki, digest FROM repository_refs")
        return {(row["repository_id"], row["is_wiki"]): row["digest"] for row in rows}

    def events(self, *, limit: int) -> list[OutboxEvent]:
        """The next events: what narrows visibility first, then the oldest."""
        query = queries.EVENT + "ORDER BY priority, id LIMIT %(limit)s"
        return [queries.to_event(row) for row in self._db.rows(query, {"limit": limit})]

    def pending(self) -> int:
        """How many events wait."""
        row = self._db.row("SELECT count(*) AS waiting FROM search_outbox")
        return int(row["waiting"]) if row else 0

    def acknowledge(self, event_ids: Iterable[int]) -> None:
        """Forget events that were acted upon."""
        with self._db.transaction() as connection:
            connection.execute("DELETE FROM search_outbox WHERE id = ANY(%s)", [list(event_ids)])
