"""What a container's state and figures mean."""

from __future__ import annotations

from typing import Any

import pytest
from docker.errors import NotFound

from stack.runtimes.containers.looking import memory_in, when, why_ended


class Container:
    """As much of a container as looking at it needs."""

    def __init__(self, state: dict[str, Any], *, gone: bool = False) -> None:
        """Be in this state; `gone`: not to be found when asked anew."""
        self.attrs = {"State": state}
        self.status = state.get("Status", "running")
        self._gone = gone

    def reload(self) -> None:
        if self._gone:
            raise NotFound("no such container")


@pytest.mark.parametrize(
    ("state", "why"),
    [
        ({"Status": "running"}, None),
        ({"Status": "paused"}, None),
        ({"Status": "exited", "ExitCode": 137}, "the container ended by signal 9"),
        ({"Status": "exited", "ExitCode": 1}, "the container ended with exit code 1"),
        ({"Status": "exited", "ExitCode": 0}, "the container ended with exit code 0"),
        ({"Status": "exited", "ExitCode": 137, "OOMKilled": True}, "the container ended by signal 9, out of memory"),
        ({"Status": "created", "Error": "no such file"}, "the container was never started no such file"),
    ],
)
def test_why_a_container_ended(state: dict[str, Any], why: str | None) -> None:
    """A signal is told from an exit code, lack of memory from a kill, and a start that failed from both."""
    assert why_ended(Container(state)) == why  # type: ignore[arg-type]


def test_a_container_that_is_gone_has_ended() -> None:
    """Whether it was never there or vanished meanwhile."""
    assert why_ended(None) == "the container is gone"
    assert why_ended(Container({}, gone=True)) == "the container is gone"  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("stats", "resident"),
    [
        ({"total_rss": 100, "total_mapped_file": 20, "total_cache": 9999}, 120),
        ({"anon": 70, "file_mapped": 5, "file": 9999}, 75),
        ({}, None),
    ],
)
def test_memory_leaves_the_page_cache_out(stats: dict[str, int], resident: int | None) -> None:
    """Under both versions of control groups."""
    assert memory_in({"memory_stats": {"stats": stats}}) == resident


def test_memory_of_an_ended_container_is_unknown() -> None:
    """The engine leaves the figures out then."""
    assert memory_in({"memory_stats": {}}) is None


def test_when_it_was_started() -> None:
    """Docker writes nanoseconds, and the year 1 for never."""
    started = Container({"StartedAt": "2026-01-02T03:04:05.123456789Z"})
    assert str(when(started)) == "2026-01-02 03:04:05+00:00"  # type: ignore[arg-type]
    assert when(Container({"StartedAt": "0001-01-01T00:00:00Z"})) is None  # type: ignore[arg-type]
