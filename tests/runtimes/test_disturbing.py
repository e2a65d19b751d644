"""Killing, pausing, restarting and forgiving real servers."""

from __future__ import annotations

import contextlib
import os
import signal
from collections.abc import Iterator

import psutil
import psycopg
import pytest

from stack.components.replication import wait_caught_up
from stack.errors import EngineRoomError, UsageError
from stack.runtimes import running, start
from stack.runtimes.base import ComponentStatus
from stack.runtimes.identity import identify, is_running
from stack.runtimes.local import LocalStack, StackGoneError
from stack.runtimes.registry import edit
from stack.settings import Settings
from tests.runtimes.kit import eventually, nothing_left


@pytest.fixture(scope="module")
def shared(settings: Settings) -> Iterator[LocalStack]:
    """PostgreSQL and Redis, started once for this module."""
    started = start(settings, components=["postgresql", "redis"])
    assert isinstance(started, LocalStack)
    yield started
    started.stop()
    assert nothing_left(started.folder)


@pytest.fixture
def stack(shared: LocalStack) -> Iterator[LocalStack]:
    """The shared stack, whole again after each test, as after each scenario."""
    yield shared
    shared.forgive()
    assert shared.deaths() == []
    assert {row.name: row.detail for row in shared.status() if row.health != "ready"} == {}


def row(stack: LocalStack, name: str) -> ComponentStatus:
    return next(status for status in stack.status() if status.name == name)


def pid_of(stack: LocalStack, name: str) -> int:
    pid = row(stack, name).pid
    assert pid is not None
    return pid


def test_a_paused_component_says_so_and_answers_nobody(stack: LocalStack) -> None:
    """Every process of it stands still, PostgreSQL's workers in their own sessions too, until it is resumed."""
    pid = pid_of(stack, "postgresql-primary")
    stack.pause("postgresql-primary")
    assert row(stack, "postgresql-primary").health == "paused"
    states = {child.status() for child in [psutil.Process(pid), *psutil.Process(pid).children(recursive=True)]}
    assert states == {psutil.STATUS_STOPPED}
    assert stack.addresses.database
    with pytest.raises(psycopg.OperationalError):
        psycopg.connect(stack.addresses.database.conninfo(connect_timeout=2))
    stack.resume("postgresql-primary")
    eventually("ready", lambda: row(stack, "postgresql-primary").health == "ready")
    assert pid_of(stack, "postgresql-primary") == pid


def test_a_pause_from_outside_is_seen(stack: LocalStack) -> None:
    """Somebody else's SIGSTOP shows as paused, and not as meant."""
    pid = pid_of(stack, "redis-2")
    os.kill(pid, signal.SIGSTOP)
    eventually("paused", lambda: row(stack, "redis-2").health == "paused")
    assert row(stack, "redis-2").detail == "stopped by a signal"
    os.kill(pid, signal.SIGCONT)


def test_a_meant_kill_is_no_death(stack: LocalStack) -> None:
    """A killed component is stopped, not dead, is not reported as a death, and comes back when forgiven."""
    pid = pid_of(stack, "redis-1")
    stack.kill("redis-1")
    assert not psutil.pid_exists(pid)
    assert row(stack, "redis-1").health == "stopped"
    assert stack.deaths() == []
    stack.forgive()
    assert row(stack, "redis-1").health == "ready"
    assert pid_of(stack, "redis-1") != pid


def test_a_kill_takes_the_workers_too(stack: LocalStack) -> None:
    """No PostgreSQL worker outlives its killed postmaster, and the primary recovers all that was committed."""
    assert stack.addresses.database
    assert stack.addresses.replica
    with psycopg.connect(stack.addresses.database.conninfo(), autocommit=True) as connection:
        connection.execute("CREATE TABLE IF NOT EXISTS kept (n int); INSERT INTO kept VALUES (1)")
    workers = psutil.Process(pid_of(stack, "postgresql-primary")).children(recursive=True)
    assert workers
    stack.kill("postgresql-primary")
    assert [worker for worker in workers if worker.is_running() and worker.status() != psutil.STATUS_ZOMBIE] == []
    stack.restart("postgresql-primary")
    with psycopg.connect(stack.addresses.database.conninfo()) as connection:
        assert connection.execute("SELECT count(*) > 0 FROM kept").fetchone() == (True,)
    wait_caught_up(stack.addresses.database, stack.addresses.replica, within=20)


