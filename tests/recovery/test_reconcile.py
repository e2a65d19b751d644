"""Whether the parts of a forge agree: a healthy one breaks no rule, each way of spoiling it is named by its rule."""

from __future__ import annotations

import dataclasses
import hashlib
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import psycopg
import pytest
from pydantic import SecretStr

from reports.verdict import Finding
from stack.forge.gitenv import git
from stack.forge.hosting import Hosting
from stack.forge.model import Attachment, LfsObject
from stack.forge.repositories import Repositories
from stack.forge.smsly import SmslyForge
from stack.forge.vault import Vault, new_key
from stack.recovery.canaries import REPOSITORY, Canaries
from stack.recovery.forge import ForgeQueries, Query, load_queries
from stack.recovery.reconcile import CHECKS, Restored, run
from stack.recovery.reconcile.place import FolderObjects
from tests.recovery.conftest import Author

LABEL = "set one"


class Place:
    """A forge with one of everything, as it came back."""

    def __init__(self, conninfo: str, hosting: Hosting, folder: Path) -> None:
        """Fill it."""
        self.conninfo, self.hosting, self.folder = conninfo, hosting, folder
        self.author = Author(hosting)
        first = self.author.push("first")
        self.author.push("topic", branch="topic")
        self.author.wiki("welcome")
        hosting.open_pull_request("ada", "engine", author="ada", title="pull", head="topic")
        self.objects = folder / "objects"
        self.put("attachments/1", b"attached")
        self.put("lfs/1", b"large")
        self.put("jobs/1/1/000001.log", b"a line\n")
        attached = Attachment(0, "a.bin", 8, hashlib.sha256(b"attached").hexdigest(), "attachments/1", "text/plain")
        hosting.forge.release("ada", "engine", tag="v1", commit=first, author="ada", attachments=[attached])
        hosting.forge.add_lfs_object("ada", "engine", LfsObject(0, hashlib.sha256(b"large").hexdigest(), 5, "lfs/1"))
        hosting.forge.add_webhook("ada", "engine", url="https://example.org/", secret=SecretStr("a secret"))
        self.sql("INSERT INTO job (repository_id, kind, state) SELECT id, 'steps', 'succeeded' FROM repository")
        self.sql("INSERT INTO job_log (job_id, attempt, parts, bytes) SELECT min(id), 1, 1, 7 FROM job")
        Canaries(conninfo, hosting.repositories.root).plant(LABEL)
        self.restored = Restored(
            conninfo=conninfo,
            git_root=hosting.repositories.root,
            objects=FolderObjects(self.objects),
            vault_keys=(folder / "vault.key",),
            canary=LABEL,
            later="never",
            canary_repository=REPOSITORY,
        )

    def put(self, key: str, content: bytes) -> None:
        """An object."""
        path = self.objects / key
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)

    def sql(self, text: str) -> None:
        """Change rows."""
        with psycopg.connect(self.conninfo) as db:
            db.execute(text.encode())

    @property
    def git(self) -> Path:
        """The repository's folder."""
        return self.author.path

    def check(self, restored: Restored | None = None) -> list[Finding]:
        """What all checks find."""
        return [finding for report in run(restored or self.restored, load_queries()) for finding in report.findings]


@pytest.fixture
def place(conninfo: str, tmp_path: Path) -> Iterator[Place]:
    """A healthy forge."""
    key = tmp_path / "vault.key"
    key.write_text(f"key-1 {new_key().get_secret_value()}\n", "ascii")
    key.chmod(0o600)
    root = tmp_path / "git"
    root.mkdir()
    with SmslyForge(conninfo, vault=Vault.from_file(key)) as forge:
        yield Place(conninfo, Hosting(forge, Repositories(root)), tmp_path)


def test_a_healthy_forge_breaks_no_rule_and_every_check_has_looked_at_something(place: Place) -> None:
    """A check that looks at nothing would find nothing either."""
    reports = list(run(place.restored, load_queries()))
    assert [report.check for report in reports] == list(CHECKS)
    assert [finding for report in reports for finding in report.findings] == []
    assert all(report.looked > 0 for report in reports), reports


def _flip(folder: Path) -> None:
    files = [each for each in (folder / "objects").rglob("*") if each.is_file()]
    path = max(files, key=lambda each: each.stat().st_size)
    path.chmod(0o644)
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 0xFF
    path.write_bytes(bytes(data))


def _lose_newest(place: Place) -> None:
    tip = git(["rev-parse", "refs/heads/topic"], git_dir=place.git).text.strip()
    (place.git / "objects" / tip[:2] / tip[2:]).unlink()


def _hook(place: Place) -> None:
    hooks = place.git / "hooks"
    hooks.mkdir(exist_ok=True)
    (hooks / "post-receive").write_text("#!/bin/sh\n", "ascii")
    (hooks / "post-receive").chmod(0o755)


