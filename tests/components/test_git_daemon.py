"""What git daemon is told."""

from __future__ import annotations

from pathlib import Path

from stack.components.git_daemon import AnswersLsRemote, daemon_arguments
from stack.runtimes.ports import free_ports


def test_the_daemon_only_reads() -> None:
    """Pushing is off and cannot be turned on by a repository; only two places can be read."""
    arguments = daemon_arguments("git", host="127.0.0.1", port=9418, root=Path("/g"), probe=Path("/p"))
    assert "--disable=receive-pack" in arguments
    assert "--forbid-override=receive-pack" in arguments
    assert arguments[-2:] == [Path("/g"), Path("/p")]
    assert "--listen=127.0.0.1" in arguments


def test_no_daemon_no_answer() -> None:
    """Where nobody listens the condition does not hold, and says what git said."""
    (port,) = free_ports(1)
    seen = AnswersLsRemote(f"git://127.0.0.1:{port}/nothing")()
    assert not seen.ok
    assert "Connection refused" in seen.what
