"""Brings git repositories back: objects of a snapshot and of the pushes after it, refs exactly as the database says.

Of a snapshot only its objects are taken. All else is made anew as the git service makes it, so that no hook, no setting
and no ref comes back that nobody asked for.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from tempfile import TemporaryDirectory

from reports.verdict import Finding
from stack.forge.errors import ForgeError, GitError
from stack.forge.gitenv import git
from stack.recovery import layout
from stack.recovery.errors import RecoveryError, RefusedError
from stack.recovery.git import contents, packs
from stack.recovery.git.journal import Entry
from stack.recovery.git.refs import Wanted, wanted
from stack.recovery.postgresql.archive import Archive
from stack.recovery.rules import broken

__all__ = ["restore_repositories", "restore_repository"]

_LOOSE = 100  # packs with fewer objects are taken apart, as git does with pushes: many packs make git slow
_LIMIT = 3600.0
_WORKERS = 4
_PASSING = ("tmp_", "incoming-", "info")  # what git leaves when it is killed; `info` is derived, or borrowed
_SHA256_DIGITS = 64


def restore_repository(
    target: Path,
    *,
    start: Path | None,
    entries: Iterable[Entry],
    fetch_pack: Callable[[str], bytes | Path],
    refs: Mapping[str, str],
    head: str | None,
    user: str | None,
    verify: bool = True,
) -> list[Finding]:
    """Make a bare repository that has these refs, and nothing else that can be reached.

    A ref whose object did not come back is set to the last one before it that did, and is told.

    Args:
        target: where; its folder may not be there yet.
        start: the repository as a snapshot had it; its objects are moved from there, not copied.
        entries: its pushes after the snapshot, up to the wanted moment.
        fetch_pack: gives a pack by its sha256; a file that it gives may be used up. It raises RecoveryError.
        refs: full name to object.
        head: the branch that HEAD names; `main` by default.
        user: whose it will be, when we are root.
        verify: see that everything that refs reach is there.

    Returns:
        What is not as it should be; the repository is there all the same.

    Raises:
        RefusedError: something is there already.
        GitError: git could not do it.
    """
    if target.exists() and any(target.iterdir()):
        raise RefusedError("TARGET_NOT_EMPTY", "The folder is not empty", on=str(target))
    target.parent.mkdir(parents=True, exist_ok=True)
    ordered = sorted(entries, key=lambda entry: entry.row)
    findings: list[Finding] = []
    with TemporaryDirectory(prefix=".incoming-", dir=target.parent) as folder:
        made = Path(folder) / "repository"
        form = "sha256" if any(len(oid) == _SHA256_DIGITS for oid in refs.values()) else "sha1"
        branch = head or "main"
        words = ["init", "--quiet", "--bare", "--template=", f"--object-format={form}", f"--initial-branch={branch}"]
        git([*words, made])
        earlier: dict[str, str] = {}
        if start is not None:
            earlier = _refs_of(start)
            findings += _take_objects(start, made)
        for sha256 in dict.fromkeys(entry.pack for entry in ordered if entry.pack is not None):
            findings += _take_pack(made, sha256, fetch_pack, Path(folder), target)
        findings += _set_refs(made, refs, _history(earlier, ordered), target)
        if verify:
            findings += _verify(made, target)
        _own(made, user)
        made.rename(target)
    return findings


def restore_repositories(
    archive: Archive,
    conninfo: str,
    root: Path,
    *,
    starts: Callable[[Wanted], Path | None] = lambda _wanted: None,
    after: int = 0,
    user: str | None = None,
    verify: bool = True,
) -> list[Finding]:
    """Bring back every git repository of a forge whose database was recovered.

    Args:
        archive: where its pushes are.
        conninfo: the recovered database.
        root: the folder of git repositories.
        starts: gives each as a snapshot had it, or None.
        after: the last row of the journal that the snapshots hold, as a catalogue says.
        user: whose it will be, when we are root.
        verify: see that everything that refs reach is there.

    Raises:
        StoreError: the store did not answer.
    """
    asked = wanted(conninfo, after=after)
    read = contents.read(archive, after=after)
    findings = list(read.findings)
    by_row = {entry.row: entry for entry in read.entries}
    root.mkdir(parents=True, exist_ok=True)
    _own_folder(root, user)
    with TemporaryDirectory(prefix=".packs-", dir=root) as folder:

        def bring(each: Wanted) -> list[Finding]:
            own = Path(folder) / f"{each.key[0]}-{int(each.key[1])}"
            own.mkdir()
            target = root / each.git
            lost = [row for row in each.rows if row not in by_row]
            where = f"{archive.bucket}/{layout.JOURNAL}{each.key[0]}/"
            told = [broken("JOURNAL_GAP", f"{each.git}: row {row} is not in {where}") for row in lost]
            entries = [by_row[row] for row in each.rows if row in by_row]
            try:
                return told + restore_repository(
                    target,
                    start=starts(each),
                    entries=entries,
                    fetch_pack=contents.fetcher(archive, own),
                    refs=each.refs,
                    head=each.head,
                    user=user,
                    verify=verify,
                )
            except ForgeError as error:  # one bad repository does not spoil the rest
                return [*told, broken("GIT_DAMAGED", f"{each.git} could not be restored", evidence=str(error))]

        with ThreadPoolExecutor(_WORKERS) as pool:
            for found in pool.map(bring, asked):
                findings += found
    for owner in {root / each.owner for each in asked}:
        _own_folder(owner, user)
    return findings


def _refs_of(repository: Path) -> dict[str, str]:
    answer = git(["for-each-ref", "--format=%(objectname) %(refname)"], git_dir=repository, ok=(0, 128))
    pairs = (line.split(" ", 1) for line in answer.stdout.decode("utf-8", "surrogateescape").splitlines())
    return {pair[1]: pair[0] for pair in pairs if len(pair) == 2}  # noqa: PLR2004 - two words


def _take_objects(start: Path, made: Path) -> Iterator[Finding]:
    source, into = start / "objects", made / "objects"
    if not source.is_dir():
        yield broken("GIT_DAMAGED", f"the snapshot of {start.name} has no objects")
        return
    if (source / "info" / "alternates").exists():
        yield broken("GIT_DAMAGED", f"the snapshot of {start.name} borrows objects from elsewhere")
    shutil.rmtree(into)
    into.mkdir()
    for path in source.iterdir():
        if not path.name.startswith(_PASSING):
            shutil.move(path, into / path.name)
    (into / "info").mkdir(exist_ok=True)
    (into / "pack").mkdir(exist_ok=True)
    for path in (into / "pack").iterdir():
        if path.name.startswith("tmp_") or path.suffix in (".keep", ".lock"):
            path.unlink()


def _take_pack(
    made: Path, sha256: str, fetch: Callable[[str], bytes | Path], folder: Path, target: Path
) -> Iterator[Finding]:
    where = f"{target.parent.name}/{target.name}: pack {sha256}"
    try:
        found = fetch(sha256)
    except RecoveryError as error:
        if error.rule not in ("PACK_MISSING", "PACK_DAMAGED", "KEY_WRONG"):
            raise
        yield broken(error.rule, where, evidence=str(error))
        return
    path = folder / f"{sha256}.pack"
    if isinstance(found, bytes):
        path.write_bytes(found)
    else:
        shutil.move(found, path)
    if packs.sha256_of(path) != sha256:
        yield broken("PACK_DAMAGED", f"{where} is not what its name says")
        return
    with path.open("rb") as file:
        count = int.from_bytes(file.read(12)[8:], "big")
    try:
        if count < _LOOSE:
            git(["unpack-objects", "-q"], git_dir=made, stdin=path.read_bytes(), timeout=_LIMIT)
            path.unlink()
        else:
            kept = made / "objects" / "pack" / f"pack-{sha256}.pack"
            path.rename(kept)
            git(["index-pack", kept], git_dir=made, timeout=_LIMIT)
    except GitError as error:
        yield broken("PACK_DAMAGED", where, evidence=str(error))


def _history(earlier: Mapping[str, str], entries: Iterable[Entry]) -> dict[str, list[str | None]]:
    """What each ref was, the newest last."""
    found: dict[str, list[str | None]] = {ref: [oid] for ref, oid in earlier.items()}
    for entry in entries:
        for move in entry.moves:
            found.setdefault(move.ref, []).append(move.new)
    return found


def _set_refs(
    made: Path, refs: Mapping[str, str], history: Mapping[str, list[str | None]], target: Path
) -> Iterator[Finding]:
    where = f"{target.parent.name}/{target.name}"
    old = (oid for ref in refs for oid in history.get(ref, ()) if oid is not None)
    there = packs.existing(made, {*refs.values(), *old})
    done: dict[str, str] = {}
    for ref, oid in refs.items():
        if oid in there:
            done[ref] = oid
            continue
        # What a ref was before is worth more than no ref; one that was deleted in between stays away.
        before = next((each for each in reversed(history.get(ref, [])) if each is None or each in there), None)
        if before is not None:
            done[ref] = before
        message = f"{where}: {ref} names {oid}, which is not there; it is {before or 'left out'}"
        yield broken("COMMIT_MISSING", message)
    lines = "".join(f"create {ref}\0{oid}\0" for ref, oid in sorted(done.items()))
    git(["update-ref", "-z", "--stdin"], git_dir=made, stdin=lines.encode("utf-8", "surrogateescape"), timeout=_LIMIT)
    git(["pack-refs", "--all"], git_dir=made, timeout=_LIMIT)
    found = _refs_of(made)
    for ref in sorted(found.keys() | done.keys()):
        if found.get(ref) != done.get(ref):
            yield broken("REFS_DIFFER", f"{where}: {ref} is {found.get(ref)}, it should be {done.get(ref)}")


def _verify(made: Path, target: Path) -> Iterator[Finding]:
    try:
        git(["rev-list", "--objects", "--quiet", "--all"], git_dir=made, timeout=_LIMIT)
    except GitError as error:
        yield broken("GIT_DAMAGED", f"{target.parent.name}/{target.name} lacks objects", evidence=error.got)


def _own(path: Path, user: str | None) -> None:
    """Give everything the owner and the modes that a git service gives: objects are never written again."""
    for folder, _, names in os.walk(path):
        _own_folder(Path(folder), user)
        is_object = "/objects" in folder[len(str(path)) :]
        for name in names:
            file = Path(folder) / name
            file.chmod(0o444 if is_object else 0o644)
            _give(file, user)


def _own_folder(path: Path, user: str | None) -> None:
    path.chmod(0o755)
    _give(path, user)


def _give(path: Path, user: str | None) -> None:
    if user is not None and os.geteuid() == 0:
        import pwd  # noqa: PLC0415 - not on every platform

        entry = pwd.getpwnam(user)
        os.chown(path, entry.pw_uid, entry.pw_gid)
