"""The runner as a process: jobs come to one end, whatever happens to whoever runs them."""

from __future__ import annotations

import os
import shutil
import signal
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from stack.runtimes.base import Stack
from tests.services.kit import Running, eventually
from tests.services.receiver import CONSUMER, SPAN, TRACE, Receiver, receiver
from tests.services.runner.conftest import GIT_TOKEN, Queue
from tests.services.runner.gitserver import GitServer

__all__ = ["receiver"]

MODULE = "stack.services.runner"
Start = Callable[..., Running]


@pytest.fixture
def start(run: Callable[..., Running], variables: dict[str, str]) -> Iterator[Callable[..., Running]]:
    """Start a runner; its folder is empty when it has ended, and is removed."""

    def begin(**changed: str) -> Running:
        return run(MODULE, variables | changed)

    yield begin
    shutil.rmtree(variables["RUNNER_WORK"], ignore_errors=True)


def processes(mark: str) -> list[int]:
    """Processes that have a mark in their arguments."""
    return [one.pid for one in psutil.process_iter(["cmdline"]) if mark in (one.info["cmdline"] or [])]


def test_a_job_succeeds(start: Start, queue: Queue, variables: dict[str, str]) -> None:
    """Its commit is checked out, the steps run one after the other, row, statuses, log and figures say so."""
    job = queue.add("cat README.md; echo kept > note", "sh src/run.sh; cat note; pwd > /dev/null")
    runner = start()
    row = queue.until(job, "succeeded", "failed")
    assert row["state"] == "succeeded", row
    assert [(step["name"], step["state"], step["exit_code"]) for step in row["steps"]] == [
        ("step 1", "succeeded", 0),
        ("step 2", "succeeded", 0),
    ]
    assert (row["attempts"], row["locked_by"], row["last_error"]) == (1, None, "")
    assert queue.statuses(job) == ["pending", "success"]
    log = queue.log(job)
    assert log.index("the first") < log.index("from the repository") < log.index("kept")
    assert queue.log_row(job)["is_complete"]
    assert runner.metric("runner_jobs_total", kind="steps", result="succeeded") == 1
    assert runner.metric("runner_job_duration_seconds_count") == 1
    eventually(lambda: runner.metric("runner_jobs_queued") == 0)
    assert runner.metric("runner_log_bytes_total") == len(log.encode())
    assert runner.get("/readyz").status == 200
    assert runner.end() == 0
    assert list(Path(variables["RUNNER_WORK"]).iterdir()) == []


def test_a_step_that_fails(start: Start, queue: Queue) -> None:
    """The rest is skipped, and the commit says what failed; it is not tried again."""
    job = queue.add("echo one", "exit 7", "echo never")
    start()
    row = queue.until(job, "failed")
    assert [step["state"] for step in row["steps"]] == ["succeeded", "failed", "skipped"]
    assert row["last_error"] == "step 'step 2' ended with exit code 7"
    assert row["attempts"] == 1
    assert queue.statuses(job) == ["pending", "failure"]
    assert "never" not in queue.log(job)


def test_a_step_knows_nothing(start: Start, queue: Queue, variables: dict[str, str]) -> None:
    """It runs as another user where there is one, without the runner's environment, files or secrets."""
    job = queue.add(
        "env; id -un; ulimit -c; umask; ls -la /proc/self/fd",
        "for p in /proc/[0-9]*; do cat $p/environ $p/cmdline 2>/dev/null | tr '\\0' '\\n' || true; done",
        f"echo {GIT_TOKEN}; printf 'a token for tests'; sleep 0.5; printf ' of the runner, in two parts'",
        "git config --list; grep -r token .git ~ $TMPDIR || true; sudo -n id || echo no sudo",
    )
    start()
    row = queue.until(job, "succeeded", "failed")
    log = queue.log(job)
    assert row["state"] == "succeeded", log
    for name in ("GIT_TOKEN", "S3_SECRET_KEY", "DATABASE_URL"):
        assert f"{name}=" not in log
        assert variables[name] not in log
    assert "***, in two parts" in log
    if os.geteuid() == 0:
        assert "\nnobody\n" in log


