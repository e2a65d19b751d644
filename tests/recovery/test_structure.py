"""The committed reference of the schema, and what a database that differs from it is told."""

from __future__ import annotations

from collections.abc import Callable

import psycopg
import pytest

from stack.forge.migrate import migrate
from stack.recovery import structure


def test_the_reference_is_what_the_migrations_make(new_database: Callable[[str | None], str]) -> None:
    """Whoever adds a migration writes the reference anew."""
    assert structure.REFERENCE.read_text("utf-8") == structure.make(new_database(None))


@pytest.fixture
def migrated(new_database: Callable[[str | None], str]) -> str:
    """A database of the forge alone."""
    conninfo = new_database(None)
    migrate(conninfo)
    return conninfo


def test_the_schema_itself_differs_in_nothing(migrated: str) -> None:
    """Neither without the tables of the search nor with the table of canaries."""
    with psycopg.connect(migrated) as db:
        db.execute("CREATE TABLE recovery_canary (id bigint PRIMARY KEY)")
    assert structure.check(migrated, structure.reference()["schema"]) == []


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ("DROP INDEX job_next", "index job_next is not there"),
        ("ALTER TABLE issue ADD COLUMN odd text", "column issue.odd is there"),
        ("ALTER TABLE issue ALTER title DROP NOT NULL", "column issue.title is"),
        (
            "CREATE OR REPLACE FUNCTION journal_push() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END'",
            "()",
        ),
        ("DROP TRIGGER journal_push ON search_outbox", "trigger search_outbox.journal_push is not there"),
        ("DROP TABLE job_log", "column job_log.attempt is not there"),
    ],
)
def test_every_difference_is_named(migrated: str, change: str, told: str) -> None:
    """What is missing, what is there in addition, and what is another."""
    with psycopg.connect(migrated) as db:
        db.execute(change.encode())
    found = structure.check(migrated, structure.reference()["schema"])
    assert {each.rule for each in found} == {"STRUCTURE_DIFFERS"}
    assert any(told in each.message for each in found)


def test_a_schema_of_another_version_cannot_be_judged(migrated: str) -> None:
    """The reference is of one version alone."""
    found = structure.check(migrated, 1)
    assert [each.rule for each in found] == ["STRUCTURE_UNKNOWN"]
