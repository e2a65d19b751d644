"""A run never outlives its owner, and never leaves anything behind."""

from __future__ import annotations

import os
import shutil
import signal
import socket
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from stack.components.base import StartError
from stack.errors import NeedMissingError
from stack.runtimes import choosing, reap, running, start
from stack.runtimes.leftovers import processes_of
from stack.runtimes.local import LocalStack
from stack.runtimes.registry import folders, read
from stack.runtimes.shared_memory import free_shared_memory
from stack.settings import Settings, load
from stack.toolchain import Toolchain
from tests.runtimes.kit import (
    Holder,
    OtherTools,
    ScriptTool,
    eventually,
    nothing_left,
    shared_memory_of,
    still_kept,
)


@pytest.fixture
def own(state_folder: Path) -> Iterator[Settings]:
    """A state folder for one test, which must be without runs afterwards."""
    folder = state_folder / "own"
    folder.mkdir()
    yield load(state_dir=folder)
    assert folders(folder) == []
    for path in (folder / "runs", folder):
        if path.exists():
            path.rmdir()


def watchdog_of(folder: Path) -> psutil.Process:
    (found,) = [
        process
        for process in psutil.process_iter(["cmdline"])
        if {"stack.runtimes.watchdog", str(folder)} <= set(process.info["cmdline"] or ())
    ]
    return found


def postmaster_of(folder: Path) -> int:
    record = read(folder)
    assert record
    process = record.components["postgresql-primary"].process
    assert process
    return process.pid


def test_kill_of_the_owner_leaves_nothing(own: Settings) -> None:
    """After kill -9 of the command nothing of its stack remains, shared memory included; nobody starts another."""
    holder = Holder(own.state_dir, "foreground", "postgresql-primary", "objects")
    try:
        folder = own.state_dir / "runs" / str(holder.until("ready")["ready"])
        record = read(folder)
        assert record
        sockets = [path for component in record.components.values() for path in component.outside]
        assert sockets
        assert all(path.is_socket() for path in sockets)
        memory = shared_memory_of(postmaster_of(folder))
        assert len(memory) > 1
        os.kill(holder.process.pid, signal.SIGKILL)
        eventually("everything gone", lambda: nothing_left(folder))
        assert not any(path.exists() for path in sockets)
        assert still_kept(memory) == set()
    finally:
        holder.end()


def test_a_killed_server_leaves_no_shared_memory(own: Settings) -> None:
    """What a PostgreSQL server had that was killed on purpose, and not started again, is removed with its run."""
    stack = start(own, components=["postgresql-primary"])
    assert isinstance(stack, LocalStack)
    memory = shared_memory_of(postmaster_of(stack.folder))
    stack.kill("postgresql-primary")
    left = still_kept(memory)
    stack.stop()
    assert left
    assert still_kept(memory) == set()


def test_shared_memory_of_another_server_is_left_alone(own: Settings, tmp_path: Path) -> None:
    """A data folder that names a segment which is in use, or which another server made, takes nothing away."""
    stack = start(own, components=["postgresql-primary"])
    assert isinstance(stack, LocalStack)
    data = stack.folder / "components" / "postgresql-primary" / "data"
    memory = shared_memory_of(postmaster_of(stack.folder))
    assert free_shared_memory(data) == []
    (tmp_path / "postmaster.pid").write_text((data / "postmaster.pid").read_text())
    shutil.chown(tmp_path, data.stat().st_uid)
    stack.kill("postgresql-primary")
    left = still_kept(memory)
    assert free_shared_memory(tmp_path) == []
    still = still_kept(memory)
    stack.stop()
    assert left
    assert still == left


def test_the_next_start_cleans_up_after_a_killed_watchdog(own: Settings) -> None:
    """With the watchdog killed too, processes stay until the next start ends them."""
    holder = Holder(own.state_dir, "foreground", "postgresql-primary")
    try:
        folder = own.state_dir / "runs" / str(holder.until("ready")["ready"])
        watchdog_of(folder).kill()
        os.kill(holder.process.pid, signal.SIGKILL)
        holder.process.wait()
        assert processes_of(folder.name, folder)
        stack = start(own, components=["git"])
        assert nothing_left(folder)
        assert [run.name for run in folders(own.state_dir)] == [stack.name]
        stack.stop()
    finally:
        holder.end()


@pytest.mark.parametrize("doing", ["preparing", "starting"])
def test_ctrl_c_during_the_start_leaves_nothing(own: Settings, doing: str) -> None:
    """An interrupt while components come up ends them all, and the command too."""
    holder = Holder(own.state_dir, "foreground", "postgresql", "objects")
    try:
        holder.until("doing", doing)
        (folder,) = folders(own.state_dir)
        os.kill(holder.process.pid, signal.SIGINT)
        _, errors = holder.process.communicate(timeout=30)
        assert holder.process.returncode != 0
        assert errors.rstrip().endswith("KeyboardInterrupt")
        assert nothing_left(folder)
    finally:
        holder.end()


