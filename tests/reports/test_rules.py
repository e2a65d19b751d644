"""Each rule of a verdict, on real feature files in one real run of pytest."""

from __future__ import annotations

import sys

import pytest

from reports.evidence import Evidence
from reports.verdict import ScenarioResult, Verdict
from stack.process import run
from tests.reports.kit import BINDING, latest, lay_out

PASS, FAIL, UNVERIFIED, UNCONFIGURED, SIMULATED = Verdict

SCOPE = """
requires = ["*"]
[[waive]]
need = "waived"
reason = "nobody has it"
[[waive]]
need = "present"
reason = "somebody may lack it"
[[waive]]
need = "elsewhere"
reason = "only the cluster lacks it"
runtime = "cluster"
[[waive]]
need = "meilisearch"
reason = "no binary"
"""

# Title, tags, steps, verdict, rule.
SCENARIOS: list[tuple[str, str, str, Verdict, str | None]] = [
    ("all is well", "", "Given a state; When something happens; Then it holds", PASS, None),
    ("one Then is enough", "", "Then it holds", PASS, None),
    ("given raises", "", "Given a state that cannot be brought about; Then it holds", UNVERIFIED, "given-not-met"),
    ("second given", "", "Given a state; And a state that cannot be brought about", UNVERIFIED, "given-not-met"),
    ("given asserts", "", "Given a wrong belief; Then it holds", UNVERIFIED, "given-not-met"),
    ("when raises", "", "When something cannot happen; Then it holds", FAIL, "step-failed"),
    ("then is false", "", "Given a state; Then it does not hold", FAIL, "then-is-false"),
    ("second then", "", "Then it holds; But it does not hold", FAIL, "then-is-false"),
    ("then raises", "", "Then it cannot be looked at", FAIL, "step-failed"),
    ("undefined given", "", "Given pigs fly; Then it holds", UNVERIFIED, "step-undefined"),
    ("undefined then", "", "When something happens; Then pigs fly", UNVERIFIED, "step-undefined"),
    ("given skips", "", "Given a state that skips; Then it holds", UNVERIFIED, "skipped"),
    ("then skips", "", "Then it skips", UNVERIFIED, "skipped"),
    ("skip by tag", "@skip", "Then it holds", UNVERIFIED, "skipped"),
    ("xfail in a step", "", "Then it is expected to fail", UNVERIFIED, "expected-failure"),
    ("xfail by tag that fails", "@xfail", "Then it does not hold", UNVERIFIED, "expected-failure"),
    ("xfail by tag that passes", "@xfail", "Then it holds", UNVERIFIED, "expected-failure"),
    ("fixture of a when", "", "When a broken fixture is asked for; Then it holds", UNVERIFIED, "fixture-failed"),
    ("fixture of a then", "", "Then a broken fixture is asked for at the end", UNVERIFIED, "fixture-failed"),
    ("setup fails", "@setup-fails", "Then it holds", UNVERIFIED, "fixture-failed"),
    ("teardown fails", "", "Given something that does not go away; Then it holds", UNVERIFIED, "teardown-failed"),
    (
        "fails and teardown fails",
        "",
        "Given something that does not go away; Then it does not hold",
        FAIL,
        "teardown-failed",
    ),
    ("need missing", "@needs-rare", "Then it holds", UNVERIFIED, "need-missing"),
    ("need waived", "@needs-waived", "Then it holds", UNCONFIGURED, "need-waived"),
    ("need waived but there", "@needs-present", "Then it holds", PASS, None),
    ("need waived but there, and false", "@needs-present", "Then it does not hold", FAIL, "then-is-false"),
    ("need waived for another runtime", "@needs-elsewhere", "Then it holds", UNVERIFIED, "need-missing"),
    ("one need waived, one missing", "@needs-waived @needs-rare", "Then it holds", UNVERIFIED, "need-missing"),
    ("need missing in a given", "", "Given rare is missing; Then it holds", UNVERIFIED, "need-missing"),
    ("need missing in a when", "", "When rare turns out to be missing; Then it holds", UNVERIFIED, "need-missing"),
    ("need missing in a then", "", "Then rare is missing at the end", UNVERIFIED, "need-missing"),
    ("need as a cause", "", "When rare turns out to be the cause; Then it holds", UNVERIFIED, "need-missing"),
    ("waived need in a given", "", "Given waived is missing; Then it holds", UNCONFIGURED, "need-waived"),
    ("waived need in a then", "", "Then waived is missing at the end", UNCONFIGURED, "need-waived"),
    ("waived need in a fixture", "", "When a fixture lacks what is waived; Then it holds", UNCONFIGURED, "need-waived"),
    (
        "waived need that is there",
        "",
        "When present turns out to be missing; Then it holds",
        UNVERIFIED,
        "need-missing",
    ),
    ("need in the context of a fail", "", "Then it is false while a need is handled", FAIL, "then-is-false"),
    ("simulated", "@simulated", "Then it holds", SIMULATED, "simulated"),
    ("simulated and false", "@simulated", "Then it does not hold", FAIL, "then-is-false"),
    ("a death behind a pass", "", "When opensearch dies; Then it holds", UNVERIFIED, "component-died"),
    ("a death behind a fail", "", "When opensearch dies; Then it does not hold", UNVERIFIED, "component-died"),
    ("a death behind a simulation", "@simulated", "When opensearch dies; Then it holds", UNVERIFIED, "component-died"),
    ("a death found while cleaning up", "@dies-late", "Then it holds", UNVERIFIED, "component-died"),
    ("nobody knows of deaths", "", "When the stack stops answering; Then it holds", UNVERIFIED, "deaths-unknown"),
    ("given is async", "", "Given a state that is awaited; Then it holds", UNVERIFIED, "step-not-run"),
    ("then is async", "", "Given a state; Then it is awaited", UNVERIFIED, "step-not-run"),
    ("then is an async generator", "", "Then it is awaited and iterated", UNVERIFIED, "step-not-run"),
    ("then returns an awaitable", "", "Then it is a coroutine of somebody else", UNVERIFIED, "step-not-run"),
    ("then returns a generator", "", "Then it is a generator of somebody else", UNVERIFIED, "step-not-run"),
    ("then yields an awaitable", "", "Then it is yielded to be awaited", UNVERIFIED, "step-not-run"),
    ("no step", "", "", UNVERIFIED, "nothing-proved"),
    ("no then", "", "Given a state; When something happens", UNVERIFIED, "nothing-proved"),
]


