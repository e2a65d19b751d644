"""Every server: version, licence, checksum, how it is obtained."""

from __future__ import annotations

from stack.toolchain.errors import GivenPathError, LockMismatchError, ToolchainError
from stack.toolchain.installed import Installed
from stack.toolchain.installing import setup
from stack.toolchain.manifest import Entry, Manifest, load_manifest
from stack.toolchain.progress import PlainProgress, Progress, RichProgress, SilentProgress, progress_for
from stack.toolchain.report import Absent, Failure, Row, SetupReport
from stack.toolchain.toolchain import Toolchain

__all__ = [
    "Absent",
    "Entry",
    "Failure",
    "GivenPathError",
    "Installed",
    "LockMismatchError",
    "Manifest",
    "PlainProgress",
    "Progress",
    "RichProgress",
    "Row",
    "SetupReport",
    "SilentProgress",
    "Toolchain",
    "ToolchainError",
    "load_manifest",
    "progress_for",
    "setup",
]
