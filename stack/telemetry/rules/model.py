"""What a rule is, before it is Prometheus' YAML."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

__all__ = ["Alert", "Group", "Recording", "Severity"]

Severity = Literal["page", "ticket"]


@dataclass(frozen=True)
class Recording:
    """A question that is asked all the time and kept as a series.

    Attributes:
        record: name of the series, `level:metric:operation`.
        expr: PromQL; its ranges are divided by the time scale.
        labels: added to the series.
    """

    record: str
    expr: str
    labels: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Alert:
    """Something a person must know about.

    Attributes:
        name: CamelCase; its page is docs/runbooks/<name>.md.
        expr: PromQL; ranges (`[5m]`) are divided by the time scale, and so is `{900s}`, a number of seconds, which
            `{900s:75s}` never lets below 75.
        hold: how long it must be true (`5m`).
        severity: `page`: users suffer, or will soon; `ticket`: it can wait until the morning.
        summary: one line, in the reader's words; may name labels.
        description: what was measured, with `$value`.
        dashboard: uid of the dashboard to open.
        fault: what fires it; a name of `stack.telemetry.faults`.
        stimulus: the traffic that must go on meanwhile; a name of `stack.telemetry.stimuli`, or empty.
        labels: added to the alert.
    """

    name: str
    expr: str
    hold: str
    severity: Severity
    summary: str
    description: str
    dashboard: str
    fault: str
    stimulus: str = ""
    labels: Mapping[str, str] = field(default_factory=dict)

    @property
    def runbook(self) -> str:
        """Its page, from the root of the checkout."""
        return f"docs/runbooks/{self.name}.md"


@dataclass(frozen=True)
class Group:
    """Rules that are evaluated together, in order.

    Attributes:
        name: unique; the file that holds it may hold others.
        file: name of the file, without its ending.
        rules: in the order of evaluation.
        interval: how often, at a time scale of 1.
    """

    name: str
    file: str
    rules: tuple[Recording | Alert, ...]
    interval: str = "15s"

    @property
    def alerts(self) -> tuple[Alert, ...]:
        """Its alerts."""
        return tuple(rule for rule in self.rules if isinstance(rule, Alert))
