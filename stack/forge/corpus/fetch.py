"""The corpus in its cache: brought once, checked by SHA-256 each time, needing no network when it is all there."""

from __future__ import annotations

import hashlib
import os
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path

from stack.forge.corpus.clients import BRING, ClientError, Clients, Placed, Wanted, file_name
from stack.forge.corpus.manifest import ClientName, Manifest, Package, Size, Version
from stack.forge.errors import ForgeError

__all__ = ["Archives", "ChecksumError", "Missing", "bring", "fetch", "look", "sha256_of"]

_FOLDER = "corpus"

Archives = dict[tuple[str, str], Path]
"""Where the archive of each (package name, version) is."""

Missing = dict[ClientName, list[tuple[Package, Version]]]
"""What each client has to bring."""

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
    archives, missing = look(manifest, size, cache_dir=cache_dir)
    for client, wanted in missing.items():
        say(f"corpus: {client} brings {len(wanted)} archives")
        archives |= bring(client, wanted, cache_dir=cache_dir, clients=clients)
    return archives


def look(manifest: Manifest, size: Size, *, cache_dir: Path) -> tuple[Archives, Missing]:
    """The archives that are in the cache as they were pinned, and those that are not, by the client that has them."""
    folder = cache_dir / _FOLDER
    archives: Archives = {}
    missing: Missing = {}
    for package, version in manifest.pairs(size):
        place = folder / file_name(package, version)
        if place.is_file() and sha256_of(place) == version.sha256:
            archives[package.name, version.version] = place
        else:
            missing.setdefault(package.client, []).append((package, version))
    return archives, dict(sorted(missing.items()))


def bring(client: ClientName, wanted: Wanted, *, cache_dir: Path, clients: Clients | None = None) -> Archives:
    """Let one client bring archives into the cache; raises as `fetch` does."""
    folder = cache_dir / _FOLDER
    folder.mkdir(parents=True, exist_ok=True)
    archives: Archives = {}
    with tempfile.TemporaryDirectory(prefix=".incoming-", dir=folder) as scratch:
        placed = _placed(client, wanted, Path(scratch), clients or {})
        for package, version in wanted:
            brought = placed.get((package.name, version.version))
            if brought is None or not brought.is_file():
                raise _unclear(client, f"nothing about {package.name} {version.version}")
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


def _placed(client: ClientName, wanted: Wanted, scratch: Path, clients: Clients) -> Placed:
    try:
        return BRING[client](wanted, scratch, clients)
    except (KeyError, ValueError, StopIteration) as error:
        raise _unclear(client, repr(error)) from error


def _unclear(client: ClientName, got: str) -> ClientError:
    fix = f"see which version of {client} this is; `engineroom setup` brings one that is known to do"
    return ClientError("A package client answered in a way that is not understood", on=client, got=got, fix=fix)


def sha256_of(path: Path) -> str:
    """Checksum of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _keep(brought: Path, place: Path) -> Path:
    # Copied beside its place and renamed: a run that is killed here leaves no half archive under the real name.
    partial = place.with_suffix(f".{os.getpid()}.partial")
    shutil.copyfile(brought, partial)
    partial.replace(place)
    return place
