"""The rules a finding can name, and what to do about each."""

from __future__ import annotations

from reports.verdict import Finding, Severity

__all__ = ["FIXES", "finding"]

FIXES = {
    "component-died": "read its last output; where the scenario kills it on purpose, kill it through the stack",
    "deaths-unknown": "mend what asks the stack for dead components",
    "expected-failure": "nothing may be expected to fail: mend it, or take the scenario out of the scope",
    "fixture-failed": "mend what the fixture starts or asks for, then run again",
    "given-not-met": "bring about the state that the step names, then run again",
    "hook-failed": "mend the hook that the traceback names",
    "interrupted": "run again, to the end",
    "need-missing": "provide it, or waive it in the scope file with a reason",
    "not-a-feature": "correct the feature file",
    "not-bound": "bind the feature file with pytest_bdd.scenarios(); of scenarios with one title only one is bound",
    "not-collected": "mend the module, so that its scenarios can run",
    "not-run": "run all of it, or select by path: that narrows what the run requires",
    "nothing-proved": "give the scenario a Then",
    "requires-nothing": "correct the glob, or write the scenario",
    "simulated": "run it against the real thing, or take it out of what the scope file requires",
    "skipped": "nothing may be skipped: tag the need (`@needs-x`) and waive it in the scope file with a reason",
    "step-failed": "follow the traceback: the event itself could not happen",
    "step-not-run": "let the step itself do the work, instead of returning something that nobody runs",
    "step-undefined": "write the step, or correct its sentence",
    "teardown-failed": "look for what the scenario leaves behind",
    "test-failed": "follow the traceback",
    "then-is-false": "the promise is broken: follow the evidence to the component that broke it",
}


def finding(
    stage: str, rule: str, message: str, *, fix: str = "", evidence: str = "", severity: Severity = Severity.ERROR
) -> Finding:
    """A finding whose advice, where none is given, is the rule's own."""
    return Finding(
        stage=stage, rule=rule, severity=severity, message=message, fix=fix or FIXES.get(rule, ""), evidence=evidence
    )
