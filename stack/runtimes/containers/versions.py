"""What runs in a run's containers, asked of the programs themselves."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, NamedTuple

from docker.errors import DockerException

from stack.runtimes.containers.images import IMAGES, LICENCES
from stack.runtimes.containers.looking import why_ended
from stack.runtimes.containers.pod import containers_of

if TYPE_CHECKING:
    from docker import DockerClient
    from docker.models.containers import Container

__all__ = ["Running", "running_servers", "version_in"]

_ASK: Mapping[str, list[str]] = {
    "postgresql": ["postgres", "--version"],
    "redis": ["valkey-server", "--version"],
    "seaweedfs": ["weed", "version"],
}
_VERSION = re.compile(r"(?:PostgreSQL\) |v=|GB )(\d[\w.]*)")


class Running(NamedTuple):
    """One server: its name, version, licence, and the digest of the image it runs from."""

    name: str
    version: str
    licence: str
    checksum: str


def version_in(output: str) -> str:
    """The version in what a server says of itself; `unknown` where it says something else."""
    found = _VERSION.search(output)
    return found.group(1) if found else "unknown"


def running_servers(client: DockerClient, run: str) -> Iterator[Running]:
    """Every server program of a run, once."""
    first: dict[str, Container] = {}
    keys = {tag: key for key, tag in IMAGES.items()}
    for container in containers_of(client, run).values():
        key = keys.get(container.attrs["Config"]["Image"])
        if key is not None and why_ended(container) is None:
            first.setdefault(key, container)
    for key, container in sorted(first.items()):
        try:
            output = container.exec_run(_ASK[key], environment={"HOME": "/engineroom/tmp"}).output
        except DockerException:
            output = b""
        image = str(container.attrs["Image"]).removeprefix("sha256:")
        yield Running(key, version_in(output.decode("utf-8", "replace")), LICENCES[key], image)
