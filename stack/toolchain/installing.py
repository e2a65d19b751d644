"""Installs what is missing: in parallel, each tool whole or not at all, and never more than was asked for."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterable
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from datetime import UTC, datetime
from graphlib import TopologicalSorter
from pathlib import Path

from tenacity import Retrying, retry_if_exception_type, stop_after_attempt

from stack.errors import EngineRoomError
from stack.settings import RuntimeName, Settings
from stack.toolchain.cache import Cache, make_readable, size_of
from stack.toolchain.errors import SourcesChangedError, ToolchainError
from stack.toolchain.installed import RECEIPT, Installed, Receipt
from stack.toolchain.launchers import write_launchers
from stack.toolchain.manifest import CheckoutSource, Entry
from stack.toolchain.progress import Progress, SilentProgress
from stack.toolchain.report import SetupReport
from stack.toolchain.selection import chosen, failure_of, look_for_others, missing_of
from stack.toolchain.sources import Job, install
from stack.toolchain.toolchain import Toolchain

__all__ = ["run_setup", "setup"]

_WORKERS = 4
_BUILDS = 3  # until sources that change during each of them are told
_KEPT_BUILDS = 2  # of each program of this checkout: one may be running while the next is built
_PROOF_LIMIT = 60.0  # seconds
_TRAVERSABLE = 0o001


def setup(
    settings: Settings,
    names: Iterable[str] | None = None,
    runtime: RuntimeName | None = None,
    *,
    also: Iterable[str] = (),
    progress: Progress | None = None,
) -> SetupReport:
    """Install what the runtime needs and is not there yet.

    Args:
        settings: cache folder, given paths, which engines and which object store.
        names: tools to install instead of those the runtime needs; what they need comes along.
        runtime: what the tools are for; that of the settings by default.
        also: tools to install beside those.
        progress: told each step.

    Raises:
        UsageError: the toolchain file is not valid, or a name is not in it.
    """
    return Toolchain(settings).setup(names, also=also, progress=progress, runtime=runtime)


def run_setup(
    toolchain: Toolchain,
    names: Iterable[str] | None,
    *,
    also: Iterable[str] = (),
    progress: Progress | None,
    runtime: RuntimeName,
) -> SetupReport:
    """See `setup`; for a toolchain that is already read."""
    entries = chosen(toolchain, runtime) if names is None else [toolchain.manifest.entry(name) for name in names]
    entries += [toolchain.manifest.entry(name) for name in also]
    report = SetupReport()
    missing = missing_of(toolchain, entries, report)
    if names is None:
        look_for_others(toolchain, runtime, entries, report)
    if missing:
        with progress or SilentProgress() as shown:
            _Run(toolchain, missing, report, shown).go()
    report.notes += _notes(toolchain.cache, toolchain.settings)
    return report


class _Run:
    """One setup under way."""

    def __init__(
        self, toolchain: Toolchain, missing: dict[str, Entry], report: SetupReport, progress: Progress
    ) -> None:
        self._toolchain = toolchain
        self._missing = missing
        self._report = report
        self._progress = progress
        self._stop = threading.Event()

    def go(self) -> None:
        graph = TopologicalSorter(
            {
                name: [need for need in (*entry.needs, *entry.build_needs) if need in self._missing]
                for name, entry in self._missing.items()
            }
        )
        graph.prepare()
        under_way: dict[Future[tuple[Installed, bool]], str] = {}
        with ThreadPoolExecutor(_WORKERS, thread_name_prefix="setup") as pool:
            try:
                while graph.is_active():
                    for name in graph.get_ready():
                        self._progress.begin(name)
                        under_way[pool.submit(self._obtain, self._missing[name])] = name
                    finished, _ = wait(under_way, return_when=FIRST_COMPLETED)
                    for future in finished:
                        name = under_way.pop(future)
                        self._record(name, future)
                        graph.done(name)
            except BaseException:
                self._stop.set()  # Ctrl-C: the programs that the workers run end now, not when they are done
                raise

    def _record(self, name: str, future: Future[tuple[Installed, bool]]) -> None:
        entry = self._missing[name]
        try:
            found, fresh = future.result()
        except (EngineRoomError, OSError) as error:
            self._report.failed.append(failure_of(entry, error))
            self._progress.end(name, str(error), good=False)
        else:
            (self._report.installed if fresh else self._report.already).append(found)
            self._progress.end(name, f"{found.version} in {found.root}", good=True)

    def _obtain(self, entry: Entry) -> tuple[Installed, bool]:
        toolchain, cache = self._toolchain, self._toolchain.cache
        with cache.errors(), cache.exclusive(entry.name, stop=self._stop):
            cache.clean(entry.name)
            there = toolchain.find(entry.name)
            if there is not None:  # another setup was faster
                return there, False
            cache.require_space(entry.disk)
            # Somebody may be editing what is built; the next build is quick.
            for attempt in Retrying(
                retry=retry_if_exception_type(SourcesChangedError), stop=stop_after_attempt(_BUILDS), reraise=True
            ):
                with attempt:
                    self._lay_whole(entry)
            if isinstance(entry.source, CheckoutSource):
                cache.prune(entry.name, keep=_KEPT_BUILDS, newest=toolchain.folder(entry).name)
        found = toolchain.find(entry.name)
        if found is None:
            raise ToolchainError(f"{entry.name} was laid but cannot be found", on=str(toolchain.folder(entry)))
        return found, True

    def _lay_whole(self, entry: Entry) -> None:
        with self._toolchain.cache.laying(entry.name, self._toolchain.folder(entry).name) as temporary:
            self._lay(entry, temporary)
            if not self._toolchain.is_unchanged(entry):
                self._toolchain.forget(entry)
                raise SourcesChangedError(
                    f"The sources of {entry.name} changed while it was built", fix="run it again once they are still"
                )

    def _env_of_needs(self, entry: Entry) -> dict[str, str]:
        env: dict[str, str] = {}
        for need in entry.needs:
            env |= self._toolchain.require(need).env
        return env

    def _lay(self, entry: Entry, temporary: Path) -> None:
        toolchain = self._toolchain
        root = temporary / "root"
        root.mkdir()
        job = Job(
            entry=entry,
            folder=toolchain.manifest.folder,
            root=root,
            downloads=toolchain.cache.make("downloads", entry.name),
            checksums=toolchain.checksums(entry),
            say=lambda text: self._progress.say(entry.name, text),
            stop=self._stop,
            tool=toolchain.require,
            builds=toolchain.cache.make("build"),
        )
        laid = install(job)
        # What is built from this checkout is known by a digest that the builder is not told.
        version = toolchain.version(entry) if isinstance(entry.source, CheckoutSource) else laid.version
        programs = _programs(entry, root)
        if laid.libraries:
            programs = write_launchers(root, programs, laid.libraries)
        make_readable(root)
        receipt = Receipt(
            name=entry.name,
            version=version,
            installed=datetime.now(UTC),
            programs=programs,
            env={**laid.env, **entry.env},
            checksum=laid.checksum,
            artefacts=laid.artefacts,
            files=laid.files,
            size=size_of(root),
        )
        _prove(job, receipt, temporary, self._env_of_needs(entry))
        (temporary / RECEIPT).write_text(receipt.model_dump_json(indent=1) + "\n", "utf-8")
        (temporary / RECEIPT).chmod(0o644)


def _programs(entry: Entry, root: Path) -> dict[str, str]:
    programs: dict[str, str] = {}
    for pattern in entry.programs:
        found = [path for path in sorted(root.glob(pattern)) if path.is_file() and path.stat().st_mode & 0o111]
        if not found:
            raise ToolchainError(f"{entry.name} has no program at {pattern}", on=str(root))
        programs |= {path.name: path.relative_to(root).as_posix() for path in found}
    return programs | {alias: programs[name] for alias, name in entry.aliases.items()}


def _prove(job: Job, receipt: Receipt, folder: Path, env: dict[str, str]) -> None:
    entry, proof = job.entry, job.entry.proof
    if proof is None:
        return
    tool = receipt.to_installed(folder)
    if tool is None:
        raise ToolchainError(f"{entry.name} was laid without its programs", on=str(folder))
    done = job.run(
        [tool.program(proof.program), *proof.arguments],
        timeout=_PROOF_LIMIT,
        attempt=f"{entry.name} does not run here",
        env=env | tool.env,
        fix="this machine may lack a library it needs, or be too old for it",
    )
    output = (done.stdout + done.stderr).decode("utf-8", "replace")
    if proof.contains not in output:
        got = f"{output.strip()[:200]!r}, without {proof.contains!r}"
        raise ToolchainError(f"{entry.name} is not what it should be", on=proof.program, got=got)


def _notes(cache: Cache, settings: Settings) -> list[str]:
    if os.geteuid() != 0:  # then servers run as the user who set up
        return []
    closed = [folder for folder in (cache.folder, *cache.folder.parents) if not _is_open(folder)]
    if not closed:
        return []
    note = (
        f"{closed[-1]} cannot be entered by other users, so servers that refuse root cannot be run as "
        f"{settings.service_user} from there; set ENGINEROOM_CACHE_DIR to another folder if you run as root"
    )
    return [note]


def _is_open(folder: Path) -> bool:
    return not folder.exists() or bool(folder.stat().st_mode & _TRAVERSABLE)
