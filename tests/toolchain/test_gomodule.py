"""Go programs: built from the committed module, with the lock in force."""

from __future__ import annotations

from pathlib import Path

import pytest

from stack.toolchain import Installed, LockMismatchError, ToolchainError
from stack.toolchain.locks import sha256
from stack.toolchain.manifest import GoSource
from stack.toolchain.sources import gomodule

from .kit import job, program, wheel_tool

SOURCE = GoSource(kind="go", folder="tools/hello", package="example.test/hello", program="hello")
TEXT = wheel_tool(source='{ kind = "go", folder = "tools/hello", package = "example.test/hello", program = "hello" }')
BUILDS = """#!/bin/sh
echo "$@" > {log}
while [ "$1" != "-o" ]; do shift; done
mkdir -p "$(dirname "$2")" && echo built > "$2"
"""


def go(folder: Path, text: str) -> Installed:
    """A stand-in for Go."""
    path = program(folder / "go-bin" / "go", text.format(log=folder / "log"))
    return Installed("go", "1.26", path.parent, {"go": path})


def test_the_program_is_built_with_the_lock_in_force(tmp_path: Path) -> None:
    """`go.sum` may not be changed by a build, and the build does not depend on where it is done."""
    made, _ = job(tmp_path, TEXT, None, go(tmp_path, BUILDS))
    laid = gomodule.install(made, SOURCE)
    words = (tmp_path / "log").read_text("utf-8").split()
    assert words[:3] == ["build", "-C", str(made.folder / "tools/hello")]
    assert {"-mod=readonly", "-trimpath"} <= set(words)
    assert words[-1] == "example.test/hello"
    assert laid.checksum == sha256(made.root / "bin/hello")


@pytest.mark.parametrize(
    "complaint",
    ["verifying example.test/x@v1.0.0: checksum mismatch", "missing go.sum entry for module providing package x"],
)
def test_a_module_that_is_not_as_locked_names_go_sum(tmp_path: Path, complaint: str) -> None:
    """Go's own refusal becomes a lock mismatch that names the lock."""
    made, _ = job(tmp_path, TEXT, None, go(tmp_path, f"#!/bin/sh\necho '{complaint}' >&2\nexit 1\n"))
    with pytest.raises(LockMismatchError, match=r"go\.sum"):
        gomodule.install(made, SOURCE)


def test_a_build_that_fails_tells_what_go_said(tmp_path: Path) -> None:
    """The last words of the compiler are in the error."""
    made, _ = job(tmp_path, TEXT, None, go(tmp_path, "#!/bin/sh\necho 'x.go:1: no such thing' >&2\nexit 1\n"))
    with pytest.raises(ToolchainError, match=r"could not be built[\s\S]*x\.go:1: no such thing"):
        gomodule.install(made, SOURCE)
