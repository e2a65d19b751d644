"""restic as a program: what it says is read as its manual has it, and no secret is among its arguments."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from stack.recovery.errors import BackupError, RefusedError
from stack.recovery.restic import Restic, Trouble
from stack.recovery.sealing import new_key
from tests.recovery.conftest import MemoryBucket

KEY = new_key()
SUMMARY = {
    "message_type": "summary",
    "snapshot_id": "c" * 64,
    "total_bytes_processed": 100,
    "data_added": 50,
    "data_added_packed": 40,
}


def _program(folder: Path, *, code: int = 0, out: str = "", err: str = "") -> Restic:
    """A program that says this, and writes down how it was called."""
    (folder / "out").write_text(out)
    (folder / "err").write_text(err)
    program = folder / "restic"
    program.write_text(
        f'#!/bin/sh\necho "$@" > {folder}/arguments\nenv > {folder}/variables\ncat > {folder}/input\n'
        f"cat {folder}/out\ncat {folder}/err >&2\nexit {code}\n"
    )
    program.chmod(0o755)
    return Restic(program, MemoryBucket(), KEY)


def test_secrets_go_by_environment_alone(tmp_path: Path) -> None:
    """Arguments can be read by anybody on the machine."""
    restic = _program(tmp_path, out=json.dumps(SUMMARY))
    restic.backup(["a.git"], root=tmp_path, host="h", tags=("set=1",))
    arguments = (tmp_path / "arguments").read_text()
    assert KEY.derive("restic") not in arguments
    assert KEY.derive("restic") in (tmp_path / "variables").read_text()
    assert KEY.text().strip() not in (tmp_path / "variables").read_text()
    assert (tmp_path / "input").read_bytes() == b"a.git\0"


def test_a_snapshot_is_what_restic_says_of_it(tmp_path: Path) -> None:
    """Bytes added are those that lie in the bucket."""
    saved = _program(tmp_path, out=json.dumps(SUMMARY)).backup(["a"], root=tmp_path, host="h", tags=())
    assert (saved.id, saved.bytes, saved.added, saved.troubles) == ("c" * 64, 100, 40, ())


def test_what_could_not_be_read_is_told(tmp_path: Path) -> None:
    """Exit code 3: there is a snapshot, and it is not whole."""
    error = {"message_type": "error", "error": {"message": "input/output error"}, "during": "archival", "item": "/a/x"}
    restic = _program(tmp_path, code=3, out=json.dumps(SUMMARY), err=json.dumps(error))
    saved = restic.backup(["a"], root=tmp_path, host="h", tags=())
    assert saved.troubles == (Trouble("/a/x", "input/output error"),)


@pytest.mark.parametrize(
    ("code", "rule"), [(1, "BACKUP_FAILED"), (11, "LOCK_LEFT"), (12, "KEY_WRONG"), (77, "BACKUP_FAILED")]
)
def test_every_other_exit_code_is_an_error_of_its_own(tmp_path: Path, code: int, rule: str) -> None:
    """An unknown one is a failure, as its manual asks for."""
    with pytest.raises((BackupError, RefusedError), match=f"(?s){rule}.*it said so"):
        _program(tmp_path, code=code, err="it said so").backup(["a"], root=tmp_path, host="h", tags=())


def test_success_without_a_snapshot_is_none(tmp_path: Path) -> None:
    """An exit code alone is not believed."""
    with pytest.raises(BackupError, match="no snapshot"):
        _program(tmp_path, out="{}").backup(["a"], root=tmp_path, host="h", tags=())


def test_damage_is_told_and_a_lock_is_not_damage(tmp_path: Path) -> None:
    """Whoever cannot look has not found anything."""
    assert _program(tmp_path).check(read=True) is None
    assert _program(tmp_path, code=1, err="pack x: wrong hash").check(read=True) == "pack x: wrong hash"
    with pytest.raises(RefusedError, match="LOCK_LEFT"):
        _program(tmp_path, code=11).check(read=True)


def test_locks_that_are_left_are_named(tmp_path: Path) -> None:
    """Restic removes those whose owner it knows to be gone; the others are somebody's."""
    restic = _program(tmp_path)
    assert restic.unlock() == []
    restic.bucket.put("restic/locks/abc", b"x")
    assert restic.unlock() == ["abc"]


def test_a_cache_is_done_without_where_its_disk_is_full(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Restic would try for a quarter of an hour to write into it."""
    restic = _program(tmp_path)
    cached = Restic(restic.program, restic.bucket, KEY, tmp_path / "cache" / "restic")
    cached.run(["version"], within=10)
    assert f"--cache-dir {tmp_path}/cache/restic version" in (tmp_path / "arguments").read_text()
    usage = shutil.disk_usage(tmp_path)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage._replace(free=1 << 20))
    cached.run(["version"], within=10)
    assert "--no-cache version" in (tmp_path / "arguments").read_text()
