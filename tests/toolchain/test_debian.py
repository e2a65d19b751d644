"""Debian packages: apt's plan, its checksums, extraction without installation."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from stack.process import run
from stack.toolchain import LockMismatchError, ToolchainError
from stack.toolchain.locks import sha256
from stack.toolchain.manifest import DebianSource
from stack.toolchain.sources import debian
from stack.toolchain.sources.debian import Package, localise_links, parse_plan, upstream_version

from .kit import job, program, toolchain, wheel_tool

SOURCE = DebianSource(kind="debian", packages=("hello",))
TEXT = wheel_tool(source='{ kind = "debian", packages = ["hello"] }')
HAS_DPKG = pytest.mark.skipif(shutil.which("dpkg-deb") is None, reason="builds packages with dpkg-deb")

APT_GET = """#!/bin/sh
echo "$@" >> {log}
case "$*" in
  *--simulate*) [ -e {known} ] || exit 100
    printf 'NOTE: only a simulation\\nInst libhello (1:0.9-2 Debian:12/stable [amd64])\\n'
    printf 'Inst hello [1.1-1] (2:1.2-3 Debian:12/stable [amd64])\\nConf hello (2:1.2-3 Debian)\\n' ;;
  *update*) touch {known} ;;
  *download*libhello*) cp {pool}/libhello_1%3a0.9-2_all.deb . ;;
  *download*) cp {pool}/hello_2%3a1.2-3_all.deb . ;;
esac
"""
APT_CACHE = """#!/bin/sh
case "$*" in
  *libhello*) echo "SHA256: {libhello}" ;;
  *) echo "SHA256: {hello}" ;;
esac
"""


def deb(pool: Path, name: str, version: str, files: dict[str, str]) -> Path:
    """A small real package."""
    tree = pool / f"{name}.tree"
    (tree / "DEBIAN").mkdir(parents=True)
    control = (
        f"Package: {name}\nVersion: {version}\nArchitecture: all\nMaintainer: x <x@example.test>\nDescription: x\n"
    )
    (tree / "DEBIAN/control").write_text(control, "utf-8")
    for file, text in files.items():
        program(tree / file, text)
    path = pool / f"{name}_{version.replace(':', '%3a')}_all.deb"
    subprocess.run(["dpkg-deb", "--root-owner-group", "--build", tree, path], check=True, capture_output=True)
    return path


@pytest.fixture
def apt(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Stand-ins for apt's programs, serving two packages; returns the log of their arguments."""
    pool = tmp_path / "pool"
    hello = deb(pool, "hello", "2:1.2-3", {"usr/bin/hello": "#!/bin/sh\necho 1.2 with $LD_LIBRARY_PATH\n"})
    libhello = deb(pool, "libhello", "1:0.9-2", {"usr/lib/x86_64-linux-gnu/libhello.so.1": "library"})
    bin_folder = tmp_path / "bin"
    known = tmp_path / "known"
    known.touch()
    program(bin_folder / "apt-get", APT_GET.format(log=tmp_path / "log", pool=pool, known=known))
    program(bin_folder / "apt-cache", APT_CACHE.format(hello=sha256(hello), libhello=sha256(libhello)))
    monkeypatch.setenv("PATH", f"{bin_folder}:/usr/bin:/bin")
    return tmp_path / "log"


def test_the_plan_is_read_with_upgrades_epochs_and_architectures() -> None:
    """What apt would install, in its order; what it would only configure is not counted again."""
    output = (
        "Reading package lists...\n"
        "Inst libc-x:amd64 (3.6-3 Debian:12.15/oldstable [amd64])\n"
        "Inst redis-server [5:7.0.15-1~deb12u7] (5:7.0.15-1~deb12u10 Debian-Security:12 [amd64]) []\n"
        "Conf redis-server (5:7.0.15-1~deb12u10 Debian-Security:12 [amd64])\n"
    )
    assert parse_plan(output) == [Package("libc-x", "3.6-3"), Package("redis-server", "5:7.0.15-1~deb12u10")]


@pytest.mark.parametrize(
    ("version", "upstream"),
    [("5:7.0.15-1~deb12u10", "7.0.15"), ("3.8.7-1", "3.8.7"), ("5.9.20210829.0-1", "5.9.20210829.0"), ("1.2", "1.2")],
)
def test_the_upstream_version_is_what_the_file_means(version: str, upstream: str) -> None:
    """Neither the epoch nor Debian's revision is part of it."""
    assert upstream_version(version) == upstream


@HAS_DPKG
def test_packages_and_what_they_need_are_laid_with_their_checksums(tmp_path: Path, apt: Path) -> None:
    """Program and library are there, the library's folder is told, and apt installed nothing."""
    made, _ = job(tmp_path, TEXT)
    laid = debian.install(made, SOURCE)
    assert laid.version == "1.2"
    assert (made.root / "usr/bin/hello").exists()
    assert laid.libraries == ("usr/lib/x86_64-linux-gnu",)
    hello = made.downloads / "hello_2%3a1.2-3_all.deb"
    assert laid.checksum == laid.artefacts[hello.name] == sha256(hello)
    assert len(laid.artefacts) == 2
    calls = apt.read_text("utf-8").splitlines()
    assert all("--simulate" in call for call in calls if " install " in call)


