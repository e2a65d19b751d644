"""Images are named by their content, and built only when it changes."""

from __future__ import annotations

import hashlib
import io
import os
import tarfile
from pathlib import Path

import pytest
from docker import DockerClient

from stack.errors import NeedMissingError
from stack.runtimes.containers import images as module
from stack.runtimes.containers.images import IMAGES, LICENCES, Image, current, images, prepare, require
from stack.runtimes.containers.versions import version_in
from stack.settings import Settings, load
from stack.toolchain import Toolchain

FOLDER = Path(module.__file__).resolve().parents[1] / "images"


@pytest.fixture
def image(tmp_path: Path) -> Image:
    """A small image with a program beside its own files."""
    folder = tmp_path / "image"
    folder.mkdir()
    (folder / "Dockerfile").write_text("FROM scratch\n")
    (folder / "start.sh").write_text("#!/bin/sh\n")
    program = tmp_path / "elsewhere"
    program.write_bytes(b"program")
    return Image("small", "engineroom/small:1", folder, {"tool": (program, "sum")})


def test_equal_content_has_an_equal_digest(image: Image) -> None:
    """Neither times nor the checkout's umask change it."""
    before = image.digest()
    os.utime(image.folder / "Dockerfile", (1, 1))
    (image.folder / "Dockerfile").chmod(0o600)
    assert image.digest() == before


@pytest.mark.parametrize("change", ["text", "name", "mode", "program"])
def test_other_content_has_another_digest(image: Image, change: str) -> None:
    """A changed text, name, executable bit or program does."""
    before, programs = image.digest(), dict(image.programs)
    script = image.folder / "start.sh"
    if change == "text":
        script.write_text("#!/bin/sh\nexit\n")
    elif change == "name":
        script.rename(image.folder / "begin.sh")
    elif change == "mode":
        script.chmod(0o755)
    else:
        programs["tool"] = (programs["tool"][0], "another sum")
    assert Image(image.key, image.tag, image.folder, programs).digest() != before


def test_the_context_is_the_same_for_everybody(image: Image) -> None:
    """The archive has the folder and the program, owned by root, programs executable, without times."""
    (image.folder / "start.sh").chmod(0o755)
    written = io.BytesIO()
    image.write_context(written)
    written.seek(0)
    with tarfile.open(fileobj=written) as archive:
        members = {member.name: member for member in archive}
    assert {name: f"{member.mode:o}" for name, member in members.items()} == {
        "Dockerfile": "644",
        "start.sh": "755",
        "tool": "755",
    }
    assert {(member.uid, member.mtime) for member in members.values()} == {(0, 0)}


def test_every_image_has_a_folder_and_a_licence() -> None:
    """And every folder is an image: nothing is built that nobody starts."""
    assert set(IMAGES) == set(LICENCES) == {path.name for path in FOLDER.iterdir()}
    for key in IMAGES:
        text = (FOLDER / key / "Dockerfile").read_text()
        assert "FROM debian:trixie-slim" in text
        assert "USER 999:999" in text, f"{key} runs as root"


def test_no_place_to_fetch_from_is_written_down() -> None:
    """Packages come from where the base image's own sources say."""
    for path in FOLDER.rglob("*"):
        if path.is_file():
            assert "://" not in path.read_text(), f"{path} names an address"


def test_entrypoints_are_executable() -> None:
    """A checkout keeps the bit that the image copies."""
    assert os.access(FOLDER / "postgresql" / "entrypoint.sh", os.X_OK)


@pytest.mark.parametrize(
    ("output", "version"),
    [
        ("postgres (PostgreSQL) 17.12 (Debian 17.12-0+deb13u1)", "17.12"),
        ("Valkey server v=8.1.1 sha=00000000:1 malloc=jemalloc-5.3.0 bits=64 build=1f", "8.1.1"),
        ("version 8000GB 4.48 pypi linux amd64\nFor enterprise users", "4.48"),
        ("", "unknown"),
        ("command not found", "unknown"),
    ],
)
def test_versions_are_read(output: str, version: str) -> None:
    """From what each server says of itself, or not at all."""
    assert version_in(output) == version


def test_no_engine_is_a_missing_need(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Preparing without one names the need and what to do."""
    monkeypatch.setenv("DOCKER_HOST", f"unix://{tmp_path}/nothing.sock")
    with pytest.raises(NeedMissingError) as caught:
        prepare(load(runtime="containers", state_dir=tmp_path))
    assert caught.value.need == "containers"
    assert "DOCKER_HOST" in caught.value.fix


def test_a_second_preparation_builds_nothing(settings: Settings) -> None:
    """Every image is found by its content."""
    done = prepare(settings)
    assert done.built == ()
    assert set(done.already) == set(IMAGES.values())


def test_an_image_of_other_content_is_not_current(client: DockerClient, settings: Settings) -> None:
    """The tag alone says nothing; nor does an absent image."""
    mine = next(image for image in images(Toolchain(settings)) if image.key == "redis")
    assert current(client, mine)
    other = hashlib.sha256(b"other").hexdigest()
    assert not current(client, Image(mine.key, mine.tag, mine.folder, {"more": (Path("more"), other)}))
    assert not current(client, Image(mine.key, "engineroom/absent:0", mine.folder))


def test_a_start_without_images_says_how_to_build_them(
    client: DockerClient, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The missing image is named, and so is the command."""
    monkeypatch.setitem(IMAGES, "redis", "engineroom/absent:0")
    with pytest.raises(NeedMissingError) as caught:
        require(client, settings)
    assert "engineroom/absent:0" in caught.value.on
    assert "engineroom setup" in caught.value.fix
