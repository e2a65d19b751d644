"""The JUnit file that CI reads."""

from __future__ import annotations

import pytest
from junitparser import Error, Failure, JUnitXml, Skipped

from reports.evidence import Evidence, redacted
from reports.junit import junit_text
from reports.redact import Redactor
from reports.verdict import Finding, Severity, StepResult, Verdict
from tests.reports.kit import evidence, parsed, result

# Order of elements by the schema that Jenkins and others read (Ant's JUnit format).
CASE = ["error", "failure", "skipped", "system-out", "system-err"]


def cases(whole: Evidence) -> dict[str, list[object]]:
    """Per name of a case, its results."""
    return {case.name: list(case.result) for suite in JUnitXml.fromstring(junit_text(whole).encode()) for case in suite}


@pytest.mark.parametrize(
    ("verdict", "kind"),
    [
        (Verdict.FAIL, Failure),
        (Verdict.COULD_NOT_VERIFY, Error),
        (Verdict.NOT_CONFIGURED, Skipped),
        (Verdict.SIMULATED, Skipped),
    ],
)
def test_a_verdict_has_its_element(verdict: Verdict, kind: type) -> None:
    """One element that says the verdict, the reason and the rule."""
    (found,) = cases(evidence([result(verdict=verdict, message="the reason")]))["it works"]
    assert isinstance(found, kind)
    assert found.message == f"{verdict.label}: the reason"  # type: ignore[attr-defined]
    assert found.type == "then-is-false"  # type: ignore[attr-defined]
    assert "E  false" in found.text  # type: ignore[attr-defined]


def test_a_pass_has_no_element() -> None:
    """A case without a result is a pass."""
    assert cases(evidence([result()]))["it works"] == []


def test_the_reason_of_a_waiver_is_the_message() -> None:
    """A skipped case says what the scope file says."""
    waived = result(verdict=Verdict.NOT_CONFIGURED, message="missing", waiver="meilisearch: no binary")
    (found,) = cases(evidence([waived]))["it works"]
    assert found.message == "NOT CONFIGURED: meilisearch: no binary"  # type: ignore[attr-defined]


def test_suites_are_feature_files_and_counts_are_right() -> None:
    """Totals and those of each suite fit the cases; variants are part of the name."""
    many = [
        result("a"),
        result("b", Verdict.FAIL, message="m"),
        result("a", variant="opensearch"),
        result("c", Verdict.COULD_NOT_VERIFY, area="stack", message="m"),
        result("d", Verdict.SIMULATED, area="stack", message="m"),
    ]
    report = JUnitXml.fromstring(junit_text(evidence(many)).encode())
    assert [(s.name, s.tests, s.failures, s.errors, s.skipped) for s in report] == [
        ("search/code", 3, 1, 0, 0),
        ("stack/code", 2, 0, 1, 1),
    ]
    assert (report.tests, report.failures, report.errors, report.skipped) == (5, 1, 1, 1)
    assert "a [opensearch]" in cases(evidence(many))


def test_elements_stand_in_the_order_of_the_schema() -> None:
    """Properties before cases, the result before the output, and nothing that the schema does not know."""
    many = [result(verdict.value, verdict, message="m") for verdict in Verdict]
    root = parsed(junit_text(evidence(many)))
    for suite in root:
        tags = [element.tag for element in suite]
        assert tags[0] == "properties"
        assert set(tags[1:]) == {"testcase"}
        for case in suite.iter("testcase"):
            inside = [element.tag for element in case]
            assert inside == sorted(inside, key=CASE.index)
            assert {"name", "classname", "time"} <= set(case.attrib)


def test_properties_tell_which_run_it_was() -> None:
    """Verdict and headline are there for whoever has only this file."""
    root = parsed(junit_text(evidence([result()])))
    properties = {element.get("name"): element.get("value") for element in root.iter("property")}
    assert properties["verdict"] == "pass"
    assert properties["headline"] == "PASS: made up"


def test_steps_are_the_output() -> None:
    """Each step with what became of it."""
    steps = (
        StepResult(keyword="Given", text="a forge", verdict=Verdict.PASS, duration=0.25),
        StepResult(keyword="Then", text="a hit", verdict=Verdict.COULD_NOT_VERIFY),
    )
    root = parsed(junit_text(evidence([result(steps=steps)])))
    assert root.findtext(".//system-out") == "Given a forge: pass in 0.250 s\nThen a hit: not reached"


def test_any_text_of_redacted_evidence_is_valid_xml() -> None:
    """Control characters, markup and lone surrogates do not break the file."""
    hostile = "\x00\x1b[31m<&>]]>\udcff\ufffe"
    finding = Finding(stage="s", rule="r", severity=Severity.ERROR, message=hostile, evidence=hostile)
    whole = redacted(evidence([result(hostile, Verdict.FAIL, findings=(finding,))]), Redactor())
    root = parsed(junit_text(whole))
    message = root.find(".//failure")
    assert message is not None
    assert "<&>]]>" in message.get("message", "")


def test_a_run_of_nothing_is_a_file_too() -> None:
    """No suite, but valid."""
    assert parsed(junit_text(evidence([]))).get("tests") == "0"
