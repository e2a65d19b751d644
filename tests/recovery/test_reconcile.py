"""Parts of a restored forge against each other: a healthy one raises nothing, each spoilt one its rule, by its name."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import BinaryIO

import psycopg
import pytest
from pydantic import SecretStr

from reports.verdict import Finding
from stack.forge.gitenv import git
from stack.forge.hosting import Hosting
from stack.forge.model import Attachment, LfsObject
from stack.forge.vault import Vault, new_key
from stack.recovery import canary
from stack.recovery.forge import load_queries
from stack.recovery.reconcile import CHECKS, Restored, run
from stack.recovery.reconcile.place import FolderObjects
from stack.recovery.rules import RULES
from tests.recovery.conftest import ADA, MOMENT, Author

ENGINE, WIKI, CANARY = "ada/engine.git", "ada/engine.wiki.git", "ada/canary.git"
BEFORE, LATER = "canary-before", "canary-later"
ATTACHMENT, LFS = "attachments/1/engine.tar", "lfs/one"
MISSING = "a" * 40


@dataclass(frozen=True)
class Whole:
    """A forge with something of everything, as a restore would hand it over."""

    restored: Restored
    hosting: Hosting
    objects: Path
    first: str

    def sql(self, query: str) -> None:
        """Spoil rows."""
        with psycopg.connect(self.restored.conninfo) as db:
            db.execute(query.encode())

    def folder(self, repo: str) -> Path:
        """Of a git repository."""
        return self.hosting.repositories.path(repo)

    def ref(self, repo: str, ref: str, commit: str | None) -> None:
        """Move a ref behind the database's back."""
        self.hosting.repositories.update_ref(repo, ref, commit)

    def blob(self) -> Path:
        """The loose object of a file's content."""
        oid = git(["rev-parse", "refs/heads/main:file.txt"], git_dir=self.folder(ENGINE)).text.strip()
        return self.folder(ENGINE) / "objects" / oid[:2] / oid[2:]


Spoil = Callable[[Whole], Restored | None]


@pytest.fixture
def vault_file(tmp_path: Path) -> Path:
    """Where keys are kept."""
    return tmp_path / "vault.keys"


@pytest.fixture
def vault(vault_file: Path) -> Vault:
    """The forge's vault, with its key in that file."""
    return Vault.from_file(vault_file)


@pytest.fixture
def whole(author: Author, hosting: Hosting, conninfo: str, tmp_path: Path, vault_file: Path) -> Iterator[Whole]:
    """Repositories with a wiki, pulls, a release, large files, logs, secrets and canaries; one empty, one deleted."""
    objects = tmp_path / "objects"
    forge = hosting.forge
    first = author.push("one")
    topic = author.push("two", branch="topic")
    merged = hosting.open_pull_request("ada", "engine", author="ada", title="Merge me", head="topic")
    merge = hosting.push("ada", "engine", {"file.txt": b"three"}, author=ADA, date=MOMENT, message="Merge", merge=topic)
    forge.merge_pull_request("ada", "engine", merged.number, by="ada", merge_commit=merge)
    author.push("four", branch="feature")
    hosting.open_pull_request("ada", "engine", author="ada", title="Look at me", head="feature")
    author.wiki("home")
    forge.set_status("ada", "engine", merge, context="build", state="success")
    archive, large = b"an archive", b"a large file"
    oid = hashlib.sha256(large).hexdigest()
    attached = Attachment(0, "engine.tar", len(archive), hashlib.sha256(archive).hexdigest(), ATTACHMENT, "text/plain")
    forge.release("ada", "engine", tag="v1", commit=first, author="ada", attachments=[attached])
    forge.add_lfs_object("ada", "engine", LfsObject(0, oid, len(large), LFS))
    forge.add_webhook("ada", "engine", url="https://example.org/hook", secret=SecretStr("a secret"))
    forge.add_webhook("ada", "engine", url="https://example.org/other", secret=SecretStr("another"))
    forge.add_runner_token("ada", "runner", token=SecretStr("a token"))
    Author(hosting, "empty")
    gone = Author(hosting, "gone")
    forge.release("ada", "gone", tag="v1", commit=gone.push("gone"), author="ada")
    hosting.delete_repository("ada", "gone")
    Author(hosting, "canary").push("nothing yet")
    with psycopg.connect(conninfo) as db:
        db.execute("INSERT INTO job (id, repository_id, kind) VALUES (7, %s, 'ci')", (author.id,))
        db.execute("INSERT INTO job_log (job_id, attempt, parts) VALUES (7, 1, 2)")
        canary.prepare(db)
        canary.plant(db, BEFORE)
    hosting.push("ada", "canary", {"file.txt": b"here"}, author=ADA, date=MOMENT, message=BEFORE)
    for key, content in {
        ATTACHMENT: archive,
        LFS: large,
        "jobs/7/1/000001.log": b"begun\n",
        "jobs/7/1/000002.log": b"done\n",
    }.items():
        (objects / key).parent.mkdir(parents=True, exist_ok=True)
        (objects / key).write_bytes(content)
    restored = Restored(
        conninfo=conninfo,
        git_root=hosting.repositories.root,
        objects=FolderObjects(objects),
        vault_keys=(vault_file,),
        canary=BEFORE,
        later=LATER,
        canary_repository=CANARY,
    )
    yield Whole(restored, hosting, objects, first)
    with psycopg.connect(conninfo) as db:
        db.execute("DROP TABLE IF EXISTS recovery_canary")  # other tests have the same database, without it


