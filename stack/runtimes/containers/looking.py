"""The state of one container, looked at now."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from docker.errors import DockerException

from stack.components.base import Component, Plan
from stack.process import tail
from stack.runtimes.base import ComponentStatus, Health
from stack.runtimes.registry import ComponentRecord

if TYPE_CHECKING:
    from docker.models.containers import Container

__all__ = ["is_paused", "last_output", "look", "memory_in", "when", "why_ended"]

_LAST_LINES = 20
# Exit codes above this are 128 + the signal (Docker's documentation of `docker run`, "Exit status").
_SIGNALLED = 128
_RUNNING = ("running", "paused", "restarting")


def why_ended(container: Container | None) -> str | None:
    """How a container ended, or `None` while it lives; it is asked anew."""
    if container is None:
        return "the container is gone"
    try:
        container.reload()
    except DockerException:
        return "the container is gone"
    if container.status in _RUNNING:
        return None
    state: Mapping[str, Any] = container.attrs["State"]
    if container.status == "created":
        return f"the container was never started {state.get('Error', '')}".rstrip()
    code = int(state.get("ExitCode", 0))
    how = f"by signal {code - _SIGNALLED}" if code > _SIGNALLED else f"with exit code {code}"
    memory = ", out of memory" if state.get("OOMKilled") else ""
    return f"the container ended {how}{memory}"


def is_paused(container: Container) -> bool:
    """Whether every process in it is frozen; of the last look."""
    return bool(container.attrs["State"].get("Paused"))


def when(container: Container) -> dt.datetime | None:
    """When it was last started."""
    text = str(container.attrs["State"].get("StartedAt", ""))
    try:
        # Nanoseconds are more than Python reads.
        found = dt.datetime.fromisoformat(text[:19] + "+00:00")
    except ValueError:
        return None
    return found if found.year > 1 else None


def memory_in(stats: Mapping[str, Any]) -> int | None:
    """Resident bytes of all processes in a container: anonymous memory and mapped files, without the page cache.

    The names are those of the kernel's memory.stat (Documentation/admin-guide/cgroup-v1/memory.rst and cgroup-v2.rst).
    """
    memory = stats.get("memory_stats", {}).get("stats", {})
    if "total_rss" in memory:
        return int(memory["total_rss"]) + int(memory.get("total_mapped_file", 0))
    if "anon" in memory:
        return int(memory["anon"]) + int(memory.get("file_mapped", 0))
    return None


def last_output(container: Container | None, lines: int = _LAST_LINES) -> str:
    """The last lines of what it wrote; empty when there is nothing to ask."""
    if container is None:
        return ""
    try:
        return tail(container.logs(tail=lines).decode("utf-8", "replace"), lines)
    except DockerException:
        return ""


def look(component: Component, record: ComponentRecord, plan: Plan, container: Container | None) -> ComponentStatus:
    """Find out how a component is: first its container, then what it answers."""
    health: Health
    pid, rss = None, None
    ended = why_ended(container)
    if container is None or ended is not None:
        meant = record.intent in ("killed", "stopped")
        health = "stopped" if meant else "dead"
        detail = "ended on purpose" if meant else f"{ended}\n{last_output(container, 3)}".rstrip()
    else:
        pid = int(container.attrs["State"]["Pid"])
        rss = _memory(container)
        if is_paused(container):
            health = "paused"
            detail = "paused on purpose" if record.intent == "paused" else "paused by somebody else"
        else:
            seen = component.ready(plan)()
            health, detail = "ready" if seen.ok else "starting", seen.what
    return ComponentStatus(
        name=component.name,
        address=component.shown_address(plan),
        pid=pid,
        health=health,
        rss_bytes=rss,
        since=when(container) if container is not None else record.since,
        detail=detail,
    )


def _memory(container: Container) -> int | None:
    try:
        return memory_in(container.client.api.stats(container.id, stream=False, one_shot=True))
    except DockerException:
        return None
