"""What the database keeps of pushes, on a real server: every ref at every moment, and every push in its order."""

from __future__ import annotations

from typing import Any

import psycopg
import pytest
from psycopg.types.json import Jsonb

from stack.forge.hosting import Hosting
from stack.forge.model import RefUpdate
from stack.recovery.git import ledger
from tests.recovery.conftest import Author

A, B, C = "a" * 40, "b" * 40, "c" * 40


def rows(conninfo: str) -> list[dict[str, Any]]:
    """The journal."""
    with psycopg.connect(conninfo, row_factory=psycopg.rows.dict_row) as db:
        return db.execute("SELECT * FROM push_journal ORDER BY id").fetchall()


def refs(conninfo: str, *, wiki: bool = False) -> dict[str, str]:
    """What the database says of all refs."""
    with psycopg.connect(conninfo) as db:
        return dict(db.execute("SELECT ref, oid FROM repository_ref WHERE is_wiki = %s", (wiki,)).fetchall())


def announce(author: Author, *updates: tuple[str, str | None, str | None]) -> None:
    """Announce moves that git need not know of."""
    author.hosting.forge.record_push("ada", author.name, [RefUpdate(*update) for update in updates])


def test_a_push_is_in_the_journal_with_what_refs_are_now(author: Author, conninfo: str) -> None:
    """Made, moved and deleted: each is a row, chained to the one before, and the table of refs follows."""
    first = author.push("one")
    second = author.push("two")
    author.push("three", branch="topic")
    author.hosting.delete_branch("ada", "engine", "topic")
    found = rows(conninfo)
    assert [row["updates"][0]["new"] for row in found][:2] == [first, second]
    assert found[1]["updates"] == [{"ref": "refs/heads/main", "old": first, "new": second}]
    assert found[3]["updates"][0]["new"] is None
    assert [row["previous"] for row in found] == [None, *(row["id"] for row in found[:-1])]
    assert not any(row["is_doubtful"] or row["is_seen"] or row["shipped_at"] for row in found)
    assert refs(conninfo) == {"refs/heads/main": second}


def test_a_push_that_is_rolled_back_leaves_nothing(author: Author, conninfo: str) -> None:
    """The journal is written in the announcement's own transaction."""

    def push_and_fail() -> None:
        with author.hosting.forge.together():
            announce(author, ("refs/heads/main", None, A))
            raise RuntimeError("undone")

    with pytest.raises(RuntimeError, match="undone"):
        push_and_fail()
    assert rows(conninfo) == []
    assert refs(conninfo) == {}


def test_a_wiki_is_apart(author: Author, conninfo: str) -> None:
    """It has refs and a chain of its own; a page's event comes before that of its push, and names no refs."""
    main, home = author.push("one"), author.wiki("home")
    assert refs(conninfo) == {"refs/heads/main": main}
    assert refs(conninfo, wiki=True) == {"refs/heads/main": home}
    found = rows(conninfo)
    assert [(row["is_wiki"], row["previous"]) for row in found] == [(False, None), (True, None), (True, found[1]["id"])]
    assert [row["is_doubtful"] for row in found] == [False, True, False]


def test_what_is_told_twice_is_no_second_move(author: Author, conninfo: str) -> None:
    """The spool announces again what it does not know to be announced."""
    announce(author, ("refs/heads/main", None, A))
    announce(author, ("refs/heads/main", None, A))
    assert [(len(row["updates"]), row["is_doubtful"]) for row in rows(conninfo)] == [(1, False), (0, False)]


def test_a_ref_that_moves_twice_in_one_push_moves_once(author: Author, conninfo: str) -> None:
    """The head of a pull request may follow a branch that itself was merged just now."""
    announce(author, ("refs/pull/1/head", None, A))
    announce(author, ("refs/pull/1/head", A, B), ("refs/heads/main", None, C), ("refs/pull/1/head", B, C))
    assert rows(conninfo)[1]["updates"] == [
        {"ref": "refs/heads/main", "old": None, "new": C},
        {"ref": "refs/pull/1/head", "old": A, "new": C},
    ]
    assert not rows(conninfo)[1]["is_doubtful"]


@pytest.mark.parametrize(
    "updates",
    [[], [{"ref": "refs/heads/main", "old": B, "new": C}], [{"ref": "refs/heads/x", "old": A, "new": None}]],
    ids=["no moves", "not from where it was", "deleted though it was not there"],
)
def test_what_does_not_fit_is_marked(author: Author, conninfo: str, updates: list[dict[str, str]]) -> None:
    """The shipper looks at git then; the chain stays exact, whatever was told."""
    announce(author, ("refs/heads/main", None, A))
    with psycopg.connect(conninfo) as db:
        db.execute(
            "INSERT INTO search_outbox (kind, priority, repository_id, owner, name, updates)"
            " VALUES ('push', 1, %s, 'ada', 'engine', %s)",
            (author.id, Jsonb(updates)),
        )
    doubtful = [row["is_doubtful"] for row in rows(conninfo)]
    # A ref that nobody knew of and that is gone leaves things as they were.
    assert doubtful == [False, not updates or updates[0]["new"] is not None]
    told = rows(conninfo)[1]["updates"]
    assert all(move["old"] == A for move in told)


