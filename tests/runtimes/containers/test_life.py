"""However a run of containers ends, nothing of it is left."""

from __future__ import annotations

import os
import signal
import socket
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import psutil
import pytest
from docker import DockerClient

from stack.components.base import StartError
from stack.runtimes import reap, running, start
from stack.runtimes.base import Stack
from stack.runtimes.containers import bringing_up, pod, starting
from stack.runtimes.containers.images import IMAGES
from stack.runtimes.containers.labels import RUN
from stack.runtimes.containers.pod import containers_of
from stack.runtimes.containers.stack import ContainersStack
from stack.runtimes.registry import folders
from stack.settings import Settings, load
from tests.runtimes.kit import Holder, eventually

CACHE = ["redis"]


def left(client: DockerClient, run: str) -> list[str]:
    """Names of everything on the engine that is a run's."""
    only = {"label": f"{RUN}={run}"}
    return [
        str(each.name)
        for each in (
            *client.containers.list(all=True, filters=only, ignore_removed=True),
            *client.volumes.list(filters=only),
            *client.networks.list(filters=only),
        )
    ]


def all_runs(client: DockerClient, settings: Settings) -> list[str]:
    """Names of everything that any run of these tests has on the engine, or in its state folder."""
    only = {"label": f"engineroom.state={settings.state_dir}/containers"}
    return [
        *(str(each.name) for each in client.containers.list(all=True, filters=only, ignore_removed=True)),
        *(folder.name for folder in folders(settings.state_dir / "containers")),
    ]


def answering(stack: Stack) -> list[str]:
    """Addresses of the cache that still accept a connection."""
    assert stack.addresses.cache is not None
    found = []
    for node in stack.addresses.cache.nodes:
        with socket.socket() as probe:
            probe.settimeout(2)
            if probe.connect_ex((node.host, node.port)) == 0:
                found.append(str(node))
    return found