def found(restored: Restored) -> dict[str, list[Finding]]:
    """What each check finds that finds something."""
    return {each.check: list(each.findings) for each in run(restored, load_queries()) if each.findings}


def test_a_healthy_forge_raises_nothing(whole: Whole) -> None:
    """No check finds anything, and each has looked at something."""
    reports = list(run(whole.restored, load_queries()))
    assert [each.check for each in reports] == list(CHECKS)
    assert [finding for each in reports for finding in each.findings] == []
    assert {each.check: each.looked for each in reports} == {
        "C1": 4,  # engine, its wiki, empty, canary
        "C2": 5,  # heads of two pulls, a merge, a release, a wiki page; the status names the merge again
        "C3": 2,
        "C4": 7,  # main, topic, feature, two pulls; the wiki's main, the canary's main
        "C5": 4,
        "C6": 3,
        "C8": 4,
    }


# -- spoilt ones


def _repository_missing(whole: Whole) -> None:
    whole.hosting.repositories.delete("ada/empty.git")


def _orphan(whole: Whole) -> None:
    whole.hosting.repositories.create("ada/stray.git")


def _emptied(whole: Whole) -> None:
    whole.ref(WIKI, "refs/heads/main", None)


def _other_head(whole: Whole) -> None:
    whole.hosting.repositories.set_head(ENGINE, branch="topic")


def _open_to_all(whole: Whole) -> None:
    whole.folder(ENGINE).chmod(0o777)


def _foreign(whole: Whole) -> None:
    if os.geteuid() != 0:
        pytest.skip("only root gives folders away")
    os.chown(whole.folder(ENGINE), 65534, -1)


def _hook(whole: Whole) -> None:
    hooks = whole.folder(ENGINE) / "hooks"
    hooks.mkdir()
    (hooks / "post-receive").write_text("#!/bin/sh\n")
    (hooks / "post-receive").chmod(0o755)


def _release_of_nothing(whole: Whole) -> None:
    whole.sql(f"UPDATE release SET commit = '{MISSING}'")  # noqa: S608 - a constant


def _page_of_nothing(whole: Whole) -> None:
    whole.sql(f"UPDATE wiki_page SET commit = '{MISSING}'")  # noqa: S608 - a constant


def _page_without_wiki(whole: Whole) -> None:
    whole.sql("DELETE FROM repository_ref WHERE is_wiki")
    whole.sql("DELETE FROM push_journal WHERE is_wiki")
    whole.hosting.repositories.delete(WIKI)


def _no_pull_head(whole: Whole) -> None:
    whole.ref(ENGINE, "refs/pull/2/head", None)


def _branch_back(whole: Whole) -> None:
    whole.ref(ENGINE, "refs/heads/main", whole.first)


def _branch_lost(whole: Whole) -> None:
    whole.ref(ENGINE, "refs/heads/topic", None)


