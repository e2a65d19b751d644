"""What pytest refuses of a command line ends with 64, as everything that is not usable does here.

A conftest at the top imports the hook, so that a path that does not exist, and with it no plugin, ends so too.
"""

from __future__ import annotations

from collections.abc import Generator

import pytest

from reports.verdict import ExitCode

__all__ = ["pytest_cmdline_main", "refused"]


def refused(config: pytest.Config, error: pytest.UsageError) -> int:
    """Print the refusal as pytest does; its exit code."""
    for message in error.args:
        config.get_terminal_writer().line(f"ERROR: {message}", red=True)
    return int(ExitCode.USAGE)


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_cmdline_main(config: pytest.Config) -> Generator[None, object, object]:
    """Give a refusal its code."""
    try:
        return (yield)
    except pytest.UsageError as error:
        return refused(config, error)
