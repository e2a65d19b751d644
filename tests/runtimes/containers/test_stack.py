"""The containers runtime with real servers: everything up once, what a person sees of it, and how it is disturbed."""

from __future__ import annotations

import secrets as randomness
import socket
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from docker import DockerClient
from redis.cluster import ClusterNode, RedisCluster

from stack.components.objects_probe import probe
from stack.components.replication import replication_lag, wait_caught_up
from stack.errors import EngineRoomError
from stack.inventory import servers_of
from stack.runtimes import running, secrets, start
from stack.runtimes.containers.labels import Mark
from stack.runtimes.containers.pod import POD, containers_of
from stack.runtimes.containers.recipes import SUPPORTED
from stack.runtimes.containers.stack import ContainersStack
from stack.settings import Settings
from tests.runtimes.kit import eventually


@pytest.fixture(scope="module")
def stack(settings: Settings) -> Iterator[ContainersStack]:
    """Everything there is an image of: started once for this module."""
    started = start(settings)
    assert isinstance(started, ContainersStack)
    yield started
    started.stop()
    assert not started.folder.exists()


@pytest.fixture(autouse=True)
def _whole_again(stack: ContainersStack) -> Iterator[None]:
    """What a test disturbed is back before the next one."""
    yield
    stack.forgive()


def health(stack: ContainersStack, name: str) -> str:
    return next(status.health for status in stack.status() if status.name == name)


def cache(stack: ContainersStack) -> RedisCluster:
    address = stack.addresses.cache
    assert address is not None
    nodes = [ClusterNode(node.host, node.port) for node in address.nodes]  # type: ignore[no-untyped-call]
    return RedisCluster(startup_nodes=nodes[:1], password=address.password.get_secret_value(), socket_timeout=5)


def test_everything_is_ready(stack: ContainersStack) -> None:
    """Each component is ready, has a process, memory and a time; nothing died, and what is missing is named."""
    rows = {status.name: status for status in stack.status()}
    assert list(rows) == list(SUPPORTED)
    assert {name: row.detail for name, row in rows.items() if row.health != "ready"} == {}
    assert all(row.pid and row.rss_bytes and row.since and row.since.tzinfo for row in rows.values())
    assert stack.deaths() == []
    assert "opensearch" in stack.missing
    assert stack.addresses.engines == ()


def test_ports_are_published_on_loopback_only(stack: ContainersStack, client: DockerClient) -> None:
    """One container publishes, under the numbers that the addresses say, and nobody else can reach them."""
    containers = containers_of(client, stack.name)
    published = containers.pop(POD).attrs["HostConfig"]["PortBindings"]
    addresses = {status.address for status in stack.status()}
    assert {f"{one['HostIp']}:{one['HostPort']}" for each in published.values() for one in each} == addresses
    assert all(inner == f"{each[0]['HostPort']}/tcp" for inner, each in published.items())
    assert all(address.startswith("127.0.0.1:") for address in addresses)
    assert [name for name, each in containers.items() if each.attrs["HostConfig"]["PortBindings"]] == []


def test_containers_have_no_privilege(stack: ContainersStack, client: DockerClient) -> None:
    """No capability, no way to gain one, no root."""
    for name, container in containers_of(client, stack.name).items():
        host = container.attrs["HostConfig"]
        assert host["CapDrop"] == ["ALL"], name
        assert host["SecurityOpt"] == ["no-new-privileges"], name
        assert not host["Privileged"], name
        assert container.attrs["Config"]["User"] == "999:999", name


def test_no_secret_can_be_seen_from_the_engine(stack: ContainersStack, client: DockerClient) -> None:
    """Not in what the engine tells of a container, and not in the arguments of its processes."""
    hidden = secrets.values(secrets.load(stack.folder / "secrets"))
    for name, container in containers_of(client, stack.name).items():
        container.reload()
        shown = f"{container.attrs}{container.top()}"
        assert [secret for secret in hidden if secret in shown] == [], name


def test_everything_is_marked(stack: ContainersStack, client: DockerClient) -> None:
    """Containers, volumes and the network carry the run and its owner, so that a janitor finds all of them."""
    only = {"label": f"engineroom.run={stack.name}"}
    volumes, networks = client.volumes.list(filters=only), client.networks.list(filters=only)
    containers = client.containers.list(all=True, filters=only)
    assert (len(containers), len(volumes), len(networks)) == (len(SUPPORTED) + 1, len(SUPPORTED), 1)
    mounted = {mount["Name"] for each in containers for mount in each.attrs["Mounts"]}
    assert mounted == {volume.name for volume in volumes}, "a volume nobody marked"
    labels = [*(each.labels for each in containers), *(each.attrs["Labels"] for each in (*volumes, *networks))]
    marks = {Mark.read(each) for each in labels}
    assert len(marks) == 1
    assert None not in marks


def test_the_report_names_what_runs_in_the_images(stack: ContainersStack, settings: Settings) -> None:
    """Not what the toolchain has: the versions are those the servers themselves tell."""
    facts = {server.name: server for server in servers_of(settings, stack)}
    assert {"postgresql", "redis", "seaweedfs"} <= set(facts)
    with psycopg.connect(stack.addresses.database.conninfo()) as db:  # type: ignore[union-attr]
        version = db.execute("SHOW server_version").fetchone()
    assert str(version[0]).split()[0] == facts["postgresql"].version  # type: ignore[index]
    assert all(server.checksum and server.licence for server in facts.values() if server.name != "ctags")