def _branch_more(whole: Whole) -> None:
    whole.ref(ENGINE, "refs/heads/secret", whole.first)


def _flip(path: Path) -> None:
    path.chmod(0o644)
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 0xFF
    path.write_bytes(data)


def _object_flipped(whole: Whole) -> None:
    _flip(whole.blob())


def _object_removed(whole: Whole) -> None:
    whole.blob().unlink()


def _pack_flipped(whole: Whole) -> None:
    git(["repack", "-adq"], git_dir=whole.folder(WIKI))
    (pack,) = (whole.folder(WIKI) / "objects/pack").glob("*.pack")
    pack.chmod(0o644)
    data = bytearray(pack.read_bytes())
    data[-1] ^= 0xFF  # of its own checksum: git has no more use for any of it
    pack.write_bytes(data)


def _object_missing(whole: Whole) -> None:
    (whole.objects / LFS).unlink()


def _log_missing(whole: Whole) -> None:
    (whole.objects / "jobs/7/1/000002.log").unlink()


def _object_longer(whole: Whole) -> None:
    with (whole.objects / ATTACHMENT).open("ab") as file:
        file.write(b"!")


def _object_other(whole: Whole) -> None:
    (whole.objects / ATTACHMENT).write_bytes(b"AN ARCHIVE")


def _object_of_two(whole: Whole) -> None:
    whole.sql(
        "INSERT INTO lfs_object (repository_id, oid, size, object_key)"
        " SELECT repository_id, repeat('f', 64), size, object_key FROM lfs_object"
    )


def _object_orphan(whole: Whole) -> None:
    (whole.objects / "lfs/two").write_bytes(b"two")


def _other_key(whole: Whole) -> Restored:
    file = whole.objects.parent / "other.keys"
    file.write_text(f"key-1 {new_key().get_secret_value()}\n")
    file.chmod(0o600)
    return replace(whole.restored, vault_keys=(file,))


def _secrets_moved(whole: Whole) -> None:
    whole.sql(
        "UPDATE webhook w SET secret_nonce = o.secret_nonce, secret_ciphertext = o.secret_ciphertext"
        " FROM webhook o WHERE w.id = 1 AND o.id = 2"
    )


def _key_forgotten(whole: Whole) -> None:
    whole.sql("UPDATE runner_token SET token_key_id = 'key-0'")


def _no_vault(whole: Whole) -> Restored:
    return replace(whole.restored, vault_keys=())


def _no_key_file(whole: Whole) -> Restored:
    other = whole.objects.parent / "deploy.key"
    other.write_text("this is no vault\n")
    other.chmod(0o600)
    return replace(whole.restored, vault_keys=(other,))


def _canary_row_missing(whole: Whole) -> None:
    whole.sql("DELETE FROM recovery_canary")


def _canary_table_missing(whole: Whole) -> None:
    whole.sql("DROP TABLE recovery_canary")


def _canary_commit_missing(whole: Whole) -> None:
    parent = git(["rev-parse", "refs/heads/main^"], git_dir=whole.folder(CANARY)).text.strip()
    whole.ref(CANARY, "refs/heads/main", parent)


def _canary_row_surplus(whole: Whole) -> None:
    with psycopg.connect(whole.restored.conninfo) as db:
        canary.plant(db, LATER)


def _canary_commit_surplus(whole: Whole) -> None:
    whole.hosting.push("ada", "canary", {"file.txt": b"late"}, author=ADA, date=MOMENT, message=LATER)


def _no_canary(whole: Whole) -> Restored:
    return replace(whole.restored, canary="")


def _no_canary_commit(whole: Whole) -> Restored:
    return replace(whole.restored, canary_repository="")


def _no_objects(whole: Whole) -> Restored:
    return replace(whole.restored, objects=None)


@dataclass(frozen=True)
class Case:
    """How a forge is spoilt, and what is said of it: check, rule, and words; `also` may come with it."""

    spoil: Spoil
    check: str
    rule: str
    told: tuple[str, ...]
    also: frozenset[str] = frozenset()


