"""While a set is taken nothing is pruned, by git's own lock; and a hold never outlives who has it."""

from __future__ import annotations

import os
import socket
from pathlib import Path

import pytest

from stack.forge.errors import GitError
from stack.forge.gitenv import git
from stack.recovery.git.hold import HELD, held
from tests.recovery.conftest import Author


def _gc(repository: Path) -> None:
    git(["gc", "--quiet", "--prune=now"], git_dir=repository)


def test_git_gc_refuses_while_it_is_held_and_works_afterwards(author: Author) -> None:
    """It is git that refuses, so whoever runs gc is kept from it."""
    author.push("first")
    with held([author.path]) as busy:
        assert busy == []
        with pytest.raises(GitError, match="already running"):
            _gc(author.path)
    _gc(author.path)
    assert not (author.path / HELD).exists()


def test_a_gc_that_runs_is_waited_for_and_then_named(author: Author) -> None:
    """Its lock stays its own."""
    lock = author.path / HELD
    lock.write_text(f"{os.getppid()} {socket.gethostname()}")
    with held([author.path], within=0.3) as busy:
        assert busy == [author.path]
    assert lock.exists()


def test_what_a_killed_process_left_is_taken_over(author: Author) -> None:
    """Its pid is nobody's."""
    pid = os.fork()
    if pid == 0:
        os._exit(0)
    os.waitpid(pid, 0)
    (author.path / HELD).write_text(f"{pid} {socket.gethostname()}")
    with held([author.path], within=0.3) as busy:
        assert busy == []


def test_what_is_no_repository_is_not_held(tmp_path: Path) -> None:
    """It may have been deleted a moment ago."""
    with held([tmp_path / "gone.git"]) as busy:
        assert busy == []
