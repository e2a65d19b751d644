"""Which process is meant, and how it and what is below it are ended."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from stack.components.base import Launch, StartError
from stack.runtimes.identity import ProcessId, boot_id, environment_of, identify, is_running
from stack.runtimes.leftovers import (
    end_tree,
    erase,
    pause_tree,
    processes_of,
    resume_tree,
    signal_process,
    sweep,
    tree,
)
from stack.runtimes.registry import ComponentRecord, create, edit
from stack.runtimes.supervisor import Supervisor, last_output, service_user
from tests.runtimes.kit import eventually

# A shell with two children, one of them in a session of its own, as PostgreSQL's workers are.
FAMILY = "sleep 600 & setsid sleep 600 & echo up; wait"


@pytest.fixture
def family(tmp_path: Path) -> Iterator[ProcessId]:
    """A process with children that carry the mark of run `r1` in `tmp_path`."""
    environment = {"PATH": os.defpath, "ENGINEROOM_RUN": "r1", "ENGINEROOM_RUN_FOLDER": str(tmp_path)}
    with subprocess.Popen(["/bin/sh", "-c", FAMILY], env=environment, stdout=subprocess.PIPE) as process:
        assert process.stdout
        process.stdout.readline()
        eventually("two children", lambda: len(psutil.Process(process.pid).children(recursive=True)) == 2)
        eventually("two sessions", lambda: len(sessions(process.pid)) == 2)
        found = identify(process.pid)
        assert found
        yield found
        for member in tree(found):
            signal_process(member, signal.SIGKILL)


def sessions(pid: int) -> set[int]:
    return {os.getsid(pid), *(os.getsid(child.pid) for child in psutil.Process(pid).children(recursive=True))}


def states(process: ProcessId) -> set[str]:
    return {psutil.Process(member.pid).status() for member in tree(process)}


def test_identity_is_more_than_a_number() -> None:
    """The same id with another beginning is another process, which is never signalled."""
    me = identify(os.getpid())
    assert me
    assert is_running(me)
    other = ProcessId(me.pid, me.began - 1)
    assert not is_running(other)
    assert not signal_process(other, signal.SIGKILL)
    assert tree(other) == []


def test_an_ended_process_does_not_run() -> None:
    """Neither before nor after somebody has collected it."""
    with subprocess.Popen([sys.executable, "-c", ""]) as process:
        found = identify(process.pid)
        assert found
        eventually("ended", lambda: psutil.Process(process.pid).status() == psutil.STATUS_ZOMBIE)
        assert not is_running(found)
    assert not is_running(found)
    assert identify(process.pid) is None


def test_a_boot_has_a_name() -> None:
    """It is there and stays the same."""
    assert boot_id()
    assert boot_id() == boot_id()


def test_a_tree_holds_other_sessions_too(family: ProcessId) -> None:
    """The process comes first, and a child that left its process group is not forgotten."""
    members = tree(family)
    assert members[0] == family
    assert len(members) == 3
    assert len({os.getsid(member.pid) for member in members}) == 2


def test_a_pause_stops_all_and_can_be_undone(family: ProcessId) -> None:
    """Everything stands still, then runs on."""
    pause_tree(family)
    eventually("stopped", lambda: states(family) == {psutil.STATUS_STOPPED})
    resume_tree(family)
    eventually("running", lambda: psutil.STATUS_STOPPED not in states(family))


def test_ending_a_tree_leaves_none_of_it(family: ProcessId) -> None:
    """Also when it was paused before."""
    members = tree(family)
    pause_tree(family)
    end_tree(family)
    assert [member for member in members if is_running(member)] == []


def test_a_run_is_swept_by_its_mark(family: ProcessId, tmp_path: Path) -> None:
    """Processes of the run are found and ended even when their parent is gone; those of another are not."""
    bystander = subprocess.Popen(["sleep", "600"], env={"ENGINEROOM_RUN": "r1", "ENGINEROOM_RUN_FOLDER": "/elsewhere"})
    try:
        os.kill(family.pid, signal.SIGKILL)
        assert len(processes_of("r1", tmp_path)) == 2
        assert len(sweep("r1", tmp_path)) == 2
        assert processes_of("r1", tmp_path) == []
        assert bystander.poll() is None
    finally:
        bystander.kill()
        bystander.wait()


def test_nobody_elses_environment_is_an_error() -> None:
    """A process that is gone has no environment."""
    assert environment_of(2**22 - 1) == {}


def test_only_sockets_are_removed_outside(tmp_path: Path) -> None:
    """A record can name anything; what is no socket is left alone."""
    folder = create(tmp_path, objects="seaweedfs")
    precious = tmp_path / "precious"
    precious.write_text("keep")
    with edit(folder) as record:
        record.components["objects"] = ComponentRecord(
            name="objects", host="127.0.0.1", ports={}, outside=[precious, tmp_path / "never-made"]
        )
    erase(folder)
    assert not folder.exists()
    assert precious.read_text() == "keep"


def test_a_damaged_record_does_not_stop_the_removal(tmp_path: Path) -> None:
    """A folder with half a record goes too."""
    folder = create(tmp_path, objects="seaweedfs")
    (folder / "run.json").write_text('{"components": ')
    erase(folder)
    assert not folder.exists()
    erase(folder)


@pytest.fixture
def supervisor(tmp_path: Path) -> Supervisor:
    """Starts processes as ourselves."""
    return Supervisor("r1", tmp_path, None)


def script(tmp_path: Path, text: str) -> Launch:
    return Launch(["/bin/sh", "-c", text], cwd=tmp_path, grace=5.0)


def test_a_server_carries_its_run_and_none_of_our_environment(supervisor: Supervisor, tmp_path: Path) -> None:
    """Its environment is clean but for the marks; its output is in the log."""
    log = tmp_path / "log"
    process = supervisor.spawn(script(tmp_path, "echo hello; env; sleep 600"), log=log, home=tmp_path)
    eventually("output", lambda: "PATH=" in log.read_text())
    names = {line.partition("=")[0] for line in last_output(log, 50).splitlines()[1:]}
    assert {"ENGINEROOM_RUN", "ENGINEROOM_RUN_FOLDER", "HOME"} <= names
    assert not any(name.startswith(("PYTEST", "VIRTUAL_ENV", "PYTHON")) for name in names)
    assert environment_of(process.pid)["ENGINEROOM_RUN"] == "r1"
    supervisor.kill(process)
    assert supervisor.ended(process) == "the process ended by signal 9"


def test_a_server_that_ends_when_asked_is_not_killed(supervisor: Supervisor, tmp_path: Path) -> None:
    """It ends by itself, and its exit code is known."""
    log = tmp_path / "log"
    launch = script(tmp_path, "trap 'exit 7' TERM; echo up; while :; do sleep 0.05; done")
    process = supervisor.spawn(launch, log=log, home=tmp_path)
    eventually("up", lambda: "up" in log.read_text())
    assert supervisor.stop(process, launch.stop, grace=launch.grace)
    assert supervisor.ended(process) == "the process ended with exit code 7"


def test_a_server_that_does_not_end_is_killed(supervisor: Supervisor, tmp_path: Path) -> None:
    """After its grace, with everything below it."""
    log = tmp_path / "log"
    launch = Launch(["/bin/sh", "-c", "trap '' TERM; sleep 600 & echo up; wait; wait"], cwd=tmp_path, grace=0.2)
    process = supervisor.spawn(launch, log=log, home=tmp_path)
    eventually("up", lambda: "up" in log.read_text())
    members = tree(process)
    assert not supervisor.stop(process, launch.stop, grace=launch.grace)
    assert [member for member in members if is_running(member)] == []


def test_a_program_that_is_not_there_is_named(supervisor: Supervisor, tmp_path: Path) -> None:
    """The error names it."""
    with pytest.raises(StartError) as failed:
        supervisor.spawn(Launch([tmp_path / "nothing"], cwd=tmp_path), log=tmp_path / "log", home=tmp_path)
    assert failed.value.on == str(tmp_path / "nothing")


def test_last_output_is_bounded(tmp_path: Path) -> None:
    """Of a long log only the last lines are read; a missing one is empty."""
    log = tmp_path / "log"
    log.write_text("".join(f"line {number}\n" for number in range(100_000)))
    assert last_output(log).splitlines() == [f"line {number}" for number in range(99_980, 100_000)]
    assert last_output(tmp_path / "none") == ""


def test_who_servers_run_as(monkeypatch: pytest.MonkeyPatch) -> None:
    """Root must name somebody else who exists; everybody else runs servers as themselves."""
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    with pytest.raises(StartError, match="refuse to run as root"):
        service_user("root")
    with pytest.raises(StartError, match="no such user") as failed:
        service_user("nobody-of-that-name")
    assert failed.value.on == "nobody-of-that-name"
    assert service_user("nobody") == "nobody"
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    assert service_user("nobody-of-that-name") is None
