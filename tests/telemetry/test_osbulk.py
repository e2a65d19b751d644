"""The Collector's exporter of ours, by its own tools."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from stack.process import run

_MODULE = Path(__file__).resolve().parents[2] / "stack" / "telemetry" / "collector" / "osbulk"
_ENV = {"GOWORK": "off", "GOFLAGS": "-mod=readonly", "CGO_ENABLED": "0"}
_LIMIT = 600.0  # seconds; the first time, its modules are fetched and compiled


@pytest.mark.parametrize("arguments", [["vet", "./..."], ["test", "./..."]], ids=["vet", "test"])
def test_go_is_content_with_it(arguments: list[str]) -> None:
    """Its unit tests pass and `go vet` has nothing to say."""
    if shutil.which("go") is None:
        pytest.skip("Go is not on PATH")
    run(["go", *arguments], cwd=_MODULE, env=_ENV, timeout=_LIMIT)


def test_it_is_formatted() -> None:
    """As gofmt writes it."""
    if shutil.which("gofmt") is None:
        pytest.skip("gofmt is not on PATH")
    assert run(["gofmt", "-l", "."], cwd=_MODULE, timeout=_LIMIT).text == ""