def written(title: str, tags: str, steps: str) -> str:
    """A scenario as a feature file has it."""
    lines = [f"  {tags}", f"  Scenario: {title}", *(f"    {step.strip()}" for step in steps.split(";"))]
    return "\n".join(line for line in lines if line.strip()) + "\n"


@pytest.fixture(scope="module")
def seen(tmp_path_factory: pytest.TempPathFactory) -> tuple[Evidence, str]:
    """The evidence and the output of one run of all of it."""
    folder = lay_out(
        tmp_path_factory.mktemp("rules"),
        {
            "rules/rules.feature": "Feature: Rules\n" + "".join(written(t, g, s) for t, g, s, _, _ in SCENARIOS),
            "search/code.feature": "Feature: Code\n  Scenario: it is found\n    Then it holds\n",
            "body/body.feature": "Feature: Body\n  Scenario: a body\n    Then it holds\n"
            "  Scenario: a body that waits\n    Then it holds\n  Scenario: a body that yields\n    Then it holds\n",
        },
        modules={
            "rules/test_rules.py": BINDING,
            "search/test_search.py": "import pytest\n"
            '@pytest.fixture(autouse=True, params=["opensearch", "meilisearch"])\n'
            "def engine(request):\n    return request.param\n" + BINDING,
            "body/test_body.py": "from pytest_bdd import scenario\n"
            '@scenario("body.feature", "a body")\ndef test_body():\n    assert False\n'
            '@scenario("body.feature", "a body that waits")\nasync def test_waits():\n    assert False\n'
            '@scenario("body.feature", "a body that yields")\ndef test_yields():\n    yield\n    assert False\n',
        },
        scope=SCOPE,
    )
    done = run([sys.executable, "-m", "pytest", "features"], timeout=120, cwd=folder, drop=("PYTEST_",), ok=(1,))
    return latest(folder), done.text


