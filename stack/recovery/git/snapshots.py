"""Snapshots of git repositories, some in each; what is wrong with one repository is named, and spoils no other.

A snapshot is taken after the barrier while nothing is pruned, so it holds at least what every ref named there. Refs and
HEAD are restored from the database; those in a snapshot are only what it was later.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

from reports.verdict import Finding
from stack.forge.errors import GitError, InvalidError
from stack.forge.gitenv import git
from stack.forge.names import parse_git_name
from stack.recovery.catalogue import Catalogue, Snapshot
from stack.recovery.errors import BackupError
from stack.recovery.manifests import RefsItem
from stack.recovery.restic import Restic, Saved, Trouble
from stack.recovery.rules import broken

__all__ = ["GIT", "Taken", "found_on_disk", "refs_on_disk", "restore", "shards_for", "take"]

GIT = "git"
_PER_SHARD = 50
_AT_ONCE = 4
_SHOWN = 3
# Of no use in a snapshot: locks, and what git is about to rename or remove. No ref can be named `*.lock`.
_EXCLUDED = ("gc.pid", "*.lock", "tmp_obj_*", "tmp_pack_*", "tmp_idx_*", "tmp_rev_*", "tmp_objdir-*", "packed-refs.new")
# Refs come from the database, so one that was deleted while it was read is no loss.
_MAY_VANISH = ("/refs/", "/logs/")


@dataclass
class Taken:
    """Snapshots of all repositories.

    Attributes:
        snapshots: as the catalogue names them.
        items: of the refs manifest, with their shards.
        findings: repositories that are not as they must be.
        left_out: path to reason, of those that are in no snapshot or not whole there.
    """

    snapshots: list[Snapshot] = field(default_factory=list)
    items: list[RefsItem] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)
    left_out: dict[str, str] = field(default_factory=dict)

    def blame(self, item: RefsItem, reason: str) -> None:
        """Something is wrong with a repository."""
        self.left_out[item.path] = reason
        self.findings.append(broken("SOURCE_DAMAGED", f"{item.path}: {reason}"))


def shards_for(count: int, most: int) -> int:
    """How many shards so many repositories are spread over: a power of two, so that few change theirs, or `most`."""
    shards = 1
    while shards * _PER_SHARD < count and shards < most:
        shards *= 2
    return min(shards, most)


def found_on_disk(git_root: Path) -> list[str]:
    """Every git repository below the root, as `owner/name.git`."""
    return sorted(f"{path.parent.name}/{path.name}" for path in git_root.glob("*/*.git") if path.is_dir())


def refs_on_disk(git_dir: Path) -> dict[str, str]:
    """What every ref of a repository is.

    Raises:
        GitError: it is no repository, or is damaged.
    """
    listed = git(["for-each-ref", "--format=%(objectname) %(refname)"], git_dir=git_dir).text.splitlines()
    return {ref: oid for oid, _, ref in (line.partition(" ") for line in listed)}


def take(
    restic: Restic,
    git_root: Path,
    items: Iterable[RefsItem],
    *,
    server: str,
    set_id: str,
    most: int,
    from_database: bool,
    progress: Callable[[str], None] = lambda _: None,
) -> Taken:
    """Snapshot every repository that is there: those with rows, their wikis, and those that no row knows of.

    Args:
        restic: where to.
        git_root: where they are.
        items: what the database knows; see `Barrier.items`.
        server: the forge's name in the archive.
        set_id: of the set.
        most: shards at most.
        from_database: the items' refs are what must be there; otherwise the disk tells what they are.
        progress: told what is done.

    Raises:
        BackupError: not one snapshot could be made.
        RefusedError: the restic repository is locked, or has another key.
    """
    taken = Taken()
    wanted = _completed(git_root, list(items))
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        judged = list(pool.map(lambda item: _judged(git_root, item, from_database=from_database), wanted))
    count = shards_for(len(judged), most)
    shards: dict[str, list[RefsItem]] = {}
    for item, reason, is_there in judged:
        shard = _shard(item, count) if is_there else ""
        item = item.model_copy(update={"shard": shard})  # noqa: PLW2901 - the same one, now with its shard
        if reason:
            taken.blame(item, reason)
        if is_there:
            shards.setdefault(shard, []).append(item)
        else:
            taken.items.append(item)
    for number, (shard, members) in enumerate(sorted(shards.items()), 1):
        progress(f"git snapshot {number} of {len(shards)}: {len(members)} repositories")
        _Shard(restic, git_root, server, set_id, taken).save(shard, members)
    if shards and not taken.snapshots:
        raise BackupError("BACKUP_FAILED", "No repository could be saved", on=str(git_root), got=str(taken.left_out))
    taken.items.sort(key=lambda each: (each.repository, each.is_wiki, each.path))
    return taken


def restore(restic: Restic, catalogue: Catalogue, into: Path, *, paths: Sequence[str] = ()) -> None:
    """Bring back the git snapshots of a set, as `<into>/<owner>/<name>.git`.

    Args:
        restic: where from.
        catalogue: the set.
        into: a folder.
        paths: only these repositories, as in the refs manifest.

    Raises:
        BackupError: a snapshot could not be restored whole.
    """
    for snapshot in catalogue.snapshots:
        if snapshot.kind == GIT:
            restic.restore(snapshot.id, into, include=[f"/{path}" for path in paths])


class _Shard:
    """Saves some repositories; when they cannot be saved together, in halves, until what spoils it is alone."""

    def __init__(self, restic: Restic, git_root: Path, server: str, set_id: str, taken: Taken) -> None:
        self._restic, self._root, self._server, self._set, self._taken = restic, git_root, server, set_id, taken

    def save(self, shard: str, members: list[RefsItem]) -> None:
        try:
            saved = self._restic.backup(
                [item.path for item in members],
                root=self._root,
                host=f"{self._server}-git-{shard}",
                tags=(f"set={self._set}", "kind=git", f"shard={shard}"),
                exclude=_EXCLUDED,
            )
        except BackupError as error:
            if len(members) == 1:
                item = members[0].model_copy(update={"shard": ""})
                self._taken.blame(item, f"it could not be saved: {error.got or error.what}")
                self._taken.items.append(item)
                return
            middle = len(members) // 2
            for suffix, half in (("a", members[:middle]), ("b", members[middle:])):
                self.save(shard + suffix, [item.model_copy(update={"shard": shard + suffix}) for item in half])
            return
        self._blame(members, saved)
        self._taken.items += members
        self._taken.snapshots.append(
            Snapshot(
                id=saved.id,
                kind=GIT,
                shard=shard,
                repositories=len(members),
                bytes=saved.bytes,
                added=saved.added,
            )
        )

    def _blame(self, members: list[RefsItem], saved: Saved) -> None:
        by_item: dict[str, list[Trouble]] = {}
        for trouble in saved.troubles:
            if any(part in trouble.item for part in _MAY_VANISH):
                continue
            owner = next((item.path for item in members if f"{item.path}/" in f"{trouble.item}/"), "")
            by_item.setdefault(owner, []).append(trouble)
        for path, troubles in by_item.items():
            told = "; ".join(f"{each.item}: {each.reason}" for each in troubles[:_SHOWN])
            reason = f"{len(troubles)} files could not be read: {told}"
            item = next((each for each in members if each.path == path), None)
            if item is not None:
                self._taken.blame(item, reason)
            else:
                self._taken.findings.append(broken("SOURCE_DAMAGED", reason))


def _completed(git_root: Path, known: list[RefsItem]) -> list[RefsItem]:
    """What the database knows, and what only the disk has: wikis without announced refs, and orphans."""
    there = {item.path for item in known}
    ids = {(item.owner, item.name): item.repository for item in known}
    found = list(known)
    for path in found_on_disk(git_root):
        if path in there:
            continue
        try:
            owner, name, is_wiki = parse_git_name(path)
        except InvalidError:
            owner, name, is_wiki = path.partition("/")[0], path.partition("/")[2].removesuffix(".git"), False
        repository = ids.get((owner, name), 0) if is_wiki else 0
        found.append(RefsItem(repository=repository, is_wiki=is_wiki, owner=owner, name=name, path=path))
    return found


def _judged(git_root: Path, item: RefsItem, *, from_database: bool) -> tuple[RefsItem, str, bool]:
    """The item with what the disk adds to it, what is wrong with it, and whether there is anything to save."""
    git_dir = git_root / item.path
    if not (git_dir / "objects").is_dir():
        there = git_dir.is_dir()
        return item, "it is no git repository" if there else "its row is there, and no git repository", there
    try:
        head = item.head or _head(git_dir)
        refs = item.refs
        if not refs and (item.repository == 0 or not from_database):
            refs = refs_on_disk(git_dir)
        item = item.model_copy(update={"head": head, "refs": refs})
        return item, _absent(git_dir, sorted(set(refs.values()))), True
    except (GitError, OSError) as error:
        return item, f"git cannot read it: {getattr(error, 'got', '') or error}", True


def _absent(git_dir: Path, oids: list[str]) -> str:
    """Which of these objects git does not have, in words."""
    if not oids:
        return ""
    asked = "".join(f"{oid}\n" for oid in oids).encode()
    answers = git(["cat-file", "--batch-check"], git_dir=git_dir, stdin=asked).text.splitlines()
    missing = [line.partition(" ")[0] for line in answers if line.endswith(" missing")]
    return f"{len(missing)} objects that refs name are missing: {', '.join(missing[:_SHOWN])}" if missing else ""


def _head(git_dir: Path) -> str | None:
    text = (git_dir / "HEAD").read_text("utf-8", "replace").strip()
    return text.removeprefix("ref: ") if text.startswith("ref: refs/") else None


def _shard(item: RefsItem, count: int) -> str:
    # By id, which a rename does not change; a wiki goes with its repository.
    token = str(item.repository) if item.repository else item.path
    return f"{int.from_bytes(hashlib.sha256(token.encode()).digest()[:4], 'big') % count:03d}"
