"""Brings source packages by each registry's ordinary client, as it is set up on this machine; knows no address."""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from xml.sax.saxutils import escape

from tenacity import Retrying, retry_if_exception, stop_after_attempt, wait_exponential

from stack.errors import NeedMissingError
from stack.forge.corpus.manifest import ClientName, Package, Version
from stack.forge.errors import ForgeError
from stack.process import ProgramFailedError, run

__all__ = ["BRING", "Client", "ClientError", "Clients", "Placed", "Wanted", "file_name"]

_SECONDS = 600.0
_ATTEMPTS = 3
# The version that stack/toolchain/toolchain.toml names, so that Maven brings one plugin for both.
_MAVEN_GOAL = "org.apache.maven.plugins:maven-dependency-plugin:3.8.1:copy"
_ANCHOR = "cfg-if"
_ENDINGS: dict[ClientName, str] = {"cargo": ".crate", "go": ".zip", "npm": ".tgz", "pip": ".sdist", "maven": ".jar"}


class ClientError(ForgeError):
    """A package client could not bring a package."""


@dataclass(frozen=True)
class Client:
    """A program, the arguments that come before all others, and what it needs in its environment."""

    program: Path
    env: Mapping[str, str] = field(default_factory=dict)
    arguments: tuple[str, ...] = ()


Clients = Mapping[str, Client]
"""Clients that someone has installed elsewhere (`mvn`, `cargo`, ...); what isn't here is looked for on PATH."""

Wanted = Sequence[tuple[Package, Version]]
Placed = dict[tuple[str, str], Path]
Bring = Callable[[Wanted, Path, Clients], Placed]


def file_name(package: Package, version: Version) -> str:
    """Name of an archive in the cache: no two packages share one, and it is safe as a path."""
    stem = f"{package.client}-{package.name}-{version.version}".replace("/", "_").replace(":", "_").replace("@", "_")
    return stem + _ENDINGS[package.client]


def bring_crates(wanted: Wanted, folder: Path, clients: Clients) -> Placed:
    """Let Cargo resolve a project that depends on each crate, and take the crate from Cargo's own cache."""
    placed: Placed = {}
    for package, version in wanted:
        project = folder / f"{package.name}-{version.version}"
        (project / "src").mkdir(parents=True)
        (project / "src" / "lib.rs").write_bytes(b"")
        (project / "Cargo.toml").write_text(
            '[package]\nname = "corpus"\nversion = "0.0.0"\nedition = "2021"\n[workspace]\n'
            f'[dependencies.wanted]\npackage = "{package.name}"\nversion = "={version.version}"\n'
            # Cargo brings a crate without a library all the same, but tells nothing about it; the place of one that it
            # does tell about (and that half of all crates depend on anyway) is the place of all.
            f'default-features = false\n[dependencies.{_ANCHOR}]\nversion = "1"\n',
            "utf-8",
        )
        output = _run("cargo", ["metadata", "--format-version", "1", "--quiet"], project, clients)
        packages = json.loads(output)["packages"]
        root = next(Path(item["manifest_path"]).parent for item in packages if item["name"] == _ANCHOR)
        # <cargo home>/registry/src/<registry>/<crate> was unpacked from <cargo home>/registry/cache/<registry>/<crate>.
        cache = root.parents[2] / "cache" / root.parent.name
        placed[package.name, version.version] = cache / f"{package.name}-{version.version}.crate"
    return placed


def bring_modules(wanted: Wanted, folder: Path, clients: Clients) -> Placed:
    """Let Go download modules into its cache, and take their zip files from there."""
    names = [f"{package.name}@{version.version}" for package, version in wanted]
    output = _run("go", ["mod", "download", "-json", *names], folder, clients, env={"GOFLAGS": "-mod=mod"})
    placed: Placed = {}
    decoder, position = json.JSONDecoder(), 0
    while position < len(output.rstrip()):
        record, position = decoder.raw_decode(output, position)
        placed[record["Path"], record["Version"]] = Path(record["Zip"])
        position = len(output) - len(output[position:].lstrip())
    return placed


