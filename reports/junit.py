"""The JUnit file: a fail is a failure, what could not be verified an error, waived and simulated are skipped."""

# junitparser has annotations in part only.
# mypy: disable-error-code="no-untyped-call"

from __future__ import annotations

from itertools import groupby

from junitparser import Error, Failure, JUnitXml, Skipped, TestCase, TestSuite
from junitparser.junitparser import SystemOut

from reports.evidence import Evidence
from reports.verdict import ScenarioResult, Verdict

__all__ = ["junit_text"]


def junit_text(evidence: Evidence) -> str:
    """The run as JUnit XML: one suite per feature file, one case per scenario."""
    report = JUnitXml("engineroom")
    for place, group in groupby(
        sorted(evidence.results, key=lambda result: (result.place, result.id)), key=lambda result: result.place
    ):
        results = list(group)
        suite = TestSuite(place)
        moments = [result.started for result in results if result.started is not None]
        if moments:
            suite.timestamp = f"{min(moments):%Y-%m-%dT%H:%M:%S}"
        for name, value in _facts(evidence).items():
            suite.add_property(name, value)
        suite.add_testcases([_case(result) for result in results])
        suite.update_statistics()
        report.add_testsuite(suite)
    report.update_statistics()
    text: bytes = report.tostring()
    return f'<?xml version="1.0" encoding="utf-8"?>\n{text.decode("utf-8")}\n'


def _facts(evidence: Evidence) -> dict[str, str]:
    run = evidence.run
    return {
        "verdict": evidence.verdict.value,
        "headline": evidence.headline,
        "run": run.id,
        "runtime": run.runtime,
        "version": run.project.version,
        "commit": run.project.commit or "unknown",
        "scope": run.scope_digest,
    }


def _case(result: ScenarioResult) -> TestCase:
    case = TestCase(
        result.id.removeprefix(f"{result.place}: "), classname=result.place.replace("/", "."), time=result.duration
    )
    message = result.waiver or "; ".join(finding.message for finding in result.findings)
    rule = result.findings[0].rule if result.findings else result.verdict.value
    kinds = {Verdict.FAIL: Failure, Verdict.COULD_NOT_VERIFY: Error}
    if result.verdict is not Verdict.PASS:
        outcome = kinds.get(result.verdict, Skipped)(f"{result.verdict.label}: {message}", rule)
        outcome.text = "\n\n".join(
            "\n".join(filter(None, (finding.message, f"fix: {finding.fix}" if finding.fix else "", finding.evidence)))
            for finding in result.findings
        )
        case.result = [outcome]
    steps = [f"{step.keyword} {step.text}: {_state(step.duration, step.verdict)}" for step in result.steps]
    if steps:
        case.append(SystemOut("\n".join(steps)))
    return case


def _state(duration: float | None, verdict: Verdict) -> str:
    return "not reached" if duration is None else f"{verdict.value} in {duration:.3f} s"
