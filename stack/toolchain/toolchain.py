"""The toolchain: what the file names, what is here of it, and how the rest is obtained."""

from __future__ import annotations

import hashlib
import json
import platform
from collections.abc import Iterable
from pathlib import Path

from stack.errors import NeedMissingError
from stack.settings import RuntimeName, Settings
from stack.toolchain.cache import Cache
from stack.toolchain.checkout import digest_of
from stack.toolchain.errors import GivenPathError
from stack.toolchain.installed import Installed, load_receipt
from stack.toolchain.locks import read_lock
from stack.toolchain.machine import find_given, find_on_machine
from stack.toolchain.manifest import (
    DEFAULT_MANIFEST,
    ArchiveSource,
    CheckoutSource,
    Entry,
    GoSource,
    PythonSource,
    Source,
    load_manifest,
)
from stack.toolchain.progress import Progress
from stack.toolchain.report import Row, SetupReport, State
from stack.toolchain.sources.ocb import sources as written_from
from stack.toolchain.sources.python import interpreter, requirements_of

__all__ = ["Toolchain"]

# Changed when an installer lays its files differently, so that old installations are not taken for new ones.
_LAYOUT = 1
_LAYOUT_OF_KIND = {"debian": 2}
_DIGEST_LENGTH = 12
_STATES: dict[str, State] = {"cache": "installed", "machine": "on the machine", "given": "given"}