def bring_npm(wanted: Wanted, folder: Path, clients: Clients) -> Placed:
    """Let npm pack what its registry has."""
    names = [f"{package.name}@{version.version}" for package, version in wanted]
    output = _run("npm", ["pack", "--json", "--ignore-scripts", *names], folder, clients)
    return {(item["name"], item["version"]): folder / item["filename"] for item in json.loads(output)}


def bring_sdists(wanted: Wanted, folder: Path, clients: Clients) -> Placed:
    """Let pip download source distributions; it asks each one's build system for its metadata."""
    placed: Placed = {}
    for package, version in wanted:
        place = folder / f"{package.name}-{version.version}"
        options = ["download", "--quiet", "--no-deps", "--no-binary", ":all:", "--disable-pip-version-check"]
        name = f"{package.name}=={version.version}"
        _run("pip", [*options, "--dest", str(place), name], folder, clients)
        placed[package.name, version.version] = next(place.iterdir())
    return placed


def bring_jars(wanted: Wanted, folder: Path, clients: Clients) -> Placed:
    """Let Maven copy the sources jars of all artefacts at once."""
    items = []
    placed: Placed = {}
    for package, version in wanted:
        group, artefact = package.name.split(":")
        items.append(
            f"<artifactItem><groupId>{escape(group)}</groupId><artifactId>{escape(artefact)}</artifactId>"
            f"<version>{escape(version.version)}</version><classifier>sources</classifier></artifactItem>"
        )
        placed[package.name, version.version] = folder / "jars" / f"{artefact}-{version.version}-sources.jar"
    (folder / "pom.xml").write_text(
        "<project><modelVersion>4.0.0</modelVersion><groupId>corpus</groupId><artifactId>corpus</artifactId>"
        "<version>0</version><packaging>pom</packaging><build><plugins><plugin>"
        "<groupId>org.apache.maven.plugins</groupId><artifactId>maven-dependency-plugin</artifactId>"
        f"<configuration><outputDirectory>jars</outputDirectory><artifactItems>{''.join(items)}</artifactItems>"
        "</configuration></plugin></plugins></build></project>",
        "utf-8",
    )
    _run("mvn", ["--batch-mode", "--quiet", _MAVEN_GOAL], folder, clients)
    return placed


BRING: Mapping[ClientName, Bring] = {
    "cargo": bring_crates,
    "go": bring_modules,
    "npm": bring_npm,
    "pip": bring_sdists,
    "maven": bring_jars,
}


def _run(
    name: str, arguments: Sequence[str], folder: Path, clients: Clients, env: Mapping[str, str] | None = None
) -> str:
    client = _find(name, clients)
    words = [str(client.program), *client.arguments, *arguments]
    retrying = Retrying(
        stop=stop_after_attempt(_ATTEMPTS),
        wait=wait_exponential(multiplier=1, max=5),
        retry=retry_if_exception(_may_pass),
        reraise=True,
    )
    try:
        done = retrying(run, words, timeout=_SECONDS, cwd=folder, env={**client.env, **(env or {})})
    except ProgramFailedError as error:
        raise ClientError(
            f"{name} could not bring a package of the corpus",
            on=" ".join(arguments),
            got=error.got,
            fix=f"see whether `{name}` reaches its registry on this machine, then run the same again: "
            "what was brought is kept",
        ) from error
    return done.stdout.decode("utf-8", "replace")


def _may_pass(error: BaseException) -> bool:
    """Whether another attempt may help: a registry's clear refusal is final."""
    if not isinstance(error, ProgramFailedError):
        return False
    final = ("403", "404", "forbidden", "not found", "no matching")
    return not any(word in error.output.lower() for word in final)


def _find(name: str, clients: Clients) -> Client:
    if name in clients:
        return clients[name]
    if name == "pip":
        return Client(Path(sys.executable), arguments=("-m", "pip"))
    found = shutil.which(name)
    if found is None:
        raise NeedMissingError(
            name,
            f"The corpus needs `{name}` to bring packages, and it is not on this machine",
            fix=f"put {name} on PATH, or run `engineroom setup`, which brings the corpus and every client of it but Go",
        )
    return Client(Path(found))