CASES = [
    Case(_repository_missing, "C1", "REPOSITORY_MISSING", ("ada/empty.git",)),
    Case(_orphan, "C1", "REPOSITORY_ORPHAN", ("ada/stray.git",)),
    Case(_other_head, "C1", "REPOSITORY_MODE", (ENGINE, "refs/heads/topic", "main")),
    Case(_open_to_all, "C1", "REPOSITORY_MODE", (ENGINE, "777")),
    Case(_foreign, "C1", "REPOSITORY_MODE", (ENGINE, "65534")),
    Case(_hook, "C1", "REPOSITORY_MODE", (ENGINE, "post-receive")),
    Case(_release_of_nothing, "C2", "COMMIT_MISSING", (ENGINE, MISSING)),
    Case(_page_of_nothing, "C2", "COMMIT_MISSING", (WIKI, MISSING)),
    Case(_page_without_wiki, "C2", "COMMIT_MISSING", (WIKI,)),
    Case(_no_pull_head, "C3", "PULL_HEAD_MISSING", (ENGINE, "refs/pull/2/head"), frozenset({"REFS_DIFFER"})),
    Case(_emptied, "C4", "REPOSITORY_EMPTIED", (WIKI,)),
    Case(_branch_back, "C4", "REFS_DIFFER", (ENGINE, "other commits", "refs/heads/main")),
    Case(_branch_lost, "C4", "REFS_DIFFER", (ENGINE, "lacks", "refs/heads/topic")),
    Case(_branch_more, "C4", "COMMIT_UNKNOWN", (ENGINE, "refs/heads/secret")),
    Case(_object_flipped, "C4", "GIT_DAMAGED", (ENGINE,)),
    Case(_object_removed, "C4", "GIT_DAMAGED", (ENGINE,)),
    Case(_pack_flipped, "C4", "GIT_DAMAGED", (WIKI,), frozenset({"COMMIT_MISSING"})),
    Case(_object_missing, "C5", "OBJECT_MISSING", (LFS, "LFS object")),
    Case(_log_missing, "C5", "OBJECT_MISSING", ("jobs/7/1/000002.log", "job 7")),
    Case(_object_longer, "C5", "OBJECT_DIFFERS", (ATTACHMENT, "11 bytes", "10")),
    Case(_object_other, "C5", "OBJECT_DIFFERS", (ATTACHMENT, "content")),
    Case(_object_of_two, "C5", "OBJECT_DIFFERS", (LFS, "f" * 64, "content")),
    Case(_object_orphan, "C5", "OBJECT_ORPHAN", ("1 objects", "lfs/two")),
    Case(_no_objects, "C5", "RECONCILE_UNKNOWN", ("4 rows",)),
    Case(_other_key, "C6", "SECRET_UNREADABLE", ("webhook.secret", "row 1", "key-1")),
    Case(_secrets_moved, "C6", "SECRET_UNREADABLE", ("webhook.secret", "row 1")),
    Case(_key_forgotten, "C6", "SECRET_UNREADABLE", ("runner_token.token", "key-0")),
    Case(_no_vault, "C6", "VAULT_MISSING", ("3 secrets",)),
    Case(_no_key_file, "C6", "VAULT_MISSING", ("3 secrets",)),
    Case(_canary_row_missing, "C8", "CANARY_MISSING", (BEFORE,)),
    Case(_canary_table_missing, "C8", "CANARY_MISSING", (BEFORE,)),
    Case(_canary_commit_missing, "C8", "CANARY_MISSING", (BEFORE, CANARY), frozenset({"REFS_DIFFER"})),
    Case(_canary_row_surplus, "C8", "CANARY_SURPLUS", (LATER,)),
    Case(_canary_commit_surplus, "C8", "CANARY_SURPLUS", (LATER, CANARY)),
    Case(_no_canary, "C8", "POINT_UNASSERTED", ("without a canary",)),
    Case(_no_canary_commit, "C8", "POINT_UNASSERTED", ("no canary commit",)),
]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.spoil.__name__.strip("_"))
def test_each_spoilt_forge_is_told_by_its_rule(whole: Whole, case: Case) -> None:
    """The check that asks for it names the rule and what is spoilt, and nothing else is blamed."""
    seen = found(case.spoil(whole) or whole.restored)
    mine = [each for each in seen[case.check] if each.rule == case.rule]
    assert any(all(word in each.message for word in case.told) for each in mine), seen
    assert {each.rule for findings in seen.values() for each in findings} == {case.rule, *case.also}
    assert all(each.fix == RULES[case.rule].fix for each in mine)


