"""Whose a labelled thing is, and whether anybody will still stop it."""

from __future__ import annotations

import os
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from stack.runtimes.containers.janitor import Found, dead_runs
from stack.runtimes.containers.labels import COMPONENT, RUN, Mark, is_dead, machine, name_of
from stack.runtimes.identity import ProcessId, boot_id, identify
from stack.runtimes.registry import RunRecord, runs_folder

STATE = Path("/nowhere/containers")
GONE = ProcessId(2**22 + 1, 1.0)  # above the largest process id that Linux gives (proc(5), pid_max)


def mark(**changed: object) -> Mark:
    """A mark of a run that this process owns, but for what is changed."""
    me = identify(os.getpid())
    assert me is not None
    return replace(Mark("r1", STATE, me, boot_id(), machine(), detached=False), **changed)  # type: ignore[arg-type]


def record(**changed: object) -> RunRecord:
    """A record of a detached run that is up."""
    values = {
        "run": "r1",
        "created": datetime.now(UTC),
        "boot": boot_id(),
        "owner": GONE,
        "objects": "seaweedfs",
        "detached": True,
        "phase": "running",
    }
    return RunRecord.model_validate(values | changed)


def test_labels_are_read_back() -> None:
    """What was written is read, with the process to the last digit of its beginning."""
    written = mark(owner=ProcessId(77, 1234567.890123), detached=True)
    labels = written.labels("redis-1")
    assert Mark.read(labels) == written
    assert labels[COMPONENT] == "redis-1"
    assert labels[RUN] == "r1"


def test_labels_of_somebody_else_are_no_mark() -> None:
    """A run label alone, or one with garbage beside it, is nothing of ours."""
    assert Mark.read({RUN: "r1"}) is None
    assert Mark.read({**mark().labels(), "engineroom.owner": "who:knows"}) is None


def test_names_tell_run_and_part() -> None:
    """A person who lists containers sees what is what."""
    assert name_of("r1", "postgresql-primary") == "engineroom-r1-postgresql-primary"


@pytest.mark.parametrize(
    ("changed", "of", "lives", "dead"),
    [
        ({}, None, True, False),
        ({}, None, False, False),
        ({"owner": GONE}, None, True, True),
        ({"boot": "another boot"}, None, True, True),
        ({"owner": GONE, "detached": True}, {}, True, False),
        ({"owner": GONE, "detached": True}, {}, False, True),
        ({"owner": GONE, "detached": True}, None, True, True),
        ({"owner": GONE, "detached": True}, {"phase": "starting"}, True, True),
        ({"owner": GONE, "detached": True}, {"phase": "stopping"}, True, True),
        ({"owner": GONE, "detached": True}, {"detached": False}, True, True),
    ],
)
def test_who_is_dead(changed: dict[str, object], of: dict[str, object] | None, lives: bool, dead: bool) -> None:
    """A run lives with its owner, or detached, once it is up, with its containers; never beyond a restart."""
    assert is_dead(mark(**changed), None if of is None else record(**of), lives=lives) is dead


def test_only_dead_runs_of_our_own_are_chosen(tmp_path: Path) -> None:
    """On a shared engine the dead of other machines and other checkouts are left alone, and so are the living."""
    ours = {"state": tmp_path, "owner": GONE}
    found = [
        Found(mark(run="alive", state=tmp_path).labels("redis-1"), lives=True),
        Found(mark(run="dead", **ours).labels("redis-1"), lives=True),
        Found(mark(run="dead", **ours).labels("redis-2")),
        Found(mark(run="elsewhere", **{**ours, "state": STATE}).labels("redis-1"), lives=True),
        Found(mark(run="stranger", machine="another", **ours).labels("redis-1"), lives=True),
        Found({RUN: "unreadable"}, lives=True),
    ]
    assert dead_runs(found, tmp_path) == ["dead"]


def test_a_detached_run_lives_by_its_record_and_one_container(tmp_path: Path) -> None:
    """One living container keeps a detached run; none does not, though volumes and networks are there."""
    folder = runs_folder(tmp_path) / "r1"
    folder.mkdir(parents=True)
    (folder / "run.json").write_text(record().model_dump_json())
    labels = mark(owner=GONE, detached=True, state=tmp_path).labels("redis-1")
    assert dead_runs([Found(labels), Found(labels, lives=True)], tmp_path) == []
    assert dead_runs([Found(labels), Found(labels)], tmp_path) == ["r1"]
