"""The forge's secrets in a set: what was named is there, and what is not is told."""

from __future__ import annotations

import base64
import hashlib
from pathlib import Path

import pytest

from stack.recovery import secrets
from tests.recovery.test_snapshots import FakeRestic

KEY = base64.b64encode(bytes(range(32))).decode()


@pytest.fixture
def key_file(tmp_path: Path) -> Path:
    """A vault's key file."""
    path = tmp_path / "vault.key"
    path.write_text(f"key-1 {KEY}\n")
    return path


class Saving(FakeRestic):
    """Secrets have no excluded names."""

    def backup(self, paths, **told):  # type: ignore[no-untyped-def] # noqa: ANN001, ANN003, ANN201
        """See `Restic`."""
        return super().backup(paths, **told, exclude=("gc.pid",))


def test_named_files_are_saved_by_their_whole_path(key_file: Path) -> None:
    """So that nobody has to guess where they belong."""
    restic = Saving()
    kept, findings = secrets.take(restic, [key_file], server="forge", set_id="s", apart="")
    assert kept is not None
    assert (kept.kind, findings) == ("secrets", [])
    assert restic.saved == [[str(key_file).lstrip("/")]]


def test_a_file_that_is_not_there_is_told_and_the_others_are_saved(key_file: Path) -> None:
    """Its name is in the message."""
    kept, findings = secrets.take(
        Saving(), [key_file, key_file.with_name("gone")], server="forge", set_id="s", apart="the safe"
    )
    assert kept is not None
    (finding,) = findings
    assert finding.rule == "SECRETS_MISSING"
    assert "gone" in finding.message


@pytest.mark.parametrize(("apart", "rule"), [("", "SECRETS_MISSING"), ("the safe", "SECRETS_KEPT_APART")])
def test_without_any_it_matters_whether_somebody_else_keeps_them(apart: str, rule: str) -> None:
    """Nothing is saved either way."""
    kept, findings = secrets.take(Saving(), [], server="forge", set_id="s", apart=apart)
    assert kept is None
    assert [finding.rule for finding in findings] == [rule]


def test_keys_are_known_by_their_fingerprints_alone(key_file: Path) -> None:
    """Also in a folder; what is no key file has none."""
    key_file.with_name("other.txt").write_text("just some text of more words than two\n")
    key_file.with_name("binary").write_bytes(b"\xff\xfe")
    expected = {"vault/key-1": hashlib.sha256(KEY.encode()).hexdigest()[:16]}
    assert secrets.fingerprints([key_file]) == expected
    assert secrets.fingerprints([key_file.parent]) == expected
    assert KEY not in str(expected)
