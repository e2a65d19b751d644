"""Targets of a restore, and folders that it must not touch."""

from __future__ import annotations

import os
from datetime import UTC, datetime
from pathlib import Path

import pytest

from stack.errors import UsageError
from stack.recovery.errors import RefusedError
from stack.recovery.postgresql import restore
from stack.recovery.postgresql.restore import Target


def test_a_target_is_the_end_a_time_or_a_name() -> None:
    """What is no time is a name."""
    assert Target.parse("latest").kind == "latest"
    assert Target.parse("2026-11-25T05:30:00+01:00").time == datetime(2026, 11, 25, 4, 30, tzinfo=UTC)
    assert Target.parse("before-upgrade") == Target("name", name="before-upgrade")


def test_a_time_without_a_zone_is_refused() -> None:
    """Nobody knows which moment that is, and the wrong one cannot be told afterwards."""
    with pytest.raises(UsageError, match="zone"):
        Target.parse("2026-11-25T05:30:00")


def test_a_time_beyond_all_time_is_refused() -> None:
    """It is a time, and there is none such in UTC."""
    with pytest.raises(UsageError, match="no such time"):
        Target.parse("0001-01-01T00:00:00+14:00")


def test_a_whole_disk_is_refused_at_once() -> None:
    """It is not walked through."""
    with pytest.raises(RefusedError) as caught:
        restore.refuse_folder(Path("/"), "db1")
    assert caught.value.rule == "TARGET_NOT_EMPTY"


def test_a_folder_that_is_not_there_or_empty_is_fine(tmp_path: Path) -> None:
    """Both are empty."""
    restore.refuse_folder(tmp_path / "new", "host")
    restore.refuse_folder(tmp_path, "host")


def test_a_folder_with_anything_in_it_is_refused_naming_host_and_path(tmp_path: Path) -> None:
    """Not even a hidden file is written over."""
    (tmp_path / ".hidden").touch()
    with pytest.raises(RefusedError) as caught:
        restore.refuse_folder(tmp_path, "db1")
    assert caught.value.rule == "TARGET_NOT_EMPTY"
    assert f"db1: {tmp_path}" in str(caught.value)


def test_a_live_server_is_told_from_one_that_died(tmp_path: Path) -> None:
    """A process that is gone leaves its file; the folder is then only not empty."""
    (tmp_path / "data").mkdir()
    pid = tmp_path / "data" / "postmaster.pid"
    pid.write_text(f"{os.getpid()}\n", "utf-8")
    with pytest.raises(RefusedError) as caught:
        restore.refuse_folder(tmp_path, "db1")
    assert caught.value.rule == "TARGET_LIVE"
    pid.write_text("4194303\n", "utf-8")
    with pytest.raises(RefusedError) as caught:
        restore.refuse_folder(tmp_path, "db1")
    assert caught.value.rule == "TARGET_NOT_EMPTY"


@pytest.mark.parametrize("line", ["archive_command = 'x'", "primary_conninfo = 'y'", "  port = 1", "hot_standby = on"])
def test_what_the_source_was_told_about_itself_does_not_come_along(line: str) -> None:
    """A copy must not archive where its source does, nor follow the source's primary."""
    assert restore._NOT_OURS.match(line)


@pytest.mark.parametrize("line", ["shared_preload_libraries = 'x'", "hot_standby_feedback = on", "work_mem = '4MB'"])
def test_what_the_source_was_told_about_its_work_comes_along(line: str) -> None:
    """A database may need it to start."""
    assert not restore._NOT_OURS.match(line)
