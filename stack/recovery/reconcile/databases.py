"""Database against keys and against canaries."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import psycopg

from reports.verdict import Finding
from stack.forge.errors import ForgeError, GitError
from stack.forge.gitenv import git
from stack.forge.vault import Sealed, Vault, VaultError
from stack.recovery import canary
from stack.recovery.forge import ForgeQueries
from stack.recovery.reconcile.place import Restored
from stack.recovery.rules import broken

__all__ = ["canaries", "secrets"]


def secrets(restored: Restored, queries: ForgeQueries) -> tuple[int, list[Finding]]:
    """C6: each encrypted column is opened with the keys that came back; what it says is told to nobody."""
    with psycopg.connect(restored.conninfo) as db:
        rows = list(queries.rows(db, "encrypted"))
    if not rows:
        return 0, []
    vaults = list(_vaults(restored.vault_keys))
    if not vaults:
        return len(rows), [broken("VAULT_MISSING", f"{len(rows)} secrets are encrypted")]
    findings = []
    for table, row, column, key_id, nonce, ciphertext in rows:
        sealed = Sealed(key_id=str(key_id), nonce=bytes(nonce), ciphertext=bytes(ciphertext))
        if not any(_opens(vault, sealed, str(table), row, str(column)) for vault in vaults):
            told = f"{table}.{column} of row {row}, sealed with key {key_id}"
            findings.append(broken("SECRET_UNREADABLE", told))
    return len(rows), findings


def _vaults(files: tuple[Path, ...]) -> Iterator[Vault]:
    for file in files:
        if not file.is_file():
            continue  # a vault would make one, with a new key
        # Other secrets are no key files.
        with suppress(ForgeError, OSError, ValueError, IndexError):
            yield Vault.from_file(file)


def _opens(vault: Vault, sealed: Sealed, table: str, row: int, column: str) -> bool:
    try:
        vault.open(sealed, table=table, row=row, column=column)
    except VaultError:
        return False
    return True


def canaries(restored: Restored, _queries: ForgeQueries) -> tuple[int, list[Finding]]:
    """C8: what was written before the point is in both, what was written after it in neither."""
    if not restored.canary:
        return 0, [broken("POINT_UNASSERTED", "the set was taken without a canary")]
    later = [restored.later] if restored.later else []
    with psycopg.connect(restored.conninfo) as db:
        if db.execute("SELECT to_regclass('recovery_canary') IS NULL").fetchone() == (True,):
            findings = [broken("CANARY_MISSING", f"{restored.canary!r} is not there, nor is the table of canaries")]
        else:
            findings = canary.check(db, before=[restored.canary], after=later)
    if not restored.canary_repository:
        return 1, [*findings, broken("POINT_UNASSERTED", "the set has a canary row, and no canary commit")]
    said = _subjects(restored.git_root / restored.canary_repository)
    if restored.canary not in said:
        told = f"the commit {restored.canary!r} is not in {restored.canary_repository}"
        findings.append(broken("CANARY_MISSING", told))
    findings += [
        broken("CANARY_SURPLUS", f"the commit {label!r} is in {restored.canary_repository}")
        for label in later
        if label in said
    ]
    return 2 + 2 * len(later), findings


def _subjects(repository: Path) -> set[str]:
    try:
        return set(git(["log", "--all", "--format=%s"], git_dir=repository).text.splitlines())
    except GitError:
        return set()
