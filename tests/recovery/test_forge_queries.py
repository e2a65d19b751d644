"""Questions about the forge's tables: what is wrong with a file or a query is said, and a query never writes.

What ours call impossible is so: a forge with the corpus, and one that was used, have none of it; a spoilt one is named.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import psycopg
import pytest
from psycopg import sql

from stack.errors import NeedMissingError, UsageError
from stack.forge.corpus import fill
from stack.forge.hosting import Hosting
from stack.forge.smsly import SmslyForge
from stack.forge.vault import Vault
from stack.recovery.forge import ForgeQueries, Query, load_queries
from stack.recovery.git import ledger
from stack.settings import load
from tests.recovery.conftest import ADA, MOMENT, Author

KINDS = ("commits", "blobs", "encrypted", "impossible")
NOWHERE = "a" * 40


def written(folder: Path, text: str) -> Path:
    """A user's file."""
    path = folder / "queries.yaml"
    path.write_text(text, "utf-8")
    return path


def asked(conninfo: str, kind: str, query: str) -> list[tuple[object, ...]]:
    """The answers to one query."""
    queries = ForgeQueries(**{kind: (Query(name="mine", query=query),)})
    with psycopg.connect(conninfo) as db:
        return list(queries.rows(db, kind))


def names(conninfo: str) -> list[str]:
    """What is in a table that a query must not change."""
    with psycopg.connect(conninfo) as db:
        return [row[0] for row in db.execute("SELECT name FROM repository ORDER BY id")]


@pytest.mark.parametrize("kind", KINDS)
def test_our_own_queries_fit_the_forge(conninfo: str, kind: str) -> None:
    """Each is accepted by a database of today's schema, with the columns of its list."""
    queries = load_queries()
    assert getattr(queries, kind)
    with psycopg.connect(conninfo) as db:
        assert list(queries.rows(db, kind)) == []


def test_a_file_adds_and_takes_nothing_away(tmp_path: Path, conninfo: str) -> None:
    """Ours come first and stay; lists that the file does not name, and those that it leaves empty, are ours."""
    own = load_queries()
    more = load_queries(
        written(
            tmp_path,
            """\
impossible:
  - name: mine
    query: SELECT 'wrong' WHERE true
  - {name: owners that are nobody, query: SELECT 'as well'}
blobs: []
""",
        )
    )
    assert [getattr(more, kind) for kind in KINDS[:3]] == [getattr(own, kind) for kind in KINDS[:3]]
    assert more.impossible[: len(own.impossible)] == own.impossible
    assert [each.query for each in more.impossible[len(own.impossible) :]] == [
        "SELECT 'wrong' WHERE true",
        "SELECT 'as well'",
    ]
    with psycopg.connect(conninfo) as db:
        assert list(more.rows(db, "impossible")) == [("wrong",), ("as well",)]


@pytest.mark.parametrize("text", ["", "# nothing yet\n", "{}\n"])
def test_a_file_without_queries_adds_none(tmp_path: Path, text: str) -> None:
    """It may be empty."""
    assert load_queries(written(tmp_path, text)) == load_queries()


@pytest.mark.parametrize(
    ("text", "where"),
    [
        ("tables: []\n", ": tables"),
        ("blobs:\n  - {name: a, query: SELECT 1, columns: 4}\n", "blobs.0.columns"),
        ("blobs:\n  - {name: a}\n", "blobs.0.query"),
        ("blobs:\n  - {name: '', query: SELECT 1}\n", "blobs.0.name"),
        ("blobs: SELECT 1\n", "blobs"),
        ("blobs:\n", "blobs"),
        ("- blobs\n", "queries.yaml"),
        ("[]\n", "queries.yaml"),
        ("0\n", "queries.yaml"),
    ],
    ids=["unknown list", "unknown key", "no query", "no name", "no list", "null", "a list", "no items", "a number"],
)
def test_what_a_file_must_not_say_is_named(tmp_path: Path, text: str, where: str) -> None:
    """By file and key; a word that is misspelt is not taken for nothing."""
    path = written(tmp_path, text)
    with pytest.raises(UsageError, match="queries about the forge cannot be used") as caught:
        load_queries(path)
    assert str(path) in str(caught.value.on)
    assert where in str(caught.value.on)


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    """Whoever names a file wants its questions asked."""
    with pytest.raises(UsageError, match="cannot be read") as caught:
        load_queries(tmp_path / "nowhere.yaml")
    assert caught.value.on == str(tmp_path / "nowhere.yaml")
    assert "No such file" in str(caught.value.got)


@pytest.mark.parametrize("content", [b"blobs: [", b"\xff\xfe\x00"], ids=["broken YAML", "no text"])
def test_a_file_that_is_no_yaml_is_named(tmp_path: Path, content: bytes) -> None:
    """And what the reader said."""
    path = tmp_path / "queries.yaml"
    path.write_bytes(content)
    with pytest.raises(UsageError, match="cannot be read") as caught:
        load_queries(path)
    assert caught.value.on == str(path)
    assert caught.value.got