class Toolchain:
    """Finds tools, and installs those that are not there."""

    def __init__(self, settings: Settings, manifest: Path | None = None) -> None:
        """Read the toolchain file.

        Args:
            settings: cache folder and given paths.
            manifest: another toolchain file than the project's own.

        Raises:
            UsageError: the file is not valid.
        """
        self.settings = settings
        self.cache = Cache(settings.cache_dir)
        self.manifest = load_manifest(manifest or DEFAULT_MANIFEST)
        self._on_machine: dict[str, Installed | None] = {}
        self._sources: dict[str, str] = {}

    def entries(self) -> list[Entry]:
        """Everything the toolchain file names, in its order."""
        return list(self.manifest.tools)

    def find(self, name: str) -> Installed | None:
        """A tool that can be used now: given by the user, on the machine where its entry allows, or in the cache.

        Reads a receipt and looks at files; touches no network and hashes nothing it has hashed before.

        Raises:
            UsageError: the toolchain file does not name it.
            GivenPathError: the user gave a path that does not lead to a usable program.
        """
        entry = self.manifest.entry(name)
        path = self._given_path(entry)
        if path is not None and entry.given is not None:
            return find_given(entry, entry.given, path, self.cache)
        if entry.machine is not None and entry.machine.prefer:
            return self._machine(entry) or self._cached(entry)
        return self._cached(entry) or self._machine(entry)

    def require(self, name: str) -> Installed:
        """Find a tool, or say what its absence means and what to do.

        Raises:
            NeedMissingError: it is not there.
        """
        try:
            found = self.find(name)
        except GivenPathError as error:
            raise NeedMissingError(name, error.what, on=error.on, got=error.got, fix=error.fix) from error
        if found is None:
            entry = self.manifest.entry(name)
            raise NeedMissingError(
                name,
                f"{name} is not built from these sources"
                if isinstance(entry.source, CheckoutSource)
                else f"{name} {entry.version} is not installed",
                on=str(self.cache.folder),
                got="without it there is no verdict on: " + "; ".join(entry.costs),
                fix=self.hint(entry),
            )
        return found

    def setup(
        self,
        names: Iterable[str] | None = None,
        *,
        also: Iterable[str] = (),
        progress: Progress | None = None,
        runtime: RuntimeName | None = None,
    ) -> SetupReport:
        """Install what is missing; see `stack.toolchain.installing`."""
        from stack.toolchain.installing import run_setup  # noqa: PLC0415 - it needs this class

        return run_setup(self, names, also=also, progress=progress, runtime=runtime or self.settings.runtime)

    def describe(self) -> list[Row]:
        """One row per tool, for a table; installs nothing."""
        return [self._row(entry) for entry in self.entries()]

    def folder(self, entry: Entry) -> Path:
        """Where an entry is installed; another lock, source or machine type is another folder."""
        if isinstance(entry.source, CheckoutSource):
            return self.cache.tool(entry.name, self.version(entry))
        return self.cache.tool(entry.name, f"{entry.version}-{self._digest(entry)}")

    def version(self, entry: Entry) -> str:
        """What an entry asks for: the version in the file, or the digest of what is built from this checkout."""
        return self._digest(entry) if isinstance(entry.source, CheckoutSource) else entry.version

    def is_unchanged(self, entry: Entry) -> bool:
        """Whether the sources of a program built from this checkout are still those that its digest stands for."""
        source = entry.source
        return not isinstance(source, CheckoutSource) or self._source_digest(entry, source) == self._files(source)

    def checksums(self, entry: Entry) -> dict[str, str] | None:
        """The lock of an entry, None when it has none of that form."""
        return read_lock(self.manifest.folder / entry.lock) if entry.lock else None

    def hint(self, entry: Entry) -> str:
        """What a person can do to get a tool."""
        parts = []
        if entry.source.kind != "machine":
            parts.append(f"run `engineroom setup {entry.name}`")
        if entry.given is not None:
            parts.append(f"give its path in {entry.given.variable}")
        if entry.machine is not None and entry.machine.hint:
            parts.append(entry.machine.hint)
        return ", or ".join(parts)

    def _given_path(self, entry: Entry) -> Path | None:
        if entry.given is None:
            return None
        return {"meilisearch_bin": self.settings.meilisearch_bin, "zoekt_bin": self.settings.zoekt_bin}[
            entry.given.setting
        ]

    def _cached(self, entry: Entry) -> Installed | None:
        folder = self.folder(entry)
        receipt = load_receipt(folder)
        return receipt.to_installed(folder) if receipt is not None else None

    def _machine(self, entry: Entry) -> Installed | None:
        if entry.machine is None:
            return None
        if entry.name not in self._on_machine:
            self._on_machine[entry.name] = find_on_machine(entry, entry.machine)
        return self._on_machine[entry.name]

    def _digest(self, entry: Entry) -> str:
        parts = {
            "layout": _LAYOUT_OF_KIND.get(entry.source.kind, _LAYOUT),
            "machine": platform.machine(),
            "source": _told(entry.source),
            "programs": entry.programs,
            "aliases": entry.aliases,
            "env": entry.env,
            "lock": self.checksums(entry),
        }
        if isinstance(entry.source, GoSource):
            module = self.manifest.folder / entry.source.folder
            parts["module"] = [(module / name).read_text("utf-8") for name in ("go.mod", "go.sum")]
            written = written_from(self.manifest.folder, entry.source)
            if written:
                parts["written"] = [[path.name, path.read_text("utf-8")] for path in written]
        if isinstance(entry.source, PythonSource):
            # Wheels are laid for one release of Python; another one needs an installation of its own.
            parts["requirements"] = requirements_of(self.manifest.folder, entry.source)
            parts["python"] = str(interpreter())
        if isinstance(entry.source, CheckoutSource):
            parts["files"] = self._source_digest(entry, entry.source)
        return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()[:_DIGEST_LENGTH]

    def forget(self, entry: Entry) -> None:
        """Look at the sources of a program of this checkout again when they are next asked for."""
        self._sources.pop(entry.name, None)

    def _source_digest(self, entry: Entry, source: CheckoutSource) -> str:
        # Read once: for as long as this object lives, a stack that it started keeps its programs, whatever is edited.
        if entry.name not in self._sources:
            self._sources[entry.name] = self._files(source)
        return self._sources[entry.name]

    def _files(self, source: CheckoutSource) -> str:
        return digest_of(self.manifest.folder / source.folder, source.ignored)

    def _row(self, entry: Entry) -> Row:
        found: Installed | None = None
        state: State
        try:
            found = self.find(entry.name)
            state = _STATES[found.origin] if found else "missing"
            where = str(found.root) if found else self.hint(entry)
        except GivenPathError as error:
            state, where = "wrong", str(error)
        return Row(
            name=entry.name,
            version=found.version if found else self.version(entry),
            licence=entry.licence,
            source=entry.source.kind,
            # Nothing vouches for a program that was on the machine or that the user gave.
            locked=_is_locked(entry) and (found is None or found.origin == "cache"),
            state=state,
            size=found.size if found else None,
            where=where,
            optional=entry.optional,
            costs=entry.costs,
        )


def _told(source: Source) -> dict[str, object]:
    told: dict[str, object] = source.model_dump(mode="json")
    # Keys that came later, and that a source does not use, leave the digest of what is installed as it was.
    return {name: value for name, value in told.items() if value or name not in {"builder", "modules"}}


def _is_locked(entry: Entry) -> bool:
    if isinstance(entry.source, ArchiveSource):
        return all(file.sha256 for file in entry.source.files)
    return entry.source.kind != "machine"