def test_a_detached_stack_outlives_its_starter_and_is_not_reaped(own: Settings) -> None:
    """It is left alone while it runs, can be stopped by another process, and is reaped once nothing of it lives."""
    holder = Holder(own.state_dir, "detached", "postgresql-primary")
    try:
        folder = own.state_dir / "runs" / str(holder.until("ready")["ready"])
        holder.process.communicate()
        assert reap(own) == []
        (stack,) = running(own)
        (status,) = stack.status()
        assert status.health == "ready"
        stack.stop()
        assert nothing_left(folder)
        assert running(own) == []
    finally:
        holder.end()


def test_a_detached_stack_of_which_nothing_lives_is_reaped(own: Settings) -> None:
    """Its folder goes with the next clean-up."""
    stack = start(own, components=["git"], detached=True)
    (status,) = stack.status()
    assert status.pid
    os.kill(status.pid, signal.SIGKILL)
    eventually("dead", lambda: bool(stack.deaths()))
    assert running(own) == []
    (line,) = reap(own)
    assert stack.name in line
    assert nothing_left(stack.folder)


def test_two_stacks_run_side_by_side(own: Settings) -> None:
    """They share neither ports nor secrets, and stopping one leaves the other ready."""
    first = start(own, components=["postgresql-primary"])
    second = start(own, components=["postgresql-primary"])
    assert isinstance(first, LocalStack)
    assert {stack.name for stack in running(own)} == {first.name, second.name}
    assert first.addresses.database != second.addresses.database
    second.stop()
    assert [status.health for status in first.status()] == ["ready"]
    assert nothing_left(second.folder)
    first.stop()
    assert nothing_left(first.folder)


def test_a_taken_port_is_exchanged(own: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    """When somebody listens on a chosen port by the time a server wants it, the server gets another."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        monkeypatch.setattr(choosing, "free_ports", lambda _count: [port])
        steps: list[tuple[str, str]] = []
        stack = start(
            own, components=["postgresql-primary"], progress=lambda component, doing: steps.append((component, doing))
        )
        assert ("postgresql-primary", "taking other ports") in steps
        assert stack.addresses.database
        assert stack.addresses.database.port != port
        assert [status.health for status in stack.status()] == ["ready"]
        stack.stop()


def test_a_missing_program_is_named(own: Settings) -> None:
    """Without a program the need is named as the toolchain does, before anything is started."""
    tools = OtherTools(Toolchain(own), absent=("redis",))
    with pytest.raises(NeedMissingError) as missing:
        start(own, components=["redis"], tools=tools)
    assert missing.value.need == "redis"


def test_a_server_that_ends_at_once_is_explained(own: Settings, state_folder: Path) -> None:
    """The error holds the component, how its process ended and its last output; the logs are kept where asked."""
    script = state_folder / "broken"
    script.write_text("#!/bin/sh\necho 'cannot do that here'\nexit 3\n")
    script.chmod(0o755)
    tools = OtherTools(Toolchain(own), replaced={"redis": ScriptTool("redis", state_folder, script)})
    with pytest.raises(StartError) as failed:
        start(own, components=["redis"], tools=tools, logs=state_folder / "kept")
    text = str(failed.value)
    assert "redis-" in text
    assert "the process ended with exit code 3" in text
    assert str(own.state_dir) not in text
    assert "cannot do that here" in text
    assert "cannot do that here" in (state_folder / "kept" / "redis-2.log").read_text()


def test_a_program_that_cannot_be_executed_is_explained(own: Settings, state_folder: Path) -> None:
    """The error names the program and what the system said."""
    script = state_folder / "not-executable"
    script.write_text("")
    tools = OtherTools(Toolchain(own), replaced={"redis": ScriptTool("redis", state_folder, script)})
    with pytest.raises(StartError, match="cannot be executed") as failed:
        start(own, components=["redis"], tools=tools)
    assert failed.value.on == str(script)
    assert "Permission denied" in failed.value.got


def test_the_second_store_passes_the_probe_too(own: Settings) -> None:
    """Versitygw comes up as the object store when it is chosen."""
    if Toolchain(own).find("versitygw") is None:
        pytest.skip("versitygw is optional, and nobody has built it here: engineroom setup versitygw")
    stack = start(own.model_copy(update={"objects": "versitygw"}), components=["objects"])
    (status,) = stack.status()
    assert status.health == "ready"
    assert dict(stack.missing) == {}
    stack.stop()