def test_zeros_are_nothing_and_odd_names_are_left_out(author: Author, conninfo: str) -> None:
    """A push must not fail at its announcement because of what it is called."""
    announce(
        author,
        ("refs/heads/main", "0" * 40, A),
        ("refs/heads/" + "long/" * 500, None, B),
        ("HEAD", None, B),
        ("refs/heads/odd", None, "no object"),
    )
    announce(author, ("refs/heads/main", A, "0" * 40))
    assert refs(conninfo) == {}
    assert [row["is_doubtful"] for row in rows(conninfo)] == [False, False]
    assert [len(row["updates"]) for row in rows(conninfo)] == [1, 1]


def test_rows_outlive_their_repository_and_refs_do_not(author: Author, conninfo: str) -> None:
    """A push that is not shipped yet is not forgotten; a deleted repository has no refs to restore."""
    author.push("one")
    author.wiki("home")
    author.hosting.delete_repository("ada", "engine")
    kept = rows(conninfo)
    assert {row["is_wiki"] for row in kept} == {False, True}
    assert refs(conninfo) == refs(conninfo, wiki=True) == {}
    with psycopg.connect(conninfo) as db:
        db.execute("DELETE FROM wiki_page")
        db.execute("DELETE FROM owner")
    assert rows(conninfo) == kept


def test_refs_before_any_row_are_counted_back(author: Author, conninfo: str) -> None:
    """From the first row nothing, from each later one what the pushes before it had left."""
    states: list[dict[str, str]] = [{}]
    for content, branch in [("one", "main"), ("two", "main"), ("three", "topic"), ("four", "main")]:
        states.append({**states[-1], f"refs/heads/{branch}": author.push(content, branch=branch)})
    author.hosting.delete_branch("ada", "engine", "topic")
    with psycopg.connect(conninfo) as db:
        found = [ledger.before(db, (author.id, False), row["id"]) for row in rows(conninfo)]
    assert found == states


def test_pushes_that_nobody_announced_are_found(author: Author, conninfo: str) -> None:
    """What is on the disk becomes a row that says so; the second look has nothing to add."""
    root = author.hosting.repositories.root
    main = author.push("one")
    author.hosting.repositories.update_ref("ada/engine.git", "refs/heads/secret", main)
    done = ledger.sync(conninfo, root)
    assert (done.seen, done.missing, done.emptied) == (["ada/engine.git"], [], [])
    assert rows(conninfo)[-1]["is_seen"]
    assert rows(conninfo)[-1]["updates"] == [{"ref": "refs/heads/secret", "old": None, "new": main}]
    assert ledger.sync(conninfo, root).seen == []
    assert refs(conninfo) == {"refs/heads/main": main, "refs/heads/secret": main}


def test_a_forge_from_before_the_journal_is_taken_in(author: Author, conninfo: str) -> None:
    """Rows and refs that were never written are written from what is on the disk, wikis too."""
    main, home = author.push("one"), author.wiki("home")
    with psycopg.connect(conninfo) as db:
        db.execute("TRUNCATE push_journal, repository_ref")
    done = ledger.sync(conninfo, author.hosting.repositories.root)
    assert done.looked == 2
    assert done.seen == ["ada/engine.git", "ada/engine.wiki.git"]
    assert (refs(conninfo), refs(conninfo, wiki=True)) == ({"refs/heads/main": main}, {"refs/heads/main": home})


def test_what_the_disk_has_lost_is_not_copied(author: Author, conninfo: str, hosting: Hosting) -> None:
    """A mirror that copies a loss is no backup: the database keeps what it knew, and the loss is told."""
    main = author.push("one")
    lost = Author(hosting, "lost").push("two")
    hosting.repositories.update_ref("ada/engine.git", "refs/heads/main", None)
    hosting.repositories.delete("ada/lost.git")
    done = ledger.sync(conninfo, hosting.repositories.root)
    assert (done.seen, done.missing, done.emptied) == ([], ["ada/lost.git"], ["ada/engine.git"])
    with psycopg.connect(conninfo) as db:
        kept = {row[0] for row in db.execute("SELECT oid FROM repository_ref").fetchall()}
    assert kept == {main, lost}
    assert len(rows(conninfo)) == 2