def test_what_a_step_leaves_running_ends_with_it(start: Start, queue: Queue) -> None:
    """In the background, in a session of its own, or with its outputs closed: nothing outlives the step."""
    job = queue.add(
        "sleep 98701 & setsid sleep 98701 > /dev/null 2>&1 < /dev/null & "
        "(setsid sh -c 'sleep 98701 & sleep 98701' &) ; echo left"
    )
    start()
    assert queue.until(job, "succeeded", "failed")["state"] == "succeeded"
    assert processes("98701") == []


def test_a_step_that_takes_too_long(start: Start, queue: Queue) -> None:
    """It is ended with all that it started, whether or not it listens to signals."""
    job = queue.add("trap '' TERM INT HUP; sleep 98702 & sleep 98702", "echo never", timeout=0.5)
    start()
    row = queue.until(job, "failed")
    assert [step["state"] for step in row["steps"]] == ["timed_out", "skipped"]
    assert row["last_error"] == "step 'step 1' took too long"
    assert processes("98702") == []


def test_limits(start: Start, queue: Queue) -> None:
    """Memory, file size, processor time and output are bounded; the job fails, the runner doesn't."""
    runner = start(
        RUNNER_MEMORY_BYTES=str(64 * 1024**2),
        RUNNER_FILE_BYTES=str(1024**2),
        RUNNER_CPU_SECONDS="1",
        RUNNER_LOG_BYTES="5000",
    )
    memory = queue.add("python3 -c 'x = bytearray(200 * 1024 * 1024); print(len(x))'")
    size = queue.add("head -c 3000000 /dev/zero > big")
    cpu = queue.add("while :; do :; done")
    output = queue.add("yes | head -c 1000000; echo; exit 0")
    assert queue.until(memory, "succeeded", "failed")["state"] == "failed"
    assert "209715200" not in queue.log(memory)
    assert queue.until(size, "succeeded", "failed")["state"] == "failed"
    assert queue.until(cpu, "succeeded", "failed")["state"] == "failed"
    assert queue.until(output, "succeeded", "failed")["state"] == "succeeded"
    assert queue.log_row(output)["is_cut"]
    assert len(queue.log(output)) < 6000
    assert "the log is cut here" in queue.log(output)
    assert runner.get("/healthz").status == 200


def test_a_killed_runner(start: Start, queue: Queue, variables: dict[str, str]) -> None:
    """Its steps die with it, another runner does the job again, and it succeeds once."""
    marker = "98703"
    job = queue.add(f"echo attempt $ENGINEROOM_ATTEMPT; test $ENGINEROOM_ATTEMPT = 2 || sleep {marker}")
    first = start()
    eventually(lambda: processes(marker))
    first.signal(signal.SIGKILL)
    eventually(lambda: not processes(marker))
    assert queue.row(job)["state"] == "running"
    second = start(RUNNER_NAME="two")
    row = queue.until(job, "succeeded")
    assert row["attempts"] == 2
    assert "one" in row["last_error"] or row["last_error"] == ""
    assert queue.statuses(job) == ["pending", "pending", "success"]
    assert "attempt 2" in queue.log(job)
    assert second.metric("runner_jobs_total", result="retried") == 1
    assert second.end() == 0
    assert list(Path(variables["RUNNER_WORK"]).iterdir()) == []


def test_a_paused_runner_that_comes_back(start: Start, queue: Queue) -> None:
    """Somebody else has done its job meanwhile: it writes nothing about it any more."""
    marker = "98704"
    job = queue.add(f"test $ENGINEROOM_ATTEMPT = 2 || sh -c 'sleep 4; echo {marker}'")
    first = start()
    eventually(lambda: queue.row(job)["state"] == "running" and queue.log(job).count("step 1"))
    first.signal(signal.SIGSTOP)
    second = start(RUNNER_NAME="two")
    row = queue.until(job, "succeeded")
    first.signal(signal.SIGCONT)
    eventually(lambda: first.metric("runner_jobs_total", result="lost") == 1)
    assert queue.row(job) == row
    assert queue.statuses(job) == ["pending", "pending", "success"]
    assert first.metric("runner_jobs_total", result="succeeded") == 0
    assert second.metric("runner_jobs_total", result="succeeded") == 1


