"""Made-up results and evidence, and small projects with real feature files to run."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from textwrap import dedent

from reports.evidence import Evidence, Host, Measurement, NotTested, Project, Run, Server, UsedWaiver, load_evidence
from reports.verdict import Finding, ScenarioResult, Severity, StepResult, Verdict

__all__ = ["BINDING", "CONFTEST", "EVERYTHING", "evidence", "latest", "lay_out", "parsed", "result"]

NOON = datetime(2024, 2, 29, 12, 0, tzinfo=UTC)

BINDING = 'from pytest_bdd import scenarios\nscenarios(".")\n'
EVERYTHING = 'requires = ["*"]\n'

CONFTEST = """
import os
import signal

import pytest
from pytest_bdd import given, parsers, then, when

from reports.context import run_context

pytest_plugins = ["reports.pytest_plugin"]

DEAD = []
ASKING = {"works": True}


class MissingError(Exception):
    def __init__(self, need):
        super().__init__(f"there is no {need} here")
        self.need = need


def deaths():
    if not ASKING["works"]:
        ASKING["works"] = True
        raise OSError("the stack does not answer")
    taken = list(DEAD)
    DEAD.clear()
    return taken


def pytest_configure(config):
    context = run_context(config)
    context.needs = lambda name: None if name in {"present", "opensearch"} else f"{name} is not installed"
    context.deaths = deaths
    context.add_server("PostgreSQL", "18.6", "PostgreSQL", "ab" * 32)
    context.add_server("Redis", "7.0", "BSD-3-Clause")
    context.add_secret("correct-horse-battery")


@pytest.fixture
def broken():
    raise OSError("the port is taken")


@pytest.fixture
def without_meilisearch():
    raise MissingError("waived")


@pytest.fixture(autouse=True)
def for_tags(request):
    if request.node.get_closest_marker("setup-fails"):
        raise OSError("the stack did not start")
    yield
    if request.node.get_closest_marker("dies-late"):
        run_context(request.config).report_deaths(["redis-2 is gone"])


@given("a state")
def _():
    print("a state, with correct-horse-battery")


@given("a state that cannot be brought about")
def _():
    raise OSError("the disk is full")


@given("a wrong belief")
def _():
    assert 1 == 2


@given("a state that skips")
@then("it skips")
def _():
    pytest.skip("not today")


@given("something that does not go away")
def _():
    yield
    raise OSError("the folder is still there")


@when("something happens")
def _():
    pass


@when("something cannot happen")
def _():
    raise OSError("connection refused")


@when("a broken fixture is asked for")
@then("a broken fixture is asked for at the end")
def _(broken):
    pass


@when("a fixture lacks what is waived")
def _(without_meilisearch):
    pass


@given(parsers.parse("{need} is missing"))
@when(parsers.parse("{need} turns out to be missing"))
@then(parsers.parse("{need} is missing at the end"))
def _(need):
    raise MissingError(need)


@when(parsers.parse("{need} turns out to be the cause"))
def _(need):
    raise OSError("no connection") from MissingError(need)


@then("it is false while a need is handled")
def _():
    try:
        raise MissingError("waived")
    except MissingError:
        assert False


@when("opensearch dies")
def _():
    DEAD.append("opensearch ended with exit code 137\\nOutOfMemoryError")


@when("the stack stops answering")
def _():
    ASKING["works"] = False


@when("somebody presses Ctrl-C")
def _():
    os.kill(os.getpid(), signal.SIGINT)


@when("somebody ends pytest")
def _():
    pytest.exit("enough")


@then("it holds")
def _():
    pass


@then("it does not hold")
def _():
    print("password=correct-horse-battery")
    assert "correct-horse-battery" == "seen", "postgresql://forge:correct-horse-battery@127.0.0.1/forge"


@then("it cannot be looked at")
def _():
    raise OSError("connection refused")


@then("it is expected to fail")
def _():
    pytest.xfail("known")


@given("a state that is awaited")
@then("it is awaited")
async def _():
    assert False


@then("it is awaited and iterated")
async def _():
    yield
    assert False


