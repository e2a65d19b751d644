"""Migrations: once each, in order, and never another text under a number that was applied."""

from __future__ import annotations

import itertools
import shutil
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psycopg
import pytest

from stack.forge.errors import MigrationError
from stack.forge.migrate import MIGRATIONS, migrate, migrations


@pytest.fixture
def empty(new_database: Callable[[str | None], str]) -> str:
    """A database with nothing in it."""
    return new_database(None)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Two small migrations."""
    (tmp_path / "0001_one.sql").write_text("CREATE TABLE one (id int); INSERT INTO one VALUES (1);")
    (tmp_path / "0002_two.sql").write_text("CREATE TABLE two (id int);")
    return tmp_path


def tables(conninfo: str) -> set[str]:
    """Names of the tables that are there."""
    with psycopg.connect(conninfo) as connection:
        rows = connection.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public'").fetchall()
    return {name for (name,) in rows}


def test_each_is_applied_once(empty: str, folder: Path) -> None:
    """The second run has nothing to do, a new file alone is applied."""
    assert migrate(empty, folder) == ["0001_one", "0002_two"]
    assert migrate(empty, folder) == []
    (folder / "0003_three.sql").write_text("CREATE TABLE three (id int);")
    assert migrate(empty, folder) == ["0003_three"]
    assert tables(empty) == {"schema_migration", "one", "two", "three"}


def test_a_changed_file_is_refused(empty: str, folder: Path) -> None:
    """The file is named, and nothing newer is applied."""
    migrate(empty, folder)
    (folder / "0001_one.sql").write_text("CREATE TABLE other (id int);")
    (folder / "0003_three.sql").write_text("CREATE TABLE three (id int);")
    with pytest.raises(MigrationError, match="changed after it was applied") as caught:
        migrate(empty, folder)
    assert caught.value.on == "0001_one.sql"
    assert "three" not in tables(empty)


def test_a_database_newer_than_the_files_is_refused(empty: str, folder: Path) -> None:
    """An older program doesn't touch a schema it doesn't know."""
    migrate(empty, folder)
    (folder / "0002_two.sql").unlink()
    with pytest.raises(MigrationError, match="newer"):
        migrate(empty, folder)


def test_a_failed_migration_leaves_nothing_behind(empty: str, folder: Path) -> None:
    """The earlier file stays, of the failed one not even its first statement."""
    (folder / "0002_two.sql").write_text("CREATE TABLE two (id int); CREATE TABLE two (id int);")
    with pytest.raises(MigrationError, match="0002_two"):
        migrate(empty, folder)
    assert tables(empty) == {"schema_migration", "one"}


def test_several_migrators_take_turns(empty: str) -> None:
    """Four at once: each file is applied by exactly one of them, and none fails."""
    with ThreadPoolExecutor(4) as pool:
        applied = list(pool.map(lambda _: migrate(empty), range(4)))
    assert sorted(itertools.chain(*applied)) == [f"{file.version:04d}_{file.name}" for file in migrations()]


@pytest.mark.parametrize("name", ["0004_gap.sql", "0002_again.sql", "two.sql"])
def test_numbers_have_no_gap_and_no_double(folder: Path, name: str) -> None:
    """A folder that can't be put in order is refused."""
    (folder / name).write_text("SELECT 1;")
    with pytest.raises(MigrationError):
        migrations(folder)


def test_the_projects_own_schema_is_complete(empty: str, tmp_path: Path) -> None:
    """A copy of the project's files makes the same schema, down to constraints and indexes."""
    shutil.copytree(MIGRATIONS, tmp_path / "copy")
    migrate(empty, tmp_path / "copy")
    assert {"user", "organization", "team", "repository", "issue", "pull_request", "search_outbox"} <= tables(empty)


def test_a_database_that_is_gone_is_named() -> None:
    """With what it said, and the command that starts it again."""
    with pytest.raises(MigrationError, match="brought up to date") as caught:
        migrate("host=127.0.0.1 port=1 dbname=forge user=forge connect_timeout=2")
    assert caught.value.on == "127.0.0.1:1/forge"
    assert "refused" in caught.value.got
    assert "engineroom restart postgresql-primary" in caught.value.fix
