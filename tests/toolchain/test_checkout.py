"""Programs built from this checkout: what their version is, when they are built anew, what is kept."""

from __future__ import annotations

import dataclasses
import os
import tomllib
from pathlib import Path

import pytest

from stack.settings import Settings
from stack.toolchain import Installed, LockMismatchError, Toolchain, ToolchainError, load_manifest
from stack.toolchain.checkout import digest_of, sources
from stack.toolchain.locks import sha256
from stack.toolchain.manifest import CheckoutSource
from stack.toolchain.sources import checkout

from .kit import job, manifest, program, wheel_tool

SOURCE = CheckoutSource(kind="checkout", folder="service", builder="cargo", program="serve")
BUILDER = """#!/bin/sh
echo "$@" >> {log}
while [ "$1" != "--target-dir" ]; do shift; done
mkdir -p "$2/release" && cat {folder}/src/main.rs > "$2/release/serve" && chmod 755 "$2/release/serve"
"""
FAILS = "#!/bin/sh\necho '{said}' >&2\nexit 1\n"
ENTRY = wheel_tool(
    programs='["bin/serve"]',
    source='{ kind = "checkout", folder = "service", builder = "cargo", program = "serve", ignored = ["tests/*"] }',
)
TEXT = ENTRY.replace('lock = "hello.sha256"\n', "")


def service(folder: Path) -> Path:
    """The sources of a program."""
    made = folder / "file" / "service"
    (made / "src").mkdir(parents=True)
    (made / "Cargo.toml").write_text("[package]", "utf-8")
    (made / "Cargo.lock").write_text("version = 4", "utf-8")
    (made / "src" / "main.rs").write_text("#!/bin/sh\necho hello\n", "utf-8")
    return made


def rust(folder: Path, text: str = BUILDER) -> Installed:
    """A stand-in for Cargo."""
    said = text.format(log=folder / "log", folder=folder / "file" / "service", said="error: no such crate")
    path = program(folder / "rust-bin" / "cargo", said)
    return Installed("rust", "1.95", path.parent, {"cargo": path})


class Tools(Toolchain):
    """A toolchain that has a stand-in for Cargo."""

    def __init__(self, folder: Path) -> None:
        """In a folder."""
        super().__init__(Settings(cache_dir=folder / "cache"), manifest(folder / "file", TEXT))
        self._folder = folder

    def require(self, name: str) -> Installed:
        return rust(self._folder) if name == "rust" else super().require(name)


def test_a_digest_stands_for_names_contents_and_what_is_executable(tmp_path: Path) -> None:
    """Each change of a source is another digest; the same tree elsewhere is the same."""
    made = service(tmp_path)
    seen = [digest_of(made)]
    (made / "src" / "main.rs").write_text("other", "utf-8")
    seen.append(digest_of(made))
    (made / "src" / "main.rs").chmod(0o755)
    seen.append(digest_of(made))
    (made / "src" / "main.rs").rename(made / "src" / "lib.rs")
    seen.append(digest_of(made))
    (made / "link").symlink_to("src")
    seen.append(digest_of(made))
    assert len(set(seen)) == len(seen)
    assert digest_of(service(tmp_path / "elsewhere")) == seen[0]


def test_what_builds_and_tests_leave_is_no_source(tmp_path: Path) -> None:
    """Neither their output nor what the entry says does not count."""
    made = service(tmp_path)
    before = digest_of(made, ("tests/*",))
    for name in ("target/debug/x", "node_modules/y/z.js", "tests/common/mod.rs", "src/.main.rs.swp"):
        (made / name).parent.mkdir(parents=True, exist_ok=True)
        (made / name).write_text("x", "utf-8")
    assert digest_of(made, ("tests/*",)) == before
    names = [path.relative_to(made).as_posix() for path in sources(made, ("tests/*",))]
    assert names == ["Cargo.lock", "Cargo.toml", "src/main.rs"]


