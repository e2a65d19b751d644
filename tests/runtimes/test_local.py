"""The local runtime with real servers: everything up once, and what a person sees of it."""

from __future__ import annotations

import grp
import json
import os
import pwd
import urllib.request
from collections.abc import Iterator

import psutil
import psycopg
import pytest
from redis.cluster import ClusterNode, RedisCluster

from stack.components.catalogue import catalogue
from stack.components.objects_probe import probe
from stack.components.replication import replication_lag, wait_caught_up
from stack.components.s3 import s3_client
from stack.process import run
from stack.runtimes import running, secrets, start
from stack.runtimes.identity import identify
from stack.runtimes.leftovers import tree
from stack.runtimes.local import LocalStack
from stack.settings import Settings
from tests.runtimes.kit import nothing_left


@pytest.fixture(scope="module")
def stack(settings: Settings) -> Iterator[LocalStack]:
    """Everything that can be had, with OpenSearch: started once for this module."""
    started = start(settings)
    assert isinstance(started, LocalStack)
    yield started
    started.stop()
    assert nothing_left(started.folder)


def processes(stack: LocalStack, component: str = "") -> list[psutil.Process]:
    states = [status for status in stack.status() if component in {"", status.name}]
    mains = [identify(status.pid) for status in states if status.pid]
    return [psutil.Process(member.pid) for main in mains if main for member in tree(main)]


def test_everything_is_ready(stack: LocalStack) -> None:
    """Each component is ready, has a process, memory and a time, and nothing died."""
    rows = {status.name: status for status in stack.status()}
    required = {"postgresql-primary", "postgresql-replica", "objects", "opensearch", "git"}
    assert required | {f"redis-{number}" for number in range(1, 7)} <= set(rows)
    assert {name: row.detail for name, row in rows.items() if row.health != "ready"} == {}
    assert all(row.pid and row.rss_bytes and row.since and row.since.tzinfo for row in rows.values())
    assert stack.deaths() == []


def test_what_could_not_be_had_is_named(stack: LocalStack, settings: Settings) -> None:
    """Every engine that was wanted is either running or listed as missing with a reason."""
    present = {engine.kind for engine in stack.addresses.engines}
    assert present | set(stack.missing) >= set(settings.engines)
    assert present.isdisjoint(stack.missing)


def test_replica_follows(stack: LocalStack) -> None:
    """A row written to the primary is read on the replica once it has caught up."""
    primary, replica = stack.addresses.database, stack.addresses.replica
    assert primary
    assert replica
    with psycopg.connect(primary.conninfo(), autocommit=True) as connection:
        connection.execute("CREATE TABLE followed AS SELECT generate_series(1, 1000) AS n")
    wait_caught_up(primary, replica, within=20)
    with psycopg.connect(replica.conninfo()) as connection:
        assert connection.execute("SELECT count(*) FROM followed").fetchone() == (1000,)
    assert replication_lag(primary, replica) >= 0


def test_replica_refuses_writes(stack: LocalStack) -> None:
    """The replica is read-only."""
    assert stack.addresses.replica
    with (
        psycopg.connect(stack.addresses.replica.conninfo()) as connection,
        pytest.raises(psycopg.errors.ReadOnlySqlTransaction),
    ):
        connection.execute("CREATE TABLE nowhere (n int)")


def test_database_keeps_checksums_and_slot(stack: LocalStack) -> None:
    """Pages have checksums, the owner is no superuser, and the replica holds its slot."""
    assert stack.addresses.database
    with psycopg.connect(stack.addresses.database.conninfo()) as connection:
        row = connection.execute(
            "SELECT current_setting('data_checksums'), current_setting('is_superuser'), current_user, "
            "(SELECT active FROM pg_replication_slots WHERE slot_name = 'replica_1')"
        ).fetchone()
    assert row == ("on", "off", "forge", True)


def test_a_wrong_password_is_refused(stack: LocalStack) -> None:
    """Nobody gets in without the generated password, not even from loopback."""
    assert stack.addresses.database
    with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
        psycopg.connect(stack.addresses.database.conninfo().replace("password='", "password='not-"))


def test_cluster_serves_every_slot(stack: LocalStack) -> None:
    """Keys of many slots are kept, and every primary has a replica."""
    cache = stack.addresses.cache
    assert cache
    client = RedisCluster(
        startup_nodes=[ClusterNode(node.host, node.port) for node in cache.nodes],  # type: ignore[no-untyped-call]
        password=cache.password.get_secret_value(),
        decode_responses=True,
    )
    for number in range(100):
        client.set(f"key-{number}", number)
    assert [client.get(f"key-{number}") for number in range(100)] == [str(number) for number in range(100)]
    assert len(client.get_primaries()) == 3  # type: ignore[no-untyped-call]
    assert len(client.get_replicas()) == 3  # type: ignore[no-untyped-call]
    client.close()


def test_store_keeps_its_promises_and_is_left_clean(stack: LocalStack) -> None:
    """The running store passes the probe, and no bucket of the probe remains."""
    assert stack.addresses.objects
    assert probe(stack.addresses.objects).missing == ()
    buckets = s3_client(stack.addresses.objects).list_buckets().get("Buckets", [])
    assert {bucket.get("Name") for bucket in buckets} <= {"forge"}


def test_anonymous_is_refused_by_the_store(stack: LocalStack) -> None:
    """Without credentials the store lists nothing."""
    assert stack.addresses.objects
    with pytest.raises(urllib.error.HTTPError) as refused:
        urllib.request.urlopen(stack.addresses.objects.endpoint + "/", timeout=5)  # noqa: S310
    assert refused.value.code == 403


