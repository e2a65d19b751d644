"""The indexer, for the features that are about what becomes searchable by itself."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from stack.components.search import INDEXER
from stack.runtimes.base import Stack

__all__ = ["indexer"]


@pytest.fixture(scope="module")
def indexer(stack: Stack) -> Iterator[str]:
    """The name of a running indexer, which is there for one folder of features and goes with its last scenario."""
    added = stack.add([INDEXER])
    yield INDEXER
    stack.remove(added)