def test_a_program_is_built_once_and_again_after_an_edit(tmp_path: Path) -> None:
    """An unchanged checkout builds nothing; an edit is another version; the version is in the folder's name."""
    made = service(tmp_path)
    (first,) = Tools(tmp_path).setup().installed
    assert first.root.parent.name == first.version
    assert first.program("serve").read_text("utf-8").endswith("hello\n")
    assert Tools(tmp_path).setup().installed == []
    (made / "src" / "main.rs").write_text("#!/bin/sh\necho again\n", "utf-8")
    assert Tools(tmp_path).find("hello") is None
    (second,) = Tools(tmp_path).setup().installed
    assert second.version != first.version
    assert len((tmp_path / "log").read_text("utf-8").splitlines()) == 2


def test_a_stack_keeps_the_program_it_began_with(tmp_path: Path) -> None:
    """One toolchain's answer does not change when somebody edits the sources meanwhile."""
    made = service(tmp_path)
    tools = Tools(tmp_path)
    tools.setup()
    before = tools.require("hello")
    (made / "src" / "main.rs").write_text("edited", "utf-8")
    assert tools.require("hello") == before


def test_two_versions_are_kept(tmp_path: Path) -> None:
    """The newest and the one before it, which may still be running."""
    made = service(tmp_path)
    versions = []
    for number in range(4):
        (made / "src" / "main.rs").write_text(f"#!/bin/sh\necho {number}\n", "utf-8")
        (laid,) = Tools(tmp_path).setup().installed
        os.utime(laid.root.parent, (number, number))
        versions.append(laid.version)
    left = {path.name for path in (tmp_path / "cache" / "tools" / "hello").iterdir()}
    assert left == set(versions[-2:])


class Meddled(Tools):
    """A toolchain whose builds find somebody editing the sources."""

    def __init__(self, folder: Path, times: int) -> None:
        """Edited during so many builds."""
        super().__init__(folder)
        self._times = times

    def require(self, name: str) -> Installed:
        self._times -= 1
        edit = "echo '# later' >> {folder}/src/main.rs\n" if self._times >= 0 else ""
        return rust(self._folder, BUILDER + edit) if name == "rust" else super().require(name)


def test_sources_that_change_during_every_build_are_not_installed(tmp_path: Path) -> None:
    """What was built could be of either state, so it is kept under no version."""
    service(tmp_path)
    (failure,) = Meddled(tmp_path, 3).setup().failed
    assert "changed while it was built" in failure.reason
    assert Tools(tmp_path).find("hello") is None


def test_sources_that_come_to_rest_are_installed_as_they_are_then(tmp_path: Path) -> None:
    """An edit during a build costs another build."""
    service(tmp_path)
    (laid,) = Meddled(tmp_path, 2).setup().installed
    assert laid.program("serve").read_text("utf-8").count("# later") == 2
    assert Tools(tmp_path).require("hello").version == laid.version


def test_cargo_builds_as_locked_into_the_cache(tmp_path: Path) -> None:
    """Nothing is written into the checkout, and the lock is not renewed by a build."""
    made = service(tmp_path)
    task, _ = job(tmp_path, TEXT, None, rust(tmp_path))
    before = digest_of(made)
    laid = checkout.install(task, SOURCE)
    words = (tmp_path / "log").read_text("utf-8").split()
    assert words[:3] == ["build", "--release", "--locked"]
    assert words[-1] == str(task.builds / "service")
    assert laid.checksum == sha256(task.root / "bin" / "serve")
    assert digest_of(made) == before


@pytest.mark.parametrize(
    "complaint",
    ["error: the lock file needs to be updated but --locked was passed", "error: checksum for `x v1` changed"],
)
def test_what_is_not_as_locked_names_the_lock(tmp_path: Path, complaint: str) -> None:
    """Cargo's refusal becomes a lock mismatch."""
    service(tmp_path)
    path = program(tmp_path / "rust-bin" / "cargo", f"#!/bin/sh\necho '{complaint}' >&2\nexit 101\n")
    task, _ = job(tmp_path, TEXT, None, Installed("rust", "1", path.parent, {"cargo": path}))
    with pytest.raises(LockMismatchError, match=r"Cargo\.lock"):
        checkout.install(task, SOURCE)


def test_a_build_that_fails_tells_what_the_compiler_said(tmp_path: Path) -> None:
    """Its errors, not its last words."""
    service(tmp_path)
    task, _ = job(tmp_path, TEXT, None, rust(tmp_path, FAILS))
    with pytest.raises(ToolchainError, match=r"could not be built[\s\S]*no such crate"):
        checkout.install(task, SOURCE)


