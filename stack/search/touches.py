"""The last change of each path of a repository, however many there are: kept in a scratch database that may spill."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable
from dataclasses import dataclass

from stack.forge.git import Touch

__all__ = ["LastChange", "Touches"]

_CACHE_KIB = 16 * 1024
_BATCH = 5000


@dataclass(frozen=True, slots=True)
class LastChange:
    """Who changed a path last: author's date and committer's date in seconds since 1970."""

    author: str = ""
    commit: str = ""
    date: int = 0
    committed: int = 0


class Touches:
    """From path to last change. The first touch of a path counts, later ones are ignored.

    A database without a name is SQLite's own temporary one: in memory while it is small, then in a file that is gone
    when it is closed (sqlite.org, "In-Memory Databases", temporary databases).
    """

    def __init__(self) -> None:
        """Begin empty."""
        self._db = sqlite3.connect("", isolation_level=None)
        self._db.execute(f"PRAGMA cache_size = -{_CACHE_KIB}")
        self._db.execute("PRAGMA journal_mode = OFF")
        self._db.execute("CREATE TABLE person (id INTEGER PRIMARY KEY, name TEXT UNIQUE)")
        self._db.execute(
            "CREATE TABLE touch (path BLOB PRIMARY KEY, person INTEGER, oid BLOB, date INTEGER, committed INTEGER)"
            " WITHOUT ROWID"
        )
        self._people: dict[str, int] = {}

    def add(self, touches: Iterable[Touch]) -> None:
        """Take a stream of them, newest first."""
        batch: list[tuple[bytes, int, bytes, int, int]] = []
        for touch in touches:
            batch.append(
                (
                    touch.path,
                    self._person(touch.author_name),
                    bytes.fromhex(touch.commit),
                    int(touch.author_date.timestamp()),
                    int(touch.commit_date.timestamp()),
                )
            )
            if len(batch) >= _BATCH:
                self._insert(batch)
                batch = []
        self._insert(batch)

    def get(self, path: bytes) -> LastChange | None:
        """The last change of a path, if one is known."""
        row = self._db.execute(
            "SELECT name, oid, date, committed FROM touch JOIN person ON person.id = touch.person WHERE path = ?",
            (path,),
        ).fetchone()
        return LastChange(row[0], row[1].hex(), row[2], row[3]) if row else None

    def close(self) -> None:
        """Give it up."""
        self._db.close()

    def _person(self, name: str) -> int:
        if name not in self._people:
            number = len(self._people)
            # A name that is no text (git keeps any bytes) is stored as it can be shown.
            shown = name.encode("utf-8", "replace").decode("utf-8")
            self._db.execute("INSERT OR IGNORE INTO person VALUES (?, ?)", (number, shown))
            self._people[name] = self._db.execute("SELECT id FROM person WHERE name = ?", (shown,)).fetchone()[0]
        return self._people[name]

    def _insert(self, batch: list[tuple[bytes, int, bytes, int, int]]) -> None:
        self._db.execute("BEGIN")
        self._db.executemany("INSERT OR IGNORE INTO touch VALUES (?, ?, ?, ?, ?)", batch)
        self._db.execute("COMMIT")