def test_no_secret_is_told(whole: Whole) -> None:
    """Findings about secrets name their places; what was sealed, and with what, stays out."""
    told = str(found(_other_key(whole)))
    assert "SECRET_UNREADABLE" in told
    assert "a secret" not in told
    assert (whole.objects.parent / "other.keys").read_text().split()[1] not in told


def test_a_key_file_that_did_not_come_back_is_not_made(whole: Whole, tmp_path: Path) -> None:
    """A vault is made where there is none; here that would hide that its keys are lost."""
    lost = tmp_path / "lost.keys"
    seen = found(replace(whole.restored, vault_keys=(lost,)))
    assert [each.rule for each in seen["C6"]] == ["VAULT_MISSING"]
    assert not lost.exists()


def test_a_database_that_is_away_is_unknown(whole: Whole) -> None:
    """Each check says of itself that it could not ask."""
    seen = found(replace(whole.restored, conninfo=f"{whole.restored.conninfo} dbname=nowhere"))
    assert {name: [each.rule for each in findings] for name, findings in seen.items()} == {
        name: ["RECONCILE_UNKNOWN"] for name in CHECKS
    }
    assert all("nowhere" in each.evidence for findings in seen.values() for each in findings)


def test_one_object_that_cannot_be_read_hides_no_other(whole: Whole) -> None:
    """It is unknown by its key, and what else is wrong is told all the same."""

    class Failing(FolderObjects):
        def open(self, key: str) -> BinaryIO:
            raise OSError(5, "Input/output error", key)

    (whole.objects / "jobs/7/1/000001.log").unlink()
    seen = found(replace(whole.restored, objects=Failing(whole.objects)))
    told = {(each.rule, each.message.partition(" ")[0]) for each in seen["C5"]}
    assert told == {
        ("RECONCILE_UNKNOWN", ATTACHMENT),
        ("RECONCILE_UNKNOWN", LFS),
        ("OBJECT_MISSING", "jobs/7/1/000001.log"),
    }


def test_a_folder_that_is_no_repository_hides_no_other(whole: Whole) -> None:
    """One that lost its HEAD is damaged, by name; a branch that another lost is told beside it."""
    (whole.folder(CANARY) / "HEAD").unlink()
    _branch_lost(whole)
    seen = found(whole.restored)
    assert [(each.rule, CANARY in each.message) for each in seen["C1"]] == [("REPOSITORY_MODE", True)]
    assert ("GIT_DAMAGED", CANARY) in {(each.rule, each.message.partition(":")[0]) for each in seen["C4"]}
    assert any(each.rule == "REFS_DIFFER" and ENGINE in each.message for each in seen["C4"])


def test_an_ill_formed_commit_is_no_damage(whole: Whole) -> None:
    """Old clients wrote what git would not write today; it came back as it was, and git can read it."""
    repo = whole.folder(ENGINE)
    tree = git(["rev-parse", "refs/heads/main^{tree}"], git_dir=repo).text.strip()
    text = f"tree {tree}\nauthor A <a@example.org> 01 +0000\ncommitter A <a@example.org> 01 +0000\n\nodd\n"
    words = ["hash-object", "-t", "commit", "-w", "--literally", "--stdin"]
    odd = git(words, git_dir=repo, stdin=text.encode()).text.strip()
    update = whole.hosting.repositories.update_ref(ENGINE, "refs/heads/odd", odd)
    whole.hosting.announce("ada", "engine", [update])
    assert git(["fsck"], git_dir=repo, ok=(1,)).code == 1
    assert found(whole.restored) == {}
    whole.blob().unlink()
    assert [each.rule for each in found(whole.restored)["C4"]] == ["GIT_DAMAGED"]


def test_only_the_checks_that_are_asked_for_are_carried_out(whole: Whole) -> None:
    """In the order that was asked."""
    assert [each.check for each in run(whole.restored, load_queries(), only=["C8", "C1"])] == ["C8", "C1"]
