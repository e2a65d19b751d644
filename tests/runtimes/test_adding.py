"""Bringing components into a running stack and taking them out again, with real servers."""

from __future__ import annotations

import json
import subprocess
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from stack.components.base import StartError
from stack.components.services import Service
from stack.errors import UsageError
from stack.runtimes import running, start
from stack.runtimes.leftovers import processes_of
from stack.runtimes.local import LocalStack
from stack.settings import Settings
from stack.toolchain import Toolchain
from tests.runtimes.kit import OtherTools, ScriptTool, nothing_left


@pytest.fixture(scope="module")
def stack(settings: Settings) -> Iterator[LocalStack]:
    """A database alone."""
    started = start(settings, components=["postgresql-primary"])
    assert isinstance(started, LocalStack)
    yield started
    started.stop()
    assert nothing_left(started.folder)


def test_a_service_comes_and_goes(stack: LocalStack, settings: Settings) -> None:
    """It brings the schema, answers with its token, is seen by other commands, and leaves nothing but its log."""
    if Toolchain(settings).find("git-service") is None:
        pytest.skip("git-service is not built from these sources: run `engineroom setup git-service`")
    assert stack.addresses.services.git_http is None
    assert stack.add(["git-http"]) == ["git-http"]
    assert stack.add(["git-http", "postgresql-primary"]) == []
    address = stack.addresses.services.git_http
    assert address is not None
    assert address.token is not None
    database = stack.addresses.database
    assert database is not None
    with psycopg.connect(database.conninfo()) as connection:
        assert connection.execute("SELECT count(*) FROM repository").fetchone() == (0,)
    request = urllib.request.Request(  # noqa: S310 - of the stack
        f"{address.url}/internal/repositories/nobody/nothing",
        headers={"Authorization": f"Bearer {address.token.get_secret_value()}"},
    )
    with pytest.raises(urllib.error.HTTPError) as refused:
        urllib.request.urlopen(request, timeout=10)  # noqa: S310
    assert json.load(refused.value)["error"]["code"] == "NOT_FOUND"
    assert [status.health for status in stack.status()] == ["ready", "ready"]
    (seen,) = [other for other in running(settings) if other.name == stack.name]
    assert seen.addresses.services == stack.addresses.services
    log = stack.log("git-http")

    stack.remove(["git-http"])
    assert stack.addresses.services.git_http is None
    assert [status.name for status in stack.status()] == ["postgresql-primary"]
    assert processes_of(stack.name, stack.folder, "git-http") == []
    assert not (stack.folder / "components" / "git-http").exists()
    assert log.read_text("utf-8")
    assert stack.deaths() == []


def test_what_others_require_stays(stack: LocalStack) -> None:
    """Without its primary the replica makes no sense: both are taken out, or neither."""
    stack.add(["postgresql-replica"])
    with pytest.raises(UsageError, match="postgresql-replica requires postgresql-primary"):
        stack.remove(["postgresql-primary"])
    assert [status.health for status in stack.status()] == ["ready", "ready"]
    stack.remove(["postgresql-replica"])
    with pytest.raises(UsageError):
        stack.remove(["postgresql-replica"])


def test_what_does_not_come_up_leaves_nothing(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The stack is as it was, and the error says what the service said."""
    script = tmp_path / "serve"
    script.write_text("#!/bin/sh\necho GIT_TOKEN is odd\nexit 78\n", "utf-8")
    script.chmod(0o755)
    monkeypatch.setattr(Service, "start_within", 5.0)
    broken = ScriptTool("git-service", tmp_path, script)
    tools = OtherTools(Toolchain(settings), replaced={"git-service": broken})
    stack = start(settings, components=["postgresql-primary"], tools=tools)
    try:
        with pytest.raises(StartError, match="exit code 78") as failed:
            stack.add(["git-http"])
        assert "GIT_TOKEN is odd" in failed.value.got
        assert [status.health for status in stack.status()] == ["ready"]
        assert stack.addresses.services.git_http is None
        assert stack.deaths() == []
    finally:
        stack.stop()


def test_a_stack_is_stopped_after_its_program_was_built_anew(settings: Settings) -> None:
    """Ending a component asks nothing of the toolchain: its program may be another by then, or gone."""
    stack = start(settings, components=["postgresql-primary"])
    assert isinstance(stack, LocalStack)
    stack._tools = OtherTools(Toolchain(settings), absent=("postgresql",))
    pid = next(status.pid for status in stack.status())
    assert pid is not None
    log = stack.log("postgresql-primary")
    with subprocess.Popen(["tail", "--follow=descriptor", "-n", "+1", f"--pid={pid}", log], stdout=-1) as followed:
        stack.stop()
        assert followed.stdout is not None
        assert b"database system is shut down" in followed.stdout.read()


def scraped(prometheus: str) -> set[str]:
    """The jobs that a Prometheus scrapes."""
    with urllib.request.urlopen(f"{prometheus}/api/v1/targets?state=active", timeout=10) as answer:  # noqa: S310
        return {target["labels"]["job"] for target in json.load(answer)["data"]["activeTargets"]}


def test_who_follows_the_others_is_told(settings: Settings) -> None:
    """Prometheus scrapes what came, and no longer what went, without being started again."""
    tools = Toolchain(settings)
    absent = [name for name in ("prometheus", "git-service") if tools.find(name) is None]
    if absent:
        pytest.skip(f"not installed: {', '.join(absent)}")
    stack = start(settings, components=["prometheus"])
    try:
        address = stack.addresses.telemetry.prometheus
        assert address is not None
        before = next(status.pid for status in stack.status())
        assert "git" not in scraped(address)
        assert stack.add(["git-http"]) == ["postgresql-primary", "git-http"]
        assert "git" in scraped(address)
        stack.remove(["git-http", "postgresql-primary"])
        assert "git" not in scraped(address)
        assert [(status.pid, status.health) for status in stack.status()] == [(before, "ready")]
    finally:
        stack.stop()
