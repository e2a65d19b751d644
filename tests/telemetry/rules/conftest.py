"""promtool, as the toolchain has it."""

from __future__ import annotations

from pathlib import Path

import pytest

from stack.settings import load
from stack.toolchain import Toolchain


@pytest.fixture(scope="session")
def promtool() -> Path:
    """The program that tests rules; without it these tests fail, for a rule that nothing tried is no rule.

    Raises:
        NeedMissingError: the toolchain has no Prometheus; it says how to install it.
    """
    return Toolchain(load()).require("prometheus").program("promtool")