def test_attempts_run_out(start: Start, queue: Queue) -> None:
    """A job whose runner dies every time fails in the end, and says why."""
    marker = "98705"
    job = queue.add(f"sleep {marker}", attempts=1)
    first = start()
    eventually(lambda: processes(marker))
    first.signal(signal.SIGKILL)
    start(RUNNER_NAME="two")
    row = queue.until(job, "failed")
    assert row["attempts"] == 1
    assert "not heard of any more" in row["last_error"]
    assert queue.statuses(job) == ["pending", "error"]


def test_a_cancelled_job(start: Start, queue: Queue) -> None:
    """What runs is ended soon, the log has an end, the commit doesn't stay pending; a queued one never begins."""
    marker = "98706"
    job = queue.add(f"echo begun; sleep {marker}")
    queued = queue.add("echo never")
    runner = start()
    eventually(lambda: processes(marker))
    queue.cancel(queued)
    queue.cancel(job)
    eventually(lambda: not processes(marker))
    eventually(lambda: queue.statuses(job) == ["pending", "error"])
    eventually(lambda: queue.log_row(job)["is_complete"])
    assert queue.log(job).rstrip().endswith("cancelled")
    assert queue.row(job)["state"] == "cancelled"
    assert runner.metric("runner_jobs_total", result="cancelled") == 1
    assert (queue.row(queued)["state"], queue.row(queued)["attempts"]) == ("cancelled", 0)


def test_told_to_end_it_finishes_what_is_short(start: Start, queue: Queue) -> None:
    """SIGTERM waits for the job that runs, and takes no other."""
    job = queue.add("echo begun; sleep 1.5; echo done")
    later = queue.add("echo later")
    runner = start()
    eventually(lambda: queue.row(job)["state"] == "running" and "begun" in queue.log(job))
    assert runner.end() == 0
    assert queue.row(job)["state"] == "succeeded"
    assert queue.row(later)["state"] == "queued"


def test_told_to_end_it_gives_back_what_is_long(start: Start, queue: Queue) -> None:
    """After its time, the job is queued again at once, and the attempt doesn't count."""
    marker = "98707"
    job = queue.add(f"sleep {marker}", attempts=1)
    runner = start(RUNNER_GRACE_SECONDS="0.5")
    eventually(lambda: processes(marker))
    assert runner.end() == 0
    row = queue.row(job)
    assert (row["state"], row["attempts"], row["max_attempts"]) == ("queued", 1, 2)
    assert processes(marker) == []


def test_the_object_store_comes_back(start: Start, queue: Queue, whole: Stack) -> None:
    """The job isn't held up, and its log is there in the end."""
    whole.kill("objects")
    job = queue.add("echo early; sleep 2; echo late")
    runner = start()
    eventually(lambda: (runner.metric("runner_log_upload_failures_total") or 0) >= 1)
    assert runner.get("/readyz").status == 503
    whole.restart("objects")
    assert queue.until(job, "succeeded", "failed")["state"] == "succeeded"
    assert queue.log_row(job)["is_complete"]
    assert "late" in queue.log(job)


def test_the_database_comes_back(start: Start, queue: Queue, whole: Stack) -> None:
    """An outage shorter than the lease costs nothing; whatever it costs, the job succeeds once."""
    job = queue.add("echo begun; sleep 3; echo done", attempts=5)
    start(RUNNER_LEASE_SECONDS="40")
    eventually(lambda: queue.row(job)["state"] == "running" and "begun" in queue.log(job))
    whole.kill("postgresql-primary")
    whole.restart("postgresql-primary")
    row = queue.until(job, "succeeded", within=90)
    assert row["attempts"] == 1
    assert queue.statuses(job) == ["pending", "success"]


