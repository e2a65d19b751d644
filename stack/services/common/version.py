"""The version that services report."""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError, version

__all__ = ["VERSION"]


def _version() -> str:
    try:
        return version("engine-room")
    except PackageNotFoundError:  # run from a folder that was only copied
        return "unknown"


VERSION = _version()
