"""The container engine: the one that DOCKER_HOST or the default socket names. It is used, never started."""

from __future__ import annotations

from typing import TYPE_CHECKING

import requests
from docker.errors import DockerException

from stack.errors import NeedMissingError

if TYPE_CHECKING:
    from docker import DockerClient

__all__ = ["NEED", "connect", "engine", "why_not"]

NEED = "containers"
# Seconds for one call; the longest are removing a volume and stopping a container, which has its grace on top.
_CALL_WITHIN = 60
_ANSWER_WITHIN = 5


def engine(*, within: int = _CALL_WITHIN) -> DockerClient:
    """A client of the engine, which has answered.

    Args:
        within: seconds that one call may take.

    Raises:
        NeedMissingError: none answers.
    """
    try:
        return connect(within=within)
    except (DockerException, requests.RequestException, OSError) as error:
        raise NeedMissingError(
            NEED,
            "No container engine answers",
            on="DOCKER_HOST, or the default socket when it is not set",
            got=str(error),
            fix="install Docker Engine and start it, or point DOCKER_HOST at one; .ci/containers shows a private one",
        ) from error


def why_not() -> str | None:
    """Why no engine can be used now; `None` when one answers."""
    try:
        connect(within=_ANSWER_WITHIN).close()
    except (DockerException, requests.RequestException, OSError) as error:
        return f"no container engine answers: {error}"
    return None


def connect(*, within: int) -> DockerClient:
    """Connect and ask once; whatever goes wrong comes through as the client raises it."""
    from docker import from_env  # noqa: PLC0415 - half a second that only this runtime pays

    client = from_env(timeout=within)
    try:
        client.ping()
    except BaseException:
        client.close()
        raise
    return client