def one(seen: tuple[Evidence, str], identifier: str) -> ScenarioResult:
    """The result of a scenario."""
    (found,) = (result for result in seen[0].results if result.id == identifier)
    return found


@pytest.mark.parametrize(
    ("title", "verdict", "rule"), [(title, verdict, rule) for title, _, _, verdict, rule in SCENARIOS]
)
def test_a_scenario_gets_its_verdict(
    seen: tuple[Evidence, str], title: str, verdict: Verdict, rule: str | None
) -> None:
    """What happened decides the verdict, and a finding names the rule, unless it passed."""
    result = one(seen, f"rules/rules: {title}")
    assert result.verdict is verdict
    rules = [finding.rule for finding in result.findings]
    assert rule in rules if rule is not None else rules == []


def test_every_finding_says_what_to_do(seen: tuple[Evidence, str]) -> None:
    """No finding is without a message, a stage and a next step."""
    findings = [finding for result in seen[0].results for finding in result.findings]
    assert findings
    assert all(finding.message and finding.stage and finding.fix for finding in findings)


def test_a_given_that_is_not_met_is_named_with_its_error(seen: tuple[Evidence, str]) -> None:
    """The message holds the step and what was raised, the evidence where."""
    (finding,) = one(seen, "rules/rules: second given").findings
    assert finding.message == "And a state that cannot be brought about: OSError: the disk is full"
    assert finding.stage == "given"
    assert "conftest.py" in finding.evidence


@pytest.mark.parametrize(
    ("title", "message"),
    [
        ("xfail in a step", "it was expected to fail: known"),
        ("xfail by tag that fails", "it was expected to fail"),
        ("xfail by tag that passes", "it passed, though it was expected to fail"),
    ],
)
def test_an_expected_failure_says_what_happened(seen: tuple[Evidence, str], title: str, message: str) -> None:
    """Whether it failed or passed."""
    (finding,) = one(seen, f"rules/rules: {title}").findings
    assert finding.message.endswith(message)
    assert ("it passed" in finding.message) is (title == "xfail by tag that passes")


def test_a_death_is_named_with_its_last_output(seen: tuple[Evidence, str]) -> None:
    """Component and exit in the message, output in the evidence, even where every step passed."""
    result = one(seen, "rules/rules: a death behind a pass")
    assert "opensearch ended with exit code 137" in result.findings[0].message
    assert "OutOfMemoryError" in result.findings[0].evidence
    assert [step.verdict for step in result.steps] == [PASS, PASS]


def test_steps_after_the_broken_one_were_not_reached(seen: tuple[Evidence, str]) -> None:
    """Each step has its own verdict, and a duration if it ran."""
    steps = one(seen, "rules/rules: when raises").steps
    assert [(step.keyword, step.verdict, step.duration is None) for step in steps] == [
        ("When", FAIL, False),
        ("Then", UNVERIFIED, True),
    ]


def test_a_scenario_runs_once_per_variant_and_needs_it(seen: tuple[Evidence, str]) -> None:
    """The variant is in the id, and its name is a need that the scope may waive."""
    found, waived = (
        one(seen, "search/code: it is found [opensearch]"),
        one(seen, "search/code: it is found [meilisearch]"),
    )
    assert (found.verdict, found.variant, found.needs) == (PASS, "opensearch", ("opensearch",))
    assert (waived.verdict, waived.waiver) == (UNCONFIGURED, "meilisearch: no binary")
    assert waived.started is None


