"""An engine to test on, with our images on it; without one these tests are skipped, and say why."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from docker import DockerClient

from stack.runtimes.containers.engine import engine, why_not
from stack.runtimes.containers.images import prepare
from stack.runtimes.containers.janitor import state_of
from stack.runtimes.containers.pod import remove_run
from stack.runtimes.registry import folders
from stack.settings import Settings, load


@pytest.fixture(scope="session")
def client() -> Iterator[DockerClient]:
    """The engine."""
    reason = why_not()
    if reason is not None:
        pytest.skip(reason)
    found = engine()
    yield found
    found.close()


@pytest.fixture(scope="session")
def settings(client: DockerClient) -> Iterator[Settings]:
    """The containers runtime with a state folder of the tests' own and current images; what is left is removed."""
    folder = Path(tempfile.mkdtemp(prefix="engineroom-test-"))
    found = load(runtime="containers", state_dir=folder)
    prepare(found)
    yield found
    for run in folders(state_of(found)):
        remove_run(client, run.name)
    shutil.rmtree(folder)
