"""A setup: does what is missing, once, whole, whatever happens meanwhile."""

from __future__ import annotations

import json
import shutil
import signal
import subprocess
import sys
import threading
import time
from datetime import UTC, datetime
from pathlib import Path

import pytest

from stack.errors import NeedMissingError, UsageError
from stack.settings import Settings
from stack.toolchain import Toolchain, ToolchainError
from stack.toolchain.installed import RECEIPT, Receipt
from stack.toolchain.progress import SilentProgress

from .kit import manifest, toolchain, wheel, wheel_tool

PROOF = '{ program = "hello", arguments = [], contains = "hello" }'
CHILD = """
import sys
from pathlib import Path
from stack.settings import Settings
from stack.toolchain import Toolchain
report = Toolchain(Settings(cache_dir=Path(sys.argv[1])), Path(sys.argv[2])).setup()
print([tool.name for tool in report.installed], report.failed)
"""
DEADLINE = 30.0  # seconds until a test gives up


@pytest.fixture(autouse=True)
def _no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PIP_NO_INDEX", "1")


def child(tools: Toolchain) -> subprocess.Popen[str]:
    """A setup in another process."""
    words = [sys.executable, "-c", CHILD, str(tools.cache.folder), str(tools.manifest.folder / "toolchain.toml")]
    return subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def wait_for(path: Path) -> None:
    """Until a file is there."""
    end = time.monotonic() + DEADLINE
    while not path.exists():
        if time.monotonic() > end:
            pytest.fail(f"{path} did not come")
        time.sleep(0.01)


def wait_for_end(pid: str) -> None:
    """Until a process is gone."""
    end = time.monotonic() + DEADLINE
    while Path("/proc", pid).exists():
        if time.monotonic() > end:
            pytest.fail(f"process {pid} runs on")
        time.sleep(0.01)


def blocking(tmp_path: Path) -> tuple[Toolchain, Path, Path]:
    """A tool whose installation stops at its proof while a gate is there; also the gate, and where it says it began."""
    gate, began = tmp_path / "gate", tmp_path / "began"
    gate.touch()
    script = f"#!/bin/sh\necho hello\necho $$ > {began}\n[ -e {gate} ] && exec sleep 600\nexit 0\n"
    return toolchain(tmp_path, wheel_tool(proof=PROOF), script), gate, began


def test_a_tool_is_installed_and_found(tmp_path: Path) -> None:
    """Afterwards it is found with its program, version and checksum."""
    tools = toolchain(tmp_path, wheel_tool(proof=PROOF, env='{ HELLO_HOME = "{root}/hello" }'))
    assert tools.find("hello") is None
    report = tools.setup()
    assert [tool.name for tool in report.installed] == ["hello"]
    assert report.exit_code == 0
    found = tools.require("hello")
    assert found == report.installed[0]
    assert found.version == "1.2"
    assert found.checksum == next(iter(tools.checksums(tools.manifest.entry("hello")).values()))  # type: ignore[union-attr]
    assert found.env == {"HELLO_HOME": str(found.root / "hello")}
    assert found.program("hello").read_text("utf-8").startswith("#!/bin/sh")
    with pytest.raises(ToolchainError, match=r"hello 1\.2 has no program goodbye[\s\S]*it has: hello"):
        found.program("goodbye")


def test_a_second_setup_does_nothing(tmp_path: Path) -> None:
    """It reports the tool as there already, tells no progress, and touches no file."""

    class Loud(SilentProgress):
        def begin(self, name: str) -> None:
            pytest.fail(f"{name} is installed again")

    tools = toolchain(tmp_path)
    tools.setup()
    before = {path: path.lstat().st_mtime_ns for path in tools.cache.folder.rglob("*")}
    report = Toolchain(tools.settings, tools.manifest.folder / "toolchain.toml").setup(progress=Loud())
    assert (report.installed, [tool.name for tool in report.already]) == ([], ["hello"])
    assert {path: path.lstat().st_mtime_ns for path in tools.cache.folder.rglob("*")} == before


