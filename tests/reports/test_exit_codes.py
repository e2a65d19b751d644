"""What a run ends with, in every way it can end.

The codes themselves are checked on processes of their own; which way leads to which code, on runs inside this one.
"""

from __future__ import annotations

import json
from collections.abc import Sequence

import pytest

import reports.page  # numpy, which it loads, cannot be loaded again by every run inside this process
from reports.verdict import Verdict
from tests.reports.kit import BINDING, latest, lay_out

pytest_plugins = ["pytester"]

assert reports.page

GOOD = "Feature: Good\n  Scenario: it works\n    Then it holds\n"
BAD = "Feature: Bad\n  Scenario: it breaks\n    Then it does not hold\n"
UNMET = "Feature: Unmet\n  Scenario: it is\n    Given a state that cannot be brought about\n    Then it holds\n"
TWO = "Feature: Two\n  Scenario: one\n    Then it holds\n  Scenario: two\n    Then it holds\n"


def ended(pytester: pytest.Pytester, code: int, *arguments: str, process: bool = False) -> str:
    """Run pytest, in a process of its own or in this one, check its exit code, and return what it printed."""
    method = pytester.runpytest_subprocess if process else pytester.runpytest_inprocess
    done = method(*(arguments or ("features",)))
    output = done.stdout.str() + done.stderr.str()
    assert done.ret == code, output
    return output


def why(pytester: pytest.Pytester, identifier: str) -> str:
    """The rule of a scenario's first finding."""
    (result,) = (result for result in latest(pytester.path).results if result.id == identifier)
    return result.findings[0].rule


@pytest.mark.parametrize(
    ("features", "scope", "code"),
    [
        ({"a/good.feature": GOOD}, 'requires = ["*"]', 0),
        ({"a/bad.feature": BAD}, 'requires = ["*"]', 1),
        ({"a/unmet.feature": UNMET}, 'requires = ["*"]', 2),
        ({"a/good.feature": GOOD, "b/bad.feature": BAD, "c/unmet.feature": UNMET}, 'requires = ["*"]', 1),
        ({"a/good.feature": GOOD, "c/unmet.feature": UNMET}, 'requires = ["*"]', 2),
        ({"a/good.feature": GOOD, "c/unmet.feature": UNMET}, 'requires = ["a/*"]', 0),
        ({"a/good.feature": GOOD, "b/bad.feature": BAD}, 'requires = ["a/*"]', 1),
        ({"a/good.feature": GOOD, "c/unmet.feature": UNMET}, 'requires = ["*", "!c/*"]', 0),
        ({"a/good.feature": GOOD}, 'requires = ["a/*", "b/*"]', 2),
    ],
)
def test_verdicts_and_scope_decide(pytester: pytest.Pytester, features: dict[str, str], scope: str, code: int) -> None:
    """0 if all that is required passed, 1 on any fail, 2 when something required could not be verified."""
    lay_out(pytester.path, features, scope=scope)
    ended(pytester, code, process=len(features) == 1)
    assert latest(pytester.path).exit_code == code


def test_a_waived_scenario_does_not_spoil_a_pass_and_does_not_make_one(pytester: pytest.Pytester) -> None:
    """One pass and one waived is 0 and says so; a run of nothing but waived scenarios is 2."""
    waived = "@needs-rare\nFeature: Waived\n  Scenario: it is waived\n    Then it holds\n"
    scope = '[[waive]]\nneed = "rare"\nreason = "nobody has it"\n'
    lay_out(pytester.path, {"a/good.feature": GOOD, "b/waived.feature": waived}, scope=scope)
    output = ended(pytester, 0)
    assert "PASS: 1 passed, 1 not configured (rare waived)" in output
    assert output.rstrip().endswith("1 passed, 0 failed, 1 skipped, 0 errors")
    output = ended(pytester, 2, "features/b")
    assert "no scenario was put to the test" in output


def test_a_required_simulation_is_no_pass(pytester: pytest.Pytester) -> None:
    """Simulated counts as passed only where it is not required, and even there makes no pass by itself."""
    simulated = "Feature: Cloud\n  @simulated\n  Scenario: a zone is lost\n    Then it holds\n"
    lay_out(pytester.path, {"a/good.feature": GOOD, "b/cloud.feature": simulated})
    assert "1 simulated" in ended(pytester, 2)
    (pytester.path / "scope.toml").write_text('requires = ["a/*"]', "utf-8")
    ended(pytester, 0)