@then("it is a coroutine of somebody else")
def _():
    async def check():
        assert False
    return check()


@then("it is a generator of somebody else")
def _():
    return (1 / 0 for _ in range(1))


@then("it is yielded to be awaited")
def _():
    async def check():
        assert False
    yield check()


@then("a number is measured")
def _(pytestconfig):
    run_context(pytestconfig).attach_measurement("latency", "ms", [1.0, 3.0, 2.0])
"""


def lay_out(
    folder: Path,
    features: Mapping[str, str],
    *,
    modules: Mapping[str, str] | None = None,
    scope: str | None = EVERYTHING,
    conftest: str = "",
) -> Path:
    """Write a small project.

    Args:
        folder: where.
        features: per path below `features`, the text of a feature file.
        modules: per path below `features`, the text of a Python file; by default every folder binds what it holds.
        scope: the scope file; `None` writes none.
        conftest: what comes behind the common conftest.
    """
    bindings = {f"{name.rpartition('/')[0]}/test_{name.partition('/')[0]}.py": BINDING for name in features}
    files = {
        f"features/{name}": text for name, text in {**features, **(bindings if modules is None else modules)}.items()
    }
    files["features/conftest.py"] = CONFTEST + dedent(conftest)
    files["pytest.ini"] = "[pytest]\naddopts = --strict-markers\n"
    if scope is not None:
        files["scope.toml"] = scope
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(dedent(text), "utf-8")
    return folder


def parsed(xml: str) -> ET.Element:
    """The root element of a text that this project wrote."""
    return ET.fromstring(xml)  # noqa: S314 - our own text


def latest(folder: Path) -> Evidence:
    """The evidence of the one run of a project."""
    (file,) = (folder / "evidence").glob("*/evidence.json")
    return load_evidence(file)


def result(
    title: str = "it works",
    verdict: Verdict = Verdict.PASS,
    *,
    area: str = "search",
    variant: str | None = None,
    message: str = "",
    required: bool = True,
    **more: object,
) -> ScenarioResult:
    """A made-up result."""
    finding = Finding(stage="then", rule="then-is-false", severity=Severity.ERROR, message=message, evidence="E  false")
    identifier = f"{area}/code: {title}" + (f" [{variant}]" if variant else "")
    content = {
        "id": identifier,
        "area": area,
        "feature": "code",
        "title": title,
        "variant": variant,
        "verdict": verdict,
        "required": required,
        "findings": (finding,) if message else (),
        "steps": (StepResult(keyword="Then", text="it works", verdict=Verdict.PASS, duration=0.5),),
        "started": NOON,
        "duration": 0.5,
        **more,
    }
    return ScenarioResult.model_validate(content)


def evidence(
    results: Sequence[ScenarioResult],
    *,
    verdict: Verdict = Verdict.PASS,
    not_tested: Sequence[NotTested] = (),
    measurements: Sequence[Measurement] = (),
    selection: Sequence[str] = (),
) -> Evidence:
    """Made-up evidence around results."""
    return Evidence(
        run=Run(
            id="20240229T120000Z-abc123",
            project=Project(version="0.1.0", commit="c0ffee" * 6, dirty=True),
            runtime="local",
            host=Host(system="Debian GNU/Linux 12", python="CPython 3.11.7"),
            servers=(
                Server(name="PostgreSQL", version="18.6", licence="PostgreSQL", checksum="ab" * 32),
                Server(name="Redis", version="7.0", licence="BSD-3-Clause"),
            ),
            started=NOON,
            duration=2.5,
            scope_digest="0" * 64,
            requires=("*",),
            selection=tuple(selection),
        ),
        verdict=verdict,
        exit_code=0,
        headline=f"{verdict.label}: made up",
        counts={kind: sum(one.verdict is kind for one in results) for kind in Verdict},
        results=tuple(results),
        not_tested=tuple(not_tested),
        waivers=(UsedWaiver(need="meilisearch", reason="no binary", used_by=()),),
        measurements=tuple(measurements),
    )
