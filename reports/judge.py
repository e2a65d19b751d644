"""The verdict of a run from those of its scenarios: counts, headline, what was not tested, exit code."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from reports.evidence import Evidence, NotTested, UsedWaiver
from reports.rules import finding
from reports.scope import Scope, glob_matches
from reports.verdict import ExitCode, ScenarioResult, Verdict, exit_code, merge

__all__ = ["Judgement", "doubted", "judge", "unmatched", "used_waivers"]

_NEITHER = {Verdict.NOT_CONFIGURED, Verdict.SIMULATED}


@dataclass(frozen=True)
class Judgement:
    """What a run comes to."""

    verdict: Verdict
    exit_code: ExitCode
    headline: str
    counts: Mapping[Verdict, int]
    not_tested: tuple[NotTested, ...]


def judge(
    results: Sequence[ScenarioResult],
    *,
    waived: Mapping[str, Sequence[str]],
    left_out: Sequence[str] = (),
    selection: Sequence[str] = (),
    interrupted: bool = False,
) -> Judgement:
    """Judge a run.

    A fail counts whoever required it: it is a fact about the system. Anything else counts only where it is required,
    and only a required scenario makes a pass; a plain test beside the scenarios can spoil a run but not make one.

    Args:
        results: everything that ran or should have.
        waived: per waived need, the scenarios it covered.
        left_out: ids of scenarios outside the selected paths.
        selection: the selected paths of a partial run.
        interrupted: whether the run was broken off.
    """
    said = [verdict for result in results for verdict in _weight(result)]
    verdict = merge(said)
    if verdict in _NEITHER:
        verdict = Verdict.COULD_NOT_VERIFY
    if interrupted and verdict is Verdict.PASS:
        verdict = Verdict.COULD_NOT_VERIFY
    counts = {kind: sum(result.verdict is kind for result in results) for kind in Verdict}
    return Judgement(
        verdict=verdict,
        exit_code=ExitCode.INTERRUPTED if interrupted else exit_code(verdict),
        headline=_headline(verdict, results, waived=waived, selection=selection, interrupted=interrupted),
        counts=counts,
        not_tested=(
            *(NotTested(id=r.id, verdict=r.verdict, why=_why(r)) for r in results if _untested(r)),
            *(NotTested(id=name, verdict=None, why="outside the selected paths") for name in left_out),
        ),
    )


def doubted(evidence: Evidence, why: str) -> Evidence:
    """The same evidence where something that is no scenario's makes a pass worth nothing; any other verdict stays."""
    if evidence.exit_code != ExitCode.PASS:
        return evidence
    counted = evidence.headline.removeprefix(f"{Verdict.PASS.label}: ")
    return evidence.model_copy(
        update={
            "verdict": Verdict.COULD_NOT_VERIFY,
            "exit_code": int(ExitCode.COULD_NOT_VERIFY),
            "headline": f"{Verdict.COULD_NOT_VERIFY.label}: {counted}; {why}",
        }
    )


def unmatched(scope: Scope, identifiers: Sequence[str]) -> list[ScenarioResult]:
    """A result for each required glob that fits no scenario: a promise that nobody made cannot be kept."""
    return [
        ScenarioResult(
            id=f"scope: {glob}",
            kind="test",
            area="",
            feature="scope",
            title=glob,
            verdict=Verdict.COULD_NOT_VERIFY,
            findings=(
                finding("scope", "requires-nothing", f"the scope file requires {glob!r}, which fits no scenario"),
            ),
        )
        for glob in scope.requires
        if not glob.startswith("!") and not any(glob_matches(glob, name) for name in identifiers)
    ]


def used_waivers(scope: Scope, waived: Mapping[str, Sequence[str]], runtime: str) -> tuple[UsedWaiver, ...]:
    """Every waiver of the scope with the scenarios it covered; where two fit a need, the first one did."""
    return tuple(
        UsedWaiver(
            need=waiver.need,
            reason=waiver.reason,
            runtime=waiver.runtime,
            used_by=tuple(sorted(waived.get(waiver.need, ())) if scope.waiver(waiver.need, runtime) is waiver else ()),
        )
        for waiver in scope.waivers
    )


def _weight(result: ScenarioResult) -> list[Verdict]:
    if result.verdict is Verdict.FAIL:
        return [Verdict.FAIL]
    if not result.required or (result.kind == "test" and result.verdict is Verdict.PASS):
        return []
    return [Verdict.COULD_NOT_VERIFY if result.verdict is Verdict.SIMULATED else result.verdict]


def _untested(result: ScenarioResult) -> bool:
    return result.verdict not in (Verdict.PASS, Verdict.FAIL)


def _why(result: ScenarioResult) -> str:
    why = result.waiver or "; ".join(finding.message for finding in result.findings)
    return why if result.required else f"{why} (not required)"


def _headline(
    verdict: Verdict,
    results: Sequence[ScenarioResult],
    *,
    waived: Mapping[str, Sequence[str]],
    selection: Sequence[str],
    interrupted: bool,
) -> str:
    parts = []
    for kind in (Verdict.FAIL, Verdict.COULD_NOT_VERIFY, Verdict.PASS, Verdict.NOT_CONFIGURED, Verdict.SIMULATED):
        number = sum(result.verdict is kind for result in results)
        if number or kind is Verdict.PASS:
            needs = f" ({', '.join(sorted(waived))} waived)" if kind is Verdict.NOT_CONFIGURED and waived else ""
            parts.append(f"{number} {kind.counted}{needs}")
    text = f"{verdict.label}: {', '.join(parts)}"
    tried = {Verdict.PASS, Verdict.FAIL, Verdict.SIMULATED}
    if not any(result.kind == "scenario" and result.verdict in tried for result in results):
        text += "; no scenario was put to the test" if results else "; nothing ran at all"
    if selection:
        text += f"; partial run of {', '.join(selection)}"
    return f"INTERRUPTED, {text}" if interrupted else text