def test_a_run_without_scenarios_is_no_pass(pytester: pytest.Pytester) -> None:
    """Plain tests that pass beside no scenario prove no promise."""
    lay_out(pytester.path, {}, modules={"test_plain.py": "def test_plain():\n    pass\n"})
    assert "no scenario was put to the test" in ended(pytester, 2)


def test_an_empty_features_folder_is_no_pass(pytester: pytest.Pytester) -> None:
    """Nothing ran at all."""
    lay_out(pytester.path, {})
    assert "nothing ran at all" in ended(pytester, 2)


def test_a_plain_test_that_fails_is_a_fail(pytester: pytest.Pytester) -> None:
    """Whatever fails in the features folder fails the run."""
    more = "def test_plain():\n    assert False\n"
    lay_out(pytester.path, {"a/good.feature": GOOD}, modules={"a/test_a.py": BINDING, "test_plain.py": more})
    ended(pytester, 1)


def test_a_plain_test_that_skips_could_not_verify(pytester: pytest.Pytester) -> None:
    """A skip is no pass there either."""
    more = "import pytest\n@pytest.mark.skip\ndef test_plain():\n    pass\n"
    lay_out(pytester.path, {"a/good.feature": GOOD}, modules={"a/test_a.py": BINDING, "test_plain.py": more})
    ended(pytester, 2)


@pytest.mark.parametrize(
    "arguments", [("-k", "one"), ("-m", "chosen"), ("--deselect", "features/a/test_a.py::test_two")]
)
def test_a_deselected_scenario_is_missed(pytester: pytest.Pytester, arguments: Sequence[str]) -> None:
    """What is required and was deselected could not be verified, and is named."""
    lay_out(pytester.path, {"a/two.feature": TWO.replace("  Scenario: one", "  @chosen\n  Scenario: one")})
    output = ended(pytester, 2, "features", *arguments)
    assert "it was deselected" in output
    assert "a/two: two" in output
    assert why(pytester, "a/two: two") == "not-run"


def test_a_deselected_scenario_that_is_not_required_is_not_missed(pytester: pytest.Pytester) -> None:
    """The scope decides what is missed."""
    lay_out(pytester.path, {"a/two.feature": TWO}, scope='requires = ["a/two: one"]')
    ended(pytester, 0, "features", "-k", "one")


def test_a_feature_that_no_module_binds_is_missed(pytester: pytest.Pytester) -> None:
    """A feature file nobody runs is no promise kept."""
    lay_out(pytester.path, {"a/good.feature": GOOD, "b/two.feature": TWO}, modules={"a/test_a.py": BINDING})
    ended(pytester, 2)
    assert why(pytester, "b/two: one") == why(pytester, "b/two: two") == "not-bound"


def test_a_scenario_that_its_module_leaves_out_is_missed(pytester: pytest.Pytester) -> None:
    """Binding one scenario of a file does not bind the other."""
    module = 'from pytest_bdd import scenario\n@scenario("two.feature", "one")\ndef test_one():\n    pass\n'
    lay_out(pytester.path, {"a/two.feature": TWO}, modules={"a/test_a.py": module})
    ended(pytester, 2)
    assert why(pytester, "a/two: two") == "not-bound"


def test_the_second_of_two_scenarios_with_one_title_is_missed(pytester: pytest.Pytester) -> None:
    """Pytest-bdd runs one of them; the other is named."""
    lay_out(pytester.path, {"a/two.feature": TWO.replace("Scenario: two", "Scenario: one")})
    ended(pytester, 2)
    assert why(pytester, "a/two: one #2") == "not-bound"


@pytest.mark.parametrize("text", ["", "Feature: Empty\n", "Scenario: lost\n"])
def test_a_feature_file_that_holds_nothing_is_named(pytester: pytest.Pytester, text: str) -> None:
    """A broken feature file is could_not_verify, bound or not."""
    lay_out(pytester.path, {"a/good.feature": GOOD, "b/broken.feature": text}, modules={"a/test_a.py": BINDING})
    ended(pytester, 2)
    assert why(pytester, "b/broken: feature file") == "not-a-feature"


@pytest.mark.parametrize(
    "module", ["import nothing_of_that_name\n", "import pytest\npytest.skip('no', allow_module_level=True)\n"]
)
def test_a_module_that_cannot_be_collected_is_named(pytester: pytest.Pytester, module: str) -> None:
    """An import error, or a module that skips itself, is could_not_verify."""
    lay_out(pytester.path, {"a/good.feature": GOOD}, modules={"a/test_a.py": BINDING, "b/test_b.py": module})
    ended(pytester, 2)
    assert why(pytester, "b/test_b: collection") == "not-collected"


