"""Prometheus's configuration, rendered; used by whatever runs it."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

__all__ = ["INTERVAL", "Target", "interval_of", "scrape_config"]

INTERVAL = 15.0  # seconds, at a time scale of 1
_SHORTEST = 1.0
# An exporter whose server is away says so only after it has tried again, and that takes it a second.
_SHORTEST_OF = {"postgresql": 2.0}
_PATIENCE = 10.0  # seconds that one scrape may take, where the interval allows it
_SAMPLES = 50_000  # of one scrape; a service that makes a series for each request is refused, not stored


@dataclass(frozen=True)
class Target:
    """One endpoint.

    Attributes:
        job: the label `job`.
        instance: the label `instance`: the component that the metrics are about.
        address: `host:port` that is asked.
        path: of the metrics.
        parameters: of the query.
    """

    job: str
    instance: str
    address: str
    path: str = "/metrics"
    parameters: Mapping[str, str] = field(default_factory=dict)


def interval_of(scale: float, job: str = "") -> float:
    """Seconds between two scrapes at a time scale; some jobs are not scraped as often as others."""
    return max(_SHORTEST_OF.get(job, _SHORTEST), INTERVAL / scale)


def scrape_config(targets: Sequence[Target], *, rule_files: Sequence[str] = (), scale: float = 1.0) -> str:
    """The configuration as JSON, which is YAML.

    Args:
        targets: what is scraped.
        rule_files: names of rule files beside the configuration.
        scale: divides the interval between scrapes and between evaluations.
    """
    interval = interval_of(scale)
    document = {
        "global": {
            **_times(interval),
            "evaluation_interval": f"{interval * 1000:.0f}ms",
        },
        "rule_files": list(rule_files),
        "scrape_configs": [_job(name, targets, scale) for name in dict.fromkeys(target.job for target in targets)],
    }
    return json.dumps(document, indent=1) + "\n"


def _job(name: str, targets: Sequence[Target], scale: float) -> dict[str, object]:
    mine = [target for target in targets if target.job == name]
    interval = interval_of(scale, name)
    own = {} if interval == interval_of(scale) else _times(interval)
    return {
        "job_name": name,
        **own,
        "metrics_path": mine[0].path,
        "sample_limit": _SAMPLES,
        "static_configs": [{"targets": [target.address], "labels": _labels(target)} for target in mine],
    }


def _times(interval: float) -> dict[str, str]:
    return {
        "scrape_interval": f"{interval * 1000:.0f}ms",
        "scrape_timeout": f"{min(_PATIENCE, interval) * 1000:.0f}ms",
    }


def _labels(target: Target) -> dict[str, str]:
    # A label `__param_x` is the parameter `x` of the query.
    parameters = {f"__param_{name}": value for name, value in target.parameters.items()}
    return {"instance": target.instance, **parameters}
