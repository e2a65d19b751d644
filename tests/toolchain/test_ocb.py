"""The Collector: its sources are written by its builder from our manifest, with the lock in force."""

from __future__ import annotations

from pathlib import Path

import pytest

from stack.toolchain import Installed, ToolchainError, load_manifest
from stack.toolchain.manifest import DEFAULT_MANIFEST, GoSource
from stack.toolchain.sources import gomodule, ocb

from .kit import job, program, toolchain, wheel_tool

SOURCE = GoSource(
    kind="go",
    folder="tools/probe",
    package=".",
    program="probe",
    builder="collector/builder.yaml",
    modules=("collector/ours",),
)
TEXT = wheel_tool(
    source='{ kind = "go", folder = "tools/probe", package = ".", program = "probe", '
    'builder = "collector/builder.yaml", modules = ["collector/ours"] }'
)
MANIFEST = """dist: {name: probe}
exporters:
  - gomod: example.test/exporter v1.2.3
  - gomod: engineroom.invalid/collector/ours v0.0.0
    path: ./ours
"""
# Stands in for Go: what it "builds" first is the builder, which writes main.go as its manifest says.
GO = """#!/bin/sh
echo "$@" >> {log}
while [ "$1" != "-o" ]; do shift; done
mkdir -p "$(dirname "$2")"
printf '#!/bin/sh\\ncd distribution && ls ../builder.yaml ../ours/ours.go go.mod go.sum > main.go && echo "$@" >> {log}\\n' > "$2"
chmod +x "$2"
"""  # noqa: E501


def lay(folder: Path) -> None:
    for name, text in {
        "tools/probe/go.mod": "module engineroom.invalid/tools/probe\n",
        "tools/probe/go.sum": "sums\n",
        "collector/builder.yaml": MANIFEST,
        "collector/ours/ours.go": "package ours\n",
        "collector/ours/ours_test.go": "package ours\n",
    }.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, "utf-8")


def go(folder: Path, text: str) -> Installed:
    path = program(folder / "go-bin" / "go", text.replace("{log}", str(folder / "log")))
    return Installed("go", "1.26", path.parent, {"go": path})


def test_the_builder_writes_sources_and_the_lock_decides_what_is_in_them(tmp_path: Path) -> None:
    """The builder neither fetches nor compiles; Go compiles what it wrote, between the committed go.mod and go.sum."""
    made, _ = job(tmp_path, TEXT, None, go(tmp_path, GO))
    lay(made.folder)
    gomodule.install(made, SOURCE)
    builder, wrote, collector = (tmp_path / "log").read_text("utf-8").splitlines()
    assert "-mod=readonly" in builder
    assert builder.endswith("go.opentelemetry.io/collector/cmd/builder")
    assert {"--skip-get-modules", "--skip-compilation"} <= set(wrote.split())
    assert "-mod=readonly" in collector
    assert collector.endswith(" .")
    assert list((made.folder / "tools/probe").glob("main.go")) == []


def test_a_builder_that_refuses_its_manifest_is_told(tmp_path: Path) -> None:
    """What the builder said is in the error."""
    refuses = GO.replace("cd distribution", "echo ERROR: no such component >&2; exit 1")
    made, _ = job(tmp_path, TEXT, None, go(tmp_path, refuses))
    lay(made.folder)
    with pytest.raises(ToolchainError, match=r"refused its manifest[\s\S]*no such component"):
        gomodule.install(made, SOURCE)


def test_every_source_file_but_tests_changes_the_digest(tmp_path: Path) -> None:
    """An edited exporter is built again; an edited test is not."""
    folder = tmp_path / "file"
    lay(folder)

    def key() -> Path:
        tools = toolchain(tmp_path, TEXT)
        return tools.folder(tools.entries()[0])

    first = key()
    (folder / "collector/ours/ours_test.go").write_text("package ours // more\n", "utf-8")
    assert key() == first
    keys = {first}
    for name in ("collector/ours/ours.go", "collector/builder.yaml", "tools/probe/go.sum"):
        (folder / name).write_text("# other\n", "utf-8")
        keys.add(key())
    assert len(keys) == 4


def test_the_lock_has_every_module_of_our_manifest_at_its_version() -> None:
    """What builder.yaml says is what is built."""
    folder = DEFAULT_MANIFEST.parent
    source = load_manifest().entry("otelcol").source
    assert isinstance(source, GoSource)
    assert source.builder
    wanted = ocb.modules_of((folder / source.builder).read_text("utf-8"))
    locked = (folder / source.folder / "go.mod").read_text("utf-8")
    assert len(wanted) > 10
    assert [f"{name} {version}" for name, version in wanted if f"\t{name} {version}\n" not in locked] == []
    assert f"go.opentelemetry.io/collector/otelcol v{load_manifest().entry('otelcol').version}\n" in locked
