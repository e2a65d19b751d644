"""The corpus: real code, the same every time, all of it or nothing."""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest

from stack.errors import NeedMissingError, UsageError
from stack.forge.corpus import Client, fetch, fill, load_manifest, objects, rows
from stack.forge.corpus.clients import BRING, ClientError, Clients, Placed, Wanted
from stack.forge.corpus.fetch import ChecksumError
from stack.forge.corpus.manifest import MANIFEST, Package
from stack.forge.dump import dump, dump_digest
from stack.forge.errors import InvalidError
from stack.forge.git_local import LocalGit
from stack.forge.poll import poll_refs
from stack.forge.smsly import SmslyForge
from stack.forge.vault import Vault, new_key
from stack.settings import load

CACHE = load().cache_dir


@dataclass
class Filled:
    """One forge with the small corpus in it."""

    conninfo: str
    root: Path
    forge: SmslyForge
    git: LocalGit

    def refs(self) -> dict[str, dict[str, str]]:
        """All refs of all repositories and wikis."""
        names = [self.forge.git_name(found) for found in self.forge.repositories()]
        names += [self.forge.wiki_name(found) for found in self.forge.repositories()]
        return {name: self.git.refs(name) for name in names if self.git.exists(name)}

    def files(self, full_name: str) -> Iterator[tuple[str, bytes]]:
        """Path and content of every file on the default branch."""
        repo = f"{full_name}.git"
        commit = self.git.head(repo).commit
        assert commit is not None
        entries = [entry for entry in self.git.tree(repo, commit) if entry.type == "blob"]
        blobs = self.git.blobs(repo, [entry.oid for entry in entries], limit=1 << 20)
        for entry, blob in zip(entries, blobs, strict=True):
            yield entry.path.decode(), blob.data or b""


def _fill(new_database: Callable[[str | None], str], root: Path) -> Filled:
    conninfo = new_database("migrated")
    # Its key id is stored beside each secret, so all forges that are compared use one.
    forge = SmslyForge(conninfo, vault=Vault({"key-1": new_key()}, current="key-1"))
    try:
        fill(forge, root, "small", cache_dir=CACHE)
    except NeedMissingError as error:
        pytest.skip(f"{error.need} is missing, and the corpus is not in the cache")
    return Filled(conninfo, root, forge, LocalGit(root))


@pytest.fixture(scope="module")
def filled(new_database: Callable[[str | None], str], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Filled]:
    """The small corpus; read only."""
    made = _fill(new_database, tmp_path_factory.mktemp("corpus"))
    yield made
    made.forge.close()
    made.git.close()


class TestFile:
    """What corpus.toml must offer."""

    def test_there_is_enough_real_code(self) -> None:
        """Twelve packages in seven languages, three versions of each, everything pinned."""
        packages = load_manifest().packages("full")
        assert len(packages) >= 12
        assert len({package.language for package in packages}) >= 7
        assert all(len(package.versions) >= 3 for package in packages)
        assert all(version.sha256 for package in packages for version in package.versions)
        clients = Counter(package.client for package in packages)
        assert clients["cargo"] >= 4
        assert min(clients[name] for name in ("go", "npm", "pip")) >= 2
        assert clients["maven"] >= 1

    def test_the_small_corpus_is_a_part_of_the_full_one(self) -> None:
        """Whatever holds for a repository of the small corpus holds for the full one."""
        manifest = load_manifest()
        small, full = manifest.packages("small"), manifest.packages("full")
        assert 5 < len(small) < len(full)
        assert set(small) < set(full)

    @pytest.mark.parametrize(
        ("old", "new", "message"),
        [
            ('client = "cargo"', 'client = "curl"', "not valid"),
            ('sizes = ["small", "full"]', 'size = "small"', "not valid"),
            ('as = "anyhow"', 'as = "clap"', "names a repository twice"),
            ("date = 2023-07-28", "date = 2033-07-28", "not in their order"),
        ],
    )
    def test_a_mistake_in_it_is_named(self, tmp_path: Path, old: str, new: str, message: str) -> None:
        """An unknown client or key, a repository given twice, versions out of order."""
        text = MANIFEST.read_text("utf-8")
        assert old in text
        (tmp_path / "corpus.toml").write_text(text.replace(old, new, 1), "utf-8")
        with pytest.raises(UsageError, match=message):
            load_manifest(tmp_path / "corpus.toml")