def test_what_stopped_early_is_missed(pytester: pytest.Pytester) -> None:
    """After `-x` the rest did not run; the fail stays a fail."""
    lay_out(pytester.path, {"a/bad.feature": BAD, "b/good.feature": GOOD})
    ended(pytester, 1, "features", "-x")
    assert why(pytester, "b/good: it works") == "not-run"


def test_only_pretending_to_run_is_no_pass(pytester: pytest.Pytester) -> None:
    """`--setup-plan` runs no step, so nothing passed."""
    lay_out(pytester.path, {"a/good.feature": GOOD})
    ended(pytester, 2, "features", "--setup-plan")


def test_listing_is_no_run(pytester: pytest.Pytester) -> None:
    """`--collect-only` ends as pytest has it and leaves no evidence that could be taken for a run's."""
    lay_out(pytester.path, {"a/good.feature": GOOD.replace("Feature", "@slow-one\nFeature")})
    assert "test_it_works" in ended(pytester, 0, "features", "--collect-only")
    assert not (pytester.path / "evidence").exists()


@pytest.mark.parametrize("option", ["--fixtures", "--fixtures-per-test", "--cache-show", "--markers"])
def test_showing_something_is_no_run(pytester: pytest.Pytester, option: str) -> None:
    """Nothing is judged where nothing was to run."""
    lay_out(pytester.path, {"a/good.feature": GOOD})
    assert "COULD NOT VERIFY" not in ended(pytester, 0, "features", option)
    assert not (pytester.path / "evidence").exists()


@pytest.mark.parametrize(
    ("path", "left_out"),
    [
        ("features/a", ["b/two: one", "b/two: two"]),
        ("features/a/test_a.py", ["b/two: one", "b/two: two"]),
        ("features/a/good.feature", ["b/two: one", "b/two: two"]),
        ("features/b/test_b.py::test_one", ["a/good: it works", "b/two: two"]),
    ],
)
def test_a_path_narrows_what_is_required(pytester: pytest.Pytester, path: str, left_out: list[str]) -> None:
    """A partial run passes on its part, and says what it left out."""
    lay_out(pytester.path, {"a/good.feature": GOOD, "b/two.feature": TWO})
    output = ended(pytester, 0, path)
    assert f"PASS: 1 passed; partial run of {path.partition('::')[0]}" in output
    evidence = latest(pytester.path)
    assert [one.id for one in evidence.not_tested if one.verdict is None] == left_out


def test_one_of_two_feature_files_of_a_folder_can_be_selected(pytester: pytest.Pytester) -> None:
    """The scenarios of the other one do not run and are not missed, but named; nor do plain tests beside it."""
    plain = "def test_plain():\n    assert False\n"
    modules = {"a/test_a.py": BINDING, "a/test_plain.py": plain}
    lay_out(pytester.path, {"a/good.feature": GOOD, "a/bad.feature": BAD, "b/two.feature": TWO}, modules=modules)
    output = ended(pytester, 0, "features/a/good.feature")
    assert "PASS: 1 passed; partial run of features/a/good.feature" in output
    evidence = latest(pytester.path)
    assert [result.id for result in evidence.results] == ["a/good: it works"]
    assert [one.id for one in evidence.not_tested] == ["a/bad: it breaks", "b/two: one", "b/two: two"]
    ended(pytester, 1, "features/a/good.feature", "features/a/bad.feature")


def test_a_selected_feature_file_that_nothing_binds_is_missed(pytester: pytest.Pytester) -> None:
    """Asked for by name, it could not be verified."""
    lay_out(pytester.path, {"a/good.feature": GOOD, "b/two.feature": TWO}, modules={"a/test_a.py": BINDING})
    ended(pytester, 2, "features/b/two.feature")
    assert why(pytester, "b/two: one") == "not-bound"


def test_a_run_narrowed_in_another_way_says_so(pytester: pytest.Pytester) -> None:
    """A conftest that leaves variants out makes the run partial."""
    more = "\ndef pytest_sessionstart(session):\n    run_context(session.config).narrow('engine a')\n"
    lay_out(pytester.path, {"a/good.feature": GOOD}, conftest=more)
    assert "PASS: 1 passed; partial run of engine a" in ended(pytester, 0)