@pytest.mark.parametrize(
    ("query", "told"),
    [
        ("SELECT FROM WHERE", "syntax error"),
        ("SELECT x FROM nowhere", 'relation "nowhere" does not exist'),
        ("SELECT 1 / 0", "division by zero"),
        ("SELECT 1; SELECT 2", "multiple commands"),
        ("SHOW server_version", "syntax error"),
    ],
)
def test_bad_sql_is_named(conninfo: str, query: str, told: str) -> None:
    """With its list, its name, and what the server said."""
    with pytest.raises(UsageError, match="cannot be used") as caught:
        asked(conninfo, "impossible", query)
    assert caught.value.on == "impossible: mine"
    assert told in str(caught.value.got)


@pytest.mark.parametrize(
    ("kind", "query", "told"),
    [
        ("commits", "SELECT 1, false", "2 columns"),
        ("blobs", "SELECT 'a', 'b', 1, NULL, NULL", "5 columns"),
        ("encrypted", "SELECT 'webhook' WHERE false", "1 columns"),
        ("impossible", "SELECT", "0 columns"),
    ],
)
def test_another_number_of_columns_is_named(conninfo: str, kind: str, query: str, told: str) -> None:
    """Though there be no rows: a query that finds nothing today must fit when it does."""
    with pytest.raises(UsageError, match="cannot be used") as caught:
        asked(conninfo, kind, query)
    assert caught.value.on == f"{kind}: mine"
    assert told in str(caught.value.got)
    assert "columns" in str(caught.value.fix)


@pytest.mark.parametrize(
    "query",
    [
        "DELETE FROM repository RETURNING name",
        "UPDATE repository SET name = 'mine'",
        "WITH gone AS (DELETE FROM repository RETURNING name) SELECT name FROM gone",
        "SELECT name FROM repository FOR UPDATE",
        "SELECT 1; COMMIT; DELETE FROM repository",
        "SELECT set_config('transaction_read_only', 'off', true)",
        "SELECT nextval(pg_get_serial_sequence('repository', 'id'))",
        "SELECT query_to_xml('DELETE FROM repository RETURNING name', true, true, '')::text",
        "TRUNCATE repository CASCADE",
    ],
)
def test_a_query_that_writes_is_refused_and_changes_nothing(author: Author, conninfo: str, query: str) -> None:
    """A mistake in a user's file must not cost what has just been restored."""
    with pytest.raises(UsageError, match="cannot be used") as caught:
        asked(conninfo, "impossible", query)
    assert caught.value.on == "impossible: mine"
    assert names(conninfo) == [author.name]


def test_the_connection_is_of_use_after_a_refusal(author: Author, conninfo: str) -> None:
    """The refused query's transaction is over, and is not in the way of the next one."""
    queries = ForgeQueries(
        impossible=(Query(name="mine", query="DELETE FROM repository RETURNING name"),),
        commits=(Query(name="ours", query="SELECT id, false, name FROM repository"),),
    )
    with psycopg.connect(conninfo) as db:
        with pytest.raises(UsageError):
            list(queries.rows(db, "impossible"))
        assert list(queries.rows(db, "commits")) == [(author.id, False, "engine")]


def impossible(conninfo: str) -> dict[str, list[str]]:
    """What must not be and is, by the question that found it."""
    found = {}
    with psycopg.connect(conninfo) as db:
        for each in load_queries().impossible:
            if rows := [str(row[0]) for row in ForgeQueries(impossible=(each,)).rows(db, "impossible")]:
                found[each.name] = rows
    return found


@pytest.fixture
def used(author: Author, hosting: Hosting, conninfo: str) -> str:
    """Pushes, a wiki, an issue, pull requests open and merged, jobs that wait and that ended, a deleted repository."""
    forge = hosting.forge
    author.push("one")
    topic = author.push("two", branch="topic")
    merged = hosting.open_pull_request("ada", "engine", author="ada", title="Merge me", head="topic")
    merge = hosting.push("ada", "engine", {"file.txt": b"three"}, author=ADA, date=MOMENT, message="Merge", merge=topic)
    forge.merge_pull_request("ada", "engine", merged.number, by="ada", merge_commit=merge)
    author.push("four", branch="feature")
    hosting.open_pull_request("ada", "engine", author="ada", title="Look at me", head="feature")
    issue = forge.open_issue("ada", "engine", author="ada", title="It broke")
    forge.add_comment("ada", "engine", issue.number, author="ada", body="So it did")
    author.wiki("home")
    gone = Author(hosting, "gone")
    gone.push("gone")
    hosting.delete_repository("ada", "gone")
    with psycopg.connect(conninfo) as db:
        for state, end in (("queued", None), ("succeeded", MOMENT), ("failed", MOMENT), ("cancelled", MOMENT)):
            db.execute(
                "INSERT INTO job (repository_id, kind, state, attempts, finished_at) VALUES (%s, 'ci', %s, 2, %s)",
                (author.id, state, end),
            )
        db.execute("INSERT INTO job_log (job_id, attempt) SELECT id, 1 FROM job")
    return conninfo


