"""The agent beside the git server: who may ask, what may be asked, and answers that are cut off."""

from __future__ import annotations

import http.client
import io
import json
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from pydantic import SecretStr

from stack.forge import git_wire as wire
from stack.forge.errors import GitError, InvalidError, RepositoryMissingError
from stack.forge.git_agent import GitAgent
from stack.forge.git_agent_client import AgentGit
from stack.forge.git_types import Blob
from stack.forge.repositories import Person, Repositories

TOKEN = SecretStr("right")
REPO = "ann/tool.git"


@pytest.fixture
def agent(repositories: Repositories) -> Iterator[GitAgent]:
    """An agent over one repository with one commit."""
    repositories.create(REPO)
    repositories.push(
        REPO,
        "main",
        {"a": b"content"},
        author=Person("Ann", "ann@example.org"),
        date=datetime(2022, 1, 1, tzinfo=UTC),
        message="m",
    )
    made = GitAgent(repositories.root, TOKEN)
    thread = threading.Thread(target=made.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    yield made
    made.shutdown()
    made.server_close()
    thread.join(10)


def ask(
    agent: GitAgent, path: str, *, token: str = TOKEN.get_secret_value(), method: str = "GET", body: bytes = b""
) -> tuple[int, bytes]:
    """Status and body of one plain request."""
    host, port = agent.url.removeprefix("http://").split(":")
    connection = http.client.HTTPConnection(host, int(port), timeout=10)
    connection.request(method, path, body or None, {"Authorization": f"Bearer {token}"})
    answer = connection.getresponse()
    return answer.status, answer.read()


def test_it_listens_on_loopback_only(agent: GitAgent) -> None:
    """Without being told otherwise no other machine can reach it."""
    assert agent.url.startswith("http://127.0.0.1:")
    assert ask(agent, "/healthz", token="")[0] == 200


@pytest.mark.parametrize("token", ["", "wrong", "righ", "right2", "right\xe9"])
def test_only_the_token_opens(agent: GitAgent, token: str) -> None:
    """Anything but the token is refused before the question is looked at."""
    status, body = ask(agent, f"/v1/refs?repo={REPO}", token=token)
    assert status == 401
    assert b"refs/heads" not in body


def test_the_client_says_that_its_token_is_wrong(agent: GitAgent) -> None:
    """The error points at the token and doesn't show it."""
    with pytest.raises(GitError, match="refused") as caught:
        AgentGit(agent.url, SecretStr("not-the-token")).refs(REPO)
    assert "token" in caught.value.fix
    assert "not-the-token" not in str(caught.value)


@pytest.mark.parametrize("path", ["/v1/config", "/v1/", "/", "/v1/refs/../../etc/passwd", "/v2/refs"])
def test_only_known_questions_are_answered(agent: GitAgent, path: str) -> None:
    """There is no way to any other git command or file."""
    assert ask(agent, f"{path}?repo={REPO}")[0] == 404


@pytest.mark.parametrize(
    "question",
    [
        "tree?repo=ann/tool.git&commit=--upload-pack%3Dtouch",
        "tree?repo=ann/tool.git&commit=HEAD",
        "tree?repo=..%2F..%2Fetc&commit=" + "1" * 40,
        "refs?repo=%2Fetc%2Fpasswd",
        "touches?repo=ann/tool.git&new=" + "1" * 40 + "&old=-x",
        "is-ancestor?repo=ann/tool.git&a=main&b=main",
        "blobs?repo=ann/tool.git&limit=many",
        "refs?",
    ],
)
def test_names_and_ids_are_checked(agent: GitAgent, question: str) -> None:
    """What could be a path or an option is refused as invalid, in the answer's last line."""
    status, body = ask(agent, f"/v1/{question}")
    assert status == 200
    assert json.loads(body.splitlines()[-1])["error"] == "InvalidError"


def test_a_question_has_a_largest_size(agent: GitAgent) -> None:
    """A body over the limit isn't read."""
    status, _ = ask(agent, f"/v1/blobs?repo={REPO}&limit=1", method="POST", body=b"1" * (wire.MAX_REQUEST + 1))
    assert status == 413


def test_errors_keep_their_kind(agent: GitAgent) -> None:
    """A missing repository is the same error as in the local form."""
    with pytest.raises(RepositoryMissingError, match="no such"):
        AgentGit(agent.url, TOKEN).refs("ann/none.git")


def test_an_agent_that_is_not_there_is_named() -> None:
    """After a bounded number of attempts the address is told."""
    with pytest.raises(GitError, match="can't be reached") as caught:
        AgentGit("http://127.0.0.1:1", TOKEN).refs(REPO)
    assert "127.0.0.1:1" in caught.value.on


def test_a_token_is_needed_to_start(tmp_path: Path) -> None:
    """An empty token file would open everything."""
    with pytest.raises(InvalidError, match="token"):
        GitAgent(tmp_path, SecretStr(""))


@pytest.mark.parametrize("cut", [1, 30, -1])
def test_an_answer_that_is_cut_off_is_not_complete(cut: int) -> None:
    """Without the last line, whole or in part, the records that came don't count as all."""
    answer = wire.line({"name": "refs/heads/main", "oid": "1" * 40}) + wire.line(wire.end_record())
    assert len(list(wire.records(io.BytesIO(answer)))) == 1
    with pytest.raises(GitError, match="cut off"):
        list(wire.records(io.BytesIO(answer[: cut if cut > 0 else len(answer) - 13])))


def test_a_blob_that_is_cut_off_is_not_taken_for_a_short_one() -> None:
    """Fewer bytes than announced are an error."""
    record = wire.blob_record(Blob("1" * 40, 7, b"content"))
    assert wire.to_blob(dict(record), io.BytesIO(b"content")).data == b"content"
    with pytest.raises(GitError, match="cut off inside a blob"):
        wire.to_blob(dict(record), io.BytesIO(b"conte"))


def test_it_runs_as_a_program(repositories: Repositories, tmp_path: Path) -> None:
    """Started with a token file it answers, and SIGTERM ends it with exit code 0."""
    repositories.create(REPO)
    (tmp_path / "token").write_text("from the file\n")
    options = ["--root", str(repositories.root), "--port", "0", "--token-file", str(tmp_path / "token")]
    process = subprocess.Popen(
        [sys.executable, "-m", "stack.forge.git_agent", *options], stdout=subprocess.PIPE, text=True
    )
    try:
        assert process.stdout is not None
        url = process.stdout.readline().rsplit(" ", 1)[-1].strip()
        assert AgentGit(url, SecretStr("from the file")).refs(REPO) == {}
        process.send_signal(signal.SIGTERM)
        assert process.wait(20) == 0
    finally:
        process.kill()
        process.wait()
