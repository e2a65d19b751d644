"""The base image under its public name: pulled, or made from this machine's own package mirror where it can't be."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from docker.errors import DockerException, ImageNotFound

from stack.errors import NeedMissingError
from stack.process import ProgramFailedError, run
from stack.runtimes.containers.engine import NEED

if TYPE_CHECKING:
    from docker import DockerClient

__all__ = ["BASE", "ensure_base", "first_mirror"]

BASE = "debian:trixie-slim"
_REPOSITORY, _TAG = BASE.split(":")
_SUITE = "trixie"
_MAKE_WITHIN = 900.0


def ensure_base(client: DockerClient, say: Callable[[str], None]) -> None:
    """Make sure that the engine has the base image.

    Args:
        client: of the engine.
        say: told each step.

    Raises:
        NeedMissingError: it can be neither pulled nor made here.
    """
    try:
        client.images.get(BASE)
    except ImageNotFound:
        say(f"pulling {BASE}")
    else:
        return
    try:
        client.images.pull(_REPOSITORY, _TAG)
    except DockerException as error:
        say(f"{BASE} cannot be pulled; making it from this machine's package mirror, a minute or two")
        _make(client, refusal=str(error))


def _make(client: DockerClient, *, refusal: str) -> None:
    fix = "load the image into the engine (docker load), or install mmdebstrap and run the setup as root"
    if shutil.which("mmdebstrap") is None or os.geteuid() != 0:
        raise NeedMissingError(
            NEED, "The base image can be neither pulled nor made here", on=BASE, got=refusal, fix=fix
        )
    with tempfile.TemporaryDirectory(prefix="engineroom-base-") as folder:
        archive = Path(folder) / "base.tar"
        try:
            mirror = first_mirror()
            # Its own sources name the same mirror, so that packages can be installed into what is built on it.
            run(
                ["mmdebstrap", "--quiet", "--variant=minbase", "--mode=root", _SUITE, archive, mirror],
                timeout=_MAKE_WITHIN,
                cwd=Path(folder),
            )
        except ProgramFailedError as error:
            raise NeedMissingError(
                NEED, "The base image could not be made", on=BASE, got=f"{refusal}\n{error}", fix=fix
            ) from error
        with archive.open("rb") as data:
            client.api.import_image_from_data(data, repository=_REPOSITORY, tag=_TAG, changes=['CMD ["bash"]'])


def first_mirror() -> str:
    """Where this machine's own packages come from: the first of apt's sources that is not for security updates only.

    Raises:
        ProgramFailedError: there is no apt here.
    """
    listing = run(
        ["apt-get", "indextargets", "--format", "$(REPO_URI) $(SUITE)", "Created-By: Packages"], timeout=60.0
    ).text
    for line in listing.splitlines():
        address, _, suite = line.partition(" ")
        if address and not suite.endswith("-security"):
            return address
    raise ProgramFailedError(["apt-get", "indextargets"], code=0, output="it names no package source")
