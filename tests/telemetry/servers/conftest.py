"""One stack for all of these tests: telemetry, and what it is about."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from stack.components.catalogue import GROUPS, catalogue
from stack.runtimes import start
from stack.settings import Settings, load
from stack.toolchain import Toolchain

from .kit import Servers


@pytest.fixture(scope="package")
def telemetry_settings() -> Iterator[Settings]:
    """Telemetry looks every second."""
    folder = Path(tempfile.mkdtemp(prefix="engineroom-telemetry-"))
    folder.chmod(0o711)
    yield load(state_dir=folder, telemetry_scale=15)
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="package")
def servers(telemetry_settings: Settings) -> Iterator[Servers]:
    """Started once, with OpenSearch."""
    wanted = (*GROUPS["telemetry"], "opensearch")
    known, tools = catalogue(telemetry_settings.objects), Toolchain(telemetry_settings)
    missing = {tool for name in wanted for tool in known[name].tools if tools.find(tool) is None}
    if missing:
        pytest.skip(f"not installed: {', '.join(sorted(missing))}")
    stack = start(telemetry_settings, components=wanted)
    yield Servers(stack)
    stack.stop()