def test_without_a_linker_the_need_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Rust links by a C compiler, and its own error does not say how to get one."""
    service(tmp_path)
    task, _ = job(tmp_path, TEXT, None, rust(tmp_path))
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(ToolchainError, match="install gcc"):
        checkout.install(task, SOURCE)


def test_go_builds_as_locked(tmp_path: Path) -> None:
    """`go.sum` may not be changed by a build, and the build does not depend on where it is done."""
    service(tmp_path)
    said = """#!/bin/sh
echo "$@" > {log}
while [ "$1" != "-o" ]; do shift; done
mkdir -p "$(dirname "$2")" && echo built > "$2"
"""
    path = program(tmp_path / "go-bin" / "go", said.format(log=tmp_path / "log"))
    task, _ = job(tmp_path, TEXT, None, Installed("go", "1.26", path.parent, {"go": path}))
    source = CheckoutSource(kind="checkout", folder="api", builder="go", program="api", package="./cmd/api")
    laid = checkout.install(task, source)
    words = (tmp_path / "log").read_text("utf-8").split()
    assert {"-mod=readonly", "-trimpath"} <= set(words)
    assert words[-1] == "./cmd/api"
    assert laid.checksum == sha256(task.root / "bin" / "api")


NPM = """#!/bin/sh
echo "$1 $2" >> {log}
case "$1" in
    ci) mkdir -p node_modules/x && echo x > node_modules/x/index.js ;;
    run) mkdir -p dist/lib && cat src/main.js > dist/server.js && ls src > dist/lib/list ;;
esac
"""


def test_npm_builds_in_a_copy_and_fetches_only_what_the_lock_changed(tmp_path: Path) -> None:
    """The checkout is not written into; packages are fetched again when the lock is another, and only then."""
    made = tmp_path / "file" / "web"
    (made / "src").mkdir(parents=True)
    (made / "package-lock.json").write_text("1", "utf-8")
    for name in ("main.js", "gone.js"):
        (made / "src" / name).write_text("serve()", "utf-8")
    source = CheckoutSource(kind="checkout", folder="web", builder="npm", program="server.js", output="dist")
    path = program(tmp_path / "npm-bin" / "npm", NPM.format(log=tmp_path / "log"))
    npm = Installed("npm", "20.9", path.parent, {"node": path, "npm": path})
    service(tmp_path)

    task, _ = job(tmp_path, TEXT, None, npm)
    before = digest_of(made, everything=True)
    laid = checkout.install(task, source)
    assert digest_of(made, everything=True) == before
    assert (task.root / "server.js").stat().st_mode & 0o100
    assert (task.root / "lib" / "list").read_text("utf-8") == "gone.js\nmain.js\n"

    (made / "src" / "gone.js").unlink()
    other = dataclasses.replace(task, root=tmp_path / "second")
    other.root.mkdir()
    assert checkout.install(other, source).checksum != laid.checksum
    assert (other.root / "lib" / "list").read_text("utf-8") == "main.js\n"
    (made / "package-lock.json").write_text("2", "utf-8")
    last = dataclasses.replace(task, root=tmp_path / "third")
    last.root.mkdir()
    checkout.install(last, source)
    said = [line.split()[0] for line in (tmp_path / "log").read_text("utf-8").splitlines()]
    assert said == ["ci", "run", "run", "ci", "run"]


def test_an_entry_without_its_sources_is_no_entry(tmp_path: Path) -> None:
    """An installation outside a checkout, or a service that is not written yet, takes nothing else away."""
    path = manifest(tmp_path / "file", TEXT)
    assert [entry.name for entry in load_manifest(path).tools] == []
    service(tmp_path)
    assert [entry.name for entry in load_manifest(path).tools] == ["hello"]


def test_the_compiler_is_as_new_as_the_services_ask_for() -> None:
    """The toolchain file repeats what Cargo.toml says, so that a machine's old Rust is not taken."""
    shipped = load_manifest()
    minimum = shipped.entry("rust").machine
    asked = tomllib.loads((shipped.folder / "../services/git/Cargo.toml").read_text("utf-8"))["package"]["rust-version"]
    assert minimum is not None
    assert minimum.minimum == asked
