"""`python -m stack.services.runner`: the runner."""

from __future__ import annotations

import ctypes
import secrets
import shutil
import threading
import urllib.request
from contextlib import ExitStack

import psycopg

from stack.errors import UsageError
from stack.services.common import logs, telemetry
from stack.services.common.app import Service
from stack.services.common.health import Check
from stack.services.common.metrics import new_registry
from stack.services.common.serving import Listen, configured, leave, serve
from stack.services.common.settings import from_environment, patient
from stack.services.common.statements import trace_statements
from stack.services.runner.execute import Executor
from stack.services.runner.folders import Workplace
from stack.services.runner.jobs import Jobs
from stack.services.runner.metrics import RunnerMetrics
from stack.services.runner.settings import RunnerSettings
from stack.services.runner.storage import Storage
from stack.services.runner.worker import Worker

_SERVICE = "runner"
_PR_SET_DUMPABLE = 4
_HAND_BACK_SECONDS = 45.0
_CHECK_SECONDS = 2.0


def main() -> int:
    """Run jobs until told to end."""
    # Where steps run as the same user, they could otherwise read this process's environment and memory.
    ctypes.CDLL(None).prctl(_PR_SET_DUMPABLE, 0, 0, 0, 0)
    settings = from_environment(RunnerSettings)
    if shutil.which("git") is None:
        raise UsageError("The runner needs git", fix="install git 2.38 or newer")
    logs.configure(settings.service_name or _SERVICE, settings.log_level)
    registry = new_registry()
    spans = telemetry.start(_SERVICE, settings, registry)
    trace_statements()
    conninfo = patient(settings.database, application=_SERVICE, statement_seconds=30)
    kinds = settings.kinds.split(",")
    metrics = RunnerMetrics(registry, kinds)
    holder = f"{settings.name}/{secrets.token_hex(6)}"
    with ExitStack() as stack:
        stack.callback(spans.shutdown)
        workplace = Workplace(settings.work, settings.account)
        stack.callback(workplace.close)
        jobs = Jobs(conninfo, holder=holder, kinds=kinds, lease=settings.lease)
        stack.callback(jobs.close)
        storage = Storage(settings)
        executor = Executor(settings, jobs, storage, workplace, metrics, threading.Event())
        worker = Worker(settings, jobs, executor, metrics)
        service = Service(
            _SERVICE,
            registry,
            checks=[
                Check("database", lambda: _database(conninfo)),
                Check("git", lambda: _answers(f"{settings.git_url}/healthz")),
                Check("objects", storage.check),
            ],
        )
        listen = Listen(settings.host, settings.port, settings.grace + _HAND_BACK_SECONDS, settings.head_seconds)
        workers = [*[worker.work] * settings.concurrency, worker.look, worker.hand_back]
        return serve(service, listen, workers=workers)


def _database(conninfo: str) -> str:
    with psycopg.connect(conninfo) as connection:
        connection.execute("SELECT started_at FROM job LIMIT 1")
    return ""


def _answers(url: str) -> str:
    try:
        with urllib.request.urlopen(url, timeout=_CHECK_SECONDS):  # noqa: S310 - the settings take http only
            return ""
    except OSError as error:
        return type(error).__name__


if __name__ == "__main__":
    leave(configured(main))