def test_the_body_of_a_scenario_function_counts(seen: tuple[Evidence, str]) -> None:
    """An assertion behind the last step is a fail, and so is a body that only returned something to run."""
    assert one(seen, "body/body: a body").verdict is FAIL
    assert one(seen, "body/body: a body that waits").verdict is FAIL
    assert one(seen, "body/body: a body that yields").verdict is FAIL


def test_a_step_that_did_not_run_is_named(seen: tuple[Evidence, str]) -> None:
    """The step, its function and what it returned are in the message; the step itself did not pass."""
    result = one(seen, "rules/rules: then is async")
    (finding,) = result.findings
    assert finding.message.startswith("Then it is awaited: StepNotRunError: ")
    assert "did not run: it returned an awaitable" in finding.message
    assert "conftest.py" in finding.message
    assert "asyncio.run" in finding.fix
    assert [step.verdict for step in result.steps] == [PASS, UNVERIFIED]


def test_waivers_list_who_used_them(seen: tuple[Evidence, str]) -> None:
    """Waivers that covered something name it; the others are there without a name."""
    used = {waiver.need: waiver.used_by for waiver in seen[0].waivers}
    assert used["meilisearch"] == ("search/code: it is found [meilisearch]",)
    assert "rules/rules: need waived" in used["waived"]
    assert "rules/rules: one need waived, one missing" not in used["waived"]
    assert used["present"] == used["elsewhere"] == ()


def test_the_run_fails_and_counts_everything(seen: tuple[Evidence, str]) -> None:
    """Counts, verdict and exit code of the run fit its results."""
    evidence, _ = seen
    assert (evidence.verdict, evidence.exit_code) == (FAIL, 1)
    for verdict in Verdict:
        assert evidence.counts[verdict] == sum(result.verdict is verdict for result in evidence.results)


def test_pytest_counts_no_scenario_as_passed_that_did_not(seen: tuple[Evidence, str]) -> None:
    """Pytest's own summary has a category per verdict with the same counts."""
    evidence, output = seen
    (summary,) = (line for line in output.splitlines() if line.startswith("=") and " in " in line and "passed" in line)
    for verdict in Verdict:
        assert f"{evidence.counts[verdict]} {verdict.counted}" in summary


def test_the_last_line_is_for_programs(seen: tuple[Evidence, str]) -> None:
    """Fixed order, fixed words."""
    evidence, output = seen
    counts = evidence.counts
    assert output.splitlines()[-1] == (
        f"{counts[PASS]} passed, {counts[FAIL]} failed, {counts[UNCONFIGURED] + counts[SIMULATED]} skipped, "
        f"{counts[UNVERIFIED]} errors"
    )


def test_every_scenario_has_its_line(seen: tuple[Evidence, str]) -> None:
    """Verdict and title stand on one line, without escape codes where there is no terminal."""
    output = seen[1]
    assert "\x1b" not in output
    for title, _, _, verdict, _ in SCENARIOS:
        assert any(line.strip().startswith(verdict.label) and title in line for line in output.splitlines())


def test_no_secret_is_left_anywhere(seen: tuple[Evidence, str], tmp_path_factory: pytest.TempPathFactory) -> None:
    """Neither the evidence files nor what pytest itself printed hold the secret that a step printed and asserted on."""
    evidence, output = seen
    folder = next(tmp_path_factory.getbasetemp().glob(f"rules*/evidence/{evidence.run.id}"))
    assert sorted(file.name for file in folder.iterdir()) == ["evidence.json", "junit.xml", "report.html"]
    texts = [output, *(file.read_text("utf-8") for file in folder.iterdir())]
    assert all("correct-horse-battery" not in text for text in texts)
    assert all("[redacted]" in text for text in texts)
