"""What is told to the services' own tests and linters."""

from __future__ import annotations

import subprocess
from pathlib import Path

from stack.toolchain import Installed, Toolchain
from stack.toolchain.env import lines
from stack.toolchain.installed import Origin
from stack.toolchain.npm import npm_command

from .kit import program, toolchain


def tool(name: str, folder: Path, *programs: str, origin: Origin = "cache") -> Installed:
    """A tool whose programs are scripts that say where they are."""
    made = {each: program(folder / name / each, f"#!/bin/sh\necho {name}/{each}\n") for each in programs}
    return Installed(name, "1", folder / name, made, origin=origin)


class Tools(Toolchain):
    """The project's own toolchain, of which only some tools are here."""

    def __init__(self, folder: Path, *tools: Installed) -> None:
        """In a folder."""
        super().__init__(toolchain(folder).settings)
        self._told = {each.name: each for each in tools}

    def find(self, name: str) -> Installed | None:
        return self._told.get(name)


def shell(told: list[str], command: str) -> str:
    """What a command prints in a shell that knows the variables."""
    script = "\n".join([*told, command])
    return subprocess.run(["/bin/sh", "-euc", script], check=True, capture_output=True, text=True).stdout.strip()


def test_a_shell_takes_the_variables_as_they_are(tmp_path: Path) -> None:
    """Whatever is in the names of folders, each program is where its variable says."""
    folder = tmp_path / "it's $HOME"
    told = lines(Tools(folder, tool("postgresql", folder, "postgres"), tool("redis", folder, "redis-server")))
    assert shell(told, '"$POSTGRES_BIN/postgres"; "$REDIS_BIN"') == "postgresql/postgres\nredis/redis-server"
    assert shell(told, 'echo "$CARGO_TARGET_DIR"') == f"{folder}/cache/build/git"


def test_what_is_not_here_is_left_out(tmp_path: Path) -> None:
    """The tests that need it say so themselves; PATH stays as it is."""
    told = lines(Tools(tmp_path))
    assert not any(name in line for line in told for name in ("POSTGRES_BIN", "GIT_SERVICE_BIN", "NPM", "PATH="))


def test_builders_of_our_own_come_first(tmp_path: Path) -> None:
    """Those of the machine are on PATH already, and npm finds the Node.js that it belongs to."""
    cargo = tool("rust", tmp_path, "cargo")
    npm = tool("npm", tmp_path, "node", "npm-cli.js")
    told = lines(Tools(tmp_path, cargo, npm, tool("go", tmp_path, "go", origin="machine")))
    assert shell(told, "cargo; node") == "rust/cargo\nnpm/node"
    assert shell(told, 'echo "$NPM"') == f"{tmp_path}/npm/node {tmp_path}/npm/npm-cli.js"
    assert not any(line.startswith("export PATH=") and str(tmp_path / "go") in line for line in told)


def test_npm_of_the_machine_is_run_as_it_is(tmp_path: Path) -> None:
    """It knows its own Node.js."""
    npm = tool("npm", tmp_path, "node", "npm", origin="machine")
    assert npm_command(npm) == [npm.program("npm")]
