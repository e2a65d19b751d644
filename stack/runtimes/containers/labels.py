"""Labels on everything that a run makes, and what they say about whether anybody will still stop it."""

from __future__ import annotations

import socket
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from stack.runtimes.identity import ProcessId, boot_id, is_running
from stack.runtimes.registry import RunRecord

__all__ = ["COMPONENT", "RUN", "Mark", "is_dead", "machine", "name_of"]

_PREFIX = "engineroom."
RUN = f"{_PREFIX}run"
COMPONENT = f"{_PREFIX}component"


def machine() -> str:
    """Names whoever shares an engine with us: in a container of its own, another host name than the machine's."""
    return socket.gethostname()


def name_of(run: str, part: str) -> str:
    """What a part of a run (a component, `pod`) is called on the engine."""
    return f"engineroom-{run}-{part}"


@dataclass(frozen=True)
class Mark:
    """Whose a container, network or volume is.

    Attributes:
        run: the run's id.
        state: the state folder that the run's record is in.
        owner: the process that started it.
        boot: of which boot that process is.
        machine: on which machine, or in which container, it runs.
        detached: meant to outlive that process.
    """

    run: str
    state: Path
    owner: ProcessId
    boot: str
    machine: str
    detached: bool

    def labels(self, component: str = "") -> dict[str, str]:
        """As an engine keeps it."""
        values = {
            "run": self.run,
            "state": str(self.state),
            "owner": f"{self.owner.pid}:{self.owner.began!r}",
            "boot": self.boot,
            "machine": self.machine,
            "detached": str(self.detached).lower(),
        }
        if component:
            values["component"] = component
        return {f"{_PREFIX}{key}": value for key, value in values.items()}

    @classmethod
    def read(cls, labels: Mapping[str, str]) -> Self | None:
        """What `labels` wrote, or `None` when it did not."""
        try:
            pid, _, began = labels[f"{_PREFIX}owner"].partition(":")
            return cls(
                run=labels[RUN],
                state=Path(labels[f"{_PREFIX}state"]),
                owner=ProcessId(int(pid), float(began)),
                boot=labels[f"{_PREFIX}boot"],
                machine=labels[f"{_PREFIX}machine"],
                detached=labels[f"{_PREFIX}detached"] == "true",
            )
        except (KeyError, ValueError):
            return None


def is_dead(mark: Mark, record: RunRecord | None, *, lives: bool) -> bool:
    """True when nobody will ever stop this run.

    Args:
        mark: what its labels say.
        record: what its folder says; `None` when the folder is gone.
        lives: whether any of its containers runs.
    """
    if mark.boot != boot_id():
        return True
    if is_running(mark.owner):
        return False
    outlives = mark.detached and record is not None and record.detached and record.phase == "running"
    return not (outlives and lives)
