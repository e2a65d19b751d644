"""The corpus in its cache: brought once, checked by SHA-256 each time, needing no network when it is all there."""

from __future__ import annotations

import hashlib
import os
import shutil
import tempfile
from collections.abc import Callable, Iterable
from itertools import groupby
from pathlib import Path

from stack.forge.corpus.clients import BRING, Clients, file_name
from stack.forge.corpus.manifest import ClientName, Manifest, Package, Size, Version
from stack.forge.errors import ForgeError

__all__ = ["Archives", "ChecksumError", "fetch", "sha256_of"]

Archives = dict[tuple[str, str], Path]
"""Where the archive of each (package name, version) is."""

Progress = Callable[[str], None]


class ChecksumError(ForgeError):
    """An archive is not the one that the corpus file pins."""


def fetch(
    manifest: Manifest,
    size: Size,
    *,
    cache_dir: Path,
    clients: Clients | None = None,
    progress: Progress | None = None,
) -> Archives:
    """Have every archive of a corpus in the cache.

    Args:
        manifest: the corpus file.
        size: which corpus.
        cache_dir: folder that outlives runs; the archives go to its subfolder `corpus`.
        clients: package clients that are not on PATH.
        progress: told one line for each step.

    Returns:
        The path of each archive, all of them checked.

    Raises:
        NeedMissingError: a client is missing, and so are archives that only it can bring.
        ClientError: a client could not bring a package.
        ChecksumError: it brought something else than was pinned.
    """
    say = progress or (lambda _: None)
    folder = cache_dir / "corpus"
    folder.mkdir(parents=True, exist_ok=True)
    archives: Archives = {}
    missing: list[tuple[Package, Version]] = []
    for package, version in manifest.pairs(size):
        place = folder / file_name(package, version)
        if place.is_file() and sha256_of(place) == version.sha256:
            archives[package.name, version.version] = place
        else:
            missing.append((package, version))
    for client, pairs in _by_client(missing):
        say(f"corpus: {client} brings {len(pairs)} archives")
        archives |= _bring(client, pairs, folder, clients or {})
    return archives


def sha256_of(path: Path) -> str:
    """Checksum of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _by_client(pairs: Iterable[tuple[Package, Version]]) -> list[tuple[ClientName, list[tuple[Package, Version]]]]:
    ordered = sorted(pairs, key=lambda pair: pair[0].client)
    return [(client, list(group)) for client, group in groupby(ordered, key=lambda pair: pair[0].client)]


def _bring(client: ClientName, pairs: list[tuple[Package, Version]], folder: Path, clients: Clients) -> Archives:
    archives: Archives = {}
    with tempfile.TemporaryDirectory(prefix=".incoming-", dir=folder) as scratch:
        placed = BRING[client](pairs, Path(scratch), clients)
        for package, version in pairs:
            brought = placed[package.name, version.version]
            found = sha256_of(brought)
            if found != version.sha256:
                raise ChecksumError(
                    "A package of the corpus is not the one that was pinned",
                    on=f"{package.name} {version.version} by {client}",
                    got=f"sha256 {found}, pinned is {version.sha256 or 'nothing'}",
                    fix="if the package is new in corpus.toml, pin it: python -m stack.forge.corpus pin",
                )
            archives[package.name, version.version] = _keep(brought, folder / file_name(package, version))
    return archives


def _keep(brought: Path, place: Path) -> Path:
    # Copied beside its place and renamed: a run that is killed here leaves no half archive under the real name.
    partial = place.with_suffix(f".{os.getpid()}.partial")
    shutil.copyfile(brought, partial)
    partial.replace(place)
    return place
