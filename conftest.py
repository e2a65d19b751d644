"""For every run of pytest here: a path that does not exist ends with 64, features or not."""

from __future__ import annotations

from reports.usage import pytest_cmdline_main

__all__ = ["pytest_cmdline_main"]
