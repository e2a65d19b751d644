"""Recovery: backups that lose nothing, and the proof that they come back whole."""

from __future__ import annotations
