"""The one HTML page of a drill: no script, nothing fetched, in the style of the reports."""

from __future__ import annotations

from datetime import datetime

from jinja2 import PackageLoader

from reports.page import page_environment
from reports.verdict import Verdict, exit_code
from stack.recovery.drill.report import Report

__all__ = ["page_text"]

_MEANINGS = {
    Verdict.PASS: "The forge came back from bucket and keys alone, and does what a forge does.",
    Verdict.FAIL: "Something that a restore needs is broken.",
    Verdict.COULD_NOT_VERIFY: "Something could not be put to the test. That is no pass.",
}
_SHOWN = 14


def page_text(report: Report) -> str:
    """The page, from the report alone: the same report gives the same bytes."""
    environment = page_environment(PackageLoader("stack.recovery.drill", "templates"))
    environment.filters.update(seconds=_seconds, moment=_moment, slug=_slug)
    return environment.get_template("drill.html.j2").render(
        report=report,
        verdict=report.verdict,
        meaning=_MEANINGS.get(report.verdict, ""),
        exit_code=int(exit_code(report.verdict)),
        troubled=[stage for stage in report.stages if stage.findings],
        earlier=list(reversed(report.earlier[-_SHOWN:])),
        longest=max((stage.seconds for stage in report.stages), default=0.0) or 1.0,
    )


def _seconds(value: float | None) -> str:
    if value is None:
        return "not measured"
    return f"{value / 60:.1f} min" if value >= 120 else f"{value:.2f} s" if value < 10 else f"{value:.1f} s"  # noqa: PLR2004


def _moment(value: datetime) -> str:
    return value.strftime("%Y-%m-%d %H:%M:%S UTC")


def _slug(value: str) -> str:
    return str(value).replace("_", "-")
