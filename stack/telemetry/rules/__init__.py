"""Recording rules and alerts as code, rendered as Prometheus reads them."""

from __future__ import annotations

from collections.abc import Iterable

import yaml

from stack.errors import UsageError
from stack.telemetry.rules import burn, cache, database, host, pipeline, recovery, search, services, targets
from stack.telemetry.rules.model import Alert, Group, Recording
from stack.telemetry.rules.scaling import duration, scaled
from stack.telemetry.rules.targets import JOBS

__all__ = ["JOBS", "alerts", "groups", "render", "render_groups"]

_WIDTH = 1_000_000  # one line per expression: PromQL folded by a YAML writer is hard to read, and to find


def groups(jobs: Iterable[str] = JOBS) -> tuple[Group, ...]:
    """Every group of rules.

    Args:
        jobs: the Prometheus jobs that this deployment has; for those that are not named nobody is told that they miss.
    """
    return (
        *targets.group(jobs),
        *burn.groups(),
        *services.GROUPS,
        *search.GROUPS,
        *database.GROUPS,
        *cache.GROUPS,
        *host.GROUPS,
        *recovery.GROUPS,
        *pipeline.GROUPS,
    )


def alerts(jobs: Iterable[str] = JOBS) -> tuple[Alert, ...]:
    """Every alert; those of one name differ in a label (`window`, `job`, `metric`) and share a page."""
    return tuple(alert for group in groups(jobs) for alert in group.alerts)


def render(scale: float = 1.0, *, jobs: Iterable[str] = JOBS, runbooks: str = "") -> dict[str, str]:
    """File name -> YAML.

    Args:
        scale: every window, every `for` and every interval is divided by this; 1 is for production.
        jobs: the Prometheus jobs that this deployment has.
        runbooks: where the pages of docs/runbooks are served (`https://host/runbooks`): alerts then carry a
            `runbook_url`. They always carry the page's place in the checkout, `runbook`.

    Raises:
        UsageError: a scale below 1.
    """
    chosen = groups(jobs)
    names = dict.fromkeys(group.file for group in chosen)
    return {
        f"{name}.yml": render_groups([group for group in chosen if group.file == name], scale, runbooks=runbooks)
        for name in names
    }


def render_groups(chosen: Iterable[Group], scale: float = 1.0, *, runbooks: str = "") -> str:
    """Some groups as one YAML file; arguments and errors as for `render`."""
    if scale < 1:
        raise UsageError("The time scale divides, so it is 1 or more", got=f"{scale:g}", fix="1 is for production")
    document = {"groups": [_group(group, scale, runbooks) for group in chosen]}
    return yaml.safe_dump(document, sort_keys=False, width=_WIDTH, allow_unicode=True)


def _group(group: Group, scale: float, runbooks: str) -> dict[str, object]:
    return {
        "name": group.name,
        "interval": duration(group.interval, scale),
        "rules": [_rule(rule, scale, runbooks) for rule in group.rules],
    }


def _rule(rule: Recording | Alert, scale: float, runbooks: str) -> dict[str, object]:
    if isinstance(rule, Recording):
        return {"record": rule.record, "expr": scaled(rule.expr, scale), "labels": dict(rule.labels)}
    annotations = {
        "summary": rule.summary,
        "description": rule.description,
        "dashboard": f"/d/{rule.dashboard}",
        "runbook": rule.runbook,
    }
    if runbooks:
        annotations["runbook_url"] = f"{runbooks.rstrip('/')}/{rule.name}.md"
    return {
        "alert": rule.name,
        "expr": scaled(rule.expr, scale),
        "for": duration(rule.hold, scale) if rule.hold != "0s" else "0s",
        "labels": {"severity": rule.severity, **rule.labels},
        "annotations": annotations,
    }