@HAS_DPKG
@pytest.mark.usefixtures("apt")
def test_the_path_of_an_installed_program_is_all_that_is_needed_to_run_it(tmp_path: Path) -> None:
    """Its libraries are found without a variable that somebody would have to set, by its other name too."""
    source = '{ kind = "debian", packages = ["hello"] }'
    text = wheel_tool(source=source, programs='["usr/bin/hello"]', aliases='{ hi = "hello" }')
    (tmp_path / "tools").mkdir()
    found = toolchain(tmp_path / "tools", text).setup().installed[0]
    assert found.env == {}
    libraries = found.root / "usr/lib/x86_64-linux-gnu"
    for name in ("hello", "hi"):
        assert run([found.program(name)], timeout=30, drop=["LD_LIBRARY_PATH"]).text == f"1.2 with {libraries}\n"


@HAS_DPKG
def test_kept_packages_are_not_downloaded_again(tmp_path: Path, apt: Path) -> None:
    """A second installation asks apt for the plan only."""
    made, _ = job(tmp_path, TEXT)
    debian.install(made, SOURCE)
    before = apt.read_text("utf-8").count(" download ")
    shutil.rmtree(made.root)
    made.root.mkdir()
    debian.install(made, SOURCE)
    assert before == 2
    assert apt.read_text("utf-8").count(" download ") == 2


@HAS_DPKG
def test_a_dependency_that_is_skipped_is_not_laid(tmp_path: Path, apt: Path) -> None:
    """The toolchain file can leave out what another tool gives."""
    made, _ = job(tmp_path, TEXT)
    debian.install(made, DebianSource(kind="debian", packages=("hello",), skip=("lib*",)))
    assert not (made.root / "usr/lib").exists()
    assert "libhello" not in apt.read_text("utf-8")


@HAS_DPKG
def test_a_package_that_is_not_what_the_index_says_is_refused(tmp_path: Path, apt: Path) -> None:
    """File, expected and got are named, and the file is not kept."""
    (apt.parent / "pool" / "hello_2%3a1.2-3_all.deb").write_bytes(b"something else")
    made, _ = job(tmp_path, TEXT)
    with pytest.raises(LockMismatchError, match=r"hello_2%3a1\.2-3_all\.deb") as caught:
        debian.install(made, SOURCE)
    assert caught.value.expected != caught.value.actual
    assert not (made.downloads / "hello_2%3a1.2-3_all.deb").exists()


@HAS_DPKG
def test_without_an_index_one_of_our_own_is_fetched(tmp_path: Path, apt: Path) -> None:
    """A machine that has never updated, or a user who may not, gets an index in the downloads, removed afterwards."""
    (tmp_path / "known").unlink()
    made, _ = job(tmp_path, TEXT)
    assert debian.install(made, SOURCE).version == "1.2"
    update = next(call for call in apt.read_text("utf-8").splitlines() if call.endswith("update"))
    assert f"Dir::State::Lists={made.downloads}" in update
    assert all(path.suffix == ".deb" for path in made.downloads.iterdir())


@HAS_DPKG
@pytest.mark.usefixtures("apt")
def test_another_version_than_the_files_is_refused(tmp_path: Path) -> None:
    """Both versions are named."""
    made, _ = job(tmp_path, wheel_tool(version='"1.1"', source='{ kind = "debian", packages = ["hello"] }'))
    with pytest.raises(ToolchainError, match=r"1\.2, and the toolchain file asks for 1\.1"):
        debian.install(made, SOURCE)


def test_a_machine_without_apt_is_told_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No crash where there is no Debian."""
    monkeypatch.setenv("PATH", str(tmp_path))
    made, _ = job(tmp_path, TEXT)
    with pytest.raises(ToolchainError, match="Debian's apt-get"):
        debian.install(made, SOURCE)


def test_links_of_an_extracted_package_lead_to_what_they_mean(tmp_path: Path) -> None:
    """Absolute links stay inside; links to packages that the machine has lead to the machine's files."""
    root, system = tmp_path / "root", tmp_path / "system"
    for path in (root / "etc/maven/m2.conf", root / "usr/share/java/a.jar", system / "usr/share/java/b.jar"):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(path.name, "utf-8")
    links = {
        "usr/share/conf": "/etc/maven",
        "usr/share/lib-a.jar": "java/a.jar",
        "usr/share/lib-b.jar": "java/b.jar",
        "usr/share/lost": "java/c.jar",
        "usr/share/elsewhere": "/no/such/place",
    }
    for link, aim in links.items():
        (root / link).symlink_to(aim)
    localise_links(root, system)
    assert (root / "usr/share/conf/m2.conf").read_text("utf-8") == "m2.conf"
    assert (root / "usr/share/conf").resolve().is_relative_to(root)
    assert (root / "usr/share/lib-a.jar").readlink() == Path("java/a.jar")
    assert (root / "usr/share/lib-b.jar").resolve() == system / "usr/share/java/b.jar"
    assert (root / "usr/share/lost").readlink() == Path("java/c.jar")
    assert (root / "usr/share/elsewhere").readlink() == Path("/no/such/place")
