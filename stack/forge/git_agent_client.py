"""Git repositories behind a git agent: the same questions, asked over HTTP."""

from __future__ import annotations

import http.client
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from http import HTTPStatus
from itertools import islice
from types import TracebackType
from typing import Any, Self
from urllib.parse import urlencode, urlsplit

from pydantic import SecretStr
from tenacity import Retrying, retry_if_exception_type, stop_after_attempt, wait_exponential

from stack.forge import git_wire as wire
from stack.forge.errors import GitError, InvalidError
from stack.forge.git_types import Blob, Head, Touch, TreeEntry

__all__ = ["AgentGit"]

_SECONDS = 120.0
_ATTEMPTS = 4


class AgentGit:
    """`GitAccess` over the HTTP interface of `stack.forge.git_agent`."""

    def __init__(self, location: str, token: SecretStr | None) -> None:
        """Connect to nothing yet.

        Args:
            location: base address of the agent.
            token: its bearer token.

        Raises:
            InvalidError: the address is not an http one.
        """
        parts = urlsplit(location)
        if parts.scheme not in {"http", "https"} or not parts.hostname:
            raise InvalidError("The address of a git agent is an http one", on=location)
        self._location = location.rstrip("/")
        self._parts = parts
        self._token = token

    def exists(self, repo: str) -> bool:
        """See `GitAccess.exists`."""
        return bool(self._one("exists", repo=repo)["value"])

    def refs(self, repo: str) -> dict[str, str]:
        """See `GitAccess.refs`."""
        with self._ask("refs", repo=repo) as answer:
            return {record["name"]: record["oid"] for record in wire.records(answer)}

    def head(self, repo: str) -> Head:
        """See `GitAccess.head`."""
        return wire.to_head(self._one("head", repo=repo))

    def tree(self, repo: str, commit: str) -> Iterator[TreeEntry]:
        """See `GitAccess.tree`."""
        with self._ask("tree", repo=repo, commit=commit) as answer:
            yield from map(wire.to_tree_entry, wire.records(answer))

    def blobs(self, repo: str, oids: Iterable[str], *, limit: int) -> Iterator[Blob]:
        """See `GitAccess.blobs`."""
        rest = iter(oids)
        while batch := list(islice(rest, wire.OIDS_IN_REQUEST)):
            body = "\n".join(batch).encode("ascii", "replace")
            with self._ask("blobs", body, repo=repo, limit=str(limit)) as answer:
                for record in wire.records(answer):
                    yield wire.to_blob(record, answer)

    def touches(self, repo: str, new: str, old: str | None = None) -> Iterator[Touch]:
        """See `GitAccess.touches`."""
        question = {"repo": repo, "new": new, **({"old": old} if old else {})}
        with self._ask("touches", None, **question) as answer:
            yield from map(wire.to_touch, wire.records(answer))

    def is_ancestor(self, repo: str, a: str, b: str) -> bool:
        """See `GitAccess.is_ancestor`."""
        return bool(self._one("is-ancestor", repo=repo, a=a, b=b)["value"])

    def close(self) -> None:
        """See `GitAccess.close`; nothing is kept open between two questions."""

    def __enter__(self) -> Self:
        """See `GitAccess`."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """See `GitAccess`."""
        self.close()

    def _one(self, verb: str, **question: str) -> dict[str, Any]:
        with self._ask(verb, None, **question) as answer:
            (record,) = wire.records(answer)
            return record

    @contextmanager
    def _ask(self, verb: str, body: bytes | None = None, /, **question: str) -> Iterator[http.client.HTTPResponse]:
        connection = self._connect()
        try:
            path = f"{self._parts.path.rstrip('/')}/v1/{verb}?{urlencode(question)}"
            token = self._token.get_secret_value() if self._token else ""
            connection.request("POST" if body is not None else "GET", path, body, {"Authorization": f"Bearer {token}"})
            answer = connection.getresponse()
            if answer.status != HTTPStatus.OK:
                raise GitError(
                    "The git agent refused the question",
                    on=self._location,
                    got=f"{answer.status} {answer.read(500).decode('utf-8', 'replace')}",
                    fix="is the token the one in the agent's token file?",
                )
            yield answer
        except (OSError, http.client.HTTPException) as error:
            raise self._unreachable(error) from error
        finally:
            connection.close()

    def _connect(self) -> http.client.HTTPConnection:
        kind = http.client.HTTPSConnection if self._parts.scheme == "https" else http.client.HTTPConnection
        retrying = Retrying(
            stop=stop_after_attempt(_ATTEMPTS),
            wait=wait_exponential(multiplier=0.1, max=1),
            retry=retry_if_exception_type(OSError),
            reraise=True,
        )
        try:
            connection = kind(str(self._parts.hostname), self._parts.port, timeout=_SECONDS)
            retrying(connection.connect)
        except OSError as error:
            raise self._unreachable(error) from error
        return connection

    def _unreachable(self, error: Exception) -> GitError:
        return GitError(
            "The git agent can't be reached", on=self._location, got=repr(error), fix="is it running, and is that it?"
        )
