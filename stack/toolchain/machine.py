"""Programs that this machine has already, or whose path the user gave."""

from __future__ import annotations

import hashlib
import os
import re
import shutil
from collections.abc import Sequence
from pathlib import Path

from pydantic import BaseModel, ConfigDict, ValidationError

from stack.process import ProgramFailedError, run
from stack.toolchain.cache import Cache
from stack.toolchain.errors import GivenPathError, ToolchainError
from stack.toolchain.installed import Installed
from stack.toolchain.locks import sha256
from stack.toolchain.manifest import Entry, Given, MachineProgram

__all__ = ["at_least", "find_given", "find_on_machine"]

_LIMIT = 20.0  # seconds


def at_least(version: str, minimum: str) -> bool:
    """Compare dotted versions by their numbers: 1.50 is at least 1.9."""
    return _numbers(version) >= _numbers(minimum)


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(number) for number in re.findall(r"\d+", version))


def find_on_machine(entry: Entry, rule: MachineProgram) -> Installed | None:
    """The program on PATH, if it is what the rule asks for; None otherwise."""
    where = shutil.which(rule.program)
    if where is None:
        return None
    path = Path(where).absolute()  # not resolved: some programs look at the name they are called by
    try:
        output = _output(path, rule.arguments)
    except ProgramFailedError:
        return None
    match = re.search(rule.version, output)
    if match is None or not all(words in output for words in rule.contains):
        return None
    version = match[1]
    if not at_least(version, rule.minimum) or (rule.below is not None and at_least(version, rule.below)):
        return None
    # A sibling that is missing (redis-cli beside redis-server) makes the find useless.
    programs = {name: path.parent / name for name in (rule.program, *rule.siblings)}
    if not all(os.access(program, os.X_OK) for program in programs.values()):
        return None
    return Installed(entry.name, version, path.parent, programs, _java_home(path), None, "machine")


def _java_home(program: Path) -> dict[str, str]:
    # /usr/bin/java is a link into the runtime on most systems.
    home = program.resolve().parent.parent
    return {"JAVA_HOME": str(home)} if program.name == "java" and (home / "release").exists() else {}


class _Note(BaseModel):
    """What is known of a program at a path; good as long as the file's identity is the same."""

    model_config = ConfigDict(extra="forbid")

    identity: tuple[int, int, int, int]
    version: str
    checksum: str


def find_given(entry: Entry, given: Given, path: Path, cache: Cache) -> Installed:
    """Examine the path that the user gave.

    Args:
        entry: the tool.
        given: its rule.
        path: what the user gave.
        cache: remembers checksum and version until the file changes.

    Raises:
        GivenPathError: it is no executable file, does not run, or is too old.
    """
    fix = f"correct {given.variable}, or unset it"
    path = path.expanduser().absolute()
    if not path.is_file():
        raise GivenPathError(f"{given.variable} does not name a file", on=str(path), fix=fix)
    if not os.access(path, os.X_OK):
        raise GivenPathError(f"{given.variable} names a file that cannot be executed", on=str(path), fix=fix)
    note = _note(entry, given, path, cache, fix)
    if given.minimum is not None and not at_least(note.version, given.minimum):
        got = f"version {note.version}, and {given.minimum} or newer is needed"
        raise GivenPathError(f"{given.variable} names a program that is too old", on=str(path), got=got, fix=fix)
    programs = {given.program: path}
    if given.companions:
        programs |= {p.name: p for p in sorted(path.parent.glob(given.companions)) if os.access(p, os.X_OK)}
    size = path.stat().st_size
    return Installed(entry.name, note.version, path.parent, programs, {}, note.checksum, "given", size)


def _note(entry: Entry, given: Given, path: Path, cache: Cache, fix: str) -> _Note:
    status = path.stat()
    identity = (status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns)
    key = hashlib.sha256(str(path).encode("utf-8", "surrogateescape")).hexdigest()[:16]
    file = cache.folder / "given" / f"{entry.name}-{key}.json"
    try:
        known = _Note.model_validate_json(file.read_bytes())
    except (OSError, ValidationError):
        known = None
    if known is not None and known.identity == identity:
        return known
    try:
        output = _output(path, given.arguments)
    except ProgramFailedError as error:
        raise GivenPathError(
            f"{given.variable} names a program that does not run", on=error.on, got=error.got, fix=fix
        ) from error
    match = re.search(given.version, output)
    if match is None and given.minimum is not None:
        got = output.strip()[:200]
        raise GivenPathError(f"{given.variable} names a program that tells no version", on=str(path), got=got, fix=fix)
    note = _Note(identity=identity, version=match[1] if match else "unknown", checksum=sha256(path))
    _remember(file, note, cache)
    return note


def _remember(file: Path, note: _Note, cache: Cache) -> None:
    try:
        with cache.errors():
            cache.make("given")
            temporary = file.with_suffix(f".{os.getpid()}")
            temporary.write_text(note.model_dump_json(), "utf-8")
            temporary.replace(file)
    except (ToolchainError, OSError):
        return  # it is only a note: the next run examines the program again


def _output(path: Path, arguments: Sequence[str]) -> str:
    done = run([path, *arguments], timeout=_LIMIT)
    return (done.stdout + b"\n" + done.stderr).decode("utf-8", "replace")
