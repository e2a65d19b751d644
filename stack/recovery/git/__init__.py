"""Git in recovery: pushes shipped as they happen, snapshots in sets, and repositories brought back exactly."""

from __future__ import annotations