@pytest.fixture
def holder(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Iterator[Holder]:
    """A process that holds a cache in the foreground, up and ready."""
    monkeypatch.setenv("ENGINEROOM_RUNTIME", "containers")
    process = Holder(settings.state_dir, "foreground", *CACHE)
    yield process
    process.end()


def run_of(holder: Holder) -> str:
    return str(holder.until("ready")["ready"])


def test_stopping_leaves_nothing(client: DockerClient, settings: Settings) -> None:
    """Also what was paused or killed at the time; a second stop is no error."""
    stack = start(settings, components=CACHE)
    assert len(left(client, stack.name)) == 6 + 1 + 6 + 1
    assert len(answering(stack)) == 6
    stack.pause("redis-2")
    stack.kill("redis-3")
    stack.stop()
    assert left(client, stack.name) == []
    assert not stack.folder.exists()
    assert answering(stack) == []
    stack.stop()


def test_two_stacks_do_not_meet(client: DockerClient, settings: Settings) -> None:
    """Other ports, other passwords, another network; ending one leaves the other whole."""
    one, two = start(settings, components=CACHE), start(settings, components=CACHE)
    try:
        assert one.addresses.cache is not None
        assert two.addresses.cache is not None
        assert one.addresses.cache.password != two.addresses.cache.password
        assert not set(one.addresses.cache.nodes) & set(two.addresses.cache.nodes)
        assert reap(settings) == []
        one.stop()
        assert left(client, one.name) == []
        assert {status.health for status in two.status()} == {"ready"}
    finally:
        one.stop()
        two.stop()


def test_a_killed_owner_leaves_nothing(client: DockerClient, holder: Holder, settings: Settings) -> None:
    """The watchdog removes everything, without anybody asking."""
    run = run_of(holder)
    holder.process.send_signal(signal.SIGKILL)
    eventually("nothing left", lambda: left(client, run) == [])
    eventually("no folder", lambda: run not in all_runs(client, settings))


def test_what_a_dead_watchdog_left_is_reaped(client: DockerClient, holder: Holder, settings: Settings) -> None:
    """The next clean-up finds the run by its labels, even when its folder is gone as well."""
    run = run_of(holder)
    for child in psutil.Process(holder.process.pid).children(recursive=True):
        os.kill(child.pid, signal.SIGKILL)
    assert reap(settings) == [], "its owner still lives"
    holder.end()
    assert left(client, run) != []
    (line,) = reap(settings)
    assert run in line
    assert left(client, run) == []
    assert all_runs(client, settings) == []


def test_a_run_is_reaped_from_another_runtime_too(client: DockerClient, holder: Holder, settings: Settings) -> None:
    """A command on the local runtime cleans up as well, for as long as there is a record."""
    run = run_of(holder)
    for child in psutil.Process(holder.process.pid).children(recursive=True):
        os.kill(child.pid, signal.SIGKILL)
    holder.end()
    assert any(run in line for line in reap(load(runtime="local", state_dir=settings.state_dir)))
    assert left(client, run) == []


def test_an_interrupted_start_leaves_nothing(client: DockerClient, holder: Holder, settings: Settings) -> None:
    """Ctrl-C while components are coming up."""
    holder.until("doing", "starting")
    holder.process.send_signal(signal.SIGINT)
    holder.process.wait(60)
    assert all_runs(client, settings) == []


def test_a_detached_run_outlives_its_owner(
    client: DockerClient, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is found, is not taken for dead, and can be stopped by somebody else."""
    monkeypatch.setenv("ENGINEROOM_RUNTIME", "containers")
    holder = Holder(settings.state_dir, "detached", *CACHE)
    run = run_of(holder)
    holder.end()
    assert reap(settings) == []
    (stack,) = running(settings)
    assert stack.name == run
    assert {status.health for status in stack.status()} == {"ready"}
    stack.stop()
    assert left(client, run) == []


def test_a_detached_run_whose_containers_ended_is_reaped(
    client: DockerClient, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As after the engine was restarted: nothing of it will ever run again by itself."""
    monkeypatch.setenv("ENGINEROOM_RUNTIME", "containers")
    holder = Holder(settings.state_dir, "detached", *CACHE)
    run = run_of(holder)
    holder.end()
    for container in containers_of(client, run).values():
        container.kill("SIGKILL")
    eventually("reaped", lambda: any(run in line for line in reap(settings)))
    assert left(client, run) == []


def test_a_taken_port_is_replaced(client: DockerClient, settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    """Somebody who takes a port between choosing and publishing costs an attempt, not the start."""
    real, asked = starting.free_ports, []
    with socket.socket() as rude:
        rude.bind(("127.0.0.1", 0))
        rude.listen()

        def free_ports(count: int) -> list[int]:
            asked.append(count)
            found = real(count)
            return [rude.getsockname()[1], *found[1:]] if len(asked) == 1 else found

        monkeypatch.setattr(starting, "free_ports", free_ports)
        stack = start(settings, components=CACHE)
        try:
            assert isinstance(stack, ContainersStack)
            assert len(asked) == 2 * 6
            assert {status.health for status in stack.status()} == {"ready"}
        finally:
            stack.stop()
    assert left(client, stack.name) == []


def test_a_failed_start_leaves_nothing_but_its_logs(
    client: DockerClient, settings: Settings, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """A server that ends at once is named with its last output, which is kept."""
    entrypoint = ["sh", "-c", "echo no luck >&2; exit 7"]
    monkeypatch.setattr(bringing_up, "new_container", partial(pod.new_container, entrypoint=entrypoint))
    with pytest.raises(StartError, match="did not become ready") as caught:
        start(settings, components=CACHE, logs=tmp_path / "logs")
    assert "exit code 7" in str(caught.value)
    assert "no luck" in str(caught.value)
    assert any("no luck" in path.read_text() for path in (tmp_path / "logs").iterdir())
    assert all_runs(client, settings) == []


def test_other_peoples_containers_are_left_alone(client: DockerClient, settings: Settings) -> None:
    """A container without our labels survives every clean-up."""
    stranger = client.containers.create(IMAGES["redis"], ["sleep", "infinity"])
    try:
        reap(settings)
        stranger.reload()
    finally:
        stranger.remove(force=True)
