"""Rows: WAL as it is written, base backups, and the way back to any moment."""

from __future__ import annotations