SPOILT: dict[str, tuple[str, Callable[[Place], object]]] = {
    "a repository is gone": ("REPOSITORY_MISSING", lambda place: shutil.rmtree(place.git)),
    "a wiki is gone": ("REPOSITORY_MISSING", lambda place: shutil.rmtree(place.git.with_name("engine.wiki.git"))),
    "a repository without a row": (
        "REPOSITORY_ORPHAN",
        lambda place: git(["init", "--quiet", "--bare", place.git.with_name("stray.git")]),
    ),
    "all refs are gone": (
        "REPOSITORY_EMPTIED",
        lambda place: [
            git(["update-ref", "-d", ref], git_dir=place.git)
            for ref in git(["for-each-ref", "--format=%(refname)"], git_dir=place.git).text.split()
        ],
    ),
    "HEAD names another branch": (
        "REPOSITORY_MODE",
        lambda place: git(["symbolic-ref", "HEAD", "refs/heads/other"], git_dir=place.git),
    ),
    "everybody may write": ("REPOSITORY_MODE", lambda place: place.git.chmod(0o777)),
    "a hook came back": ("REPOSITORY_MODE", _hook),
    "a release of a commit that is nowhere": (
        "COMMIT_MISSING",
        lambda place: place.sql("UPDATE release SET commit = repeat('0123456789', 4)"),
    ),
    "the head of a pull request is gone": (
        "PULL_HEAD_MISSING",
        lambda place: git(["update-ref", "-d", "refs/pull/1/head"], git_dir=place.git),
    ),
    "a branch is elsewhere": (
        "REFS_DIFFER",
        lambda place: git(["update-ref", "refs/heads/topic", "refs/heads/main"], git_dir=place.git),
    ),
    "a branch is gone": ("REFS_DIFFER", lambda place: git(["update-ref", "-d", "refs/heads/main"], git_dir=place.git)),
    "a branch that nobody announced": (
        "COMMIT_UNKNOWN",
        lambda place: git(["update-ref", "refs/heads/secret", "refs/heads/main"], git_dir=place.git),
    ),
    "a commit is lost": ("GIT_DAMAGED", _lose_newest),
    "an object is gone": ("OBJECT_MISSING", lambda place: (place.objects / "attachments/1").unlink()),
    "a part of a log is gone": ("OBJECT_MISSING", lambda place: (place.objects / "jobs/1/1/000001.log").unlink()),
    "an object is longer": ("OBJECT_DIFFERS", lambda place: place.put("attachments/1", b"attached!")),
    "an object is another": ("OBJECT_DIFFERS", lambda place: place.put("lfs/1", b"LARGE")),
    "an object without a row": ("OBJECT_ORPHAN", lambda place: place.put("attachments/2", b"stray")),
    "a secret of another row": (
        "SECRET_UNREADABLE",
        lambda place: place.sql("UPDATE webhook SET id = id + 100"),
    ),
    "the canary's row is gone": ("CANARY_MISSING", lambda place: place.sql("DELETE FROM recovery_canary")),
    "the canary's commit is gone": (
        "CANARY_MISSING",
        lambda place: git(
            ["update-ref", "-d", "refs/heads/main"], git_dir=place.hosting.repositories.root / REPOSITORY
        ),
    ),
    "a canary of later is there": (
        "CANARY_SURPLUS",
        lambda place: Canaries(place.conninfo, place.hosting.repositories.root).plant("never"),
    ),
}


@pytest.mark.parametrize("how", list(SPOILT))
def test_each_way_of_spoiling_it_is_named_by_its_rule(place: Place, how: str) -> None:
    """By that rule at least; some break others as well."""
    rule, spoil = SPOILT[how]
    spoil(place)
    assert rule in {finding.rule for finding in place.check()}


def test_a_flipped_byte_in_git_is_named(place: Place) -> None:
    """Whichever object it hits, git fsck or the commits that rows name tell of it."""
    _flip(place.git)
    assert {finding.rule for finding in place.check()} & {"GIT_DAMAGED", "COMMIT_MISSING"}


def test_both_halves_of_a_later_canary_are_told(place: Place) -> None:
    """A row that should not be there and a commit that should not be there are two findings."""
    Canaries(place.conninfo, place.hosting.repositories.root).plant("never")
    told = [finding.message for finding in place.check() if finding.rule == "CANARY_SURPLUS"]
    assert len(told) == 2
    assert any("commit" in each for each in told)


@pytest.mark.parametrize(
    ("changes", "rule"),
    [
        ({"vault_keys": ()}, "VAULT_MISSING"),
        ({"canary": ""}, "POINT_UNASSERTED"),
        ({"canary_repository": ""}, "POINT_UNASSERTED"),
        ({"objects": None}, "RECONCILE_UNKNOWN"),
        ({"conninfo": "host=/nonexistent dbname=none connect_timeout=1"}, "RECONCILE_UNKNOWN"),
    ],
)
def test_what_did_not_come_back_or_cannot_be_asked_is_said(place: Place, changes: dict[str, object], rule: str) -> None:
    """Never a silent pass."""
    restored = dataclasses.replace(place.restored, **changes)  # type: ignore[arg-type] # each by its name
    assert rule in {finding.rule for finding in place.check(restored)}


def test_a_key_of_another_vault_opens_nothing(place: Place, tmp_path: Path) -> None:
    """The right form, and another key; and a file that is no key file does not disturb."""
    other = tmp_path / "other.key"
    other.write_text(f"key-1 {new_key().get_secret_value()}\n", "ascii")
    other.chmod(0o600)
    noise = tmp_path / "noise"
    noise.write_bytes(b"\xff\x00 not a key")
    noise.chmod(0o600)
    restored = dataclasses.replace(place.restored, vault_keys=(noise, other))
    assert [finding.rule for finding in place.check(restored)] == ["SECRET_UNREADABLE"]
    both = dataclasses.replace(place.restored, vault_keys=(noise, other, *place.restored.vault_keys))
    assert place.check(both) == []


def test_a_query_that_is_wrong_is_said_and_the_other_checks_go_on(place: Place) -> None:
    """A user's own query must not make the rest unverifiable."""
    queries = ForgeQueries(commits=(Query(name="wrong", query="SELECT nonsense"),))
    found = {report.check: [each.rule for each in report.findings] for report in run(place.restored, queries)}
    assert found["C2"] == ["RECONCILE_UNKNOWN"]
    assert found["C1"] == []
