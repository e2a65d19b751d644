"""A state folder that servers running as another user can reach."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from stack.runtimes.leftovers import sweep
from stack.runtimes.registry import folders
from stack.settings import Settings, load


@pytest.fixture(scope="session")
def state_folder() -> Iterator[Path]:
    """A short path, passable for everybody; whatever a failed test left in it is ended."""
    folder = Path(tempfile.mkdtemp(prefix="engineroom-test-"))
    folder.chmod(0o711)
    yield folder
    for run in folders(folder):
        sweep(run.name, run)
    shutil.rmtree(folder)


@pytest.fixture(scope="session")
def settings(state_folder: Path) -> Settings:
    """The machine's own toolchain, a state folder of the tests' own."""
    return load(state_dir=state_folder)
