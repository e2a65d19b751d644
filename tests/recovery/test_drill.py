"""What a drill leaves, without carrying one out: verdicts, limits, history, page, and questions to the database."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from reports.evidence import Project
from reports.verdict import Verdict
from stack.errors import UsageError
from stack.recovery.drill import STAGES, Loss, Report, Stage, history
from stack.recovery.drill.page import page_text
from stack.recovery.drill.report import Trend
from stack.recovery.drill.verbs import write
from stack.recovery.rules import broken

BEGAN = datetime(2026, 11, 25, 3, 0, tzinfo=UTC)


def report_of(*stages: Stage, loss: Loss | None = None, earlier: tuple[Trend, ...] = ()) -> Report:
    """A drill with these stages in place of those that passed."""
    given = {stage.name: stage for stage in stages}
    return Report(
        archive="s3://backups/forge",
        began=BEGAN,
        seconds=30.0,
        set="20261125T020000Z-abcdef",
        set_completed=BEGAN - timedelta(hours=1),
        point="er-20261125T020000Z-abcdef",
        stages=tuple(given.get(name, Stage.of(name, what, 1.0, [], [])) for name, what in STAGES.items()),
        loss=loss or Loss(rows=0.5, pushes=0.2),
        rto=12.0,
        limits=(),
        untested=("something",),
        earlier=earlier,
        project=Project(version="0", commit=None, dirty=None),
    )


def test_a_drill_whose_stages_all_ran_and_found_nothing_passes() -> None:
    """And the worse of both losses is what it says of them."""
    report = report_of()
    assert report.verdict is Verdict.PASS
    assert report.loss.worse == 0.5
    assert Loss(rows=0.5).worse is None


def test_one_stage_that_did_not_run_keeps_a_drill_from_passing() -> None:
    """Though nothing was found."""
    report = report_of(Stage.not_run("serve", STAGES["serve"], "there is no api"))
    assert report.verdict is Verdict.COULD_NOT_VERIFY
    assert [stage.name for stage in report.not_run] == ["serve"]


@pytest.mark.parametrize(
    ("rule", "verdict"),
    [
        ("COMMIT_MISSING", Verdict.FAIL),
        ("POINT_UNASSERTED", Verdict.COULD_NOT_VERIFY),
        ("OBJECT_ORPHAN", Verdict.PASS),
    ],
)
def test_a_finding_weighs_what_its_rule_says(rule: str, verdict: Verdict) -> None:
    """A fail is one whatever else passed; what is only worth telling is told."""
    report = report_of(Stage.of("reconcile", STAGES["reconcile"], 1.0, [broken(rule, "something")], []))
    assert report.verdict is verdict


def test_the_page_says_verdict_stages_findings_and_what_was_not_tested(tmp_path: Path) -> None:
    """And escapes what comes from a forge; the JSON beside it says the same verdict."""
    bad = Stage.of("reconcile", STAGES["reconcile"], 1.0, [broken("REFS_DIFFER", "<b>ada/r0</b> lacks 1 refs")], [])
    gone = Stage.not_run("serve", STAGES["serve"], "the restored forge did not come up")
    earlier = (Trend(began=BEGAN - timedelta(days=1), verdict=Verdict.PASS, set="old", seconds=9, rto=7, rpo=None),)
    report = report_of(bad, gone, loss=Loss(why="no live forge was at hand"), earlier=earlier)
    page = write(report, tmp_path / "evidence")
    text = page.read_text("utf-8")
    assert text == page_text(report)
    for told in (
        "FAIL ·",
        "REFS_DIFFER",
        "&lt;b&gt;ada/r0",
        "Not run:",
        "no live forge was at hand",
        "something",
        "old",
    ):
        assert told in text
    assert "<script" not in text
    assert "http://" not in text
    assert "not measured" in text
    assert json.loads((tmp_path / "evidence" / "drill.json").read_text("utf-8"))["verdict"] == "fail"


def test_the_history_keeps_each_drill_and_says_when_one_is_late(tmp_path: Path) -> None:
    """Nobody else notices that nobody drills."""
    path = tmp_path / "state" / "drills.jsonl"
    assert [each.rule for each in history.late(history.read(path), 26)] == ["DRILL_LATE"]
    for _ in range(2):
        history.append(path, report_of())
    assert history.read(path, "s3://backups/another") == ()
    known = history.read(path, "s3://backups/forge")
    assert [each.set for each in known] == ["20261125T020000Z-abcdef"] * 2
    assert history.late(known, 26, now=BEGAN + timedelta(hours=25)) == []
    assert [each.rule for each in history.late(known, 26, now=BEGAN + timedelta(hours=27))] == ["DRILL_LATE"]
    assert 'engineroom_drill_last_passed{server="forge"} 1.000' in history.metrics(known, "forge")


def test_metrics_say_nothing_of_what_was_not_measured(tmp_path: Path) -> None:
    """Zero seconds lost would be a claim."""
    path = tmp_path / "drills.jsonl"
    assert history.metrics(history.read(path), "forge") == ""
    history.append(path, report_of(Stage.not_run("serve", STAGES["serve"], "no api"), loss=Loss(why="no forge")))
    told = history.metrics(history.read(path), "forge")
    assert 'engineroom_drill_last_passed{server="forge"} 0.000' in told
    assert "rpo" not in told
    assert "last_success" not in told


def test_a_history_that_is_none_is_refused(tmp_path: Path) -> None:
    """It is not overwritten."""
    path = tmp_path / "drills.jsonl"
    path.write_text("{}\n", "utf-8")
    with pytest.raises(UsageError, match="history"):
        history.read(path)