def test_a_tool_can_be_asked_for_beside_those_the_runtime_needs(tmp_path: Path) -> None:
    """One that nothing needs by itself is installed with the others, and once."""
    tools = toolchain(tmp_path, wheel_tool(default="false"))
    assert tools.setup().installed == []
    assert [tool.name for tool in tools.setup(also=["hello", "hello"]).installed] == ["hello"]
    with pytest.raises(UsageError, match="no tool 'goodbye'"):
        tools.setup(also=["goodbye"])


def test_a_filled_cache_needs_no_network_and_no_download(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With the downloads gone and no program to fetch with, the tool is still found and set up."""
    tools = toolchain(tmp_path)
    tools.setup()
    shutil.rmtree(tools.cache.downloads)
    monkeypatch.setenv("PATH", str(tmp_path))
    report = Toolchain(tools.settings, tools.manifest.folder / "toolchain.toml").setup()
    assert (report.failed, [tool.name for tool in report.already]) == ([], ["hello"])


def test_an_empty_cache_without_network_is_a_report_and_no_crash(tmp_path: Path) -> None:
    """A required tool that cannot be had makes exit code 2, and the report says what that costs."""
    tools = toolchain(tmp_path)
    shutil.rmtree(tools.cache.downloads)
    report = tools.setup()
    assert report.exit_code == 2
    assert "it costs: greetings" in str(report.failed[0])
    assert tools.find("hello") is None
    with pytest.raises(NeedMissingError, match="engineroom setup hello") as caught:
        tools.require("hello")
    assert caught.value.need == "hello"


def test_an_optional_tool_that_cannot_be_had_is_only_a_note(tmp_path: Path) -> None:
    """Asked for by name it fails without making the setup fail; not asked for, its cost is told."""
    tools = toolchain(tmp_path, wheel_tool(optional="true", default="false"))
    shutil.rmtree(tools.cache.downloads)
    unasked = tools.setup()
    assert (unasked.failed, [absent.name for absent in unasked.absent]) == ([], ["hello"])
    asked = tools.setup(["hello"])
    assert [failure.optional for failure in asked.failed] == [True]
    assert asked.exit_code == 0


def test_a_lock_mismatch_leaves_nothing_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A wheel other than the locked one is reported by file name, and no folder of the tool stays."""
    tools = toolchain(tmp_path)
    index = tmp_path / "index"
    other = wheel(index, script="#!/bin/sh\necho evil\n")
    shutil.copy(other, tools.cache.downloads / "hello" / other.name)
    monkeypatch.setenv("PIP_FIND_LINKS", str(index))
    report = tools.setup()
    assert other.name in str(report.failed[0])
    assert list((tools.cache.folder / "tools" / "hello").iterdir()) == []


def test_a_program_that_does_not_run_here_is_not_installed(tmp_path: Path) -> None:
    """A proof that fails, or says something else, is reported with the program's words."""
    fails = toolchain(tmp_path / "a", wheel_tool(proof=PROOF), "#!/bin/sh\necho lib.so.9: not found >&2\nexit 127\n")
    other = toolchain(tmp_path / "b", wheel_tool(proof=PROOF), "#!/bin/sh\necho goodbye\n")
    assert "lib.so.9: not found" in fails.setup().failed[0].reason
    assert "goodbye" in other.setup().failed[0].reason
    assert fails.find("hello") is None
    assert other.find("hello") is None


@pytest.mark.parametrize("damage", ["receipt gone", "receipt damaged", "program gone", "program not executable"])
def test_a_damaged_installation_is_not_found_and_is_mended(tmp_path: Path, damage: str) -> None:
    """What is found can be used; a setup puts the rest right."""
    tools = toolchain(tmp_path)
    found = tools.setup().installed[0]
    receipt = found.root.parent / RECEIPT
    if damage == "receipt gone":
        receipt.unlink()
    elif damage == "receipt damaged":
        receipt.write_text('{"format": 1, "na', "utf-8")
    elif damage == "program gone":
        found.program("hello").unlink()
    else:
        found.program("hello").chmod(0o644)
    assert tools.find("hello") is None
    assert [tool.name for tool in tools.setup().installed] == ["hello"]
    assert tools.require("hello") == found


def test_a_file_that_a_tool_cannot_do_without_is_looked_for(tmp_path: Path) -> None:
    """A tool without programs is not found either when one of its files has gone."""
    receipt = Receipt(
        name="jars",
        version="1",
        installed=datetime.now(UTC),
        programs={},
        env={},
        checksum=None,
        artefacts={},
        files=("lib/a.jar",),
        size=0,
    )
    jar = tmp_path / "root" / "lib" / "a.jar"
    jar.parent.mkdir(parents=True)
    assert receipt.to_installed(tmp_path) is None
    jar.touch()
    assert receipt.to_installed(tmp_path) is not None


def test_the_receipt_tells_where_everything_came_from(tmp_path: Path) -> None:
    """Version, checksum and artefacts are in it, and its paths do not depend on where the cache is."""
    tools = toolchain(tmp_path)
    found = tools.setup().installed[0]
    text = (found.root.parent / RECEIPT).read_text("utf-8")
    receipt = json.loads(text)
    assert receipt["checksum"] == found.checksum
    assert list(receipt["artefacts"].values()) == [found.checksum]
    assert str(tmp_path) not in text


def test_another_lock_is_another_installation(tmp_path: Path) -> None:
    """A renewed lock does not take the old installation for the new one, and does not remove it."""
    tools = toolchain(tmp_path)
    old = tools.setup().installed[0]
    kept = wheel(tools.cache.downloads / "hello", script="#!/bin/sh\necho newer\n")
    again = Toolchain(tools.settings, manifest(tools.manifest.folder, wheel_tool(), locked=kept))
    assert again.find("hello") is None
    new = again.setup().installed[0]
    assert new.root != old.root
    assert old.program("hello").exists()


def test_what_a_tool_needs_is_installed_first(tmp_path: Path) -> None:
    """A tool that is asked for by name brings what it runs on; and fails when that cannot be had."""
    text = wheel_tool() + wheel_tool(name='"world"', needs='["hello"]', proof=PROOF)
    tools = toolchain(tmp_path, text)
    shutil.copytree(tools.cache.downloads / "hello", tools.cache.downloads / "world")
    assert [tool.name for tool in tools.setup(["world"]).installed] == ["hello", "world"]


def test_a_name_that_the_file_does_not_know_is_refused_before_anything_is_done(tmp_path: Path) -> None:
    """A misspelt name is a usage error."""
    tools = toolchain(tmp_path)
    with pytest.raises(UsageError, match="helo"):
        tools.setup(["hello", "helo"])
    assert tools.find("hello") is None


def test_the_runtime_decides_what_is_installed(tmp_path: Path) -> None:
    """A tool for local stacks is not installed for containers."""
    tools = toolchain(tmp_path)
    assert tools.setup(runtime="containers").installed == []
    assert len(tools.setup(runtime="local").installed) == 1


@pytest.mark.parametrize(
    ("engines", "objects", "expected"),
    [
        (("opensearch",), "seaweedfs", {"postgresql", "redis", "seaweedfs", "opensearch", "ctags"}),
        ((), "versitygw", {"postgresql", "redis", "versitygw", "ctags"}),
    ],
)
def test_settings_choose_engines_and_object_store(
    tmp_path: Path, engines: object, objects: object, expected: set[str]
) -> None:
    """Of the project's own file, what the settings ask for and no other database, cache, store or engine."""
    from stack.toolchain.selection import chosen  # noqa: PLC0415 - only this test looks inside

    settings = Settings(cache_dir=tmp_path, engines=engines, objects=objects)  # type: ignore[arg-type]
    roles = {"database", "cache", "objects", "engine", "symbols"}
    assert {entry.name for entry in chosen(Toolchain(settings), "local") if entry.role in roles} == expected


def test_two_setups_at_once_install_once(tmp_path: Path) -> None:
    """Two threads and two processes begin together: the tool is laid once, and nobody fails."""
    runs = tmp_path / "runs"
    tools = toolchain(tmp_path, wheel_tool(proof=PROOF), f"#!/bin/sh\necho hello\necho run >> {runs}\n")
    others = [child(tools), child(tools)]
    reports = []
    threads = [
        threading.Thread(
            target=lambda: reports.append(Toolchain(tools.settings, tools.manifest.folder / "toolchain.toml").setup())
        )
        for _ in range(2)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(DEADLINE)
    said = [other.communicate(timeout=DEADLINE)[0].strip() for other in others]
    assert runs.read_text("utf-8") == "run\n"
    assert sum(len(report.installed) for report in reports) + said.count("['hello'] []") == 1
    assert [report.failed for report in reports] == [[], []]
    assert all(words.endswith("[]") for words in said)


def test_a_setup_killed_in_the_middle_leaves_nothing_that_matters(tmp_path: Path) -> None:
    """After kill -9 the tool is not found, the programs it ran end, and the next setup clears up and installs."""
    tools, gate, began = blocking(tmp_path)
    other = child(tools)
    wait_for(began)
    other.send_signal(signal.SIGKILL)
    other.communicate(timeout=DEADLINE)
    left = [path.name for path in (tools.cache.folder / "tools" / "hello").iterdir()]
    assert len(left) == 1
    assert left[0].startswith(".new-")
    assert tools.find("hello") is None
    if shutil.which("setpriv"):  # where it is not, the program ends by itself
        wait_for_end(began.read_text("utf-8").strip())
    gate.unlink()
    found = tools.setup().installed[0]
    assert list((tools.cache.folder / "tools" / "hello").iterdir()) == [found.root.parent]


def test_an_interrupted_setup_ends_its_programs_and_leaves_nothing(tmp_path: Path) -> None:
    """After Ctrl-C the process ends, what it ran has ended, and no half installation stays."""
    tools, _, began = blocking(tmp_path)
    other = child(tools)
    wait_for(began)
    other.send_signal(signal.SIGINT)
    other.communicate(timeout=DEADLINE)
    assert other.returncode != 0
    wait_for_end(began.read_text("utf-8").strip())
    assert list((tools.cache.folder / "tools" / "hello").iterdir()) == []


def test_a_disk_that_is_too_small_is_told_before_anything_is_fetched(tmp_path: Path) -> None:
    """The report has needed and free space."""
    report = toolchain(tmp_path, wheel_tool(disk="999999999999")).setup()
    assert "999999999999 MB are needed" in report.failed[0].reason


def test_a_cache_that_cannot_be_written_is_a_clear_failure(tmp_path: Path) -> None:
    """The setting that moves the cache is named."""
    tools = toolchain(tmp_path)
    (tmp_path / "blocked").touch()
    blocked = Toolchain(Settings(cache_dir=tmp_path / "blocked"), tools.manifest.folder / "toolchain.toml")
    report = blocked.setup()
    assert report.exit_code == 2
    assert "ENGINEROOM_CACHE_DIR" in report.failed[0].reason


def test_the_table_has_a_row_per_tool(tmp_path: Path) -> None:
    """Missing before, installed with size and place after."""
    tools = toolchain(tmp_path)
    (missing,) = tools.describe()
    assert (missing.state, missing.locked, missing.source, missing.licence) == ("missing", True, "wheel", "MIT")
    assert "engineroom setup hello" in missing.where
    tools.setup()
    (there,) = tools.describe()
    assert there.state == "installed"
    assert there.size is not None
    assert there.size > 0