class TestFetch:
    """The cache of archives."""

    @pytest.fixture
    def manifest(self, tmp_path: Path) -> Path:
        """One package whose archives hold their own version."""
        versions = ", ".join(
            f'{{ version = "{number}", date = 2020-01-0{number}, '
            f'sha256 = "{hashlib.sha256(str(number).encode()).hexdigest()}" }}'
            for number in (1, 2, 3)
        )
        path = tmp_path / "corpus.toml"
        path.write_text(
            '[[package]]\nname = "@odd/name"\nclient = "npm"\nowner = "a"\nas = "b"\nlanguage = "C"\n'
            f'description = ""\nsizes = ["small"]\nversions = [{versions}]\n'
        )
        return path

    def _bring(self, monkeypatch: pytest.MonkeyPatch, asked: list[str], *, broken: bool = False) -> None:
        def bring(wanted: Wanted, folder: Path, _: Clients) -> Placed:
            placed = {}
            for package, version in wanted:
                asked.append(version.version)
                path = folder / version.version
                path.write_text("broken" if broken else version.version)
                placed[package.name, version.version] = path
            return placed

        monkeypatch.setitem(BRING, "npm", bring)

    def test_only_what_is_missing_or_damaged_is_brought(
        self, manifest: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """A filled cache asks no client; a lost and a damaged archive are brought again, alone."""
        asked: list[str] = []
        self._bring(monkeypatch, asked)
        archives = fetch(load_manifest(manifest), "small", cache_dir=tmp_path)
        assert asked == ["1", "2", "3"]
        fetch(load_manifest(manifest), "small", cache_dir=tmp_path)
        assert asked == ["1", "2", "3"]
        archives["@odd/name", "1"].unlink()
        archives["@odd/name", "3"].write_text("damaged")
        again = fetch(load_manifest(manifest), "small", cache_dir=tmp_path)
        assert asked == ["1", "2", "3", "1", "3"]
        assert again == archives
        assert {path.parent for path in archives.values()} == {tmp_path / "corpus"}

    def test_other_bytes_than_pinned_are_refused(
        self, manifest: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Nothing of it stays in the cache, and the error tells both sums."""
        self._bring(monkeypatch, [], broken=True)
        with pytest.raises(ChecksumError, match="not the one that was pinned") as caught:
            fetch(load_manifest(manifest), "small", cache_dir=tmp_path)
        assert hashlib.sha256(b"broken").hexdigest() in caught.value.got
        assert hashlib.sha256(b"1").hexdigest() in caught.value.got
        assert list((tmp_path / "corpus").iterdir()) == []

    def test_a_missing_client_is_a_missing_need(
        self, manifest: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Without the client the verdict can't be a pass, and the need is named as the scope file would."""
        monkeypatch.setenv("PATH", str(tmp_path))
        with pytest.raises(NeedMissingError) as caught:
            fetch(load_manifest(manifest), "small", cache_dir=tmp_path)
        assert caught.value.need == "npm"

    def test_a_client_that_fails_is_quoted(self, manifest: Path, tmp_path: Path) -> None:
        """The client's own words are in the error."""
        program = tmp_path / "npm"
        program.write_text("#!/bin/sh\necho 'E404 this package is not found' >&2\nexit 1\n")
        program.chmod(0o755)
        with pytest.raises(ClientError, match="npm could not bring") as caught:
            fetch(load_manifest(manifest), "small", cache_dir=tmp_path, clients={"npm": Client(program)})
        assert "this package is not found" in str(caught.value)

    def test_a_client_that_answers_otherwise_is_named(self, manifest: Path, tmp_path: Path) -> None:
        """An answer that is no answer is an error about the client, not a traceback."""
        program = tmp_path / "npm"
        program.write_text("#!/bin/sh\necho welcome to npm\n")
        program.chmod(0o755)
        with pytest.raises(ClientError, match="not understood") as caught:
            fetch(load_manifest(manifest), "small", cache_dir=tmp_path, clients={"npm": Client(program)})
        assert caught.value.on == "npm"

    def test_arguments_of_a_client_come_first(self, manifest: Path, tmp_path: Path) -> None:
        """As for an npm that is run by a node of our own."""
        program, said = tmp_path / "node", tmp_path / "said"
        program.write_text(f"#!/bin/sh\necho \"$2 of $1 in $WHERE\" > {said}\necho '[]'\n")
        program.chmod(0o755)
        client = Client(program, {"WHERE": "here"}, ("npm-cli.js",))
        with pytest.raises(ClientError, match="not understood"):
            fetch(load_manifest(manifest), "small", cache_dir=tmp_path, clients={"npm": client})
        assert said.read_text() == "pack of npm-cli.js in here\n"


class TestContent:
    """What the small corpus holds once it is in a forge."""

    def test_it_has_the_code_that_searches_are_tried_on(self, filled: Filled) -> None:
        """`fn main` in ten Rust files, a Go `func main`, C and C++ with their punctuation."""
        found: Counter[str] = Counter()
        for repository in filled.forge.repositories():
            if repository.private or repository.name == "sandbox":
                continue
            for path, data in filled.files(repository.full_name):
                suffix = path.rpartition(".")[2]
                found["fn main"] += suffix == "rs" and re.search(rb"^fn main\(", data, re.MULTILINE) is not None
                found["func main"] += suffix == "go" and b"\nfunc main() {" in data
                found["int main"] += suffix == "c" and re.search(rb"^int main *\(", data, re.MULTILINE) is not None
                found["vector"] += suffix in {"cpp", "h"} and b"std::vector" in data
                found["arrow"] += suffix == "c" and b"->" in data
                found["stdio"] += suffix == "c" and b"#include <stdio.h>" in data
                found["ts"] += suffix == "ts"
                found["words"] += suffix in {"py", "md", "js"} and b"fn main" in data
        assert found["fn main"] >= 10
        assert min(found.values()) >= 1, found

    def test_versions_are_commits_with_author_date_and_tag(self, filled: Filled) -> None:
        """Each version is an ancestor of main, dated its day, under its tag."""
        for package in load_manifest().packages("small"):
            repo = f"{package.full_name}.git"
            refs = filled.git.refs(repo)
            tags = [refs[f"refs/tags/{_tag(package, version.version)}"] for version in package.versions]
            assert filled.git.is_ancestor(repo, tags[0], tags[1])
            assert filled.git.is_ancestor(repo, tags[-1], refs["refs/heads/main"])
            touches = [next(filled.git.touches(repo, tag)) for tag in tags]
            pairs = zip(touches, package.versions, strict=True)
            days = [(touch.commit_date - _day(version.date)).days for touch, version in pairs]
            assert all(-1 <= day <= 1 for day in days)
            assert all(" " in touch.author_name for touch in touches)

    def test_pull_requests_are_in_git(self, filled: Filled) -> None:
        """Every pull request's ref names its commit; merged ones are reachable from main."""
        states: Counter[str] = Counter()
        for repository in filled.forge.repositories():
            repo = filled.forge.git_name(repository)
            refs = filled.git.refs(repo)
            for pull in filled.forge.pull_requests(repository.id):
                states[pull.state] += 1
                assert refs[f"refs/pull/{pull.number}/head"] == pull.head_commit
                merged = filled.git.is_ancestor(repo, pull.head_commit, refs["refs/heads/main"])
                assert merged == (pull.state == "merged")
        assert states["open"] > 3
        assert states["merged"] > 3

    def test_people_and_work_are_there(self, filled: Filled) -> None:
        """Users, organisations, issues, comments, releases, wikis; public and private, archived and empty."""
        repositories = list(filled.forge.repositories())
        ids = [repository.id for repository in repositories]
        assert len(list(filled.forge.users())) == 40
        assert len(list(filled.forge.organizations())) == 6
        assert sum(1 for number in ids for _ in filled.forge.issues(number)) > 20
        assert sum(1 for number in ids for _ in filled.forge.comments(number)) > 20
        assert sum(1 for number in ids for _ in filled.forge.wiki_pages(number)) >= 6
        assert {repository.visibility for repository in repositories} == {"public", "private"}
        assert any(repository.archived for repository in repositories)
        empty = [repository for repository in repositories if not filled.git.refs(filled.forge.git_name(repository))]
        assert [repository.name for repository in empty] == ["sandbox"]

    def test_private_code_is_for_some_people_only(self, filled: Filled) -> None:
        """Maintainers, readers and one collaborator may read a private repository; guests and others may not."""
        found = filled.forge.find_repository("ferrite", "anyhow")
        assert found is not None
        assert found.private
        names = [user.username for user in filled.forge.users()]
        may = [name for name in names if found.id in filled.forge.readable_private(name)]
        assert 5 < len(may) < 15
        levels = {item.level.value: item.username for item in filled.forge.collaborators(found.id)}
        assert levels["read"] in may
        assert levels["none"] not in may

    def test_the_poll_has_nothing_to_add(self, filled: Filled) -> None:
        """What was filled was announced, with refs as they are."""
        report = poll_refs(filled.forge, filled.git)
        assert (report.announced, report.missing, report.failed) == ([], [], {})

    def test_objects_are_what_the_rows_say(self, filled: Filled) -> None:
        """Every attachment and large file can be put into an object store, with the size and sum of its row."""
        content = dict(objects("small", cache_dir=CACHE))
        attachments = [
            item
            for repository in filled.forge.repositories()
            for release in filled.forge.releases(repository.id)
            for item in release.attachments
        ]
        assert len(attachments) == len(load_manifest().packages("small"))
        for item in attachments:
            assert len(content[item.object_key]) == item.size
            assert hashlib.sha256(content[item.object_key]).hexdigest() == item.sha256
        large = [line for line in dump(filled.conninfo) if line.startswith("lfs_object\t")]
        assert len(content) == len(attachments) + len(large)
        assert large


class TestFilling:
    """All or nothing, once, the same."""

    def test_the_same_input_gives_the_same_forge(
        self, filled: Filled, new_database: Callable[[str | None], str], tmp_path: Path
    ) -> None:
        """Another database and folder: every ref and every row is the same."""
        other = _fill(new_database, tmp_path)
        assert other.refs() == filled.refs()
        assert list(dump(other.conninfo)) == list(dump(filled.conninfo))
        assert dump_digest(other.conninfo) == dump_digest(filled.conninfo)
        other.forge.close()

    def test_a_filled_forge_is_left_as_it_is(self, filled: Filled) -> None:
        """The second filling writes nothing, not even an event; another corpus is refused."""
        before = dump_digest(filled.conninfo), filled.refs(), filled.forge.pending()
        assert not fill(filled.forge, filled.root, "small", cache_dir=CACHE).filled
        with pytest.raises(InvalidError, match="another corpus"):
            fill(filled.forge, filled.root, "full", cache_dir=CACHE)
        assert (dump_digest(filled.conninfo), filled.refs(), filled.forge.pending()) == before

    def test_an_interrupted_filling_leaves_nothing_and_can_be_repeated(
        self,
        forge: SmslyForge,
        conninfo: str,
        new_database: Callable[[str | None], str],
        tmp_path: Path,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        """No row after the failure; after the repetition the forge is that of an undisturbed run."""
        little = tmp_path / "corpus.toml"
        head, *packages = MANIFEST.read_text("utf-8").split("[[package]]")
        chosen = [text for text in packages if '"anyhow"' in text or '"immer"' in text]
        little.write_text("[[package]]".join([head, *chosen]), "utf-8")
        write, calls = rows.write_repository, []

        def failing(*arguments: Any) -> None:
            calls.append(arguments)
            if len(calls) == 3:
                raise KeyboardInterrupt
            write(*arguments)

        monkeypatch.setattr(rows, "write_repository", failing)
        with pytest.raises(KeyboardInterrupt):
            fill(forge, tmp_path / "git", "small", cache_dir=CACHE, manifest=little)
        assert list(dump(conninfo)) == []
        assert forge.pending() == 0
        monkeypatch.undo()
        assert fill(forge, tmp_path / "git", "small", cache_dir=CACHE, manifest=little).filled
        undisturbed = new_database("migrated")
        with SmslyForge(undisturbed, vault=Vault({"key-1": new_key()}, current="key-1")) as other:
            fill(other, tmp_path / "other", "small", cache_dir=CACHE, manifest=little)
        assert dump_digest(conninfo) == dump_digest(undisturbed)

    def test_secrets_are_filled_when_there_are_keys(self, filled: Filled) -> None:
        """Each decrypts with the key, and the dump shows only that they are there."""
        lines = [line for line in dump(filled.conninfo) if line.startswith(("webhook\t", "runner_token\t"))]
        assert len(lines) > 6
        assert all('_ciphertext":true' in line for line in lines)
        assert filled.forge.webhook_secret(1).get_secret_value()
        assert filled.forge.runner_token(1).get_secret_value()

    def test_a_name_that_is_taken_is_not_overwritten(self, forge: SmslyForge, tmp_path: Path) -> None:
        """A repository of somebody's own under a name of the corpus stops the filling before git is touched."""
        forge.create_user("someone")
        forge.create_organization("ferrite", owners=["someone"])
        forge.create_repository("ferrite", "clap")
        with pytest.raises(InvalidError, match="name that the corpus needs"):
            fill(forge, tmp_path / "git", "small", cache_dir=CACHE)
        assert not (tmp_path / "git").exists()


def _tag(package: Package, version: str) -> str:
    return version if package.client == "go" else f"v{version}"


def _day(day: date) -> datetime:
    return datetime(day.year, day.month, day.day, tzinfo=UTC)
