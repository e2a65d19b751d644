"""Debian packages, downloaded by apt and extracted: no root, no maintainer scripts, so no daemon is started."""

from __future__ import annotations

import os
import re
import tempfile
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path

from stack.toolchain.cache import TEMPORARY
from stack.toolchain.errors import LockMismatchError, ToolchainError
from stack.toolchain.locks import sha256
from stack.toolchain.manifest import DebianSource
from stack.toolchain.sources.job import Job, Laid

__all__ = ["Package", "install", "localise_links", "parse_plan", "upstream_version"]

_QUERY_LIMIT = 120.0  # seconds
_DOWNLOAD_LIMIT = 900.0
_INST = re.compile(r"^Inst (?P<name>[^\s:]+)\S* (?:\[[^\]]*\] )?\((?P<version>\S+) ", re.MULTILINE)
_EPOCH = re.compile(r"^\d+:")
_LIBRARY_FOLDERS = ("usr/lib/*-linux-*", "lib/*-linux-*", "usr/lib/*-linux-*/pulseaudio", "usr/lib", "lib")


@dataclass(frozen=True)
class Package:
    """One package at one version."""

    name: str
    version: str

    def __str__(self) -> str:
        """As apt takes it."""
        return f"{self.name}={self.version}"


def install(job: Job, source: DebianSource) -> Laid:
    """Lay the packages, and those they need that this machine lacks, in the root.

    Raises:
        ToolchainError: apt is missing, does not know a package, has another version, or cannot fetch it.
        LockMismatchError: a package is not what the signed index says.
    """
    apt = _Apt(job)
    try:
        files = apt.fetch(source)
    except LockMismatchError:
        raise
    except ToolchainError:
        if job.stop.is_set():
            raise
        # No index yet, or one so old that its packages have gone: get a fresh one of our own, and try once more.
        job.say("refreshing the package index")
        with tempfile.TemporaryDirectory(prefix=TEMPORARY, dir=job.downloads) as index:
            apt = _Apt(job, index=Path(index))
            apt.update()
            files = apt.fetch(source)
    main = next(package for package in files if package.name == source.packages[0])
    version = upstream_version(main.version)
    if not source.any_version and not (version + ".").startswith(job.entry.version + "."):
        raise ToolchainError(
            f"Debian has another version of {main.name}",
            got=f"{version}, and the toolchain file asks for {job.entry.version}",
            fix="change the version in the toolchain file, or use a Debian release that has it",
        )
    for package, (path, _) in files.items():
        job.say(f"extracting {package.name}")
        job.run(["dpkg-deb", "-x", path, job.root], timeout=_QUERY_LIMIT, attempt=f"{path.name} cannot be extracted")
    localise_links(job.root)
    artefacts = {path.name: digest for path, digest in files.values()}
    return Laid(version, artefacts, files[main][1], libraries=_libraries(job.root))