def test_a_path_does_not_hide_what_is_in_it(pytester: pytest.Pytester) -> None:
    """A partial run still misses what its part promises."""
    lay_out(pytester.path, {"a/good.feature": GOOD, "b/two.feature": TWO}, modules={"a/test_a.py": BINDING})
    ended(pytester, 0, "features/a")
    ended(pytester, 2, "features/a", "features/b")


@pytest.mark.parametrize(
    ("scope", "named"),
    [
        ("requries = []", "requries: unknown key"),
        ('[[waive]]\nneed = "x"\nreason = ""\n', "waive.0.reason: must not be empty"),
        (None, "cannot be read"),
    ],
)
def test_a_bad_scope_file_is_a_usage_error(pytester: pytest.Pytester, scope: str | None, named: str) -> None:
    """64 before anything runs, and the key is named."""
    lay_out(pytester.path, {"a/good.feature": GOOD}, scope=scope)
    output = ended(pytester, 64, process=scope is None)
    assert named in output
    assert not (pytester.path / "evidence").exists()


def test_a_path_that_is_not_there_is_a_usage_error(pytester: pytest.Pytester) -> None:
    """A misspelt path is not a run of nothing."""
    lay_out(pytester.path, {"a/good.feature": GOOD})
    assert "nowhere" in ended(pytester, 64, "features", "features/nowhere", process=True)
    (pytester.path / "conftest.py").write_text("from reports.usage import pytest_cmdline_main\n", "utf-8")
    assert "nowhere" in ended(pytester, 64, "features/nowhere", process=True)
    assert "by its title" in ended(pytester, 64, "features/a/good.feature::it works", process=True)


def test_a_conftest_can_refuse(pytester: pytest.Pytester) -> None:
    """A wrong setting ends with 64 as a wrong scope file does."""
    more = """
    from reports.context import refuse
    @pytest.hookimpl(trylast=True)
    def pytest_sessionstart(session):
        refuse(ValueError("engineroom.toml: colour: unknown key"))
    """
    lay_out(pytester.path, {"a/good.feature": GOOD}, conftest=more)
    assert "colour: unknown key" in ended(pytester, 64)


def test_a_bug_in_the_harness_is_no_pass(pytester: pytest.Pytester) -> None:
    """An error in a hook, before or while scenarios run, is could_not_verify."""
    lay_out(pytester.path, {"a/good.feature": GOOD}, conftest="\ndef pytest_sessionstart(session):\n    1 / 0\n")
    ended(pytester, 2)
    lay_out(pytester.path, {"a/good.feature": GOOD}, conftest="\ndef pytest_runtest_logreport(report):\n    1 / 0\n")
    ended(pytester, 2)


def test_a_step_that_breaks_a_hook_is_no_pass(pytester: pytest.Pytester) -> None:
    """An error in a hook around the steps is the harness's, not a broken promise."""
    lay_out(pytester.path, {"a/good.feature": GOOD}, conftest="\ndef pytest_bdd_after_scenario(request):\n    1 / 0\n")
    ended(pytester, 2)
    assert why(pytester, "a/good: it works") == "hook-failed"


def test_ctrl_c_ends_with_130(pytester: pytest.Pytester) -> None:
    """What ran is kept, what did not is named, and the headline says interrupted."""
    interrupting = "Feature: B\n  Scenario: it is broken off\n    When somebody presses Ctrl-C\n    Then it holds\n"
    features = {"a/good.feature": GOOD, "b/b.feature": interrupting, "c/two.feature": TWO}
    lay_out(pytester.path, features)
    output = ended(pytester, 130, process=True)
    assert "INTERRUPTED" in output
    evidence = latest(pytester.path)
    assert evidence.run.interrupted
    assert evidence.exit_code == 130
    assert {result.id: result.verdict for result in evidence.results} == {
        "a/good: it works": Verdict.PASS,
        "b/b: it is broken off": Verdict.COULD_NOT_VERIFY,
        "c/two: one": Verdict.COULD_NOT_VERIFY,
        "c/two: two": Verdict.COULD_NOT_VERIFY,
    }
    assert why(pytester, "b/b: it is broken off") == "interrupted"


