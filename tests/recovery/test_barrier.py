"""The barrier: what is read is what was true at the restore point, and writers wait for it only for a moment."""

from __future__ import annotations

import threading
import time
from pathlib import Path

import psycopg
import pytest
from psycopg.conninfo import conninfo_to_dict
from pydantic import SecretStr

from stack.addresses import PostgresAddress
from stack.recovery import barrier as barriers
from stack.recovery.barrier import set_barrier
from stack.recovery.errors import BackupError
from stack.recovery.postgresql.archive import Archive
from stack.recovery.postgresql.walfile import Segment
from stack.recovery.source import Source
from stack.recovery.tools import Server
from tests.recovery.conftest import Author


@pytest.fixture
def source(conninfo: str, author: Author, tmp_path: Path) -> Source:
    """That forge, as a source of sets."""
    told = conninfo_to_dict(conninfo)
    address = PostgresAddress(
        host=str(told["host"]), port=5432, user="forge", password=SecretStr(""), database=str(told["dbname"])
    )
    return Source(
        server=Server(address, tmp_path, tmp_path / "archive.conf"),
        database=address,
        git_root=author.hosting.repositories.root,
        objects=None,
        secrets=(),
        restic=Path("/nonexistent"),
        cache=tmp_path / "cache",
    )


def test_the_barrier_knows_what_the_database_knows(archive: Archive, source: Source, author: Author) -> None:
    """Refs of repositories and wikis, rows, the place in the WAL; and the bucket is told of the point."""
    commit = author.push("first")
    page = author.wiki("welcome")
    found = set_barrier(archive, source, "er-one")
    items = {item.path: item for item in found.items()}
    assert items["ada/engine.git"].refs == {"refs/heads/main": commit}
    assert items["ada/engine.git"].head == "refs/heads/main"
    assert items["ada/engine.wiki.git"].refs == {"refs/heads/main": page}
    assert items["ada/engine.wiki.git"].is_wiki
    assert found.counts["repository"] == 1
    assert found.journal == found.counts["push_journal"]  # in a new database no id was left out
    assert found.schema >= 7
    segment = Segment.parse(found.point.segment)
    assert segment is not None
    assert segment.start() < found.point.lsn <= Segment(1, segment.number + 1).start()
    assert archive.get("points/er-one.json") is not None


def test_a_row_that_is_not_committed_is_waited_for(archive: Archive, source: Source, conninfo: str) -> None:
    """It is on the one side of the point or on the other, and the count says on which."""
    with psycopg.connect(conninfo) as writer:
        writer.execute("LOCK TABLE owner IN ROW EXCLUSIVE MODE")
        writer.execute("INSERT INTO owner (kind, name) VALUES ('organization', 'late')")
        timer = threading.Timer(0.5, writer.commit)
        timer.start()
        found = set_barrier(archive, source, "er-late")
        timer.join()
    assert found.counts["owner"] == 2


def test_a_database_that_is_never_quiet_is_told_and_nothing_is_held(
    archive: Archive, source: Source, conninfo: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Others go on writing meanwhile: the barrier steps back after a moment each time."""
    monkeypatch.setattr(barriers, "_ATTEMPTS", 2)
    with psycopg.connect(conninfo) as writer, psycopg.connect(conninfo, autocommit=True) as other:
        writer.execute("LOCK TABLE owner IN ROW EXCLUSIVE MODE")
        with pytest.raises(BackupError, match="No barrier could be set"):
            set_barrier(archive, source, "er-never")
        begun = time.monotonic()
        other.execute("INSERT INTO owner (kind, name) VALUES ('organization', 'other')")
        assert time.monotonic() - begun < 5
    assert archive.get("points/er-never.json") is None


def test_a_database_without_a_forge_has_a_barrier_too(archive: Archive, source: Source, new_database: object) -> None:
    """There are no refs to know, which is not the same as none."""
    assert callable(new_database)
    name = conninfo_to_dict(new_database(None))["dbname"]
    empty = Source(**{**source.__dict__, "database": source.database.model_copy(update={"database": name})})
    found = set_barrier(archive, empty, "er-empty")
    assert found.refs is None
    assert list(found.items()) == []
    assert found.counts == {}