class _Apt:
    """The three questions put to apt; with an index of our own where the machine's will not do."""

    def __init__(self, job: Job, *, index: Path | None = None) -> None:
        self._job = job
        self._options = ["-o", "Debug::NoLocking=1"]
        if os.geteuid() == 0:  # otherwise apt drops to a user that cannot write our downloads
            self._options += ["-o", "APT::Sandbox::User=root"]
        if index is not None:
            for name in ("lists/partial", "cache/archives/partial"):
                (index / name).mkdir(parents=True, exist_ok=True)
            self._options += ["-o", f"Dir::State::Lists={index / 'lists'}", "-o", f"Dir::Cache={index / 'cache'}"]

    def update(self) -> None:
        self._run(["apt-get", "update"], _DOWNLOAD_LIMIT, "The package index could not be fetched")

    def fetch(self, source: DebianSource) -> dict[Package, tuple[Path, str]]:
        """Package to its file and SHA-256, verified."""
        files: dict[Package, tuple[Path, str]] = {}
        for package in self._plan(source):
            expected = self._checksum(package)
            path = self._kept(package, expected) or self._download(package)
            got = sha256(path)
            if got != expected:
                path.unlink()
                raise LockMismatchError(path.name, expected=expected, got=got, lock="Debian's package index")
            files[package] = (path, got)
        return files

    def _plan(self, source: DebianSource) -> list[Package]:
        names = list(source.packages)
        output = self._run(
            ["apt-get", "install", "--simulate", "--no-install-recommends", *names],
            _QUERY_LIMIT,
            f"apt does not know how to install {' and '.join(names)}",
        )
        plan = [p for p in parse_plan(output) if not any(fnmatchcase(p.name, skipped) for skipped in source.skip)]
        # What is on the machine already is not in the plan, but the cache must hold it all the same.
        planned = {package.name for package in plan}
        return plan + [Package(name, self._candidate(name)) for name in names if name not in planned]

    def _candidate(self, name: str) -> str:
        output = self._run(["apt-cache", "policy", name], _QUERY_LIMIT, f"apt does not know {name}")
        match = re.search(r"^\s+Candidate: (\S+)$", output, re.MULTILINE)
        if match is None or match[1] == "(none)":
            raise ToolchainError(f"apt does not know {name}", got=output.strip())
        return match[1]

    def _checksum(self, package: Package) -> str:
        output = self._run(["apt-cache", "show", str(package)], _QUERY_LIMIT, f"apt does not know {package}")
        match = re.search(r"^SHA256: ([0-9a-f]{64})$", output, re.MULTILINE)
        if match is None:
            raise ToolchainError(f"The package index has no SHA-256 of {package}", got=output[:200])
        return match[1]

    def _file(self, package: Package) -> Path | None:
        version = package.version.replace(":", "%3a")
        return next(iter(sorted(self._job.downloads.glob(f"{package.name}_{version}_*.deb"))), None)

    def _kept(self, package: Package, expected: str) -> Path | None:
        path = self._file(package)
        return path if path is not None and sha256(path) == expected else None

    def _download(self, package: Package) -> Path:
        self._job.say(f"downloading {package}")
        self._run(["apt-get", "download", str(package)], _DOWNLOAD_LIMIT, f"{package} could not be downloaded by apt")
        path = self._file(package)
        if path is None:
            raise ToolchainError(f"apt brought no file of {package}", on=str(self._job.downloads))
        return path

    def _run(self, words: list[str], timeout: float, attempt: str) -> str:
        return self._job.run(
            [words[0], *self._options, *words[1:]],
            timeout=timeout,
            attempt=attempt,
            cwd=self._job.downloads,
            env={"LC_ALL": "C", "DEBIAN_FRONTEND": "noninteractive"},
            fix="this needs Debian's apt-get and a package index that names it",
        ).text


def parse_plan(output: str) -> list[Package]:
    """The packages that `apt-get install --simulate` would install, in its order."""
    return [Package(match["name"], match["version"]) for match in _INST.finditer(output)]


def upstream_version(version: str) -> str:
    """`5:7.0.15-1~deb12u10` is upstream's 7.0.15."""
    return _EPOCH.sub("", version).rsplit("-", 1)[0].split("+", 1)[0]


def localise_links(root: Path, system: Path = Path("/")) -> None:
    """Make links that mean the installed system work in the root they were extracted into.

    An absolute link whose target was extracted too becomes relative; a relative link whose target was not extracted,
    because the machine has that package already, leads to the machine's own file.

    Args:
        root: where packages were extracted.
        system: what the packages call `/`.
    """
    for folder, folders, files in os.walk(root):
        for name in (*folders, *files):
            link = Path(folder, name)
            if link.is_symlink():
                _localise(link, root, system)


def _localise(link: Path, root: Path, system: Path) -> None:
    aim = link.readlink()
    if aim.is_absolute():
        inside = root / aim.relative_to("/")
        new = Path(os.path.relpath(inside, link.parent))
        wrong = os.path.lexists(inside)
    else:
        inside = Path(os.path.normpath(link.parent / aim))
        if not inside.is_relative_to(root):
            return
        new = system / inside.relative_to(root)
        wrong = not os.path.lexists(inside) and new.exists()
    if wrong:
        link.unlink()
        link.symlink_to(new)


def _libraries(root: Path) -> tuple[str, ...]:
    return tuple(
        folder.relative_to(root).as_posix()
        for pattern in _LIBRARY_FOLDERS
        for folder in sorted(root.glob(pattern))
        if any(folder.glob("*.so*"))
    )