def test_ending_pytest_from_inside_is_no_pass(pytester: pytest.Pytester) -> None:
    """`pytest.exit` leaves the rest unverified."""
    ending = "Feature: A\n  Scenario: it ends\n    When somebody ends pytest\n    Then it holds\n"
    lay_out(pytester.path, {"a/a.feature": ending, "b/good.feature": GOOD})
    ended(pytester, 2)
    assert why(pytester, "b/good: it works") == "not-run"


def test_evidence_that_cannot_be_written_is_no_pass(pytester: pytest.Pytester) -> None:
    """A run that leaves nothing behind proved nothing, and its headline says what its exit code says."""
    lay_out(pytester.path, {"a/good.feature": GOOD})
    (pytester.path / "evidence").write_text("in the way", "utf-8")
    output = ended(pytester, 2)
    assert "COULD NOT VERIFY: 1 passed; the evidence is not complete" in output
    assert "PASS: 1 passed" not in output
    assert "The evidence cannot be written" in output


def test_a_page_that_cannot_be_drawn_is_no_pass(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> None:
    """The evidence that could be written says so too."""
    lay_out(pytester.path, {"a/good.feature": GOOD})

    def undrawable(*_: object) -> str:
        raise ValueError("no such glyph")

    monkeypatch.setattr("reports.page.page_text", undrawable)
    output = ended(pytester, 2, process=False)
    assert "no such glyph" in output
    evidence = latest(pytester.path)
    assert (evidence.verdict, evidence.exit_code) == (Verdict.COULD_NOT_VERIFY, 2)


def test_a_fail_stays_a_fail_without_evidence(pytester: pytest.Pytester) -> None:
    """What is known to be wrong is not made uncertain by a full disk."""
    lay_out(pytester.path, {"a/bad.feature": BAD})
    (pytester.path / "evidence").write_text("in the way", "utf-8")
    assert "FAIL: 1 failed" in ended(pytester, 1)


def test_the_report_s_path_and_pytest_s_own_summary_are_printed(pytester: pytest.Pytester) -> None:
    """Headline, path of a page that exists, and last the counts."""
    lay_out(pytester.path, {"a/good.feature": GOOD})
    lines = ended(pytester, 0).rstrip().splitlines()
    assert lines[-3:-1][0] == "PASS: 1 passed"
    page = pytester.path / lines[-2].removeprefix("report: ")
    assert page.is_file()
    assert lines[-1] == "1 passed, 0 failed, 0 skipped, 0 errors"
    assert any(line.startswith("=") and "1 passed in" in line for line in lines)


def test_a_terminal_gets_colours(pytester: pytest.Pytester) -> None:
    """Colours where they are asked for; the last line stays plain."""
    lay_out(pytester.path, {"a/good.feature": GOOD})
    output = ended(pytester, 0, "features", "--color=yes")
    assert "\x1b[32mPASS" in output
    assert output.rstrip().endswith("\n1 passed, 0 failed, 0 skipped, 0 errors")


def test_a_run_without_pytest_s_terminal_still_has_a_verdict(pytester: pytest.Pytester) -> None:
    """Evidence and exit code do not depend on anything being printed."""
    lay_out(pytester.path, {"a/bad.feature": BAD})
    ended(pytester, 1, "features", "-p", "no:terminal")
    assert latest(pytester.path).verdict is Verdict.FAIL


def test_measurements_and_servers_are_in_the_evidence(pytester: pytest.Pytester) -> None:
    """What conftest and steps say is kept, the measurement with the scenario that made it."""
    lay_out(pytester.path, {"a/m.feature": "Feature: M\n  Scenario: it is measured\n    Then a number is measured\n"})
    ended(pytester, 0)
    evidence = latest(pytester.path)
    assert [(m.name, m.values, m.scenario) for m in evidence.measurements] == [
        ("latency", (1.0, 3.0, 2.0), "a/m: it is measured")
    ]
    assert [(server.name, server.checksum) for server in evidence.run.servers] == [
        ("PostgreSQL", "ab" * 32),
        ("Redis", None),
    ]


def test_the_files_of_a_run_agree(pytester: pytest.Pytester) -> None:
    """Canonical JSON on disk, with the exit code that the process had."""
    lay_out(pytester.path, {"a/bad.feature": BAD})
    ended(pytester, 1)
    (file,) = (pytester.path / "evidence").glob("*/evidence.json")
    text = file.read_text("utf-8")
    content = json.loads(text)
    assert text == json.dumps(content, sort_keys=True, separators=(",", ":"), ensure_ascii=False) + "\n"
    assert content["exit_code"] == 1
    assert content["run"]["id"] == file.parent.name
