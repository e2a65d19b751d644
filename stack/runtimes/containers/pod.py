"""What all containers of a run share: one network, and one network namespace that publishes their ports on loopback."""

from __future__ import annotations

import contextlib
import signal
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

from docker.errors import APIError, NotFound
from docker.models.containers import Container
from docker.models.networks import Network
from docker.models.volumes import Volume
from tenacity import retry, retry_if_exception_type, stop_after_attempt, wait_fixed

from stack.components.base import StartError
from stack.runtimes.containers.images import IMAGES
from stack.runtimes.containers.labels import COMPONENT, RUN, Mark, name_of
from stack.runtimes.ports import LOOPBACK

if TYPE_CHECKING:
    from docker import DockerClient
    from testcontainers.core.container import DockerContainer

__all__ = ["POD", "PortTakenError", "containers_of", "make_pod", "new_container", "remove_run"]

POD = "pod"
_TAKEN = ("port is already allocated", "address already in use")


class PortTakenError(StartError):
    """Somebody took a port between choosing it and publishing it."""


def new_container(image: str, name: str, mark: Mark, **more: object) -> DockerContainer:
    """A container to be built further, marked as this run's, without any privilege; `more` as Docker's client takes."""
    # Importing testcontainers reads the environment; its own reaper would need an image that we don't build.
    from testcontainers.core.config import testcontainers_config  # noqa: PLC0415
    from testcontainers.core.container import DockerContainer  # noqa: PLC0415

    testcontainers_config.ryuk_disabled = True
    return (
        DockerContainer(IMAGES[image])
        .with_name(name_of(mark.run, name))
        .with_kwargs(labels=mark.labels(name), cap_drop=["ALL"], security_opt=["no-new-privileges"], **more)
    )


def make_pod(mark: Mark, ports: Iterable[int]) -> str:
    """Make the run's network and the container that holds its network namespace; returns that container's id.

    Docker gives every container a namespace of its own, and then a Redis Cluster cannot be reached from outside: what
    a node announces to clients must be where its neighbours find it too. In one namespace a port has one number for
    everybody, so servers announce `127.0.0.1:PORT` and both are right; as in a Kubernetes pod.

    Args:
        mark: whose it is.
        ports: TCP ports to publish, each under its own number and on loopback only.

    Raises:
        PortTakenError: choose others.
        StartError: the engine refused.
    """
    from testcontainers.core.network import Network as NewNetwork  # noqa: PLC0415

    network = NewNetwork(docker_network_kw={"driver": "bridge", "labels": mark.labels(POD)})
    network.name = name_of(mark.run, "network")
    # Nothing but sleep; as the first process of its namespace it is deaf to every signal but one.
    pod = new_container("redis", POD, mark, stop_signal=signal.SIGKILL.name)
    pod.with_network(network).with_command(["sleep", "infinity"])
    for port in ports:
        # Its own method publishes on every address of the machine.
        pod.ports[f"{port}/tcp"] = (LOOPBACK, port)  # type: ignore[assignment]
    try:
        network.create()
        pod.start()
        return pod.get_container_id()
    except APIError as error:
        kind = PortTakenError if any(text in str(error) for text in _TAKEN) else StartError
        raise kind(
            "The run's network namespace could not be made",
            on=name_of(mark.run, POD),
            got=str(error.explanation or error),
            fix="is the engine on this machine, with a free subnet for a network?",
        ) from error
    finally:
        pod.get_docker_client().client.close()


def containers_of(client: DockerClient, run: str) -> dict[str, Container]:
    """A run's containers by component (and `pod`), whatever their state."""
    found = client.containers.list(all=True, filters={"label": f"{RUN}={run}"}, ignore_removed=True)
    return {str(each.labels.get(COMPONENT, each.name)): each for each in found}


@retry(retry=retry_if_exception_type(APIError), stop=stop_after_attempt(5), wait=wait_fixed(0.5), reraise=True)
def remove_run(client: DockerClient, run: str) -> list[str]:
    """Remove every container, volume and network of a run, running or not; returns their names.

    Raises:
        APIError: the engine refused, again and again.
    """
    containers = containers_of(client, run)
    # The holder of their network namespace last: without it the others cannot be reached for a clean look any more.
    pod = [containers.pop(POD)] if POD in containers else []
    with ThreadPoolExecutor(max_workers=max(1, len(containers))) as pool:
        list(pool.map(_remove, containers.values()))
    volumes = client.volumes.list(filters={"label": f"{RUN}={run}"})
    networks = client.networks.list(filters={"label": f"{RUN}={run}"})
    for each in (*pod, *volumes, *networks):
        _remove(each)
    return [str(each.name) for each in (*containers.values(), *pod, *volumes, *networks)]


def _remove(thing: Container | Volume | Network) -> None:
    # Whoever was quicker did the same.
    with contextlib.suppress(NotFound):
        if isinstance(thing, Container):
            thing.remove(force=True, v=True)
        elif isinstance(thing, Volume):
            thing.remove(force=True)
        else:
            thing.remove()
