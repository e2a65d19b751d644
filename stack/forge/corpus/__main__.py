"""`python -m stack.forge.corpus fetch|pin`: have the corpus in the cache; print checksums for new entries."""

from __future__ import annotations

import tempfile
from pathlib import Path

import click

from stack.errors import EngineRoomError
from stack.forge.corpus.clients import BRING
from stack.forge.corpus.fetch import fetch, sha256_of
from stack.forge.corpus.manifest import MANIFEST, Size, load_manifest
from stack.settings import load


@click.group()
def main() -> None:
    """The corpus of real code."""


@main.command("fetch")
@click.option("--size", type=click.Choice(["small", "full"]), default="full", show_default=True)
def fetch_command(size: Size) -> None:
    """Have every archive in the cache."""
    try:
        archives = fetch(load_manifest(), size, cache_dir=load().cache_dir, progress=click.echo)
    except EngineRoomError as error:
        raise click.ClickException(str(error)) from error
    click.echo(f"{len(archives)} archives, all as pinned")


@main.command("pin")
def pin_command() -> None:
    """Print the checksum of every version that has none in corpus.toml; look at the archives before you trust them."""
    for package in load_manifest(MANIFEST).package:
        wanted = [(package, version) for version in package.versions if not version.sha256]
        if not wanted:
            continue
        with tempfile.TemporaryDirectory() as folder:
            try:
                placed = BRING[package.client](wanted, Path(folder), {})
            except EngineRoomError as error:
                raise click.ClickException(str(error)) from error
            for _, version in wanted:
                click.echo(f"{package.name} {version.version} {sha256_of(placed[package.name, version.version])}")


if __name__ == "__main__":
    main()
