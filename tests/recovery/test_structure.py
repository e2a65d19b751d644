"""The committed schema is what the migrations make, and what a database has instead is named."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import psycopg
import pytest
from click.testing import CliRunner

from reports.verdict import Finding, Verdict
from stack.forge.migrate import migrate, migrations
from stack.recovery import canary, structure
from stack.recovery.rules import verdict
from stack.search.state import MIGRATIONS

NOW = migrations()[-1].version


@pytest.fixture
def database(new_database: Callable[[str | None], str], server: str) -> Iterator[str]:
    """A forge's database of its own: its schema will be spoilt."""
    conninfo = new_database("migrated")
    yield conninfo
    name = conninfo.rpartition("dbname=")[2]
    with psycopg.connect(f"{server} dbname=postgres", autocommit=True) as db:
        db.execute(f"DROP DATABASE {name}".encode())


def spoilt(database: str, *statements: str) -> list[Finding]:
    """What is found after these."""
    with psycopg.connect(database) as db:
        for statement in statements:
            db.execute(statement.encode())
    return structure.check(database, NOW)


def test_the_reference_is_what_the_migrations_make(server: str) -> None:
    """Whoever adds a migration writes it anew: `python -m stack.recovery.structure <server>`."""
    assert structure.build(f"{server} dbname=postgres") == structure.reference()


def test_it_is_written_as_it_is_committed(server: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Byte by byte, and the database that it was read from is gone."""
    written = tmp_path / "structure.json"
    committed = structure.REFERENCE.read_bytes()
    monkeypatch.setattr(structure, "REFERENCE", written)
    done = CliRunner().invoke(structure.main, [f"{server} dbname=postgres"], catch_exceptions=False)
    assert done.exit_code == 0
    assert written.read_bytes() == committed
    assert json.loads(committed)["schema"] == NOW
    with psycopg.connect(f"{server} dbname=postgres") as db:
        assert db.execute("SELECT datname FROM pg_database WHERE datname LIKE 'structure%'").fetchall() == []


def test_a_forge_has_the_committed_schema(database: str) -> None:
    """And it stays so when canaries are written, when the search has come, and whatever a database has set."""
    assert structure.check(database, NOW) == []
    migrate(database, MIGRATIONS, table="search_migration")
    with psycopg.connect(database) as db:
        canary.prepare(db)
        db.execute(f"ALTER DATABASE {database.rpartition('dbname=')[2]} SET quote_all_identifiers = on".encode())
        db.execute(f"ALTER DATABASE {database.rpartition('dbname=')[2]} SET search_path = search, public".encode())
    assert structure.check(database, NOW) == []


@pytest.mark.parametrize("schema", [0, NOW - 1, NOW + 1])
def test_another_version_is_unknown(database: str, schema: int) -> None:
    """No word on whether it differs: there is nothing to compare it with."""
    findings = structure.check(database, schema)
    assert [each.rule for each in findings] == ["STRUCTURE_UNKNOWN"]
    assert f"migration {schema}," in findings[0].message
    assert verdict(findings) == Verdict.COULD_NOT_VERIFY


@pytest.mark.parametrize(
    ("statement", "told"),
    [
        ("DROP INDEX issue_author", ["index issue.issue_author is missing"]),
        ("ALTER TABLE issue ADD mood text", ["column issue.mood is there, and no migration makes it"]),
        ("ALTER TABLE wiki_page DROP title", ["column wiki_page.title is missing"]),
        ("ALTER TABLE issue ALTER title TYPE varchar(10)", ["column issue.title is another than migrations make"]),
        ("ALTER TABLE issue ALTER title DROP NOT NULL", ["column issue.title is another than migrations make"]),
        ("ALTER TABLE issue ALTER state DROP DEFAULT", ["column issue.state is another than migrations make"]),
        ("ALTER TABLE issue ALTER id DROP IDENTITY", ["column issue.id is another than migrations make"]),
        (
            "ALTER TABLE job DROP CONSTRAINT job_attempts_check",
            ["constraint job.job_attempts_check is missing"],
        ),
        (
            "ALTER TABLE job DROP CONSTRAINT job_attempts_check, ADD CONSTRAINT job_attempts_check CHECK (id > 1)",
            ["constraint job.job_attempts_check is another than migrations make"],
        ),
        (
            "CREATE OR REPLACE FUNCTION journal_push() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END'",
            ["function journal_push() is another than migrations make"],
        ),
        (
            "ALTER FUNCTION journal_push() SECURITY DEFINER",
            ["function journal_push() is another than migrations make"],
        ),
        (
            "CREATE FUNCTION mine(a int) RETURNS int LANGUAGE sql AS 'SELECT a'",
            ["function mine(a integer) is there, and no migration makes it"],
        ),
        ("DROP TRIGGER journal_push ON search_outbox", ["trigger search_outbox.journal_push is missing"]),
        (
            "ALTER TABLE search_outbox DISABLE TRIGGER journal_push",
            ["trigger search_outbox.journal_push is another than migrations make"],
        ),
        (
            "UPDATE pg_index SET indisvalid = false WHERE indexrelid = 'issue_author'::regclass",
            ["index issue.issue_author is another than migrations make"],
        ),
        ("ALTER TABLE star SET UNLOGGED", ["table star is another than migrations make"]),
        ("DROP TABLE star", ["table star is missing"]),
        (
            "CREATE TABLE mine (id int PRIMARY KEY, name text UNIQUE)",
            ["table mine is there, and no migration makes it"],
        ),
        ("CREATE VIEW mine AS SELECT 1 AS one", ["table mine is there, and no migration makes it"]),
        ("DROP EXTENSION plpgsql CASCADE", None),
    ],
)
def test_each_difference_is_named(database: str, statement: str, told: list[str] | None) -> None:
    """And nothing else: a whole table by its own name only."""
    findings = spoilt(database, statement)
    assert {each.rule for each in findings} == {"STRUCTURE_DIFFERS"}
    messages = [each.message for each in findings]
    if told is None:  # what needed it went with it
        assert "extension plpgsql is missing" in messages
        assert "function journal_push() is missing" in messages
    else:
        assert messages == told
    assert verdict(findings) == Verdict.FAIL


def test_differences_are_shown_both_ways(database: str) -> None:
    """What it is, and what it must be."""
    findings = spoilt(database, "ALTER TABLE issue ALTER title TYPE varchar(10)")
    assert (
        findings[0].evidence
        == "it is: character varying(10) not null\nmigrations make: character varying(255) not null"
    )


def test_an_empty_database_lacks_every_table(new_database: Callable[[str | None], str]) -> None:
    """By its name, and the functions and the trigger's table with them."""
    tables = [name for name in structure.reference().objects if name.startswith("table ")]
    messages = [each.message for each in structure.check(new_database(None), NOW)]
    assert [each for each in messages if each.startswith("table ")] == [f"{name} is missing" for name in tables]
    assert {each.partition(" ")[0] for each in messages} == {"table", "function"}
