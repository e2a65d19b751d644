"""Database against git: repositories, commits, heads of pull requests, refs, and whether git itself is whole."""

from __future__ import annotations

import os
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psycopg

from reports.verdict import Finding
from stack.forge.errors import GitError
from stack.forge.gitenv import git
from stack.forge.names import wiki_git_name
from stack.process import Completed
from stack.recovery.forge import ForgeQueries
from stack.recovery.git.ledger import Key
from stack.recovery.git.refs import Wanted, wanted
from stack.recovery.git.snapshots import found_on_disk, refs_on_disk
from stack.recovery.reconcile.place import Restored
from stack.recovery.rules import broken

__all__ = ["commits", "folders", "pulls", "refs"]

_AT_ONCE = 4
_SHOWN = 3
_FSCK_SECONDS = 3600.0
_WRITABLE_BY_ALL = 0o002
# git-fsck(1), fsck.c: the only bit of its exit code that it also sets for objects that are whole and badly formed.
_ERROR_OBJECT = 1
_ILL_FORMED = re.compile(r"(?:error|warning) in (?:blob|commit|tag|tree) [0-9a-f]+: [A-Za-z0-9]+: |notice: ")


def folders(restored: Restored, _queries: ForgeQueries) -> tuple[int, list[Finding]]:
    """C1: rows and folders, both ways; owner, mode, HEAD and hooks of each."""
    rows = {each.git: each for each in wanted(restored.conninfo)}
    there = set(found_on_disk(restored.git_root))
    findings = [
        broken("REPOSITORY_MISSING", f"{path} has a row, and no git repository") for path in sorted(set(rows) - there)
    ]
    findings += [
        broken("REPOSITORY_ORPHAN", f"{path} is a git repository, and has no row") for path in sorted(there - set(rows))
    ]
    owner = restored.git_root.stat().st_uid
    for path in sorted(set(rows) & there):
        findings += _odd(restored.git_root / path, path, owner, rows[path])
    return len(rows.keys() | there), findings


def _odd(folder: Path, path: str, owner: int, row: Wanted) -> Iterator[Finding]:
    """What is wrong with the folder itself."""
    try:
        head = (folder / "HEAD").read_text("utf-8", "replace").strip()
    except OSError as error:
        yield broken("REPOSITORY_MODE", f"{path}: HEAD cannot be read: {error.strerror}")
        return
    if head != f"ref: refs/heads/{row.head}":
        yield broken("REPOSITORY_MODE", f"{path}: HEAD is {head[:80]!r}, the default branch is {row.head}")
    stat = folder.stat()
    if stat.st_uid != owner or stat.st_mode & _WRITABLE_BY_ALL:
        yield broken("REPOSITORY_MODE", f"{path}: it belongs to {stat.st_uid} with mode {stat.st_mode & 0o7777:o}")
    hooks = folder / "hooks"
    active = [each.name for each in hooks.iterdir() if os.access(each, os.X_OK)] if hooks.is_dir() else []
    if active:
        yield broken("REPOSITORY_MODE", f"{path}: hooks came back that nobody made here: {', '.join(sorted(active))}")


def commits(restored: Restored, queries: ForgeQueries) -> tuple[int, list[Finding]]:
    """C2: what rows name must be there; in one question to each git repository."""
    asked: dict[Key, dict[str, str]] = defaultdict(dict)
    with psycopg.connect(restored.conninfo) as db:
        for repository, is_wiki, commit in queries.rows(db, "commits"):
            asked[repository, is_wiki][str(commit)] = ""
    paths: dict[Key, str] = {}
    for each in wanted(restored.conninfo):
        # A page may name a wiki that neither a ref nor the journal knows of: it is looked for all the same.
        paths.setdefault((each.key[0], True), wiki_git_name(each.owner, each.name))
        paths[each.key] = each.git
    known = [(paths[key], sorted(named)) for key, named in sorted(asked.items()) if key in paths]
    findings = []
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        for found in pool.map(lambda each: list(_lacks(restored.git_root / each[0], *each)), known):
            findings += found
    return sum(len(named) for _, named in known), findings


