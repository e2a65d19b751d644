"""Evidence: one text for one run, complete, written whole or not at all."""

from __future__ import annotations

import json
import platform
import stat
from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from reports.errors import EvidenceError
from reports.evidence import (
    Measurement,
    NotTested,
    canonical_json,
    load_evidence,
    redacted,
    this_host,
    this_project,
    write_atomically,
)
from reports.redact import MASK, Redactor
from reports.verdict import Verdict
from tests.reports.kit import evidence, result

json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=12,
)


def shuffled(value: object) -> object:
    """The same value with every mapping in reverse order."""
    if isinstance(value, dict):
        return {key: shuffled(value[key]) for key in reversed(list(value))}
    if isinstance(value, list):
        return [shuffled(item) for item in value]
    return value


@given(json_values)
def test_the_same_value_has_one_text(value: object) -> None:
    """The order of insertion leaves no trace, and nothing is lost."""
    text = canonical_json(value)  # type: ignore[arg-type]
    assert text == canonical_json(shuffled(value))  # type: ignore[arg-type]
    assert json.loads(text) == value
    assert text.endswith("\n")
    assert text.count("\n") == 1


def test_the_text_is_utf8_without_blanks_and_sorted() -> None:
    """Letters stay letters, keys are sorted, separators are bare."""
    assert canonical_json({"b": "测", "a": [1, 2]}) == '{"a":[1,2],"b":"测"}\n'


def test_a_number_that_is_not_finite_is_refused() -> None:
    """NaN is no JSON."""
    with pytest.raises(ValueError, match="not JSON compliant"):
        canonical_json({"a": float("nan")})


def test_evidence_is_read_back_as_it_was_written(tmp_path: Path) -> None:
    """Nothing is lost on the way through the file, and the schema is named in it."""
    results = [result(), result("it breaks", Verdict.FAIL, message="it is false")]
    whole = evidence(
        results,
        verdict=Verdict.FAIL,
        not_tested=[NotTested(id="x", verdict=None, why="outside")],
        measurements=[Measurement(name="latency", unit="ms", values=(1.5, 2.0))],
    )
    path = write_atomically(tmp_path / "run" / "evidence.json", whole.json_text())
    assert load_evidence(path) == whole
    assert load_evidence(path).json_text() == whole.json_text()
    assert json.loads(path.read_text("utf-8"))["schema"] == "engineroom.evidence/1"


@pytest.mark.parametrize(
    "content", ['{"schema": "engineroom.evidence/2"}', "{}", "[]", "not json", '{"schema":"engineroom.evidence/1"}']
)
def test_anything_else_is_no_evidence(tmp_path: Path, content: str) -> None:
    """Another schema, or a file that lacks what the schema demands, is refused."""
    path = tmp_path / "evidence.json"
    path.write_text(content, "utf-8")
    with pytest.raises(EvidenceError, match=r"evidence"):
        load_evidence(path)


def test_every_string_is_redacted_and_nothing_else_changes() -> None:
    """Titles, findings, steps, servers and reasons are covered; verdicts and numbers stay."""
    secret = "correct-horse-battery"
    whole = evidence(
        [result(f"a {secret}", Verdict.FAIL, message=f"saw {secret}", tags=(secret,), waiver=secret)],
        not_tested=[NotTested(id=secret, verdict=None, why=secret)],
        measurements=[Measurement(name=secret, unit=secret, values=(1.0,), labels=(secret,))],
        selection=[secret],
    )
    clean = redacted(whole, Redactor([secret]))
    assert secret not in clean.json_text()
    assert clean.json_text() == whole.json_text().replace(secret, MASK)


def test_a_password_like_a_word_of_the_schema_breaks_nothing() -> None:
    """Closed sets of values are left alone, however weak a password is."""
    clean = redacted(evidence([result()]), Redactor(["scenario", "pass", "engineroom", "error"]))
    assert clean.results[0].verdict is Verdict.PASS
    assert clean.results[0].kind == "scenario"


def test_a_file_is_replaced_whole(tmp_path: Path) -> None:
    """The new text replaces the old, everyone may read it, and no temporary file stays."""
    path = tmp_path / "evidence.json"
    path.write_text("old", "utf-8")
    write_atomically(path, "new ✓")
    assert path.read_text("utf-8") == "new ✓"
    assert [file.name for file in tmp_path.iterdir()] == ["evidence.json"]
    assert stat.S_IMODE(path.stat().st_mode) == 0o644


def test_a_folder_in_the_way_is_an_error_that_leaves_nothing(tmp_path: Path) -> None:
    """What cannot be written is said so, and no half of it stays."""
    (tmp_path / "evidence.json" / "inside").mkdir(parents=True)
    with pytest.raises(EvidenceError, match="cannot be written"):
        write_atomically(tmp_path / "evidence.json", "new")
    assert [file.name for file in tmp_path.iterdir()] == ["evidence.json"]


@pytest.mark.parametrize(
    ("values", "labels"), [((), ()), ((1.0,), ("a", "b")), ((float("nan"),), ()), ((float("inf"),), ())]
)
def test_a_measurement_that_cannot_be_plotted_is_refused(values: Sequence[float], labels: Sequence[str]) -> None:
    """No values, a wrong number of labels, or a number that is not finite."""
    with pytest.raises(ValidationError):
        Measurement(name="latency", unit="ms", values=tuple(values), labels=tuple(labels))


def test_the_commit_is_what_git_says() -> None:
    """Commit and uncommitted changes come from the callable; where it has no answer they are unknown."""
    answers = {"rev-parse": "abc123\n", "status": " M file\n"}
    project = this_project(lambda arguments: answers[arguments[0]])
    assert (project.commit, project.dirty) == ("abc123", True)
    clean = this_project(lambda arguments: {**answers, "status": ""}[arguments[0]])
    assert (clean.commit, clean.dirty) == ("abc123", False)
    unknown = this_project(lambda _: None)
    assert (unknown.commit, unknown.dirty) == (None, None)


def test_the_host_is_described_without_its_name() -> None:
    """System and Python are told."""
    host = this_host()
    assert platform.release() in host.system
    assert platform.python_version() in host.python
    assert platform.node() not in f"{host.system} {host.python}"