def test_a_death_is_reported_with_last_output(stack: LocalStack) -> None:
    """A component that ends without being meant to is dead, and named with how it ended and what it said last."""
    pid = pid_of(stack, "redis-3")
    os.kill(pid, signal.SIGTERM)
    eventually("dead", lambda: row(stack, "redis-3").health == "dead")
    (death,) = stack.deaths()
    assert death.startswith(f"redis-3 (process {pid}): the process ended")
    assert "Redis is now ready to exit" in death
    with pytest.raises(EngineRoomError, match="redis-3 is not running"):
        stack.kill("redis-3")
    stack.forgive()
    assert row(stack, "redis-3").health == "dead", "forgiving is for what was meant"
    assert len(stack.deaths()) == 1
    stack.restart("redis-3")


def test_workers_that_outlive_their_server_do_not_stop_a_restart(stack: LocalStack) -> None:
    """A busy PostgreSQL worker survives its postmaster's death; a restart ends it before it starts the server."""
    assert stack.addresses.database
    pid = pid_of(stack, "postgresql-primary")
    with contextlib.closing(psycopg.connect(stack.addresses.database.conninfo(), autocommit=True)) as connection:
        backend = psutil.Process(connection.info.backend_pid)
        worker = identify(backend.pid)
        assert worker
        connection.pgconn.send_query(b"SELECT count(*) FROM generate_series(1, 100000) a, generate_series(1, 100000) b")
        eventually("busy", lambda: backend.cpu_times().user > 0.2)
        os.kill(pid, signal.SIGKILL)
        eventually("dead", lambda: row(stack, "postgresql-primary").health == "dead")
        assert is_running(worker)
        stack.restart("postgresql-primary")
        assert not is_running(worker)
    assert row(stack, "postgresql-primary").health == "ready"


def test_a_meant_kill_of_a_pair_is_forgiven(stack: LocalStack) -> None:
    """A primary and its replica killed one after the other come back together, though neither is ready alone."""
    stack.kill("redis-2")
    stack.kill("redis-5")
    eventually("the loss to be seen", lambda: row(stack, "redis-1").health == "starting")
    stack.forgive()
    assert row(stack, "redis-2").health == "ready"


def test_another_process_may_disturb(stack: LocalStack, settings: Settings) -> None:
    """A kill by an attached stack is remembered as meant by the one that started it."""
    (attached,) = [other for other in running(settings) if other.name == stack.name]
    attached.kill("redis-6")
    assert row(stack, "redis-6").health == "stopped"
    assert stack.deaths() == []


def test_a_process_id_that_was_used_again_is_left_alone(stack: LocalStack) -> None:
    """When the recorded process is gone and somebody else has its id, nothing is signalled."""
    bystander = psutil.Popen(["sleep", "600"])
    try:
        with edit(stack.folder) as record:
            mine = record.components["redis-6"].process
            record.components["redis-6"].process = identify(bystander.pid)
        for disturb in (stack.kill, stack.pause):
            with pytest.raises(EngineRoomError, match="redis-6 is not running"):
                disturb("redis-6")
        assert bystander.status() in (psutil.STATUS_SLEEPING, psutil.STATUS_RUNNING)
        with edit(stack.folder) as record:
            record.components["redis-6"].process = mine
            record.components["redis-6"].intent = "run"
    finally:
        bystander.kill()
        bystander.wait()


def test_an_unknown_component_is_refused(stack: LocalStack) -> None:
    """A name that the stack does not have is named, with those it has."""
    with pytest.raises(UsageError, match="no component redis-9") as refused:
        stack.kill("redis-9")
    assert "redis-1" in refused.value.fix


def test_a_stopped_stack_says_that_it_is_gone(settings: Settings) -> None:
    """Stopping twice is fine; asking a stopped stack for its state is an error that says so."""
    stack = start(settings, components=["git"])
    stack.stop()
    stack.stop()
    with pytest.raises(StackGoneError):
        stack.status()
