"""The controller behind the steps that clone and push over HTTP, as git itself does it."""

from __future__ import annotations

import base64
import secrets
import tempfile
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from stack.errors import NeedMissingError
from stack.forge.errors import GitError
from stack.forge.gitenv import ISOLATED, git
from stack.process import Completed
from steps.people import VISITOR, People

__all__ = ["GitPeople", "Outcome"]

_SECONDS = 180.0
_UNKNOWN = "0" * 40


@dataclass(frozen=True)
class Outcome:
    """How a git command ended: whether it did what was asked, and what it said."""

    ok: bool
    text: str


@dataclass
class GitPeople:
    """Everybody's clones, in one folder that goes away with the scenario."""

    people: People
    folder: Path
    slow: float = 1.0
    pushed: dict[str, str] = field(default_factory=dict)
    outcomes: list[Outcome] = field(default_factory=list)
    fetched_bytes: int = 0
    headers: Mapping[str, str] = field(default_factory=dict)
    _pending: tuple[threading.Thread, list[Outcome], Path] | None = None

    @property
    def last(self) -> Outcome:
        """How the last command ended."""
        assert self.outcomes, "nothing was cloned or pushed yet"
        return self.outcomes[-1]

    def push_files(self, name: str, repository: str, number: int, kilobytes: int) -> None:
        """Commit made-up files, which nothing can make smaller, and push them."""
        work = self.work(name, repository)
        for index in range(number):
            (work / f"file-{index}.txt").write_text(secrets.token_hex(kilobytes * 512), "utf-8")
        self._commit_and_push(name, repository, work, "main", "files")

    def push_file(self, name: str, repository: str, path: str, text: str, *, branch: str = "main") -> None:
        """Commit one file on a branch, made from what is cloned where there is none, and push it."""
        work = self.work(name, repository)
        if self.git(["rev-parse", "--verify", "--quiet", f"refs/heads/{branch}"], work, ok=(0, 1)).code == 0:
            self.git(["checkout", "--quiet", branch], work)
        else:
            self.git(["checkout", "--quiet", "-B", branch], work)
        (work / path).write_text(text, "utf-8")
        self._commit_and_push(name, repository, work, branch, f"change {path}")

    def clone(self, name: str, repository: str) -> Path:
        """Clone into a new folder; whether it worked is the last outcome."""
        target = Path(tempfile.mkdtemp(dir=self.folder)) / "clone"
        self._attempt(["clone", "--quiet", self._url(repository), target], name)
        return target

    def keep_clone(self, name: str, repository: str) -> None:
        """Clone, for later steps to work in."""
        work = self.clone(name, repository)
        if not self.last.ok:
            raise NeedMissingError("git-http", f"{repository} cannot be cloned", got=self.last.text)
        work.rename(self._folder_of(name, repository))

    def fetch(self, name: str) -> None:
        """Fetch into the clone that was kept, and note how many bytes of pack came."""
        work = next(path for path in self.folder.iterdir() if path.name.startswith(f"{name}@"))
        before = _pack_bytes(work)
        self._attempt(["-C", work, "fetch", "--quiet", "origin"], name)
        self.fetched_bytes = _pack_bytes(work) - before

    def kept_tip(self, name: str) -> str:
        """What the kept clone has as the remote's main."""
        work = next(path for path in self.folder.iterdir() if path.name.startswith(f"{name}@"))
        return self.git(["rev-parse", "refs/remotes/origin/main"], work).text.strip()

    def expect_whole(self, clone: Path, repository: str) -> None:
        """A clone that passes git's own check and stands at the commit that was pushed last."""
        assert self.last.ok, f"the clone failed: {self.last.text}"
        self.git(["fsck", "--full", "--strict"], clone)
        tip = self.git(["rev-parse", "HEAD"], clone).text.strip()
        assert tip == self.pushed[repository], f"the clone stands at {tip}, pushed was {self.pushed[repository]}"

    def remote(self, name: str, repository: str, ref: str) -> str:
        """The commit of a ref as the forge shows it; zeros when there is none."""
        answer = self.git(["ls-remote", self._url(repository), ref], self.folder, name=name).text
        return next((line.split("\t")[0] for line in answer.splitlines() if line.endswith(f"\t{ref}")), _UNKNOWN)

    def contains(self, name: str, repository: str, branch: str, commit: str) -> bool:
        """Whether a branch has a commit in its history."""
        clone = self.clone(name, repository)
        assert self.last.ok, self.last.text
        words = ["merge-base", "--is-ancestor", commit, f"refs/remotes/origin/{branch}"]
        return self.git(words, clone, ok=(0, 1)).code == 0

    def during(self, action: Callable[[], None], words: str, name: str, repository: str, megabytes: int = 0) -> None:
        """Do something while a clone or a push is under way; it must not be over before."""
        if words == "push":
            work = self.work(name, repository)
            (work / "large.bin").write_bytes(secrets.token_bytes(megabytes * 1024 * 1024))
            self.git(["add", "--all"], work)
            self._commit(work, "large")
            arguments: list[str | Path] = ["-C", work, "push", "--quiet", "origin", "HEAD:main"]
            target = work
        else:
            target = Path(tempfile.mkdtemp(dir=self.folder)) / "clone"
            arguments = ["clone", "--quiet", self._url(repository), target]
        found: list[Outcome] = []
        thread = threading.Thread(target=lambda: found.append(self._try(arguments, name)))
        thread.start()
        self._await_traffic(target, words, thread)
        if not thread.is_alive():
            raise NeedMissingError("time", f"the {words} was over before anything could be done", got=str(found))
        action()
        self._pending = (thread, found, target)

    def finish(self) -> Path:
        """Wait for what was under way; its outcome is the last, its folder is returned."""
        assert self._pending is not None, "nothing was under way"
        thread, found, target = self._pending
        thread.join(_SECONDS * self.slow)
        assert not thread.is_alive(), "it did not end"
        self._pending = None
        self.outcomes.append(found[0])
        return target

    def git(
        self, words: Sequence[str | Path], work: Path, *, name: str = VISITOR, ok: tuple[int, ...] = (0,)
    ) -> Completed:
        """Run git in a folder, as a user as far as HTTP is concerned."""
        return git(["-C", work, *words], timeout=_SECONDS * self.slow, ok=ok, env=self._environment(name))

    def work(self, name: str, repository: str) -> Path:
        """The user's own working copy; cloned, or begun where there is nothing to clone."""
        work = self._folder_of(name, repository)
        if not work.exists():
            work.mkdir()
            self.git(["init", "--quiet", "--initial-branch=main", "."], work)
            self.git(["remote", "add", "origin", self._url(repository)], work)
            self.git(["fetch", "--quiet", "origin"], work, name=name, ok=(0, 128))
            if self.git(["rev-parse", "--verify", "--quiet", "refs/remotes/origin/main"], work, ok=(0, 1)).code == 0:
                self.git(["reset", "--quiet", "--hard", "refs/remotes/origin/main"], work)
        return work

    # -- helpers -----------------------------------------------------------------------------------------------------

    def _commit_and_push(self, name: str, repository: str, work: Path, branch: str, subject: str) -> None:
        self.git(["add", "--all"], work)
        self._commit(work, subject)
        self._attempt(["-C", work, "push", "--quiet", "origin", f"HEAD:refs/heads/{branch}"], name)
        if self.last.ok:
            self.pushed[repository] = self.git(["rev-parse", "HEAD"], work).text.strip()

    def _commit(self, work: Path, subject: str) -> None:
        self.git(["-c", "user.name=Ada", "-c", "user.email=ada@forge.example", "commit", "-qm", subject], work)

    def _folder_of(self, name: str, repository: str) -> Path:
        return self.folder / f"{name}@{repository.replace('/', '-')}"

    def _attempt(self, words: list[str | Path], name: str) -> None:
        self.outcomes.append(self._try(words, name))

    def _try(self, words: list[str | Path], name: str) -> Outcome:
        try:
            done = git(words, timeout=_SECONDS * self.slow, env=self._environment(name))
        except GitError as error:
            return Outcome(ok=False, text=error.got)
        return Outcome(ok=True, text=done.text)

    def _environment(self, name: str) -> Mapping[str, str]:
        """The token goes in by git's own variables: an argument could be seen by everybody on the machine."""
        token = self.people.token(name)
        headers = [f"{key}: {value}" for key, value in self.headers.items()]
        if token is not None:
            headers.append(f"Authorization: Basic {base64.b64encode(f'{name}:{token}'.encode()).decode()}")
        first = int(ISOLATED["GIT_CONFIG_COUNT"])
        given = {"GIT_CONFIG_COUNT": str(first + len(headers))}
        for number, header in enumerate(headers, first):
            given |= {f"GIT_CONFIG_KEY_{number}": "http.extraHeader", f"GIT_CONFIG_VALUE_{number}": header}
        return given

    def _url(self, repository: str) -> str:
        return f"{self.people.url}/{repository}.git"

    def _await_traffic(self, target: Path, words: str, thread: threading.Thread) -> None:
        """Until the clone has received something, or the push had a moment to begin sending."""
        deadline = time.monotonic() + 30 * self.slow
        begun = time.monotonic()
        while thread.is_alive() and time.monotonic() < deadline:
            if words == "clone" and any(target.glob(".git/objects/pack/tmp_pack_*")):
                return
            if words == "push" and time.monotonic() - begun > 0.5:
                return
            time.sleep(0.005)


def _pack_bytes(work: Path) -> int:
    return sum(path.stat().st_size for path in (work / ".git" / "objects").rglob("*") if path.is_file())
