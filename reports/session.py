"""One run of the features: what was found, what ran, and the evidence that follows."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from pytest_bdd.parser import ScenarioTemplate
from pytest_bdd.scenario import scenario_wrapper_template_registry

from reports.context import RunContext
from reports.evidence import Evidence, Run, redacted, this_host
from reports.inventory import Inventory, Place, Planned, identifier, place_of, unique
from reports.judge import judge, unmatched, used_waivers
from reports.needs import Needs, needs_in
from reports.recording import Identity, Recording, Step
from reports.rules import finding
from reports.scope import Scope
from reports.selection import Selection
from reports.verdict import Finding, ScenarioResult, Verdict

__all__ = ["RunRecorder"]

_EXAMPLE = "_pytest_bdd_example"


class RunRecorder:
    """Keeps a recording per collected test, and turns all of it into evidence."""

    def __init__(
        self, context: RunContext, scope: Scope, inventory: Inventory, selection: Selection, *, root: Path
    ) -> None:
        """Take what the run is measured against; `root` is the folder that test ids start from."""
        self.context = context
        self._root = root
        self.scope = scope
        self.inventory = inventory
        self.selection = selection
        self.interrupted = False
        self.needs = Needs(scope, context.runtime, lambda: context.needs)
        self._features = context.features.resolve()
        self._started = datetime.now(UTC)
        self._recordings: dict[str, Recording] = {}
        self._bound: set[tuple[Path, int, tuple[tuple[str, str], ...]]] = set()
        self._deselected: set[str] = set()
        self._uncollected: list[ScenarioResult] = []

    def __getitem__(self, nodeid: str) -> Recording:
        """The recording of a collected test."""
        return self._recordings[nodeid]

    def get(self, nodeid: str) -> Recording | None:
        """The recording of a test, if it was collected."""
        return self._recordings.get(nodeid)

    def result(self, recording: Recording) -> ScenarioResult:
        """The result of a recording; plain tests are always required, their ids being no promises."""
        identity = recording.identity
        return recording.result(required=identity.kind == "test" or self.scope.required(identity.id))

    def unselected(self, items: Sequence[pytest.Item]) -> list[pytest.Item]:
        """What was collected beside the selection."""
        return [item for item in items if not self.selection.takes(item.path.resolve(), _feature_file(item))]

    def collected(self, items: Sequence[pytest.Item]) -> None:
        """Note every test found, before anything is deselected."""
        described = [self._describe(item) for item in items]
        names = unique(identity.id for identity, _ in described)
        for item, (identity, steps), name in zip(items, described, names, strict=True):
            self._recordings[item.nodeid] = Recording(replace(identity, id=name), steps, self.needs, self._redact)

    def deselected(self, items: Iterable[pytest.Item]) -> None:
        """Note tests that were found but will not run."""
        self._deselected.update(item.nodeid for item in items)

    def could_not_collect(self, path: str, message: str, evidence: str) -> None:
        """A test module could not be read, or skipped itself."""
        place = place_of((self._root / path).resolve(), self._features)
        note = finding("collection", "not-collected", f"{path}: {message}", evidence=evidence)
        self._uncollected.append(_unverified(f"{place}: collection", place, "collection", note, kind="test"))

    def evidence(self) -> Evidence:
        """Everything known, redacted, judged."""
        results = sorted(self._results(), key=lambda result: result.id)
        waived: dict[str, list[str]] = {}
        for recording in self._recordings.values():
            if recording.verdict is Verdict.NOT_CONFIGURED:
                for need in recording.waived:
                    waived.setdefault(need, []).append(recording.identity.id)
        left_out = () if self.selection.whole else tuple(sorted(p.id for p in self._unbound(covered=False)))
        paths = () if self.selection.whole else self.selection.paths
        selection = (*(self._shown(path) for path in paths), *self.context.narrowed)
        judgement = judge(results, waived=waived, left_out=left_out, selection=selection, interrupted=self.interrupted)
        evidence = Evidence(
            run=Run(
                id=self.context.run_id,
                project=self.context.project,
                runtime=self.context.runtime,
                host=this_host(),
                servers=tuple(sorted(self.context.servers, key=lambda server: server.name)),
                started=self._started,
                duration=round((datetime.now(UTC) - self._started).total_seconds(), 3),
                scope_digest=self.scope.digest,
                requires=self.scope.requires,
                selection=selection,
                interrupted=self.interrupted,
            ),
            verdict=judgement.verdict,
            exit_code=judgement.exit_code,
            headline=judgement.headline,
            counts=judgement.counts,
            results=tuple(results),
            not_tested=judgement.not_tested,
            waivers=used_waivers(self.scope, waived, self.context.runtime),
            measurements=tuple(self.context.measurements),
            pictures=tuple(self.context.pictures),
        )
        return redacted(evidence, self.context.redactor)

    def _results(self) -> list[ScenarioResult]:
        results = []
        for nodeid, recording in self._recordings.items():
            if not recording.finished:
                if recording.begun:
                    recording.interrupted()
                else:
                    gone = nodeid in self._deselected
                    recording.not_run("it was deselected" if gone else "the run ended before its turn")
            results.append(self.result(recording))
        results.extend(self._uncollected)
        for planned, name in self._named(self._unbound(covered=True)):
            where = f"{self._shown(planned.file)}, line {planned.line}"
            note = finding("scope", "not-bound", f"no test module binds it ({where})")
            result = _unverified(name, planned.place, planned.title, note)
            more = {"tags": planned.tags, "needs": needs_in(planned.tags), "required": self.scope.required(name)}
            results.append(result.model_copy(update=more))
        for file, why in self.inventory.broken.items():
            if self.selection.covers(file):
                place = place_of(file, self._features)
                message = f"{self._shown(file)} holds nothing that can run: {why.splitlines()[0]}"
                note = finding("scope", "not-a-feature", message, evidence=why)
                results.append(_unverified(f"{place}: feature file", place, "feature file", note, kind="test"))
        names = [result.id for result in results] + [planned.id for planned in self.inventory.planned]
        if self.inventory.planned:
            results.extend(unmatched(self.scope, names))
        return results

    def _unbound(self, *, covered: bool) -> list[Planned]:
        return [
            planned
            for planned in self.inventory.planned
            if planned.key not in self._bound and self.selection.covers(planned.file) is covered
        ]

    def _named(self, planned: Sequence[Planned]) -> list[tuple[Planned, str]]:
        taken = [recording.identity.id for recording in self._recordings.values()]
        return list(zip(planned, unique([*taken, *(p.id for p in planned)])[len(taken) :], strict=True))

    def _describe(self, item: pytest.Item) -> tuple[Identity, list[Step]]:
        template = _template(item)
        parameters: Mapping[str, object] = getattr(getattr(item, "callspec", None), "params", {})
        if template is None:
            place = place_of(item.path.resolve(), self._features)
            tags = tuple(sorted({mark.name for mark in item.iter_markers()}))
            identity = Identity(f"{place}: {item.name}", "test", place, item.name, None, tags, needs_in(tags))
            return identity, []
        example = parameters.get(_EXAMPLE, {})
        row = {str(key): str(value) for key, value in example.items()} if isinstance(example, Mapping) else {}
        file = _feature_file(item) or Path()
        key = (file, template.line_number, tuple(row.items()))
        self._bound.add(key)
        planned = next((p for p in self.inventory.planned if p.key == key), None)
        place = planned.place if planned is not None else place_of(file, self._features)
        tags = planned.tags if planned is not None else tuple(sorted(template.tags | template.feature.tags))
        variants = [str(parameters[name]) for name in self.context.variants if name in parameters]
        variant = ", ".join(variants) or None
        title = identifier(template.name, row)
        identity = Identity(
            id=f"{place}: {title}" + (f" [{variant}]" if variant else ""),
            kind="scenario",
            place=place,
            title=title,
            variant=variant,
            tags=tags,
            needs=tuple(sorted({*needs_in(tags), *variants})),
        )
        return identity, [Step(step.keyword, step.name, step.type) for step in template.render(row).steps]

    def _redact(self, text: str) -> str:
        return self.context.redactor(text)

    def _shown(self, path: Path) -> str:
        return str(path.relative_to(self._root)) if path.is_relative_to(self._root) else str(path)


def _feature_file(item: pytest.Item) -> Path | None:
    template = _template(item)
    return None if template is None else Path(template.feature.filename).resolve()


def _template(item: pytest.Item) -> ScenarioTemplate | None:
    function = getattr(item, "obj", None)
    return scenario_wrapper_template_registry.get(function) if callable(function) else None


def _unverified(identifier: str, place: Place, title: str, note: Finding, *, kind: str = "scenario") -> ScenarioResult:
    return ScenarioResult.model_validate(
        {
            "id": identifier,
            "kind": kind,
            "area": place.area,
            "feature": place.feature,
            "title": title,
            "verdict": Verdict.COULD_NOT_VERIFY,
            "findings": (note,),
        }
    )
