"""A Collector: its builder (ocb) writes `main.go` from a manifest, between a committed `go.mod` and its `go.sum`."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

from stack.toolchain.errors import ToolchainError
from stack.toolchain.manifest import GoSource
from stack.toolchain.sources.job import Job

__all__ = ["generate", "modules_of", "renew", "sources"]

_BUILDER = "go.opentelemetry.io/collector/cmd/builder"
# What the written sources import beside the manifest's modules; its version is the builder's.
_CORE = "go.opentelemetry.io/collector/otelcol"
_MANIFEST = "builder.yaml"
# As the manifest's `output_path` says.
_DISTRIBUTION = "distribution"
_OURS = "engineroom.invalid/"
_BUILDER_LIMIT = 900.0  # seconds; its own build takes seconds, its modules may have to be fetched
_GO_LIMIT = 900.0
_OLDEST_GO = "1.25.0"  # what the Collector's modules of this version ask for
_MODULE = re.compile(r"^\s*-\s+gomod:\s+(\S+)\s+(v\S+)\s*$", re.MULTILINE)


def sources(folder: Path, source: GoSource) -> list[Path]:
    """The files, beside `go.mod` and `go.sum`, that a Collector is made of.

    Args:
        folder: what the source's paths are relative to.
        source: one with a builder.
    """
    if source.builder is None:
        return []
    ours = [path for module in source.modules for path in sorted((folder / module).glob("*"))]
    return [folder / source.builder, *(p for p in ours if p.is_file() and not p.name.endswith("_test.go"))]


def modules_of(manifest: str) -> list[tuple[str, str]]:
    """Every module that a builder manifest names, with its version."""
    return _MODULE.findall(manifest)


def generate(job: Job, source: GoSource, work: Path) -> Path:
    """Write the Collector's sources, with the lock in force.

    Args:
        job: of the Collector.
        source: one with a builder.
        work: an empty folder.

    Returns:
        The module to build.

    Raises:
        ToolchainError: the builder cannot be built, or refuses the manifest.
    """
    module = _lay(job, source, work)
    for name in ("go.mod", "go.sum"):
        shutil.copy(job.folder / source.folder / name, module / name)
    _write_sources(job, work, module, mode="readonly")
    return module


def renew(job: Job, source: GoSource, work: Path) -> list[str]:
    """Resolve the manifest's modules afresh and write `go.mod` and `go.sum`.

    Returns:
        What was done, for a person to read.

    Raises:
        ToolchainError: a module cannot be had, or two of them do not fit.
    """
    module = _lay(job, source, work)
    found = modules_of((work / _MANIFEST).read_text("utf-8"))
    _go(job, module, "mod", "init", f"{_OURS}tools/{job.entry.name}")
    _go(job, module, "mod", "edit", f"-go={_OLDEST_GO}")
    for name, version in found:
        if name.startswith(_OURS):
            path = f"../{name.rsplit('/', 1)[1]}"
            _go(job, module, "mod", "edit", f"-require={name}@{version}", f"-replace={name}={path}")
    _go(job, module, "get", "-tool", f"{_BUILDER}@v{job.entry.version}")
    theirs = [(_CORE, f"v{job.entry.version}"), *(each for each in found if not each[0].startswith(_OURS))]
    _go(job, module, "get", *(f"{name}@{version}" for name, version in theirs))
    _write_sources(job, work, module, mode="mod")
    # Adds what only the written sources import.
    _go(job, module, "list", "-mod=mod", "-deps", ".", _BUILDER)
    chosen = (module / "go.mod").read_text("utf-8")
    other = [f"{name} {version}" for name, version in theirs if f"\t{name} {version}\n" not in chosen]
    if other:
        raise ToolchainError(
            "Modules of a Collector want another version of each other than its manifest says",
            on=source.builder or "",
            got=", ".join(other),
            fix="choose versions that belong together",
        )
    for name in ("go.mod", "go.sum"):
        shutil.copy(module / name, job.folder / source.folder / name)
    return [f"{len(found)} modules of {source.builder} in {job.folder / source.folder / 'go.mod'} and go.sum"]


def _lay(job: Job, source: GoSource, work: Path) -> Path:
    if source.builder is None:  # pragma: no cover - callers look first
        raise ToolchainError(f"{job.entry.name} has no builder manifest")
    shutil.copy(job.folder / source.builder, work / _MANIFEST)
    for each in source.modules:
        shutil.copytree(job.folder / each, work / Path(each).name)
    module = work / _DISTRIBUTION
    module.mkdir()
    return module


def _write_sources(job: Job, work: Path, module: Path, *, mode: str) -> None:
    go, builder = job.tool("go").program("go"), work / "ocb"
    job.run(
        [go, "build", "-C", module, f"-mod={mode}", "-buildvcs=false", "-o", builder, _BUILDER],
        timeout=_BUILDER_LIMIT,
        attempt="The Collector's builder could not be built",
        env=_ENV,
    )
    job.run(
        # It fetches and compiles nothing: that is Go's part, with the lock in force.
        [builder, f"--config={work / _MANIFEST}", "--skip-get-modules", "--skip-compilation"],
        timeout=_BUILDER_LIMIT,
        attempt="The Collector's builder refused its manifest",
        cwd=work,
        env=_ENV,
    )


_ENV = {"GOWORK": "off", "GOFLAGS": "", "CGO_ENABLED": "0"}


def _go(job: Job, module: Path, *words: str) -> None:
    arguments: list[str | Path] = [job.tool("go").program("go"), *words]
    job.run(
        arguments,
        timeout=_GO_LIMIT,
        attempt=f"`go {' '.join(words[:2])}` failed for {job.entry.name}",
        cwd=module,
        env=_ENV,
    )
