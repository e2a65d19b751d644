"""Programs in Python: wheels with hashes in a folder of their own, and launchers that anybody may run."""

from __future__ import annotations

import subprocess
import zipfile
from pathlib import Path

import pytest

from stack.toolchain import ToolchainError
from stack.toolchain.locks import sha256
from stack.toolchain.manifest import PythonSource
from stack.toolchain.sources import python

from .kit import job, wheel_tool

_NAME = "greeter-1.0-py3-none-any.whl"
_SOURCE = PythonSource(kind="python", packages=("greeter",), requirements="greeter.txt")
_FILES = {
    "greeter/__init__.py": "import sys\ndef main():\n    print('hello', *sys.argv[1:])\n",
    "greeter-1.0.dist-info/METADATA": "Metadata-Version: 2.1\nName: greeter\nVersion: 1.0\nRequires-Dist: not-there\n",
    "greeter-1.0.dist-info/WHEEL": "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    "greeter-1.0.dist-info/entry_points.txt": "[console_scripts]\ngreet = greeter:main\n",
    "greeter-1.0.dist-info/RECORD": "",
}


@pytest.fixture
def index(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with one wheel that pip takes wheels from instead of any registry."""
    folder = tmp_path / "index"
    folder.mkdir()
    with zipfile.ZipFile(folder / _NAME, "w") as archive:
        for name, text in _FILES.items():
            archive.writestr(name, text)
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(folder))
    return folder


def _lock(folder: Path, digest: str) -> None:
    (folder / "greeter.txt").write_text(f"greeter==1.0 \\\n    --hash=sha256:{digest}\n", "utf-8")


def test_its_scripts_run_with_the_packages_beside_them(tmp_path: Path, index: Path) -> None:
    """A launcher hands its arguments on, from wherever the folder was moved to, and asks for no dependency."""
    made, _ = job(tmp_path, wheel_tool(), {})
    _lock(made.folder, sha256(index / _NAME))
    python.install(made, _SOURCE)
    moved = tmp_path / "moved"
    made.root.rename(moved)
    said = subprocess.run([moved / "bin/greet", "a b"], check=True, capture_output=True, text=True)
    assert said.stdout == "hello a b\n"


@pytest.mark.usefixtures("index")
def test_a_wheel_with_another_hash_is_refused(tmp_path: Path) -> None:
    """What the index has must be what the lock promises."""
    made, _ = job(tmp_path, wheel_tool(), {})
    _lock(made.folder, "0" * 64)
    with pytest.raises(ToolchainError, match="could not be laid"):
        python.install(made, _SOURCE)
    assert not (made.root / "bin").exists()


def test_the_interpreter_can_be_run_by_every_user_where_there_is_such_a_one() -> None:
    """A Python in somebody's home is taken only when there is no other."""
    chosen = python.interpreter()
    shared = [path for path in python._interpreters() if python._is_open(path)]
    assert chosen in shared or not shared
