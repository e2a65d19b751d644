"""What conftest and steps tell the report."""

from __future__ import annotations

from pathlib import Path

import pytest

from reports.context import RunContext, new_run_id
from reports.evidence import Measurement
from reports.redact import MASK


@pytest.fixture
def context(tmp_path: Path) -> RunContext:
    """A context with its defaults."""
    return RunContext(features=tmp_path, scope_file=tmp_path / "scope.toml", evidence_dir=tmp_path)


def test_a_secret_is_masked_from_when_it_is_named(context: RunContext) -> None:
    """A secret that a fixture makes later is known to the next use."""
    assert context.redactor("hunter2000") == "hunter2000"
    context.add_secret("hunter2000")
    assert context.redactor("hunter2000") == MASK


def test_secrets_are_not_in_its_repr(context: RunContext) -> None:
    """Pytest prints contexts in tracebacks."""
    context.add_secret("hunter2000")
    assert "hunter2000" not in repr(context)


def test_a_measurement_belongs_to_the_scenario_that_runs(context: RunContext) -> None:
    """And to none outside of scenarios."""
    context.attach_measurement("start", "s", [1.0])
    context.scenario = "search/code: x"
    context.attach_measurement("speed", "MB/s", [1.0, 2.0], labels=["a", "b"])
    assert context.measurements == [
        Measurement(name="start", unit="s", values=(1.0,)),
        Measurement(name="speed", unit="MB/s", values=(1.0, 2.0), labels=("a", "b"), scenario="search/code: x"),
    ]


def test_a_measurement_of_nothing_is_refused(context: RunContext) -> None:
    """And leaves nothing behind."""
    with pytest.raises(ValueError, match="at least one value"):
        context.attach_measurement("start", "s", [])
    assert context.measurements == []


def test_a_server_is_listed_once(context: RunContext) -> None:
    """Fixtures may name it again."""
    context.add_server("Redis", "7.0", "BSD-3-Clause")
    context.add_server("Redis", "7.0", "BSD-3-Clause")
    assert [server.name for server in context.servers] == ["Redis"]


def test_deaths_are_taken_once(context: RunContext) -> None:
    """A death is one scenario's."""
    context.report_deaths(["redis-1", "redis-2"])
    assert context.take_deaths() == ["redis-1", "redis-2"]
    assert context.take_deaths() == []


def test_run_ids_are_names_that_differ() -> None:
    """A run id is a folder name, and two runs of one second have two."""
    names = {new_run_id() for _ in range(50)}
    assert len(names) > 1
    assert all(name.replace("-", "").isalnum() for name in names)
