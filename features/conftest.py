"""Starts the stack that the features run against, and tells the report about it."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from reports.context import RunContext, refuse, run_context
from reports.evidence import this_project
from stack.components.search import INDEXER
from stack.errors import UsageError
from stack.inventory import ask_git, missing_need
from stack.packages import package_clients
from stack.reference import Reference
from stack.runtimes import reap, start
from stack.runtimes.base import Stack
from stack.settings import Settings, load
from stack.toolchain import Toolchain
from steps.evidence import tell_of_stack

__all__ = ["filled", "reference", "settings", "stack"]

pytest_plugins = [
    "reports.pytest_plugin",
    "steps.forge",
    "steps.search",
    "steps.stack",
    "steps.objects",
    "steps.lifecycle",
    "steps.indexer",
    "steps.services",
    "steps.git_over_http",
    "steps.sign_in_page",
    "steps.jobs",
    "steps.web",
    "steps.telemetry",
    "steps.panels",
    "steps.alerts",
    "steps.recovery",
    "steps.recovery_pushes",
    "steps.recovery_sets",
    "steps.recovery_commands",
    "steps.recovery_drill",
]

ENGINES = ["opensearch", "meilisearch"]
# Five minutes take a third of a second, three days five minutes: alerts fire and clear while one waits. Intervals
# between scrapes are never shorter than a second, and windows never than four of them.
TELEMETRY_SCALE = 900.0
_SETTINGS = pytest.StashKey[Settings]()


def pytest_addoption(parser: pytest.Parser) -> None:
    """What a run can be told beside its paths."""
    parser.addoption("--runtime", help="where components run: local, containers, cluster, external")
    parser.addoption("--engine", help="run the search features on this engine alone")
    parser.addoption("--evidence-dir", help="where the run's evidence goes")


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Every scenario of the search runs once for each engine."""
    if "engine" in metafunc.fixturenames:
        chosen = metafunc.config.getoption("--engine")
        metafunc.parametrize("engine", [chosen] if chosen else ENGINES, indirect=True, scope="session")


def pytest_configure(config: pytest.Config) -> None:
    """Settings first: whatever is wrong with them is a usage error."""
    try:
        settings = load(runtime=config.getoption("--runtime"), evidence_dir=config.getoption("--evidence-dir"))
    except UsageError as error:
        refuse(error)
    if "telemetry_scale" not in settings.model_fields_set:
        settings = settings.model_copy(update={"telemetry_scale": TELEMETRY_SCALE})
    config.stash[_SETTINGS] = settings
    context = run_context(config)
    context.project = this_project(git=ask_git)
    if chosen := config.getoption("--engine"):
        context.narrow(f"engine {chosen}")
    context.runtime = settings.runtime
    context.scope_file = settings.scope_file.absolute()
    context.evidence_dir = settings.evidence_dir.absolute()
    context.needs = lambda name: missing_need(name, settings)


@pytest.fixture(scope="session")
def settings(pytestconfig: pytest.Config) -> Settings:
    """What the user chose."""
    return pytestconfig.stash[_SETTINGS]


@pytest.fixture(scope="session")
def stack(pytestconfig: pytest.Config, settings: Settings) -> Iterator[Stack]:
    """One stack for the whole run, without the indexer: most features index by themselves, when they mean to."""
    context = run_context(pytestconfig)
    reap(settings)
    begun = time.monotonic()
    stack = start(settings, without=[INDEXER], logs=_logs(context))
    try:
        context.attach_measurement("start to all ready", "s", [time.monotonic() - begun])
        context.deaths = stack.deaths
        tell_of_stack(context, settings, stack)
        yield stack
    finally:
        context.deaths = None
        stack.collect_logs(_logs(context))
        stack.stop()


@pytest.fixture(autouse=True)
def _undisturbed(request: pytest.FixtureRequest) -> Iterator[None]:
    """Whatever a scenario killed or paused is there again before the next one."""
    yield
    if "stack" in request.fixturenames:
        stack: Stack = request.getfixturevalue("stack")
        stack.forgive()


@pytest.fixture(scope="session")
def reference(stack: Stack, settings: Settings) -> Iterator[Reference]:
    """The forge on that stack."""
    toolchain = Toolchain(settings)
    with Reference(
        stack.addresses,
        folder=stack.folder / "reference",
        ctags=toolchain.require("ctags").program("ctags"),
        clients=package_clients(toolchain),
        patience=5.0,  # a run kills engines on purpose: waiting long for them would only take time
    ) as reference:
        yield reference


@pytest.fixture(scope="session")
def filled(reference: Reference, settings: Settings) -> Reference:
    """The forge with the corpus in it."""
    reference.fill(settings.corpus, cache=settings.cache_dir)
    return reference


def _logs(context: RunContext) -> Path:
    return context.evidence_dir / context.run_id / "logs"