def test_opensearch_finds_what_it_is_given(stack: LocalStack) -> None:
    """A document can be indexed and found."""
    engine = stack.addresses.engine("opensearch")
    assert engine
    document = urllib.request.Request(  # noqa: S310
        f"{engine.url}/probe/_doc/1?refresh=true",
        method="PUT",
        data=b'{"text": "fn main"}',
        headers={"Content-Type": "application/json"},
    )
    urllib.request.urlopen(document, timeout=30).close()  # noqa: S310
    with urllib.request.urlopen(f"{engine.url}/probe/_search?q=text:main", timeout=30) as answer:  # noqa: S310
        assert json.load(answer)["hits"]["total"]["value"] == 1


def test_git_serves_but_takes_no_push(stack: LocalStack) -> None:
    """A repository below the git root can be listed by the git protocol, whoever owns it, and not pushed to."""
    assert stack.addresses.git
    bare = f"{stack.addresses.git.location}/ada/engine.git"
    run(["git", "init", "--bare", "--quiet", "--initial-branch=main", bare], timeout=20)
    work = stack.folder / "git" / "work"
    identity = {f"GIT_{who}_{what}": "ada@example.org" for who in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")}
    run(["git", "init", "--quiet", "--initial-branch=main", work], timeout=20)
    run(["git", "-C", work, "commit", "--quiet", "--allow-empty", "-m", "first"], timeout=20, env=identity)
    run(["git", "-C", work, "push", "--quiet", bare, "main"], timeout=20)
    host, port = next(status.address for status in stack.status() if status.name == "git").split(":")
    url = f"git://{host}:{port}/ada/engine.git"
    assert b"refs/heads/main" in run(["git", "ls-remote", url], timeout=20).stdout
    refused = run(["git", "-C", work, "push", url, "main:other"], timeout=20, ok=(1, 128))
    assert b"access denied or repository not exported" in refused.stderr or b"denied" in refused.stderr
    assert b"refs/heads/other" not in run(["git", "ls-remote", url], timeout=20).stdout


def test_only_loopback_listens(stack: LocalStack) -> None:
    """No component listens on an address that another machine could reach."""
    listening = [
        connection.laddr
        for process in processes(stack)
        for connection in process.net_connections(kind="inet")
        if connection.status == psutil.CONN_LISTEN
    ]
    assert len(listening) > 15
    assert {address.ip for address in listening} <= {"127.0.0.1", "::ffff:127.0.0.1"}


def test_secrets_are_in_no_argument_log_or_record(stack: LocalStack) -> None:
    """A generated secret appears in no process's arguments, no log and no record."""
    hidden = secrets.values(stack.plan().secrets)
    assert len(hidden) == 9
    shown = [" ".join(process.cmdline()) for process in processes(stack)]
    shown += [log.read_text("utf-8", "replace") for log in (stack.folder / "logs").glob("*.log")]
    shown += [(stack.folder / "run.json").read_text("utf-8"), repr(stack.addresses), str(stack.status())]
    assert [text[:80] for text in shown for secret in hidden if secret in text] == []


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can run servers as somebody else")
def test_servers_run_without_privileges(stack: LocalStack, settings: Settings) -> None:
    """Every server process is the service user's, with no group but its own; the forge's services are ours."""
    account = pwd.getpwnam(settings.service_user)
    own = {name for name, component in catalogue("seaweedfs").items() if component.own_user}
    for status in stack.status():
        user, group = (0, 0) if status.name in own else (account.pw_uid, account.pw_gid)
        for process in processes(stack, status.name):
            assert set(process.uids()) == {user}, (status.name, process)
            assert set(process.gids()) == {group}, (status.name, process)
    groups = psutil.Process(stack.status()[0].pid).as_dict(["username"])
    assert groups["username"] == settings.service_user
    assert grp.getgrgid(account.pw_gid).gr_name


def test_other_users_see_nothing_of_a_run(stack: LocalStack) -> None:
    """What holds secrets or data can be entered by its owner alone; the runner's steps may pass to their own folder."""
    components = [path for path in (stack.folder / "components").iterdir() if path.name != "runner"]
    private = [stack.folder / "secrets", stack.folder / "logs", *components]
    private += [path for path in (stack.folder / "components" / "runner").glob("*") if path.name != "data"]
    assert {oct(path.stat().st_mode & 0o777) for path in private} == {"0o700"}
    assert oct((stack.folder / "secrets" / "secrets.json").stat().st_mode & 0o777) == "0o600"
    made_by_opensearch = "opensearch.keystore"
    configuration = [
        path
        for path in (stack.folder / "components").glob("*/config/*")
        if path.is_file() and path.name != made_by_opensearch
    ]
    assert len(configuration) > 10
    assert {oct(path.stat().st_mode & 0o077) for path in configuration} == {"0o0"}


def test_another_process_finds_the_stack(stack: LocalStack, settings: Settings) -> None:
    """Attaching gives the same addresses, secrets included."""
    (found,) = [other for other in running(settings) if other.name == stack.name]
    assert found.addresses.to_json(secrets=True) == stack.addresses.to_json(secrets=True)


def test_collected_logs_hold_no_secret(stack: LocalStack, tmp_path_factory: pytest.TempPathFactory) -> None:
    """A secret that a server wrote into its log is masked in the copy."""
    secret = stack.plan().secrets.redis.get_secret_value()
    log = stack.log("redis-1")
    with log.open("a") as file:
        file.write(f"somebody logged {secret}\n")
    copies = stack.collect_logs(tmp_path_factory.mktemp("logs"))
    assert {copy.stem for copy in copies} == {status.name for status in stack.status()}
    text = next(copy for copy in copies if copy.stem == "redis-1").read_text()
    assert "somebody logged **********" in text
    assert secret not in text
    log.write_text(log.read_text().replace(secret, ""))
