"""Faults of telemetry itself: a collector that can't get rid of what it has, and a Prometheus that does not look."""

from __future__ import annotations

import json
import os
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from stack.errors import NeedMissingError
from stack.telemetry.rules.targets import METERS
from steps.faults.base import Fault
from steps.stimuli.base import Bench, Carried
from steps.stimuli.telemetry import flooded

__all__ = ["FAULTS"]

_PROMETHEUS = "prometheus"
_CONF = Path("components") / _PROMETHEUS / "config" / "prometheus.json"


Edit = Callable[[dict[str, Any]], None]


def _reconfigured(edit: Edit) -> Callable[[Bench], Carried]:
    """Whoever runs this lets Prometheus read another configuration until the block ends."""

    @contextmanager
    def other(bench: Bench) -> Iterator[None]:
        path = bench.stack.folder / _CONF
        if not path.is_file():
            raise NeedMissingError("local", "Prometheus' configuration is in no folder of this machine", on=str(path))
        before = path.read_text("utf-8")
        document = json.loads(before)
        edit(document)
        try:
            _reload(bench, path, json.dumps(document))
            yield
        finally:
            _reload(bench, path, before)

    return other


def _reload(bench: Bench, path: Path, text: str) -> None:
    path.write_text(text, "utf-8")
    pid = next((state.pid for state in bench.stack.status() if state.name == _PROMETHEUS), None)
    if pid is None:
        raise NeedMissingError(_PROMETHEUS, "Prometheus does not run")
    os.kill(pid, signal.SIGHUP)
    time.sleep(1)


def _unscraped(document: dict[str, Any]) -> None:
    """Every job has lost its targets, as when they are found nowhere."""
    for job in document["scrape_configs"]:
        job["static_configs"] = []


def _stripped(document: dict[str, Any]) -> None:
    """Every meter that is watched is dropped at the scrape, and nothing else."""
    for job in document["scrape_configs"]:
        metrics = "|".join(metric for metric, name, _ in METERS if name == job["job_name"])
        if metrics:
            dropped = {"source_labels": ["__name__"], "regex": metrics, "action": "drop"}
            job["metric_relabel_configs"] = [dropped]


FAULTS: dict[str, Fault] = {
    "fill:collector": Fault(
        flooded,
        covers=("fill:collector", "overflow:collector"),
        needs=("api", "collector", "jaeger"),
        carries=frozenset({"jaeger-away"}),
        within=60.0,
        cleared_within=120.0,
    ),
    # All jobs at once, and all meters at once: each has an alert of its own.
    "strip:meters": Fault(_reconfigured(_stripped), needs=(_PROMETHEUS,)),
    "unscrape:jobs": Fault(_reconfigured(_unscraped), needs=(_PROMETHEUS,)),
}
