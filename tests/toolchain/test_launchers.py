"""Programs that came with libraries of their own."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from stack.process import run
from stack.toolchain import ToolchainError
from stack.toolchain.launchers import write_launchers

from .kit import program

SAYS = '#!/bin/sh\necho "$0 | $LD_LIBRARY_PATH | $*"\n'


def test_a_launcher_finds_its_libraries_wherever_the_tool_is_kept(tmp_path: Path) -> None:
    """Nothing in the environment is needed, arguments and name are kept, and the exit code is the program's."""
    laid = tmp_path / "laid"
    program(laid / "usr/bin/one", SAYS + "exit 3\n")
    assert write_launchers(laid, {"one": "usr/bin/one", "also": "usr/bin/one"}, ("usr/lib", "lib")) == {
        "one": "launch/one",
        "also": "launch/also",
    }
    kept = laid.rename(tmp_path / "a b")
    done = run([kept / "launch" / "one", "x y", "$z"], timeout=30, ok=(3,), drop=["LD_LIBRARY_PATH"])
    assert done.text == f"{kept}/usr/bin/one | {kept}/usr/lib:{kept}/lib | x y $z\n"
    more = run([kept / "launch" / "also"], timeout=30, ok=(3,), env={"LD_LIBRARY_PATH": "/theirs"})
    assert more.text == f"{kept}/usr/bin/one | {kept}/usr/lib:{kept}/lib:/theirs | \n"


def test_a_launcher_becomes_its_program(tmp_path: Path) -> None:
    """No shell stays between a server and whoever kills it."""
    program(tmp_path / "bin" / "one", "#!/bin/sh\necho $$\nread wait\n")
    write_launchers(tmp_path, {"one": "bin/one"}, ("lib",))
    with subprocess.Popen(
        [tmp_path / "launch" / "one"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as child:
        assert child.stdout is not None
        assert int(child.stdout.readline()) == child.pid


def test_a_launcher_works_through_a_link_and_with_little_environment(tmp_path: Path) -> None:
    """As a symbol parser has it: a path to search for programs, and nothing else."""
    program(tmp_path / "tool" / "bin" / "one", SAYS)
    write_launchers(tmp_path / "tool", {"one": "bin/one"}, ("lib",))
    link = tmp_path / "link"
    link.symlink_to(tmp_path / "tool" / "launch" / "one")
    done = subprocess.run([link], env={"PATH": "/bin:/usr/bin"}, capture_output=True, check=True, text=True)
    assert done.stdout == f"{tmp_path}/tool/bin/one | {tmp_path}/tool/lib | \n"


@pytest.mark.parametrize("path", ["bin/$(reboot)", 'bin/"x"', "bin/`x`", "bin/a b"])
def test_a_path_that_means_something_to_a_shell_is_refused(tmp_path: Path, path: str) -> None:
    """What a package is called never becomes a command."""
    with pytest.raises(ToolchainError, match="launcher"):
        write_launchers(tmp_path, {"one": path}, ("lib",))