def test_the_cluster_sends_clients_where_they_can_go(stack: ContainersStack) -> None:
    """From one node a client learns of all six, each at a published address, and follows every redirection."""

    def known() -> set[str]:
        with cache(stack) as client:
            return {f"{node.host}:{node.port}" for node in client.get_nodes()}

    with cache(stack) as client:
        assert all(client.set(f"redirected-{index}", index) for index in range(100))
    published = {status.address for status in stack.status() if status.name.startswith("redis-")}
    # A node shows its replicas to clients once they have replicated something.
    eventually("all six nodes", lambda: known() == published)


def test_the_store_is_fit_for_backups(stack: ContainersStack) -> None:
    """The same probe as anywhere finds nothing missing."""
    assert stack.addresses.objects is not None
    assert probe(stack.addresses.objects).missing == ()


def test_a_killed_component_comes_back_with_its_data(stack: ContainersStack) -> None:
    """Killing is no death, and what was committed before is there after."""
    address, replica = stack.addresses.database, stack.addresses.replica
    assert address is not None
    assert replica is not None
    with psycopg.connect(address.conninfo(), autocommit=True) as db:
        db.execute("CREATE TABLE kept (n integer)")
        db.execute("INSERT INTO kept VALUES (42)")
    stack.kill("postgresql-primary")
    assert health(stack, "postgresql-primary") == "stopped"
    assert stack.deaths() == []
    with pytest.raises(psycopg.Error):
        psycopg.connect(address.conninfo())
    stack.forgive()
    assert health(stack, "postgresql-primary") == "ready"
    with psycopg.connect(address.conninfo(), autocommit=True) as db:
        assert db.execute("SELECT n FROM kept").fetchone() == (42,)
        db.execute("DROP TABLE kept")
    wait_caught_up(address, replica, within=30)
    assert replication_lag(address, replica) == 0


def test_a_paused_component_is_not_ready_until_it_runs_on(stack: ContainersStack) -> None:
    """Pausing and resuming are seen, twice is as good as once, and neither is a death."""
    stack.pause("redis-5")
    stack.pause("redis-5")
    assert health(stack, "redis-5") == "paused"
    assert stack.deaths() == []
    stack.resume("redis-5")
    stack.resume("redis-5")
    eventually("ready again", lambda: health(stack, "redis-5") == "ready")


def test_a_death_is_named_with_its_last_words(stack: ContainersStack, client: DockerClient) -> None:
    """Who ended without being meant to is dead, cannot be killed on purpose any more, and can be started again."""
    containers_of(client, stack.name)["redis-6"].kill("SIGKILL")
    eventually("dead", lambda: health(stack, "redis-6") == "dead")
    (death,) = stack.deaths()
    assert death.startswith("redis-6 (container ")
    assert "by signal 9" in death
    assert containers_of(client, stack.name)["redis-6"].logs(tail=1).decode().strip() in death
    with pytest.raises(EngineRoomError):
        stack.kill("redis-6")
    with pytest.raises(EngineRoomError):
        stack.pause("redis-6")
    stack.restart("redis-6")
    assert health(stack, "redis-6") == "ready"
    assert stack.deaths() == []


def test_a_log_is_a_file_that_grows(stack: ContainersStack) -> None:
    """What was written before is in it when it is handed out, and what is written later follows."""
    path = stack.log("postgresql-primary")
    with path.open() as reader:
        assert "database system is ready to accept connections" in reader.read()
        mark = randomness.token_hex(8)
        with psycopg.connect(stack.addresses.database.conninfo()) as db, pytest.raises(psycopg.Error):  # type: ignore[union-attr]
            db.execute("SELECT %s::integer", (mark,))
        eventually("the new line in the log", lambda: mark in reader.read())
    assert path.stat().st_mode & 0o077 == 0


def test_collected_logs_hold_no_secret(stack: ContainersStack, tmp_path: Path) -> None:
    """A secret that a server wrote down is masked in the copy, and every component has one."""
    secret = secrets.load(stack.folder / "secrets").redis.get_secret_value()
    with psycopg.connect(stack.addresses.database.conninfo()) as db, pytest.raises(psycopg.Error):  # type: ignore[union-attr]
        db.execute("SELECT %s::integer", (secret,))
    copies = {copy.stem: copy.read_text() for copy in stack.collect_logs(tmp_path / "logs")}
    assert set(copies) == set(SUPPORTED)
    assert secret in stack.log("postgresql-primary").read_text()
    assert secret not in "".join(copies.values())
    assert "**********" in copies["postgresql-primary"]


def test_it_is_found_by_others(stack: ContainersStack, settings: Settings) -> None:
    """Another command sees the same stack at the same addresses."""
    (found,) = [other for other in running(settings) if other.name == stack.name]
    assert found.addresses == stack.addresses
    assert found.runtime == "containers"


def test_its_ports_answer_from_here(stack: ContainersStack) -> None:
    """Every published address accepts a connection."""
    for status in stack.status():
        host, _, port = status.address.partition(":")
        with socket.create_connection((host, int(port)), 5):
            pass
