"""A private PostgreSQL for the session, a fresh forge for each test, and git by each of its three forms."""

from __future__ import annotations

import itertools
import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Literal

import psycopg
import pytest
from pydantic import SecretStr
from tenacity import Retrying, retry_if_exception_type, stop_after_delay, wait_fixed

from stack.addresses import GitAddress
from stack.forge.git import GitAccess, open_git
from stack.forge.git_agent import GitAgent
from stack.forge.hosting import Hosting
from stack.forge.migrate import migrate
from stack.forge.repositories import Repositories
from stack.forge.smsly import SmslyForge
from stack.forge.vault import Vault, new_key
from stack.process import run
from stack.settings import load
from stack.toolchain import Toolchain

Form = Literal["local", "protocol", "agent"]

_USER = "nobody" if os.geteuid() == 0 else None  # PostgreSQL refuses root
_numbers = itertools.count(1)


def _programs() -> Path:
    """The folder of initdb and pg_ctl: the toolchain's PostgreSQL, or the one of this machine."""
    found = Toolchain(load()).find("postgresql")
    if found is not None:
        return found.program("initdb").parent
    on_machine = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    if not on_machine:
        pytest.skip("PostgreSQL is missing: run `engineroom setup`")
    return on_machine[-1].parent


@pytest.fixture(scope="session")
def server() -> Iterator[str]:
    """Connection string of a server, without its database."""
    programs = _programs()
    folder = Path(tempfile.mkdtemp(prefix="forge-tests-"))
    if _USER:
        entry = pwd.getpwnam(_USER)
        os.chown(folder, entry.pw_uid, entry.pw_gid)
    data = folder / "data"
    options = ["--auth=trust", "--username=forge", "--encoding=UTF8", "--locale=C", "--no-sync"]
    run([programs / "initdb", "-D", data, *options], timeout=120, user=_USER, cwd=folder)
    settings = f"-c listen_addresses= -c unix_socket_directories={folder} -c fsync=off -c max_connections=40"
    start: list[str | Path] = [programs / "pg_ctl", "-D", data, "-l", folder / "log", "-w", "-o", settings, "start"]
    run(start, timeout=90, user=_USER, cwd=folder)
    conninfo = f"host={folder} user=forge"
    migrated = f"{conninfo} dbname=migrated"
    try:
        with psycopg.connect(f"{conninfo} dbname=postgres", autocommit=True) as connection:
            connection.execute("CREATE DATABASE migrated")
        migrate(migrated)
        yield conninfo
    finally:
        run([programs / "pg_ctl", "-D", data, "-m", "immediate", "-w", "stop"], timeout=60, user=_USER, cwd=folder)
        shutil.rmtree(folder)


@pytest.fixture(scope="session")
def new_database(server: str) -> Callable[[str | None], str]:
    """Make a database from a template (`None`: an empty one); its connection string."""

    def make(template: str | None) -> str:
        name = f"forge_{next(_numbers)}"
        with psycopg.connect(f"{server} dbname=postgres", autocommit=True) as connection:
            connection.execute(f"CREATE DATABASE {name} TEMPLATE {template or 'template0'}".encode())
        return f"{server} dbname={name}"

    return make


@pytest.fixture(scope="session")
def shared_database(new_database: Callable[[str | None], str]) -> str:
    """One database with the schema, for all tests that are content with empty tables."""
    return new_database("migrated")


@pytest.fixture
def conninfo(shared_database: str) -> str:
    """A database with the schema and no rows; ids start at 1."""
    with psycopg.connect(shared_database, autocommit=True) as connection:
        connection.execute(_EMPTY)
    return shared_database


_EMPTY = """
DO $$ BEGIN EXECUTE (
    SELECT 'TRUNCATE ' || string_agg(quote_ident(tablename), ', ') || ' RESTART IDENTITY'
    FROM pg_tables WHERE schemaname = 'public' AND tablename <> 'schema_migration'
); END $$
"""


@pytest.fixture
def vault() -> Vault:
    """A vault with one new key."""
    return Vault({"key-1": new_key()}, current="key-1")


@pytest.fixture
def forge(conninfo: str, vault: Vault) -> Iterator[SmslyForge]:
    """A forge without anybody in it."""
    with SmslyForge(conninfo, vault=vault) as made:
        yield made


@pytest.fixture
def repositories(tmp_path: Path) -> Repositories:
    """An empty folder of git repositories."""
    root = tmp_path / "git"
    root.mkdir()
    return Repositories(root)


@pytest.fixture
def hosting(forge: SmslyForge, repositories: Repositories) -> Hosting:
    """Forge and git together."""
    return Hosting(forge, repositories)


@pytest.fixture(params=["local", "protocol", "agent"])
def form(request: pytest.FixtureRequest) -> Form:
    """Each way of reaching git."""
    found: Form = request.param
    return found


@pytest.fixture
def access(form: Form, repositories: Repositories, tmp_path: Path) -> Iterator[GitAccess]:
    """Git by one of its forms, over the folder of `repositories`."""
    with _SERVING[form](repositories.root) as address, open_git(address, tmp_path / "cache") as git:
        yield git


@contextmanager
def _local(root: Path) -> Iterator[GitAddress]:
    yield GitAddress(form="local", location=str(root))


@contextmanager
def _agent(root: Path) -> Iterator[GitAddress]:
    token = SecretStr("a token for tests")
    agent = GitAgent(root, token)
    thread = threading.Thread(target=agent.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield GitAddress(form="agent", location=agent.url, token=token)
    finally:
        agent.shutdown()
        agent.server_close()
        thread.join(10)


@contextmanager
def _protocol(root: Path) -> Iterator[GitAddress]:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    options = ["--export-all", "--reuseaddr", f"--base-path={root}", "--listen=127.0.0.1", f"--port={port}"]
    daemon = subprocess.Popen(["git", "daemon", *options], stderr=subprocess.DEVNULL, start_new_session=True)
    try:
        ready = Retrying(stop=stop_after_delay(20), wait=wait_fixed(0.02), retry=retry_if_exception_type(OSError))
        ready(lambda: socket.create_connection(("127.0.0.1", port), 1).close())
        yield GitAddress(form="protocol", location=f"git://127.0.0.1:{port}/")
    finally:
        os.killpg(daemon.pid, signal.SIGTERM)
        daemon.wait(10)


_SERVING = {"local": _local, "agent": _agent, "protocol": _protocol}
