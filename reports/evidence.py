"""Evidence: what a run leaves behind, as canonical JSON that states what was not tested and holds no secret."""

from __future__ import annotations

import json
import os
import platform
import tempfile
from collections.abc import Callable, Mapping, Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Literal, TypeVar

from pydantic import AwareDatetime, BaseModel, JsonValue, ValidationError, model_validator

from reports.errors import EvidenceError
from reports.verdict import Record, ScenarioResult, Verdict

__all__ = [
    "SCHEMA",
    "Evidence",
    "Host",
    "Measurement",
    "NotTested",
    "Picture",
    "Project",
    "Run",
    "Server",
    "UsedWaiver",
    "canonical_json",
    "load_evidence",
    "redacted",
    "this_host",
    "this_project",
    "write_atomically",
]

SCHEMA: Literal["engineroom.evidence/1"] = "engineroom.evidence/1"
_M = TypeVar("_M", bound=BaseModel)
# Fields whose few possible values are written in this package: a weak password that equals one must not break them.
_CLOSED = frozenset({"schema_", "kind"})


class Project(Record):
    """Which Engine Room ran; `commit` and `dirty` are `None` where no git could say."""

    version: str
    commit: str | None = None
    dirty: bool | None = None


class Host(Record):
    """Where it ran, without the machine's name."""

    system: str
    python: str


class Server(Record):
    """One server the run used; `checksum` is sha256 in hexadecimal, `None` where it is unlocked."""

    name: str
    version: str
    licence: str
    checksum: str | None = None


class Measurement(Record):
    """A series of numbers to plot.

    Attributes:
        name: what was measured.
        unit: unit of every value (`ms`, `MB/s`); empty for a plain count.
        values: the series, in order.
        labels: one per value, where values are things and not moments.
        scenario: id of the scenario that measured it.
    """

    name: str
    unit: str
    values: tuple[float, ...]
    labels: tuple[str, ...] = ()
    scenario: str | None = None

    @model_validator(mode="after")
    def _check(self) -> Measurement:
        if not self.values:
            raise ValueError("a measurement has at least one value")
        if self.labels and len(self.labels) != len(self.values):
            raise ValueError(f"{len(self.labels)} labels for {len(self.values)} values")
        return self


class Picture(Record):
    """A picture (PNG) of what a person saw.

    Attributes:
        name: what it shows.
        file: its path below the run's folder.
        sha256: of the file, in hexadecimal.
        scenario: id of the scenario that took it.
    """

    name: str
    file: str
    sha256: str
    scenario: str | None = None


class NotTested(Record):
    """Something the run did not prove, and why; `verdict` is `None` for what was left out by selecting a path."""

    id: str
    verdict: Verdict | None
    why: str


class UsedWaiver(Record):
    """A waiver of the scope file and the scenarios it covered; none means that it can go."""

    need: str
    reason: str
    runtime: str | None = None
    used_by: tuple[str, ...] = ()


class Run(Record):
    """The circumstances of a run; `selection` says what a partial run is limited to, `duration` is in seconds."""

    id: str
    project: Project
    runtime: str
    host: Host
    servers: tuple[Server, ...] = ()
    started: AwareDatetime
    duration: float
    scope_digest: str
    requires: tuple[str, ...]
    selection: tuple[str, ...] = ()
    interrupted: bool = False


class Evidence(Record):
    """Everything there is to know about a run; every page and file is written from it."""

    schema_: Literal["engineroom.evidence/1"] = SCHEMA
    run: Run
    verdict: Verdict
    exit_code: int
    headline: str
    counts: Mapping[Verdict, int]
    results: tuple[ScenarioResult, ...]
    not_tested: tuple[NotTested, ...]
    waivers: tuple[UsedWaiver, ...] = ()
    measurements: tuple[Measurement, ...] = ()
    pictures: tuple[Picture, ...] = ()

    def json_text(self) -> str:
        """The canonical JSON of it."""
        content = self.model_dump(mode="json")
        content["schema"] = content.pop("schema_")
        return canonical_json(content)


def canonical_json(value: JsonValue) -> str:
    """The one JSON text of a value: sorted keys, no blanks, UTF-8 as it is, finite numbers only, one newline.

    Raises:
        ValueError: a number is not finite.
    """
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
    return text + "\n"


def load_evidence(path: Path) -> Evidence:
    """Read what an earlier run left.

    Raises:
        EvidenceError: the file cannot be read, is not JSON, or has another schema.
    """
    try:
        content = json.loads(path.read_text("utf-8"))
        schema = content.pop("schema", None) if isinstance(content, dict) else None
        if schema != SCHEMA:
            raise EvidenceError("This is no evidence of a known schema", on=str(path), got=str(schema), fix=SCHEMA)
        return Evidence.model_validate(content)
    except (OSError, UnicodeDecodeError, json.JSONDecodeError, ValidationError) as error:
        raise EvidenceError("The evidence cannot be read", on=str(path), got=str(error)) from error


def redacted(model: _M, redactor: Callable[[str], str]) -> _M:
    """The same record with every string, keys included, redacted."""
    return type(model).model_validate(_redact(model.model_dump(), redactor))


def _redact(value: object, redactor: Callable[[str], str]) -> object:
    # Verdicts and their like are strings too, but closed sets that must stay what they are.
    if type(value) is str:
        return redactor(value)
    if isinstance(value, Mapping):
        return {_redact(k, redactor): v if k in _CLOSED else _redact(v, redactor) for k, v in value.items()}
    if isinstance(value, (list, tuple)):
        return tuple(_redact(item, redactor) for item in value)
    return value


def this_host() -> Host:
    """The operating system and the Python of this process."""
    try:
        distribution = platform.freedesktop_os_release().get("PRETTY_NAME", "")
    except OSError:
        distribution = ""
    kernel = f"{platform.system()} {platform.release()} {platform.machine()}"
    return Host(
        system=f"{distribution} ({kernel})" if distribution else kernel,
        python=f"{platform.python_implementation()} {platform.python_version()}",
    )


def this_project(git: Callable[[Sequence[str]], str | None] | None = None) -> Project:
    """The installed project and the commit of its checkout.

    Args:
        git: runs `git` with these arguments in the checkout and returns its output, `None` where that does not work.
    """
    try:
        number = version("engine-room")
    except PackageNotFoundError:
        number = "unknown"
    commit = git(["rev-parse", "HEAD"]) if git is not None else None
    if git is None or commit is None:
        return Project(version=number)
    changes = git(["status", "--porcelain"])
    return Project(version=number, commit=commit.strip(), dirty=None if changes is None else bool(changes.strip()))


def write_atomically(path: Path, content: str) -> Path:
    """Write a text so that a reader sees all of it or nothing.

    Raises:
        EvidenceError: the file system refused.
    """
    temporary: Path | None = None
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(
            "w", encoding="utf-8", newline="\n", dir=path.parent, prefix=f".{path.name}.", delete=False
        ) as file:
            temporary = Path(file.name)
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        # NamedTemporaryFile is for its maker's eyes only; a report is for everyone who may read the folder.
        temporary.chmod(0o644)
        temporary.replace(path)
    except OSError as error:
        if temporary is not None:
            temporary.unlink(missing_ok=True)
        fix = "is there room, and may this user write there?"
        raise EvidenceError("The evidence cannot be written", on=str(path), got=str(error), fix=fix) from error
    return path