def _lacks(folder: Path, path: str, oids: Iterable[str]) -> Iterator[Finding]:
    try:
        missing = _missing(folder, oids)
    except GitError as error:  # one repository that cannot be asked hides no other
        yield broken("RECONCILE_UNKNOWN", f"{path} could not be asked for its commits", evidence=str(error))
        return
    for oid in missing:
        yield broken("COMMIT_MISSING", f"{path} lacks {oid}, which the database names")


def _missing(folder: Path, oids: Iterable[str]) -> list[str]:
    ordered = list(oids)
    if not (folder / "objects").is_dir():
        return ordered
    stdin = "".join(f"{oid}\n" for oid in ordered).encode()
    answers = git(["cat-file", "--batch-check"], git_dir=folder, stdin=stdin, ok=(0, 128)).text.splitlines()
    if len(answers) != len(ordered):
        return ordered  # git could not read it at all
    return [oid for oid, answer in zip(ordered, answers, strict=True) if answer.endswith(" missing")]


def pulls(restored: Restored, _queries: ForgeQueries) -> tuple[int, list[Finding]]:
    """C3: `refs/pull/N/head` of every open pull request."""
    findings, looked = [], 0
    for each in wanted(restored.conninfo):
        heads = {ref: oid for ref, oid in each.refs.items() if ref.startswith("refs/pull/") and ref.endswith("/head")}
        looked += len(heads)
        there = _refs(restored.git_root / each.git)
        findings += [
            broken("PULL_HEAD_MISSING", f"{each.git}: {ref} is not there") for ref in sorted(heads) if ref not in there
        ]
    return looked, findings


def refs(restored: Restored, _queries: ForgeQueries) -> tuple[int, list[Finding]]:
    """C4: git reads each repository whole, and it has the refs that the database knows, no more and no fewer."""
    rows = [each for each in wanted(restored.conninfo) if (restored.git_root / each.git).is_dir()]
    findings: list[Finding] = []
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        for found in pool.map(lambda each: list(_compared(restored.git_root / each.git, each)), rows):
            findings += found
    return sum(len(each.refs) for each in rows), findings


def _compared(folder: Path, row: Wanted) -> Iterator[Finding]:
    try:
        # With contents: a check of connections alone reads no file, and sees no damage in one.
        done = git(["fsck", "--no-dangling", "--no-progress"], git_dir=folder, timeout=_FSCK_SECONDS, ok=range(256))
    except GitError as error:  # one repository that cannot be asked hides no other
        yield broken("RECONCILE_UNKNOWN", f"{row.git}: git fsck did not end", evidence=str(error))
    else:
        if _is_damaged(done):
            said = (done.stdout + done.stderr).decode("utf-8", "replace").strip()
            yield broken("GIT_DAMAGED", f"{row.git}: git fsck ended with {done.code}", evidence=said[-2000:])
    there = _refs(folder)
    if row.refs and not there:
        yield broken("REPOSITORY_EMPTIED", f"{row.git}: the database knows {len(row.refs)} refs, git has none")
        return
    fewer = sorted(set(row.refs) - set(there))
    more = sorted(set(there) - set(row.refs))
    other = sorted(ref for ref in set(there) & set(row.refs) if there[ref] != row.refs[ref])
    for what, names in (("lacks", fewer), ("has other commits at", other)):
        if names:
            told = f"{', '.join(names[:_SHOWN])}{' and others' if len(names) > _SHOWN else ''}"
            yield broken("REFS_DIFFER", f"{row.git} {what} {len(names)} refs: {told}")
    if more:
        told = f"{', '.join(more[:_SHOWN])}{' and others' if len(more) > _SHOWN else ''}"
        yield broken("COMMIT_UNKNOWN", f"{row.git} has {len(more)} refs that the database does not know of: {told}")


def _is_damaged(done: Completed) -> bool:
    """Whether fsck found more than objects that were written badly formed, as old and odd clients did."""
    if done.code != _ERROR_OBJECT:
        return done.code != 0
    lines = (done.stdout + done.stderr).decode("utf-8", "replace").splitlines()
    return not all(_ILL_FORMED.match(line) for line in lines if line.strip())


def _refs(folder: Path) -> dict[str, str]:
    try:
        return refs_on_disk(folder)
    except GitError:
        return {}
