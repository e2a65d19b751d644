"""What the features' conftest tells the report about a run, and what fixtures and steps add to it.

The conftest fills it in its own `pytest_configure`:

    pytest_plugins = ["reports.pytest_plugin"]

    def pytest_configure(config):
        context = run_context(config)
        context.runtime = settings.runtime
        context.scope_file = settings.scope_file
        context.evidence_dir = settings.evidence_dir
        context.needs = lambda name: None if toolchain.find(name) else "its program is not installed"

        # a setting that is wrong ends the run with exit code 64: refuse(error)

and a fixture that has started a stack sets `context.deaths = stack.deaths` and calls `add_server` and `add_secret`.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from typing import NoReturn

import pytest

from reports.evidence import Measurement, Picture, Project, Server, this_project
from reports.redact import Redactor
from reports.verdict import ExitCode

__all__ = ["RUN_CONTEXT", "RunContext", "new_run_id", "refuse", "run_context"]


def new_run_id() -> str:
    """A name for a run that sorts by time and does not collide."""
    return f"{datetime.now(UTC):%Y%m%dT%H%M%SZ}-{secrets.token_hex(3)}"


@dataclass
class RunContext:
    """The circumstances of a run.

    Attributes:
        features: folder of the feature files.
        scope_file: the committed scope file.
        evidence_dir: where a folder per run is written.
        runtime: name of the runtime; a waiver may be limited to one.
        project: version and commit that run.
        needs: tells, before a scenario and again when an exception names a need, why the need of that name is missing;
            `None` when it is met. It must give a reason for a name it does not know.
        deaths: components that died and were not killed on purpose, each with its last output; the name first, on the
            first line. Asked after every scenario's steps, before its fixtures are torn down.
        variants: names of parametrised fixtures whose value is a scenario's variant and one of its needs.
        run_id: name of the run's folder below `evidence_dir`.
    """

    features: Path
    scope_file: Path
    evidence_dir: Path
    runtime: str = "local"
    project: Project = field(default_factory=this_project)
    needs: Callable[[str], str | None] | None = None
    deaths: Callable[[], Iterable[str]] | None = None
    variants: tuple[str, ...] = ("engine",)
    run_id: str = field(default_factory=new_run_id)
    servers: list[Server] = field(default_factory=list)
    measurements: list[Measurement] = field(default_factory=list)
    pictures: list[Picture] = field(default_factory=list)
    narrowed: list[str] = field(default_factory=list)
    scenario: str | None = None
    _secrets: set[str] = field(default_factory=set, repr=False)
    _deaths: list[str] = field(default_factory=list, repr=False)
    _redactor: Redactor | None = field(default=None, repr=False)

    def add_server(self, name: str, version: str, licence: str, checksum: str | None = None) -> None:
        """Name a server the run uses; without a checksum (sha256) it is shown as unlocked."""
        server = Server(name=name, version=version, licence=licence, checksum=checksum)
        if server not in self.servers:
            self.servers.append(server)

    def add_secret(self, value: str) -> None:
        """Name a secret value of this run, which must not appear in anything it leaves."""
        self._secrets.add(value)
        self._redactor = None

    def attach_measurement(
        self, name: str, unit: str, values: Sequence[float], *, labels: Sequence[str] = ()
    ) -> Measurement:
        """Give the report a series to plot, in the name of the scenario that runs.

        Raises:
            ValueError: no value, one that is not finite, or another number of labels than of values.
        """
        measurement = Measurement(
            name=name, unit=unit, values=tuple(values), labels=tuple(labels), scenario=self.scenario
        )
        self.measurements.append(measurement)
        return measurement

    def attach_picture(self, name: str, png: bytes) -> Picture:
        """Keep a picture (PNG) beside the evidence and show it on the page, in the name of the scenario that runs.

        What a picture shows cannot be searched for secrets: take none of a page that holds one.
        """
        digest = sha256(png).hexdigest()
        picture = Picture(name=name, file=f"pictures/{digest[:16]}.png", sha256=digest, scenario=self.scenario)
        path = self.evidence_dir / self.run_id / picture.file
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(png)
        self.pictures.append(picture)
        return picture

    def narrow(self, part: str) -> None:
        """Say that this run is a part, in another way than by paths (`engine opensearch`); the headline tells it."""
        self.narrowed.append(part)

    def report_deaths(self, deaths: Iterable[str]) -> None:
        """Say that components died under the scenario that runs; for a fixture that learns of it while it cleans up."""
        self._deaths.extend(deaths)

    def take_deaths(self) -> list[str]:
        """What was reported since the last call."""
        taken, self._deaths = self._deaths, []
        return taken

    @property
    def redactor(self) -> Redactor:
        """A redactor that knows every secret named so far."""
        if self._redactor is None:
            self._redactor = Redactor(self._secrets)
        return self._redactor


RUN_CONTEXT = pytest.StashKey[RunContext]()


def run_context(config: pytest.Config) -> RunContext:
    """The context of this run, which the plugin made with its defaults before any conftest was configured."""
    return config.stash[RUN_CONTEXT]


def refuse(error: Exception) -> NoReturn:
    """End the run before it begins, because a setting or a file it depends on is not valid (exit code 64)."""
    pytest.exit(str(error), returncode=ExitCode.USAGE)
