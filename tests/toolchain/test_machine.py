"""Programs that the machine has, and those whose path the user gave."""

from __future__ import annotations

from pathlib import Path

import pytest

from stack.errors import NeedMissingError
from stack.toolchain import GivenPathError, Toolchain
from stack.toolchain.locks import sha256
from stack.toolchain.machine import at_least

from .kit import program, toolchain, wheel_tool

GIVEN = wheel_tool(
    given='{ setting = "meilisearch_bin", variable = "MEILISEARCH_BIN", program = "meilisearch", minimum = "1.50" }',
    source='{ kind = "machine" }',
).replace('lock = "hello.sha256"\n', "")


def given(folder: Path, path: Path) -> Toolchain:
    """A toolchain whose only tool is at a given path."""
    return toolchain(folder, GIVEN, meilisearch_bin=path)


def on_machine(folder: Path, rule: str) -> Toolchain:
    """A toolchain whose tool may be on the machine."""
    return toolchain(folder, wheel_tool(machine=rule))


@pytest.fixture
def path_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The only folder in which the machine's own programs are looked for, besides the system's."""
    folder = tmp_path / "path"
    folder.mkdir()
    monkeypatch.setenv("PATH", f"{folder}:/usr/bin:/bin")
    return folder


@pytest.mark.parametrize(
    ("version", "minimum", "enough"),
    [
        ("1.50.0", "1.50", True),
        ("1.9", "1.50", False),
        ("2", "1.50", True),
        ("1.49.99", "1.50", False),
        ("21", "21", True),
    ],
)
def test_versions_are_compared_by_their_numbers(version: str, minimum: str, enough: bool) -> None:
    """1.9 is older than 1.50."""
    assert at_least(version, minimum) is enough


def test_a_given_program_is_found_with_its_version_and_hash(tmp_path: Path) -> None:
    """The version is what the program says, the checksum that of the file."""
    path = program(tmp_path / "m", "#!/bin/sh\necho meilisearch 1.50.3\n")
    found = given(tmp_path, path).require("hello")
    assert (found.version, found.origin, found.checksum) == ("1.50.3", "given", sha256(path))
    assert found.program("meilisearch") == path


def test_a_given_program_is_run_once_and_again_when_it_changes(tmp_path: Path) -> None:
    """Version and hash are remembered until the file is another one."""
    runs = tmp_path / "runs"
    text = f"#!/bin/sh\necho run >> {runs}\necho meilisearch 1.50.3\n"
    path = program(tmp_path / "m", text)
    first = given(tmp_path, path).require("hello")
    assert given(tmp_path, path).require("hello") == first
    assert runs.read_text("utf-8").count("run") == 1
    program(path, text.replace("1.50.3", "1.51.0"))
    assert given(tmp_path, path).require("hello").version == "1.51.0"


@pytest.mark.parametrize(
    ("text", "mode", "words"),
    [
        (None, 0o755, "does not name a file"),
        ("#!/bin/sh\necho meilisearch 1.50.0\n", 0o644, "cannot be executed"),
        ("#!/bin/sh\necho meilisearch 1.49.0\n", 0o755, "version 1.49.0, and 1.50 or newer is needed"),
        ("#!/bin/sh\necho hello\n", 0o755, "tells no version"),
        ("#!/bin/sh\necho broken >&2\nexit 3\n", 0o755, "does not run"),
        ("not a program at all", 0o755, "does not run"),
    ],
)
def test_a_bad_given_path_is_refused_naming_the_variable(
    tmp_path: Path, text: str | None, mode: int, words: str
) -> None:
    """A mistake in the user's own choice is said; it is not taken for "nothing given"."""
    path = tmp_path / "m"
    if text is not None:
        program(path, text).chmod(mode)
    tools = given(tmp_path, path)
    with pytest.raises(GivenPathError) as caught:
        tools.find("hello")
    assert words in str(caught.value)
    assert "MEILISEARCH_BIN" in str(caught.value)
    assert str(path) in str(caught.value)
    with pytest.raises(NeedMissingError) as missing:
        tools.require("hello")
    assert missing.value.need == "hello"


def test_a_bad_given_path_is_a_failure_of_the_setup_and_wrong_in_the_table(tmp_path: Path) -> None:
    """Setup and table say it; neither crashes."""
    tools = given(tmp_path, tmp_path / "nowhere")
    report = tools.setup()
    assert [failure.name for failure in report.failed] == ["hello"]
    assert report.exit_code == 2
    assert [row.state for row in tools.describe()] == ["wrong"]