def test_git_comes_back(start: Start, queue: Queue, git: GitServer) -> None:
    """While it is away the job is put off, not failed."""
    git.down = True
    job = queue.add("cat README.md", attempts=50)
    runner = start()
    eventually(lambda: (runner.metric("runner_jobs_total", result="retried") or 0) >= 2)
    git.down = False
    assert queue.until(job, "succeeded", "failed")["state"] == "succeeded"


def test_a_commit_that_is_not_there(start: Start, queue: Queue) -> None:
    """No later attempt will find it."""
    job = queue.add("true", commit="ab" * 20)
    start()
    row = queue.until(job, "failed")
    assert row["attempts"] == 1
    assert "doesn't have this commit" in row["last_error"]
    assert queue.statuses(job) == ["pending", "failure"]


@pytest.mark.parametrize(
    "payload",
    [
        [],
        {},
        {"commit": "main", "steps": [{"name": "a", "run": "true"}]},
        {"commit": "a" * 40, "steps": []},
        {"commit": "a" * 40, "steps": "true"},
        {"commit": "a" * 40, "steps": [{"name": "a", "run": ""}]},
        {"commit": "a" * 40, "steps": [{"name": "a", "run": "true", "timeout_seconds": -1}]},
        {"commit": "a" * 40, "steps": [{"name": "a", "run": ["true"]}]},
        {"commit": "--upload-pack=x", "steps": [{"name": "a", "run": "true"}], "traceparent": 7, "context": {}},
    ],
)
def test_a_job_that_cannot_be_understood(start: Start, queue: Queue, payload: object) -> None:
    """It fails at once, and says what is wrong; the runner goes on."""
    job = queue.put(payload)
    after = queue.add("true")
    start()
    assert "can't be understood" in queue.until(job, "failed")["last_error"]
    assert queue.until(after, "succeeded", "failed")["state"] == "succeeded"


def test_each_job_is_done_once(start: Start, queue: Queue) -> None:
    """Two runners with three places each, and twelve jobs: none is done twice, none is forgotten."""
    jobs = [queue.add(f"echo this is {number}") for number in range(12)]
    runners = [start(RUNNER_NAME=name, RUNNER_CONCURRENCY="3") for name in ("one", "two")]
    for job in jobs:
        assert queue.until(job, "succeeded", "failed", within=120)["attempts"] == 1
        assert queue.statuses(job) == ["pending", "success"]
    assert sum(one.metric("runner_jobs_total", result="succeeded") or 0 for one in runners) == len(jobs)


def test_a_job_is_a_trace(start: Start, queue: Queue, git: GitServer, receiver: Receiver) -> None:
    """It links to whoever asked for it; the call to git carries it on; no script and no secret is in any span."""
    job = queue.add("echo words of a script", traceparent=f"00-{TRACE}-{SPAN}-01")
    start(OTEL_EXPORTER_OTLP_ENDPOINT=receiver.url, OTEL_BSP_SCHEDULE_DELAY="100")
    queue.until(job, "succeeded")
    root = eventually(lambda: [one for one in receiver.spans if one.span.kind == CONSUMER])[0]
    assert root.span.name == "job steps"
    assert root.attributes["job.outcome"] == "succeeded"
    assert [(link.trace_id.hex(), link.span_id.hex()) for link in root.span.links] == [(TRACE, SPAN)]
    assert root.span.trace_id.hex() != TRACE
    ours = [one for one in receiver.spans if one.span.trace_id == root.span.trace_id]
    assert {"checkout", "step"} <= {one.span.name for one in ours}
    assert "git" in {one.attributes.get("peer.service") for one in ours}
    (path, traceparent), *_ = git.asked
    assert path == "/ada/engine.git/git-upload-pack"
    assert root.span.trace_id.hex() in traceparent
    for word in (b"words of a script", GIT_TOKEN.encode()):
        assert word not in receiver.raw
