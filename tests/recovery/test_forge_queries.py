"""Questions about the forge's tables: what is wrong with a file or a query is said, and a query never writes."""

from __future__ import annotations

from pathlib import Path
from typing import LiteralString

import psycopg
import pytest

from stack.errors import UsageError
from stack.recovery.forge import ForgeQueries, Query, load_queries
from tests.recovery.conftest import Author

KINDS = ("commits", "blobs", "encrypted", "impossible")


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
  - {name: jobs that ended at no time, query: SELECT 'as well'}
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


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ("UPDATE repository SET last_number = 0", "has counted to 0, and has an issue number 1"),
        (
            "UPDATE pull_request SET merged_at = now(), merge_commit = head_commit",
            "pull request 1 of repository {} is merged and still open",
        ),
        ("INSERT INTO job (kind, state) VALUES ('build', 'succeeded')", "is succeeded, and ended at no time"),
        ("DELETE FROM push_journal WHERE id = (SELECT id FROM push_journal ORDER BY id OFFSET 1 LIMIT 1)", "is gone"),
        (
            (
                "UPDATE push_journal SET previous = (SELECT min(id) FROM push_journal)"
                " WHERE id = (SELECT max(id) FROM push_journal)"
            ),
            "2 pushes of repository {} follow push",
        ),
    ],
    ids=["numbers", "merged and open", "ended", "gone from the middle", "followed twice"],
)
def test_what_cannot_be_is_said_and_a_healthy_forge_says_nothing(
    conninfo: str, author: Author, change: LiteralString, said: str
) -> None:
    """No constraint forbids any of these, and none of them comes about by itself."""
    for number in range(3):
        author.push(f"push {number}")
    author.push("topic", branch="topic")
    author.hosting.open_pull_request("ada", author.name, author="ada", title="pull", head="topic")
    with psycopg.connect(conninfo) as db:
        assert list(load_queries().rows(db, "impossible")) == []
        db.execute(change)
        [(found,)] = list(load_queries().rows(db, "impossible"))
        assert said.format(author.id) in found
        db.rollback()
