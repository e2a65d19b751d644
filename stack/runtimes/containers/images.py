"""Our own images: built once for a given content, found again by a label that holds its digest."""

from __future__ import annotations

import hashlib
import tarfile
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, TYPE_CHECKING

from docker.errors import APIError, BuildError, ImageNotFound

from stack.errors import NeedMissingError
from stack.process import tail
from stack.runtimes.base import Progress
from stack.runtimes.containers.base_image import ensure_base
from stack.runtimes.containers.engine import NEED, engine
from stack.settings import Settings
from stack.toolchain import Toolchain

if TYPE_CHECKING:
    from docker import DockerClient

__all__ = ["CONTENT", "IMAGES", "LICENCES", "Image", "Prepared", "current", "images", "prepare", "require"]

CONTENT = "engineroom.content"
_FOLDER = Path(__file__).resolve().parents[1] / "images"
_BUILD_WITHIN = 1800
# How an image is built beyond its files; raised when that changes.
_RECIPE = b"engine room image 1\n"
IMAGES = {
    "postgresql": "engineroom/postgresql:17",
    "redis": "engineroom/redis:valkey-8",
    "seaweedfs": "engineroom/seaweedfs:4",
}
# Of the server in each image; Debian's base has many more, each with its own text in the image.
LICENCES = {"postgresql": "PostgreSQL", "redis": "BSD-3-Clause", "seaweedfs": "Apache-2.0"}


@dataclass(frozen=True)
class Image:
    """One image and what it is made of.

    Attributes:
        key: its folder below `images`.
        tag: its name on an engine.
        folder: the Dockerfile and what goes with it.
        programs: files from the toolchain that are copied in, by name, with the sha256 that names their content.
    """

    key: str
    tag: str
    folder: Path
    programs: Mapping[str, tuple[Path, str]] = field(default_factory=dict)

    def digest(self) -> str:
        """Names the content: equal for equal files, whatever their times and owners."""
        found = hashlib.sha256(_RECIPE)
        for path in self._files():
            found.update(f"{path.relative_to(self.folder)} {_mode(path):o} {path.stat().st_size}\n".encode())
            found.update(path.read_bytes())
        for name, (_, checksum) in sorted(self.programs.items()):
            found.update(f"{name} {checksum}\n".encode())
        return found.hexdigest()

    def write_context(self, file: IO[bytes]) -> None:
        """Write what a build needs as a tar archive, all of it owned by root."""
        with tarfile.open(fileobj=file, mode="w") as archive:
            for path in self._files():
                _add(archive, path, str(path.relative_to(self.folder)), _mode(path))
            for name, (path, _) in sorted(self.programs.items()):
                _add(archive, path, name, 0o755)

    def _files(self) -> list[Path]:
        return sorted(path for path in self.folder.rglob("*") if path.is_file())


@dataclass(frozen=True)
class Prepared:
    """What a preparation did: tags of images that were built, and of those that were already there."""

    built: tuple[str, ...]
    already: tuple[str, ...]


def prepare(settings: Settings, progress: Progress | None = None) -> Prepared:
    """Build every image that the engine does not have in its present content; does nothing the second time.

    Args:
        settings: where the toolchain's programs are.
        progress: called with an image's name and what is done with it.

    Raises:
        NeedMissingError: no engine answers, the base image cannot be had, or a build failed.
    """
    say = progress or (lambda _image, _doing: None)
    client = engine(within=_BUILD_WITHIN)
    try:
        wanted = images(Toolchain(settings), install=True)
        missing = [image for image in wanted if not current(client, image)]
        for image in missing:
            ensure_base(client, lambda text: say("base image", text))
            say(image.key, f"building {image.tag}")
            _build(client, image, say)
            say(image.key, "built")
        return Prepared(
            built=tuple(image.tag for image in missing),
            already=tuple(image.tag for image in wanted if image not in missing),
        )
    finally:
        client.close()


def images(toolchain: Toolchain, *, install: bool = False) -> list[Image]:
    """Every image with its content.

    Args:
        toolchain: where programs that are copied in come from.
        install: obtain them first if they are missing.

    Raises:
        NeedMissingError: such a program is not there.
    """
    if install and toolchain.find("seaweedfs") is None:
        toolchain.setup(["seaweedfs"])
    seaweedfs = toolchain.require("seaweedfs")
    weed = seaweedfs.program("weed")
    programs = {"seaweedfs": {"weed": (weed, seaweedfs.checksum or _sha256(weed))}}
    return [Image(key, tag, _FOLDER / key, programs.get(key, {})) for key, tag in IMAGES.items()]


def current(client: DockerClient, image: Image) -> bool:
    """Whether the engine has this image in this content."""
    try:
        labels = client.images.get(image.tag).labels
    except ImageNotFound:
        return False
    return bool(labels.get(CONTENT) == image.digest())


def require(client: DockerClient, settings: Settings) -> None:
    """Make sure that every image is there and current.

    Raises:
        NeedMissingError: one is not.
    """
    absent = [image.tag for image in images(Toolchain(settings)) if not current(client, image)]
    if absent:
        raise NeedMissingError(
            NEED,
            "Images are missing, or older than this checkout",
            on=", ".join(absent),
            fix="build them: engineroom setup --runtime containers",
        )


def _build(client: DockerClient, image: Image, say: Progress) -> None:
    before = _identity(client, image.tag)
    with tempfile.TemporaryFile(prefix="engineroom-build-") as context:
        image.write_context(context)
        context.seek(0)
        output: list[str] = []
        try:
            for event in client.api.build(
                fileobj=context,
                custom_context=True,
                tag=image.tag,
                labels={CONTENT: image.digest()},
                rm=True,
                forcerm=True,
                decode=True,
            ):
                _follow(event, output, lambda text: say(image.key, text))
        except (APIError, BuildError) as error:
            raise NeedMissingError(
                NEED,
                f"The image {image.tag} could not be built",
                on=str(image.folder / "Dockerfile"),
                got=f"{error}\n{tail(''.join(output))}",
                fix="building needs the package mirror of the base image; is it reachable from containers?",
            ) from error
    if before is not None and before != _identity(client, image.tag):
        # Another run may still use the old one: then it stays until somebody prunes.
        _remove_if_unused(client, before)


def _follow(event: Mapping[str, str], output: list[str], say: Callable[[str], None]) -> None:
    if "error" in event:
        raise BuildError(event["error"], iter(()))
    text = event.get("stream", "")
    output.append(text)
    if text.startswith("Step "):
        say(text.strip())


def _identity(client: DockerClient, tag: str) -> str | None:
    try:
        return str(client.images.get(tag).id)
    except ImageNotFound:
        return None


def _remove_if_unused(client: DockerClient, identity: str) -> None:
    try:
        client.images.remove(identity, noprune=False)
    except APIError:
        return


def _mode(path: Path) -> int:
    # Only whether it is executable: the rest of the mode is the checkout's umask.
    return 0o755 if path.stat().st_mode & 0o100 else 0o644


def _add(archive: tarfile.TarFile, path: Path, name: str, mode: int) -> None:
    entry = tarfile.TarInfo(name)
    entry.size, entry.mode = path.stat().st_size, mode
    with path.open("rb") as file:
        archive.addfile(entry, file)


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