def test_a_forge_that_is_used_has_nothing_impossible(used: str) -> None:
    """Nor has one whose oldest pushes are in the bucket and forgotten here."""
    assert impossible(used) == {}
    with psycopg.connect(used) as db:
        (first, second, *_) = (row[0] for row in db.execute("SELECT id FROM push_journal ORDER BY id").fetchall())
        ledger.mark_shipped(db, [first, second])
    assert ledger.forget(used, second) == 2
    assert impossible(used) == {}


def test_the_corpus_has_nothing_impossible(
    new_database: Callable[[str | None], str], vault: Vault, tmp_path: Path
) -> None:
    """Whatever a drill's forge is filled with, these questions do not call it broken."""
    conninfo = new_database("migrated")
    with SmslyForge(conninfo, vault=vault) as forge:
        try:
            fill(forge, tmp_path, "small", cache_dir=load().cache_dir)
        except NeedMissingError as error:
            pytest.skip(f"{error.need} is missing, and the corpus is not in the cache")
    ledger.sync(conninfo, tmp_path)
    with psycopg.connect(conninfo) as db:
        for table in ("comment", "pull_request", "push_journal", "repository_ref"):
            query = sql.SQL("SELECT count(*) > 10 FROM {}").format(sql.Identifier(table))
            assert db.execute(query).fetchone() == (True,), table
    assert impossible(conninfo) == {}


# What is done to a forge, which question finds it, and words of what it says.
IMPOSSIBLE = [
    (
        "UPDATE repository SET last_number = 2 WHERE name = 'engine'",
        "issues with a number that was not given yet",
        "issue number 3 of repository 1",
    ),
    (
        "DELETE FROM pull_request WHERE merged_at IS NULL",
        "pull requests without branches",
        "number 2 of repository 1",
    ),
    (
        "UPDATE issue SET state = 'open', closed_at = NULL WHERE number = 1",
        "pull requests that are merged and open",
        "pull request 1 of repository 1",
    ),
    (
        "UPDATE comment SET created_at = created_at - interval '2 hours'",
        "comments that were there before what they are about",
        "number 3 of repository 1",
    ),
    (
        "UPDATE job SET finished_at = NULL WHERE state = 'succeeded'",
        "jobs that ended at no time, or have not ended and say when",
        "is succeeded, and its end is not known",
    ),
    (
        "UPDATE job SET finished_at = now() WHERE state = 'queued'",
        "jobs that ended at no time, or have not ended and say when",
        "is queued, and its end is 2",
    ),
    (
        "UPDATE job SET attempts = 0 WHERE state = 'failed'",
        "logs of attempts that a job never made",
        "has a log of attempt 1, and made 0",
    ),
    (
        "INSERT INTO owner (id, kind, name) VALUES (77, 'user', 'nobody')",
        "owners that are nobody",
        "owner 77 (nobody)",
    ),
    (
        "DELETE FROM push_journal WHERE id = 2",
        "pushes that are missing from the middle of the journal",
        "of repository 1 came after 2, and the journal has 1 before it",
    ),
    (
        "UPDATE push_journal SET previous = NULL WHERE id = 2",
        "pushes that are missing from the middle of the journal",
        "push 2 of repository 1 came after none",
    ),
    (
        f"UPDATE repository_ref SET oid = '{NOWHERE}' WHERE ref = 'refs/heads/feature'",  # noqa: S608 - a constant
        "refs that are not what their last push made them",
        f"refs/heads/feature of repository 1 is at {NOWHERE}, its last push set it to ",
    ),
    (
        "DELETE FROM repository_ref WHERE is_wiki",
        "refs that are not what their last push made them",
        "refs/heads/main of repository 1 is at nothing",
    ),
]


@pytest.mark.parametrize(("statement", "name", "told"), IMPOSSIBLE)
def test_what_cannot_be_is_named(used: str, statement: str, name: str, told: str) -> None:
    """By one question, once, though the schema allows it."""
    with psycopg.connect(used) as db:
        db.execute(statement.encode())
    found = impossible(used)
    assert list(found) == [name]
    assert len(found[name]) == 1
    assert told in found[name][0]


def test_each_question_about_the_impossible_is_tried() -> None:
    """A new one needs a forge that is spoilt for it."""
    assert {name for _, name, _ in IMPOSSIBLE} == {each.name for each in load_queries().impossible}