def test_companions_of_a_given_program_come_along(tmp_path: Path) -> None:
    """The other programs of the family in the same folder are programs of the tool."""
    for name in ("zoekt", "zoekt-webserver"):
        program(tmp_path / "bin" / name, "#!/bin/sh\necho usage\n")
    (tmp_path / "bin" / "zoekt.txt").touch()
    rule = '{ setting = "zoekt_bin", variable = "ZOEKT_BIN", program = "zoekt", companions = "zoekt*" }'
    text = wheel_tool(given=rule, source='{ kind = "machine" }').replace('lock = "hello.sha256"\n', "")
    found = toolchain(tmp_path, text, zoekt_bin=tmp_path / "bin" / "zoekt").require("hello")
    assert sorted(found.programs) == ["zoekt", "zoekt-webserver"]
    assert found.version == "unknown"


def test_the_machines_program_is_used_when_it_is_what_was_asked_for(tmp_path: Path, path_folder: Path) -> None:
    """The version in its output is the tool's, nothing vouches for its checksum, and nothing is installed."""
    path = program(path_folder / "greet", "#!/bin/sh\necho Greeter 2.3.4 +json\n")
    tools = on_machine(
        tmp_path, '{ program = "greet", contains = ["Greeter", "+json"], minimum = "2.3", prefer = true }'
    )
    found = tools.require("hello")
    assert (found.version, found.origin, found.checksum) == ("2.3.4", "machine", None)
    assert found.program("greet") == path
    assert tools.setup().installed == []
    assert [(row.state, row.locked) for row in tools.describe()] == [("on the machine", False)]


@pytest.mark.parametrize(
    "output", ["Greeter 2.2.9 +json", "Greeter 3.0.0 +json", "Greeter 2.3.4", "Other 2.3.4 +json", "Greeter +json"]
)
def test_another_program_of_that_name_is_not_used(tmp_path: Path, path_folder: Path, output: str) -> None:
    """Too old, too new, without a feature, another program, or silent about its version: the cache's is installed."""
    program(path_folder / "greet", f"#!/bin/sh\necho '{output}'\n")
    rule = '{ program = "greet", contains = ["Greeter", "+json"], minimum = "2.3", below = "3", prefer = true }'
    tools = on_machine(tmp_path, rule)
    assert tools.find("hello") is None
    assert [tool.origin for tool in tools.setup().installed] == ["cache"]


def test_a_program_without_its_siblings_is_not_used(tmp_path: Path, path_folder: Path) -> None:
    """A server without its command line client would fail later."""
    program(path_folder / "greet", "#!/bin/sh\necho 2.3.4\n")
    rule = '{ program = "greet", siblings = ["greet-cli"], prefer = true }'
    assert on_machine(tmp_path, rule).find("hello") is None
    program(path_folder / "greet-cli", "#!/bin/sh\n")
    assert sorted(on_machine(tmp_path, rule).require("hello").programs) == ["greet", "greet-cli"]


def test_a_linked_program_keeps_the_name_it_is_called_by(tmp_path: Path, path_folder: Path) -> None:
    """redis-server is a link to redis-check-rdb and looks at its own name."""
    program(path_folder / "many", "#!/bin/sh\necho 1.0\n")
    (path_folder / "greet").symlink_to("many")
    found = on_machine(tmp_path, '{ program = "greet", prefer = true }').require("hello")
    assert found.program("greet").name == "greet"


def test_the_cache_comes_before_the_machine_unless_the_file_says_otherwise(tmp_path: Path, path_folder: Path) -> None:
    """Without `prefer` the machine's program is only for when the cache has none."""
    program(path_folder / "greet", "#!/bin/sh\necho 9.9\n")
    tools = toolchain(tmp_path)
    tools.setup()
    cached = on_machine(tmp_path, '{ program = "greet" }').require("hello")
    preferred = on_machine(tmp_path, '{ program = "greet", prefer = true }').require("hello")
    assert (cached.origin, preferred.origin) == ("cache", "machine")


def test_a_java_runtime_on_the_machine_tells_its_home(tmp_path: Path, path_folder: Path) -> None:
    """JAVA_HOME is the runtime that the link on PATH leads to."""
    home = tmp_path / "jvm" / "java-21"
    program(home / "bin" / "java", "#!/bin/sh\necho 'openjdk version \"21.0.2\"' >&2\n")
    (home / "release").touch()
    (path_folder / "java").symlink_to(home / "bin" / "java")
    rule = '{ program = "java", arguments = ["-version"], minimum = "21", prefer = true }'
    assert on_machine(tmp_path, rule).require("hello").env == {"JAVA_HOME": str(home)}
