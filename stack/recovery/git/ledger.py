"""The database's side of the journal: which pushes wait to be shipped, what refs were, and what nobody announced."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

import psycopg
from psycopg.types.json import Jsonb

from stack.forge.git_local import LocalGit
from stack.forge.names import git_name, wiki_git_name
from stack.recovery.git.journal import Move

__all__ = [
    "Backlog",
    "Key",
    "Row",
    "Synced",
    "backlog",
    "before",
    "forget",
    "is_kept",
    "look",
    "mark_shipped",
    "place_of",
    "rows",
    "sync",
    "waiting",
]

Key = tuple[int, bool]
"""A git repository of the forge: the id of its row, and whether it is the wiki's."""

_KNOWN = 2000  # refs that a pack is made against: more would cost more to name than it saves
_LONGEST = 2000  # bytes of a ref's name, as in the migration
_LIVE = """\
SELECT r.id, o.name, r.name FROM repository r JOIN owner o ON o.id = r.owner_id WHERE r.deleted_at IS NULL"""


@dataclass(frozen=True)
class Row:
    """One row of `push_journal`; `stack.recovery.git.journal.Entry` explains each."""

    id: int
    repository: int
    is_wiki: bool
    owner: str
    name: str
    moves: tuple[Move, ...]
    doubtful: bool
    seen: bool
    previous: int | None
    accepted: datetime


@dataclass(frozen=True)
class Backlog:
    """What waits to be shipped: rows, and the age of the oldest in seconds by the database's clock, or 0."""

    rows: int
    lag: float


@dataclass
class Synced:
    """What a comparison of git with the database came to.

    Attributes:
        looked: git repositories that were read.
        seen: those whose refs were not what the database said; a row was written for each.
        missing: repositories with refs in the database that are not on the disk; nothing is written for them.
        emptied: those that have lost all their refs; nothing is written for them, since nobody deletes all of them so.
    """

    looked: int = 0
    seen: list[str] = field(default_factory=list)
    missing: list[str] = field(default_factory=list)
    emptied: list[str] = field(default_factory=list)


def is_kept(conninfo: str) -> bool:
    """Whether this database is a forge's, with a journal of pushes."""
    with psycopg.connect(conninfo) as db:
        row = db.execute("SELECT to_regclass('push_journal') IS NOT NULL").fetchone()
    return row == (True,)


def waiting(db: psycopg.Connection) -> list[Key]:
    """Git repositories with rows that are not shipped, the one that waits longest first."""
    query = (
        "SELECT repository_id, is_wiki FROM push_journal WHERE shipped_at IS NULL"
        " GROUP BY repository_id, is_wiki ORDER BY min(id)"
    )
    return [(row[0], row[1]) for row in db.execute(query).fetchall()]


def backlog(db: psycopg.Connection) -> Backlog:
    """How much waits, and for how long."""
    query = (
        "SELECT count(*), coalesce(extract(epoch FROM clock_timestamp() - min(created_at)), 0)"
        " FROM push_journal WHERE shipped_at IS NULL"
    )
    row = db.execute(query).fetchone()
    assert row is not None, "an aggregate has a row"  # noqa: S101
    return Backlog(row[0], max(0.0, float(row[1])))


def rows(db: psycopg.Connection, key: Key, *, limit: int) -> list[Row]:
    """Rows of one git repository that are not shipped, in their order."""
    query = (
        "SELECT id, repository_id, is_wiki, owner, name, updates, is_doubtful, is_seen, previous, created_at"
        " FROM push_journal WHERE repository_id = %s AND is_wiki = %s AND shipped_at IS NULL ORDER BY id LIMIT %s"
    )
    found = []
    for id_, repository, is_wiki, owner, name, updates, doubtful, seen, previous, at in db.execute(
        query, (*key, limit)
    ).fetchall():
        moves = tuple(Move.model_validate(move) for move in updates)
        found.append(Row(id_, repository, is_wiki, owner, name, moves, doubtful, seen, previous, at))
    return found


def before(db: psycopg.Connection, key: Key, row: int, *, limit: int = _KNOWN) -> dict[str, str]:
    """What refs were before a row that is not older than the oldest one kept; up to `limit` of them.

    Counted back from what they are, in one statement, so that a push in between changes nothing.
    """
    query = """
        WITH later AS (
            SELECT DISTINCT ON (m.ref) m.ref, m.old
            FROM push_journal j, jsonb_to_recordset(j.updates) AS m (ref text, old text)
            WHERE j.repository_id = %(repository)s AND j.is_wiki = %(wiki)s AND j.id >= %(row)s
            ORDER BY m.ref, j.id
        )
        SELECT ref, old FROM later WHERE old IS NOT NULL
        UNION ALL (
            SELECT r.ref, r.oid FROM repository_ref r
            WHERE r.repository_id = %(repository)s AND r.is_wiki = %(wiki)s
                AND NOT EXISTS (SELECT FROM later l WHERE l.ref = r.ref)
            ORDER BY r.ref LIMIT %(limit)s
        )
    """
    given = {"repository": key[0], "wiki": key[1], "row": row, "limit": limit}
    return dict(db.execute(query, given).fetchall())


