"""The one HTML page of a run: no script, nothing fetched, readable on a phone and in the dark."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from itertools import groupby
from pathlib import Path

from jinja2 import ChoiceLoader, Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from reports.evidence import Evidence, NotTested
from reports.plots import measurement_plot, slowest_plot, timeline_plot
from reports.problems import problems
from reports.verdict import ScenarioResult, Verdict, merge

__all__ = ["page_environment", "page_text", "pictures_of"]

_MEANINGS = {
    Verdict.PASS: "Every required scenario passed.",
    Verdict.FAIL: "At least one promise is broken.",
    Verdict.COULD_NOT_VERIFY: "Something required could not be verified. That is no pass.",
}
_ORDER = (Verdict.FAIL, Verdict.COULD_NOT_VERIFY, Verdict.PASS, Verdict.NOT_CONFIGURED, Verdict.SIMULATED)
# Evidence rounds to milliseconds.
_SHORTEST = 0.001


@dataclass(frozen=True)
class _Area:
    name: str
    verdict: Verdict
    results: tuple[ScenarioResult, ...]

    def number(self, verdict: Verdict) -> int:
        return sum(result.verdict is verdict for result in self.results)


@dataclass(frozen=True)
class _Reason:
    """Everything that was not tested for one reason."""

    verdict: Verdict | None
    why: str
    names: tuple[str, ...]


@dataclass(frozen=True)
class _Plot:
    title: str
    note: str
    svg: Markup


@dataclass(frozen=True)
class _Shown:
    """One picture; `address` is empty when its file is gone or another."""

    name: str
    note: str
    address: str


def pictures_of(evidence: Evidence, folder: Path) -> dict[str, bytes]:
    """The pictures that lie in a run's folder and are those that the evidence names, by their SHA-256."""
    found = {}
    for picture in evidence.pictures:
        try:
            content = (folder / picture.file).read_bytes()
        except OSError:
            continue  # the page says that it is missing
        if sha256(content).hexdigest() == picture.sha256:
            found[picture.sha256] = content
    return found


def page_environment(*more: PackageLoader) -> Environment:
    """What pages are rendered with: all that is not from a template is escaped, and what is not defined is an error.

    Args:
        more: where templates are besides those of this package.
    """
    return Environment(
        loader=ChoiceLoader([*more, PackageLoader("reports")]),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )


def page_text(evidence: Evidence, pictures: Mapping[str, bytes] | None = None) -> str:
    """The page, from evidence alone: the same evidence gives the same bytes.

    Args:
        evidence: what the run left.
        pictures: PNG files by their SHA-256; one that is missing is named as missing.
    """
    environment = page_environment()
    environment.filters.update(seconds=_seconds, moment=_moment, slug=_slug)
    return environment.get_template("report.html.j2").render(
        evidence=evidence,
        run=evidence.run,
        meaning=_MEANINGS.get(evidence.verdict, ""),
        summary=evidence.headline.partition(": ")[2],
        order=_ORDER,
        areas=_areas(evidence.results),
        problems=problems(evidence.results),
        reasons=_reasons(evidence.not_tested),
        plots=_plots(evidence),
        pictures=_pictures(evidence, pictures or {}),
        figures=[m for m in evidence.measurements if len(m.values) == 1 and not m.labels],
        Verdict=Verdict,
    )


def _areas(results: Sequence[ScenarioResult]) -> list[_Area]:
    ordered = sorted(results, key=lambda result: (result.area, result.id))
    areas = []
    for name, group in groupby(ordered, key=lambda result: result.area):
        members = tuple(group)
        areas.append(_Area(name, merge(result.verdict for result in members), members))
    return areas


def _reasons(untested: Sequence[NotTested]) -> list[_Reason]:
    def key(one: NotTested) -> tuple[int, str]:
        # In the order of the headline; what was not even selected comes last.
        return _ORDER.index(one.verdict) if one.verdict is not None else len(_ORDER), one.why

    return [
        _Reason(members[0].verdict, members[0].why, tuple(member.id for member in members))
        for members in (list(group) for _, group in groupby(sorted(untested, key=key), key=key))
    ]


def _plots(evidence: Evidence) -> list[_Plot]:
    plots = [
        _Plot(
            "When each scenario ran",
            "A row per feature file, a bar per scenario.",
            _safe(timeline_plot(evidence.results)),
        ),
        _Plot("What took longest", "Seconds spent in the steps of a scenario.", _safe(slowest_plot(evidence.results))),
    ]
    for index, measurement in enumerate(evidence.measurements):
        if len(measurement.values) == 1 and not measurement.labels:
            continue
        note = f"{len(measurement.values)} values, {min(measurement.values):.4g} to {max(measurement.values):.4g}"
        note = f"{note} {measurement.unit}".strip() + (
            f". Measured by {measurement.scenario}" if measurement.scenario else ""
        )
        plots.append(_Plot(measurement.name, f"{note}.", _safe(measurement_plot(measurement, f"measurement{index}"))))
    return [plot for plot in plots if plot.svg]


def _pictures(evidence: Evidence, files: Mapping[str, bytes]) -> list[_Shown]:
    shown = []
    for picture in evidence.pictures:
        content = files.get(picture.sha256)
        address = f"data:image/png;base64,{b64encode(content).decode()}" if content is not None else ""
        shown.append(_Shown(picture.name, picture.scenario or "", address))
    return shown


def _safe(svg: str) -> Markup:
    # Drawn by matplotlib, which escapes every text it is given.
    return Markup(svg)  # noqa: S704


def _seconds(duration: float | None) -> str:
    if duration is None:
        return ""
    if duration < 1:
        return f"{duration * 1000:.0f} ms" if duration >= _SHORTEST else "< 1 ms"
    minutes, seconds = divmod(duration, 60)
    return f"{int(minutes)} min {seconds:02.0f} s" if minutes else f"{seconds:.1f} s"


def _moment(moment: datetime) -> str:
    return f"{moment:%Y-%m-%d %H:%M:%S} UTC"


def _slug(verdict: str) -> str:
    return verdict.replace("_", "-")
