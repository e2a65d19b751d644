"""Which tools a setup is about, and which of them are missing."""

from __future__ import annotations

from stack.settings import RuntimeName
from stack.toolchain.errors import GivenPathError
from stack.toolchain.manifest import Entry
from stack.toolchain.report import Absent, Failure, SetupReport
from stack.toolchain.toolchain import Toolchain

__all__ = ["chosen", "failure_of", "look_for_others", "missing_of"]


def chosen(toolchain: Toolchain, runtime: RuntimeName) -> list[Entry]:
    """The entries that a setup for this runtime installs when it is told no names."""
    settings = toolchain.settings

    def wanted(entry: Entry) -> bool:
        if runtime not in entry.runtimes:
            return False
        if entry.role == "objects":
            return entry.name == settings.objects
        if entry.role == "engine" and entry.name not in settings.engines:
            return False
        return entry.default

    return [entry for entry in toolchain.entries() if wanted(entry)]


def look_for_others(toolchain: Toolchain, runtime: RuntimeName, entries: list[Entry], report: SetupReport) -> None:
    """Report optional tools that nobody asked for: those that are here, and what the absence of the others costs."""
    for entry in toolchain.entries():
        if entry in entries or not entry.optional or runtime not in entry.runtimes:
            continue
        try:
            found = toolchain.find(entry.name)
        except GivenPathError as error:
            report.failed.append(failure_of(entry, error))
            continue
        if found is None:
            report.absent.append(Absent(entry.name, entry.costs, toolchain.hint(entry)))
        else:
            report.already.append(found)


def missing_of(toolchain: Toolchain, entries: list[Entry], report: SetupReport) -> dict[str, Entry]:
    """The entries to install, with what they need; reports those that are here already.

    What an installed tool was built with is not needed any more; what it runs on is.
    """
    missing: dict[str, Entry] = {}
    seen: set[str] = set()
    queue = list(entries)
    while queue:
        entry = queue.pop(0)
        if entry.name in seen:
            continue
        seen.add(entry.name)
        needs = entry.needs
        try:
            found = toolchain.find(entry.name)
        except GivenPathError as error:
            report.failed.append(failure_of(entry, error))
            continue
        if found is not None:
            report.already.append(found)
        else:
            missing[entry.name] = entry
            needs += entry.build_needs
        queue += [toolchain.manifest.entry(need) for need in needs]
    return missing


def failure_of(entry: Entry, error: Exception) -> Failure:
    """An entry that could not be had, with what that costs."""
    return Failure(entry.name, str(error), entry.costs, entry.optional)
