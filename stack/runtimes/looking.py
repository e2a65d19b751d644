"""The state of one component, looked at now."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import psutil

from stack.components.base import Component, Plan
from stack.runtimes.base import ComponentStatus, Health
from stack.runtimes.identity import ProcessId
from stack.runtimes.leftovers import tree
from stack.runtimes.registry import ComponentRecord
from stack.runtimes.supervisor import last_output

__all__ = ["look", "memory_of"]


def memory_of(process: ProcessId) -> int:
    """Resident bytes of a process and everything below it; pages that they share are counted once, for the largest."""
    private = shared = 0
    for member in tree(process):
        try:
            memory = psutil.Process(member.pid).memory_info()
        except psutil.Error:
            continue
        common = int(getattr(memory, "shared", 0))
        private += memory.rss - common
        shared = max(shared, common)
    return private + shared


def look(
    component: Component,
    record: ComponentRecord,
    plan: Plan,
    why_ended: Callable[[ProcessId], str | None],
    log: Path,
) -> ComponentStatus:
    """Find out how a component is: first its process, then what it answers."""
    health: Health
    process, rss = record.process, None
    ended = "it was never started" if process is None else why_ended(process)
    if process is None or ended is not None:
        meant = record.intent in ("killed", "stopped")
        health = "stopped" if meant else "dead"
        detail = "ended on purpose" if meant else f"{ended}\n{last_output(log, 3)}".rstrip()
        process = None
    elif _is_paused(process):
        health, detail, rss = (
            "paused",
            "paused on purpose" if record.intent == "paused" else "stopped by a signal",
            None,
        )
        rss = memory_of(process)
    else:
        seen = component.ready(plan)()
        health, detail = "ready" if seen.ok else "starting", seen.what
        rss = memory_of(process)
    return ComponentStatus(
        name=component.name,
        address=component.shown_address(plan),
        pid=process.pid if process else None,
        health=health,
        rss_bytes=rss,
        since=record.since,
        detail=detail,
    )


def _is_paused(process: ProcessId) -> bool:
    try:
        return psutil.Process(process.pid).status() == psutil.STATUS_STOPPED
    except psutil.Error:
        return False
