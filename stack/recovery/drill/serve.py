"""What a forge does, asked of the restored one as people ask: over HTTP and with git."""

from __future__ import annotations

import base64
import secrets
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import requests

from stack.errors import EngineRoomError
from stack.forge.errors import GitError
from stack.forge.gitenv import ISOLATED, git

__all__ = ["Forge", "ServeError"]

_SECONDS = 30.0  # for one answer
_GIT_SECONDS = 600.0
_SOON = 60.0  # for what is done in the background: indexing, a job


class ServeError(EngineRoomError):
    """The restored forge did not do what a forge does."""


@dataclass
class Forge:
    """A person at the restored forge.

    Attributes:
        url: of the api.
        folder: for clones; empty.
        invite: lets a user read a repository: username, owner, name.
        slow: factor of every deadline.
        pushed_at: when the first push was taken, by the monotonic clock; None before.
    """

    url: str
    folder: Path
    invite: Callable[[str, str, str], None]
    slow: float = 1.0
    pushed_at: float | None = None
    _name: str = field(default_factory=lambda: f"drill-{secrets.token_hex(4)}")
    _token: str = ""
    _word: str = field(default_factory=lambda: f"whimbrel{secrets.token_hex(6)}")

    def steps(self, known: tuple[str, str] | None) -> Iterator[tuple[str, Callable[[], str]]]:
        """What is done, in order, with what each tells.

        Args:
            known: owner and name of a repository with commits from before the restore; None when there is none.
        """
        yield "sign in", self._sign_in
        if known is not None:
            yield f"clone {'/'.join(known)}", lambda: self._clone_known(*known)
        yield "push", self._push
        yield "open and merge a pull request", self._merge
        yield "search", self._search
        yield "run a job", self._job

    def _sign_in(self) -> str:
        password = secrets.token_urlsafe(16)
        body = {"username": self._name, "email": f"{self._name}@drill.invalid", "password": password}
        self._ask("POST", "/auth/register", body)
        answer = self._ask("POST", "/auth/login", {"username": self._name, "password": password})
        self._token = str(answer["token"])
        return f"as {self._name}"

    def _clone_known(self, owner: str, name: str) -> str:
        self.invite(self._name, owner, name)
        target = self.folder / "known"
        self._git(["clone", "--quiet", "--mirror", self._url(f"{owner}/{name}"), target])
        commits = git(["rev-list", "--all", "--count"], git_dir=target).text.strip()
        if commits == "0":
            raise ServeError("A clone of the restored forge is empty", on=f"{owner}/{name}")
        return f"{commits} commits"

    def _push(self) -> str:
        self._ask("POST", "/repos", {"name": "proof"})
        work = self.folder / "work"
        self._git(["clone", "--quiet", self._url(self._repository), work])
        commit = self._commit(work, "main", "first")
        self.pushed_at = time.monotonic()
        return commit

    def _merge(self) -> str:
        work = self.folder / "work"
        git(["-C", work, "checkout", "--quiet", "-b", "topic"])
        commit = self._commit(work, "topic", "second")
        pulls = f"/repos/{self._repository}/pulls"
        number = self._ask("POST", pulls, {"title": "proof", "head": "topic", "base": "main"})["number"]
        self._ask("POST", f"{pulls}/{number}/merge", {})
        self._git(["-C", work, "fetch", "--quiet", "origin", "main"])
        if git(["-C", work, "merge-base", "--is-ancestor", commit, "FETCH_HEAD"], ok=(0, 1)).code != 0:
            raise ServeError("A merged pull request is not in its branch", on=f"{self._repository}#{number}")
        return f"number {number}"

    def _search(self) -> str:
        found = self._until(
            lambda: self._ask("GET", f"/search?q={self._word}"), lambda answer: self._word in str(answer), "be found"
        )
        return f"{self._word} was found after {found:.1f} s"

    def _job(self) -> str:
        body = {"kind": "steps", "ref": "main", "steps": [{"name": "proof", "run": "test -s proof.txt"}]}
        number = self._ask("POST", f"/repos/{self._repository}/jobs", body)["id"]
        ended = ("succeeded", "failed", "cancelled")
        path = f"/repos/{self._repository}/jobs/{number}"
        took = self._until(lambda: self._ask("GET", path), lambda answer: answer.get("state") in ended, "end")
        state = self._ask("GET", path).get("state")
        if state != "succeeded":
            raise ServeError("A job did not succeed on the restored forge", on=path, got=str(state))
        return f"it succeeded after {took:.1f} s"

    @property
    def _repository(self) -> str:
        return f"{self._name}/proof"

    def _url(self, repository: str) -> str:
        return f"{self.url.rstrip('/')}/{repository}.git"

    def _commit(self, work: Path, branch: str, text: str) -> str:
        with (work / "proof.txt").open("a", encoding="utf-8") as file:
            file.write(f"{text} {self._word}\n")
        git(["-C", work, "add", "proof.txt"])
        who = ["-c", f"user.name={self._name}", "-c", f"user.email={self._name}@drill.invalid"]
        git(["-C", work, *who, "commit", "--quiet", "-m", text])
        self._git(["-C", work, "push", "--quiet", "origin", f"HEAD:refs/heads/{branch}"])
        return git(["-C", work, "rev-parse", "HEAD"]).text.strip()

    def _git(self, words: list[str | Path]) -> None:
        basic = base64.b64encode(f"{self._name}:{self._token}".encode()).decode()
        # By the environment: what is on the command line everybody on the machine can read.
        number = int(ISOLATED["GIT_CONFIG_COUNT"])
        env = {
            "GIT_CONFIG_COUNT": str(number + 1),
            f"GIT_CONFIG_KEY_{number}": "http.extraHeader",
            f"GIT_CONFIG_VALUE_{number}": f"Authorization: Basic {basic}",
        }
        try:
            git(words, timeout=_GIT_SECONDS * self.slow, env=env)
        except GitError as error:
            raise ServeError("git could not do it on the restored forge", on=error.on, got=error.got) from error

    def _ask(self, method: str, path: str, body: object = None) -> dict[str, object]:
        headers = {"Authorization": f"Bearer {self._token}"} if self._token else {}
        url = f"{self.url.rstrip('/')}/api/v1{path}"
        try:
            answer = requests.request(method, url, json=body, headers=headers, timeout=_SECONDS * self.slow)
        except requests.RequestException as error:
            raise ServeError("The restored forge does not answer", on=f"{method} {path}", got=str(error)) from error
        if not answer.ok:
            raise ServeError(
                "The restored forge refused", on=f"{method} {path}", got=f"{answer.status_code}: {answer.text[:300]}"
            )
        try:
            data = answer.json().get("data") if answer.content else {}
        except ValueError as error:
            raise ServeError("The restored forge gave no JSON", on=f"{method} {path}") from error
        return data if isinstance(data, dict) else {"items": data}

    def _until(
        self, look: Callable[[], dict[str, object]], good: Callable[[dict[str, object]], bool], what: str
    ) -> float:
        begun = time.monotonic()
        while True:
            answer = look()
            if good(answer):
                return time.monotonic() - begun
            if time.monotonic() - begun > _SOON * self.slow:
                raise ServeError(f"It did not {what} in time", got=str(answer)[:300])
            time.sleep(0.3)
