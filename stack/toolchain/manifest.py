"""The toolchain file as a typed model: an unknown key or a wrong value is an error that names its place."""

from __future__ import annotations

import tomllib
from graphlib import CycleError, TopologicalSorter
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from stack.errors import UsageError
from stack.settings import RuntimeName

__all__ = [
    "DEFAULT_MANIFEST",
    "ArchiveFile",
    "ArchiveSource",
    "CheckoutSource",
    "DebianSource",
    "Entry",
    "Given",
    "GoSource",
    "MachineProgram",
    "MachineSource",
    "Manifest",
    "MavenModule",
    "MavenSource",
    "Proof",
    "PythonSource",
    "Source",
    "WheelSource",
    "load_manifest",
]

DEFAULT_MANIFEST = Path(__file__).with_name("toolchain.toml")

_NAME = r"^[a-z][a-z0-9-]*$"
_COORDINATE = r"^[\w.-]+:[\w.-]+:[\w.-]+$"
_SHA256 = r"^[0-9a-f]{64}$"


class _Model(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class WheelSource(_Model):
    """A wheel from PyPI that carries the program; its lock file has one SHA-256 per wheel file name."""

    kind: Literal["wheel"]
    project: str


class DebianSource(_Model):
    """Debian packages, extracted into the cache and never installed, so no daemon is started.

    Debian's signed index is the lock: apt checks it, and the SHA-256 it reports is recorded.
    """

    kind: Literal["debian"]
    packages: tuple[str, ...] = Field(min_length=1)
    skip: tuple[str, ...] = Field(default=(), description="Glob patterns of dependencies not to extract.")
    any_version: bool = Field(default=False, description="Take what Debian has: security updates replace it.")


class GoSource(_Model):
    """A Go program built from a committed `tools/` module; its `go.sum` is the lock."""

    kind: Literal["go"]
    folder: str = Field(description="Module folder, relative to the toolchain file.")
    package: str
    program: str
    builder: str | None = Field(
        default=None, description="Manifest from which the Collector's builder first writes the program's sources."
    )
    modules: tuple[str, ...] = Field(default=(), description="Folders of our own modules that the manifest names.")


class MavenModule(_Model):
    """One OpenSearch module: its own folder, with a plugin descriptor that we write."""

    name: str = Field(pattern=_NAME)
    artefact: str = Field(pattern=_COORDINATE)
    classname: str
    extends: tuple[str, ...] = ()


class MavenSource(_Model):
    """Maven artefacts with their runtime dependencies: `lib/` and `modules/*`; the lock has every jar."""

    kind: Literal["maven"]
    plugin: str = Field(pattern=_COORDINATE, description="The dependency plugin that copies the jars.")
    lib: tuple[Annotated[str, Field(pattern=_COORDINATE)], ...]
    java: int = Field(description="The Java feature release written into plugin descriptors.")
    modules: tuple[MavenModule, ...] = ()


class ArchiveFile(_Model):
    """One downloadable file for one machine type (`x86_64`, `aarch64`)."""

    machine: str
    address: str = Field(pattern=r"^https://")
    sha256: str | None = Field(default=None, pattern=_SHA256, description="Absent: shown as unlocked.")


class ArchiveSource(_Model):
    """A release archive, or a bare program, by address; fetched only when the user names the tool."""

    kind: Literal["archive"]
    format: Literal["program", "tar", "zip"]
    program: str = Field(default="", description="Name under which a bare program is laid.")
    files: tuple[ArchiveFile, ...] = Field(min_length=1)
    redirects: tuple[str, ...] = Field(default=(), description="Other hosts the address may lead to.")


class CheckoutSource(_Model):
    """A program built from a folder of this checkout; its version is a digest of the files it is made of.

    The builder's own lock (`Cargo.lock`, `go.sum`, `package-lock.json`) says what else goes into it.
    """

    kind: Literal["checkout"]
    folder: str = Field(description="Relative to the toolchain file; a folder that is not there takes its entry away.")
    builder: Literal["cargo", "go", "npm"]
    program: str = Field(description="The binary, or for npm the script that is started, below what was built.")
    package: str = Field(default=".", description="The package to build, for Go.")
    output: str = Field(default="dist", description="What `npm run build` makes, which has all that is needed to run.")
    ignored: tuple[str, ...] = Field(default=(), description="Glob patterns of files that the program is not made of.")

    @property
    def lock(self) -> str:
        """The lock's name in the folder."""
        return {"cargo": "Cargo.lock", "go": "go.sum", "npm": "package-lock.json"}[self.builder]


class PythonSource(_Model):
    """Wheels from PyPI in a folder of their own; the lock has the SHA-256 of all wheels of each pinned version."""

    kind: Literal["python"]
    packages: tuple[str, ...] = Field(min_length=1, description="Requirements, resolved when the lock is renewed.")
    alone: tuple[str, ...] = Field(default=(), description="Pinned packages taken without what they ask for.")
    requirements: str = Field(description="The lock, relative to the toolchain file.")


class MachineSource(_Model):
    """Nothing to install: the program is on the machine, or at a path the user gives, or it is missing."""

    kind: Literal["machine"]


Source = Annotated[
    WheelSource | DebianSource | GoSource | MavenSource | ArchiveSource | CheckoutSource | PythonSource | MachineSource,
    Field(discriminator="kind"),
]


class MachineProgram(_Model):
    """When a program that the machine already has will do."""

    program: str
    arguments: tuple[str, ...] = ("--version",)
    siblings: tuple[str, ...] = Field(default=(), description="Programs that must be beside it.")
    contains: tuple[str, ...] = Field(default=(), description="All of these are in its output.")
    version: str = Field(default=r"(\d+(?:\.\d+)+)", description="Pattern whose first group is the version.")
    minimum: str = "0"
    below: str | None = None
    prefer: bool = Field(default=False, description="Before the cache (true), or only when the cache lacks it.")
    hint: str = Field(default="", description="How a person gets it.")


class Given(_Model):
    """A setting by which the user gives the path of a program."""

    setting: Literal["meilisearch_bin", "zoekt_bin"]
    variable: str = Field(description="The environment variable, for messages.")
    program: str
    arguments: tuple[str, ...] = ("--version",)
    version: str = r"(\d+(?:\.\d+)+)"
    minimum: str | None = Field(default=None, description="None: a program that tells no version will do.")
    companions: str = Field(default="", description="Glob of further programs in the same folder.")


class Proof(_Model):
    """A run that shows the installed program starts on this machine."""

    program: str
    arguments: tuple[str, ...] = ("--version",)
    contains: str = ""


class Entry(_Model):
    """One tool: what it is, where it comes from and what its absence costs."""

    name: str = Field(pattern=_NAME)
    version: str
    licence: str = Field(description="SPDX expression.")
    role: Literal[
        "database",
        "cache",
        "objects",
        "engine",
        "symbols",
        "runtime",
        "builder",
        "peer",
        "service",
        "telemetry",
        "recovery",
    ]
    summary: str
    optional: bool = False
    default: bool = Field(default=True, description="Installed by a setup that names nothing.")
    runtimes: tuple[RuntimeName, ...] = Field(default=("local",), description="Runtimes that need it here.")
    costs: tuple[str, ...] = Field(min_length=1, description="Verdicts that cannot be had without it.")
    disk: int = Field(default=0, ge=0, description="MB that downloading and installing it take.")
    needs: tuple[str, ...] = Field(default=(), description="Tools it runs on.")
    build_needs: tuple[str, ...] = Field(default=(), description="Tools needed only to install it.")
    lock: str | None = Field(default=None, description="Lock file, relative to the toolchain file.")
    programs: tuple[str, ...] = Field(default=(), description="Glob patterns of programs below its root.")
    aliases: dict[str, str] = Field(default_factory=dict, description="Another name for a program: new = old.")
    env: dict[str, str] = Field(default_factory=dict, description="Variables; `{root}` is its root.")
    proof: Proof | None = None
    machine: MachineProgram | None = None
    given: Given | None = None
    source: Source

    @model_validator(mode="after")
    def _check(self) -> Self:
        if self.source.kind in {"wheel", "maven"} and self.lock is None:
            raise ValueError(f"{self.name}: a {self.source.kind} source needs a lock file")
        if self.source.kind == "machine" and self.machine is None and self.given is None:
            raise ValueError(f"{self.name}: nothing says where its program is")
        return self


class Manifest(_Model):
    """Every tool, and the folder that lock files and Go modules are relative to."""

    folder: Path
    tools: tuple[Entry, ...] = Field(alias="tool")

    @model_validator(mode="after")
    def _references(self) -> Self:
        names = [entry.name for entry in self.tools]
        for name in names:
            if names.count(name) > 1:
                raise ValueError(f"{name} is named twice")
        for entry in self.tools:
            for need in (*entry.needs, *entry.build_needs):
                if need not in names:
                    raise ValueError(f"{entry.name} needs {need}, which this file does not name")
        try:
            TopologicalSorter({entry.name: (*entry.needs, *entry.build_needs) for entry in self.tools}).prepare()
        except CycleError as error:
            raise ValueError("tools need each other: " + ", ".join(error.args[1])) from error
        return self

    def entry(self, name: str) -> Entry:
        """The entry of one tool.

        Raises:
            UsageError: the file does not name it.
        """
        for entry in self.tools:
            if entry.name == name:
                return entry
        raise UsageError(
            f"The toolchain file names no tool {name!r}",
            on=str(self.folder),
            fix="it names: " + ", ".join(entry.name for entry in self.tools),
        )


def load_manifest(path: Path = DEFAULT_MANIFEST) -> Manifest:
    """Read the toolchain file.

    Raises:
        UsageError: it cannot be read, is not TOML, has an unknown key or a wrong value; each is named.
    """
    fix = "correct the named keys; docs/toolchain.md lists them"
    try:
        data = tomllib.loads(path.read_text("utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise UsageError("The toolchain file cannot be read", on=str(path), got=str(error), fix=fix) from error
    try:
        manifest = Manifest.model_validate({**data, "folder": path.parent})
    except ValidationError as error:
        problems = "; ".join(f"{_place(data, e['loc'])}: {e['msg']}" for e in error.errors())
        raise UsageError("The toolchain file is not valid", on=str(path), got=problems, fix=fix) from error
    return manifest.model_copy(update={"tools": tuple(e for e in manifest.tools if _is_here(e, path.parent))})


def _is_here(entry: Entry, folder: Path) -> bool:
    # An installation outside a checkout has no sources of the services, and a service may not be written yet.
    source = entry.source
    return not isinstance(source, CheckoutSource) or (folder / source.folder / source.lock).is_file()


def _place(data: dict[str, object], loc: tuple[int | str, ...]) -> str:
    # `tool.3.source.wheel.projekt` says less than `redis.source.wheel.projekt`.
    words = list(loc)
    tools = data.get("tool")
    if len(words) > 1 and words[0] == "tool" and isinstance(tools, list) and isinstance(words[1], int):
        tool = tools[words[1]]
        if isinstance(tool, dict) and "name" in tool:
            words[:2] = [str(tool["name"])]
    return ".".join(map(str, words)) or "the file"
