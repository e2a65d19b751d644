"""A rule put on trial by promtool: series that break and mend, and what must be said when."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import yaml

from stack.process import run
from stack.telemetry.rules import render_groups
from stack.telemetry.rules.model import Alert, Group

__all__ = ["Case", "Series", "counter", "gauge", "gone", "try_rules"]

# One sample a minute: well for 10 minutes, broken for 20, well again for 60.
_WELL, _BROKEN, _AFTER = 10, 20, 60
Series = tuple[str, str]
_SECONDS = 120


def gauge(well: float, broken: float) -> str:
    """A value, another one while it is broken, the first one again."""
    return f"{well}+0x{_WELL - 1} {broken}+0x{_BROKEN - 1} {well}+0x{_AFTER - 1}"


def gone(well: float) -> str:
    """A series that is not there while it is broken."""
    return f"{well}+0x{_WELL - 1} stale _x{_BROKEN - 1} {well}+0x{_AFTER - 1}"


def counter(well: float, broken: float) -> str:
    """A counter that grows by so much a minute, by another rate while it is broken, by the first again."""
    first = 1000.0
    second = first + well * _WELL
    third = second + broken * _BROKEN
    return (
        f"{first:g}+{well:g}x{_WELL - 1} {second + broken - well:g}+{broken:g}x{_BROKEN - 1} "
        f"{third + well - well:g}+{well:g}x{_AFTER - 1}"
    )


@dataclass(frozen=True)
class Case:
    """One alert, made to fire and to clear.

    Attributes:
        name: of the alert.
        broken: series during a fault.
        near: series that come close and must not fire it, at any time.
        labels: what the firing alert carries beside its severity and the labels its rule adds.
        value: what its description says for `$value`.
        pick: labels that choose among alerts of one name.
        fires: a time at which it fires.
        clears: a time by which it has cleared.
    """

    name: str
    broken: Sequence[Series]
    near: Sequence[Series]
    labels: Mapping[str, str] = field(default_factory=dict)
    value: str = ""
    pick: Mapping[str, str] = field(default_factory=dict)
    fires: str = "25m"
    clears: str = "80m"

    @property
    def id(self) -> str:
        """For the list of tests."""
        return ":".join((self.name, *self.pick.values()))

    def alert(self, alerts: Iterable[Alert]) -> Alert:
        """The alert it is about."""
        [found] = [each for each in alerts if each.name == self.name and self.pick.items() <= each.labels.items()]
        return found

    def expected(self, alert: Alert) -> dict[str, dict[str, str]]:
        """What fires, word by word."""
        labels = {**self.labels, **alert.labels}
        texts = {
            "summary": alert.summary,
            "description": alert.description,
            "dashboard": f"/d/{alert.dashboard}",
            "runbook": alert.runbook,
        }
        return {
            "exp_labels": {"severity": alert.severity, **labels},
            "exp_annotations": {name: self._filled(text, labels) for name, text in texts.items()},
        }

    def _filled(self, text: str, labels: Mapping[str, str]) -> str:
        text = re.sub(r"\{\{ \$labels\.(\w+) \}\}", lambda match: labels[match[1]], text)
        return re.sub(r"\{\{ \$value[^}]*\}\}", self.value, text)


def try_rules(
    promtool: Path,
    folder: Path,
    groups: Sequence[Group],
    tests: Sequence[Mapping[str, object]],
    *,
    every: str = "1m",
) -> None:
    """Let promtool judge; its words are the failure's. Rules are evaluated as often as `every` says.

    Raises:
        ProgramFailedError: something else fired, or something did not.
    """
    (folder / "rules.yml").write_text(render_groups(groups), encoding="utf-8")
    document = {"rule_files": ["rules.yml"], "evaluation_interval": every, "tests": list(tests)}
    (folder / "tests.yml").write_text(yaml.safe_dump(document, sort_keys=False, width=10_000), encoding="utf-8")
    run([promtool, "test", "rules", "tests.yml"], timeout=_SECONDS, cwd=folder)


def alone(alert: Alert) -> Group:
    """A group of one alert, with the names of its group and file made up."""
    return Group("alone", "alone", (replace(alert),))


def told(
    series: Sequence[Series], name: str, moments: Mapping[str, Sequence[object]], *, every: str = "1m"
) -> dict[str, object]:
    """One test of promtool: these series, and at these moments exactly these alerts of this name."""
    return {
        "interval": every,
        "input_series": [{"series": each, "values": values} for each, values in series],
        "alert_rule_test": [
            {"eval_time": moment, "alertname": name, "exp_alerts": list(alerts)} for moment, alerts in moments.items()
        ],
    }
