"""Attestations: what a run against a real engine came to, and whether it still stands."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from stack import attestation, cli
from stack.attestation import Attestation, attested, describe, searched_digest, stands
from stack.errors import UsageError


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A checkout of three small folders, with its attestations."""
    for name in ("stack/search", "stack/forge", "features/search", "steps"):
        (tmp_path / name).mkdir(parents=True)
        (tmp_path / name / "file.txt").write_text(name)
    monkeypatch.setattr(attestation, "_FOLDER", tmp_path / "attestations")
    monkeypatch.setattr(attestation.attested, "__defaults__", (tmp_path / "attestations",))
    monkeypatch.setattr(attestation.searched_digest, "__defaults__", (tmp_path,))
    return tmp_path


def write(folder: Path, digest: str) -> None:
    known = Attestation(
        engine="meilisearch",
        version="1.50.0",
        sha256="0" * 64,
        commit="a" * 40,
        digest=digest,
        at=datetime(2026, 1, 1, tzinfo=UTC),
        verdicts={"pass": 3},
        scenarios={},
    )
    (folder / "attestations").mkdir()
    (folder / "attestations" / "meilisearch.json").write_text(known.model_dump_json())


def checked() -> object:
    """The exit code of the command."""
    with pytest.raises(SystemExit) as ended:
        cli.main(["attest", "--check", "meilisearch"])
    return ended.value.code


def test_nothing_attested_says_how_to(folder: Path) -> None:
    """A missing attestation is no pass."""
    assert attested("meilisearch", folder / "attestations") is None
    assert "never attested" in describe("meilisearch")
    assert not stands("meilisearch")
    assert checked() == 2


def test_an_attestation_of_this_code_stands(folder: Path) -> None:
    """The digest is of what the verdicts depend on."""
    write(folder, searched_digest(folder))
    assert "3 pass" in describe("meilisearch")
    assert "STALE" not in describe("meilisearch")
    assert stands("meilisearch")
    assert checked() == 0


@pytest.mark.parametrize("changed", ["stack/search/file.txt", "features/search/new.feature", "steps/file.txt"])
def test_a_change_of_what_it_stands_for_makes_it_stale(folder: Path, changed: str) -> None:
    """A changed or added file, in any of the folders."""
    write(folder, searched_digest(folder))
    (folder / changed).write_text("something else")
    assert "STALE" in describe("meilisearch")
    assert not stands("meilisearch")
    assert checked() == 2


def test_a_file_that_is_no_attestation_is_refused(folder: Path) -> None:
    """Damage is not taken for an old version."""
    (folder / "attestations").mkdir()
    (folder / "attestations" / "meilisearch.json").write_text("{}")
    with pytest.raises(UsageError, match="no attestation"):
        describe("meilisearch")
    assert checked() == 64