def mark_shipped(db: psycopg.Connection, ids: Sequence[int]) -> None:
    """They are in the bucket."""
    db.execute("UPDATE push_journal SET shipped_at = clock_timestamp() WHERE id = ANY(%s)", (list(ids),))


def forget(conninfo: str, floor: int) -> int:
    """Delete rows up to this one that are shipped: every set that is kept holds their pushes. How many went."""
    with psycopg.connect(conninfo) as db:
        query = "DELETE FROM push_journal WHERE id <= %s AND shipped_at IS NOT NULL"
        return db.execute(query, (floor,)).rowcount


def place_of(db: psycopg.Connection, git_root: Path, key: Key) -> Path | None:
    """Where a git repository is now, by whatever name it has; None when the forge has deleted it."""
    row = db.execute(f"{_LIVE} AND r.id = %s", (key[0],)).fetchone()
    return None if row is None else git_root / _named(row[1], row[2], wiki=key[1])


def look(db: psycopg.Connection, git_root: Path, key: Key) -> str:
    """Compare the refs of a git repository with the database, and write a row of what nobody announced.

    The repository's row is locked meanwhile, as whoever announces a push does; so what is read is not older than what
    the database knows.

    Returns:
        `same`, `seen` (a row was written), `gone` (deleted in the forge), `missing` or `emptied` (see `Synced`).

    Raises:
        GitError: git could not read it.
    """
    with db.transaction():
        row = db.execute(f"{_LIVE} AND r.id = %s FOR NO KEY UPDATE OF r", (key[0],)).fetchone()
        if row is None:
            _clear(db, key)
            return "gone"
        repo = _named(row[1], row[2], wiki=key[1])
        git = LocalGit(git_root)
        known = _held(db, key)
        if not git.exists(repo):
            return "missing" if known else "same"
        there = {ref: oid for ref, oid in git.refs(repo).items() if _can_be_told(ref)}
        if known and not there:
            return "emptied"
        _clear(db, key)
        moves = [
            {"ref": ref, "old": known.get(ref), "new": there.get(ref)}
            for ref in sorted(known.keys() | there.keys())
            if known.get(ref) != there.get(ref)
        ]
        if not moves:
            return "same"
        db.execute("SELECT journal_refs(%s, %s, %s, %s, %s, true)", (*key, row[1], row[2], Jsonb(moves)))
        return "seen"


def sync(conninfo: str, git_root: Path) -> Synced:
    """Compare every git repository of the forge with the database; see `look`.

    For a forge that had repositories before it had a journal, and for pushes that went by it.

    Raises:
        GitError: git could not read one.
    """
    done = Synced()
    git = LocalGit(git_root)
    with psycopg.connect(conninfo, autocommit=True) as db:
        for repository, owner, name in db.execute(f"{_LIVE} ORDER BY r.id").fetchall():
            for wiki in (False, True):
                key, repo = (repository, wiki), _named(owner, name, wiki=wiki)
                there = git.exists(repo)
                done.looked += there
                if there and git.refs(repo) == _held(db, key):
                    continue
                _note(done, repo, look(db, git_root, key))
    return done


def _note(done: Synced, repo: str, found: str) -> None:
    lists: Mapping[str, list[str]] = {"seen": done.seen, "missing": done.missing, "emptied": done.emptied}
    if found in lists:
        lists[found].append(repo)


def _named(owner: str, name: str, *, wiki: bool) -> str:
    return wiki_git_name(owner, name) if wiki else git_name(owner, name)


def _held(db: psycopg.Connection, key: Key) -> dict[str, str]:
    return dict(_pairs(db, key))


def _pairs(db: psycopg.Connection, key: Key) -> Iterator[tuple[str, str]]:
    query = "SELECT ref, oid FROM repository_ref WHERE repository_id = %s AND is_wiki = %s"
    yield from db.execute(query, key).fetchall()


def _clear(db: psycopg.Connection, key: Key) -> None:
    query = "UPDATE push_journal SET is_doubtful = false WHERE repository_id = %s AND is_wiki = %s AND is_doubtful"
    db.execute(query, key)


def _can_be_told(ref: str) -> bool:
    try:
        return ref.startswith("refs/") and len(ref.encode()) <= _LONGEST
    except UnicodeEncodeError:
        return False  # no UTF-8: a text column cannot hold it
