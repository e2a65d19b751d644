"""Starts services as processes and talks to them over HTTP."""

from __future__ import annotations

import http.client
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from prometheus_client.parser import text_string_to_metric_families

from stack.addresses import PostgresAddress

__all__ = ["Answer", "Running", "database_url", "eventually", "launch"]

_WITHIN = 40.0
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Answer:
    """What a service said."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        """The body, read."""
        return json.loads(self.body)

    @property
    def code(self) -> str:
        """The error's code."""
        return str(self.json["error"]["code"])


@dataclass(slots=True)
class Running:
    """A service that was started."""

    process: subprocess.Popen[bytes]
    log: Path
    port: int = 0
    headers: dict[str, str] = field(default_factory=dict)
    seen: int = 0

    def until_listening(self) -> None:
        """Wait for the line that tells the port."""

        def listening() -> int:
            if self.process.poll() is not None:
                raise AssertionError(f"it ended with {self.process.returncode}: {self.log.read_text()}")
            return next((line["server_port"] for line in self.lines() if line["message"] == "listening"), 0)

        self.port = eventually(listening)

    def lines(self) -> list[dict[str, Any]]:
        """What was logged; every complete line has to be JSON."""
        whole = self.log.read_text("utf-8").rpartition("\n")[0]
        return [json.loads(line) for line in whole.splitlines()]

    def get(
        self, path: str, *, method: str = "GET", headers: Mapping[str, str] | None = None, body: bytes | None = None
    ) -> Answer:
        """Ask once."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        try:
            connection.request(method, path, body=body, headers={**self.headers, **(headers or {})})
            response = connection.getresponse()
            return Answer(response.status, {k.lower(): v for k, v in response.getheaders()}, response.read())
        finally:
            connection.close()

    def metrics(self) -> dict[tuple[str, frozenset[tuple[str, str]]], float]:
        """Every sample by name and labels."""
        text = self.get("/metrics").body.decode()
        return {
            (sample.name, frozenset(sample.labels.items())): sample.value
            for family in text_string_to_metric_families(text)
            for sample in family.samples
        }

    def metric(self, name: str, **labels: str) -> float | None:
        """The sum of the samples that have these labels; `None` when there are none."""
        found = [
            value for (known, given), value in self.metrics().items() if known == name and set(labels.items()) <= given
        ]
        return sum(found) if found else None

    def signal(self, number: int) -> None:
        """Send a signal to it alone."""
        os.kill(self.process.pid, number)

    def end(self) -> int:
        """SIGTERM, and its exit code."""
        if self.process.poll() is None:
            self.signal(signal.SIGCONT)
            self.signal(signal.SIGTERM)
            try:
                self.process.wait(_WITHIN)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait(10)
                raise
        return int(self.process.returncode)


def launch(module: str, variables: Mapping[str, str], log: Path) -> Running:
    """Start `python -m module` with these variables and no others of a service's."""
    kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG", "OPENBLAS_CORETYPE") if name in os.environ}
    with log.open("wb") as out:
        process = subprocess.Popen(
            [sys.executable, "-m", module],
            env={**kept, **variables},
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    return Running(process, log)


def database_url(address: PostgresAddress) -> str:
    """As a service is told."""
    password = address.password.get_secret_value()
    return f"postgresql://{address.user}:{password}@{address.host}:{address.port}/{address.database}"


def eventually(look: Callable[[], T], *, within: float = _WITHIN) -> T:
    """What `look` returns once that is true; an assertion error with the last answer when it never is."""
    deadline = time.monotonic() + within
    while True:
        seen = look()
        if seen:
            return seen
        assert time.monotonic() < deadline, f"last seen: {seen!r}"
        time.sleep(0.1)
