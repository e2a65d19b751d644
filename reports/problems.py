"""What went wrong, told once however many scenarios it hit."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from reports.verdict import Finding, ScenarioResult, Verdict

__all__ = ["Problem", "problems"]


@dataclass(frozen=True)
class Problem:
    """One problem: its verdict, the findings of the first scenario it hit, and the ids of all of them."""

    verdict: Verdict
    findings: tuple[Finding, ...]
    ids: tuple[str, ...]


def problems(results: Iterable[ScenarioResult]) -> list[Problem]:
    """Failed and unverified scenarios, fails first; those that broke the same rules with the same words are one.

    Their evidence may differ in times and addresses, which does not make them different problems.
    """
    found: dict[tuple[Verdict, tuple[tuple[str, str, str], ...]], list[ScenarioResult]] = {}
    for result in results:
        if result.verdict in (Verdict.FAIL, Verdict.COULD_NOT_VERIFY):
            words = tuple((finding.stage, finding.rule, finding.message) for finding in result.findings)
            found.setdefault((result.verdict, words), []).append(result)
    grouped = [
        Problem(verdict, hit[0].findings, tuple(result.id for result in hit)) for (verdict, _), hit in found.items()
    ]
    return sorted(grouped, key=lambda problem: problem.verdict is not Verdict.FAIL)
