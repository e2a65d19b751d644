"""What each component needs to run in a container beyond what the component itself says."""

from __future__ import annotations

import signal
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import PurePosixPath

from stack.components.base import Component, Launch, Plan
from stack.components.objects import OBJECTS
from stack.components.postgresql import PRIMARY, REPLICA
from stack.components.postgresql_config import HBA, PASSFILE, REPLICATOR, SLOT, SUPERUSER, host_based_access
from stack.components.redis import NODES
from stack.runtimes.containers.layout import ANYWHERE, HOME, inside
from stack.runtimes.ports import LOOPBACK

__all__ = ["SUPPORTED", "Recipe", "recipe"]

SUPPORTED = (PRIMARY, REPLICA, *NODES, OBJECTS)
_CONFIG = HOME / "config"
# Where files that hold a password are put; an entrypoint takes them from there.
_SECRETS = PurePosixPath("/run/engineroom")
# What only the primary's creation reads; the component's name for it is its own.
_SUPERUSER_PASSWORD = "superuser.password"  # noqa: S105 - a file's name
_MEGABYTE = 1024 * 1024


@dataclass(frozen=True)
class Recipe:
    """One container.

    Attributes:
        image: the key of its image.
        command: program and arguments, without secrets.
        cwd: its working folder.
        files: texts by their paths in the container.
        env: variables, without secrets.
        stop: the signal that asks its server to end.
        grace: seconds it may take to end.
        shared_memory: bytes of /dev/shm; `None`: the engine's default.
    """

    image: str
    command: tuple[str, ...]
    cwd: str
    files: Mapping[str, str]
    env: Mapping[str, str] = field(default_factory=dict)
    stop: signal.Signals = signal.SIGTERM
    grace: float = 15.0
    shared_memory: int | None = None


def recipe(component: Component, plan: Plan) -> Recipe:
    """The container of one component; `plan` is the outside one."""
    if component.name in (PRIMARY, REPLICA):
        return _postgresql(component, plan)
    if component.name in NODES:
        return _redis(component, plan)
    return _seaweedfs(component, plan)


def _recipe(image: str, launch: Launch, files: Mapping[str, str], **more: object) -> Recipe:
    return Recipe(
        image=image,
        command=tuple(str(word) for word in launch.arguments),
        cwd=str(launch.cwd),
        files=files,
        stop=launch.stop,
        grace=launch.grace,
        **more,  # type: ignore[arg-type] # each caller names fields of the class
    )


def _postgresql(component: Component, plan: Plan) -> Recipe:
    inner = inside(plan, component.name)
    files = dict(component.files(inner))
    # From outside, clients come through the engine's bridge: an address of the container's own network.
    files[HBA] = host_based_access(("127.0.0.1/32", "samenet"))
    at = {name: str((_SECRETS if name in (PASSFILE, _SUPERUSER_PASSWORD) else _CONFIG) / name) for name in files}
    env = {"ENGINEROOM_DATA": str(HOME / "data"), "ENGINEROOM_ROLE": "primary"}
    if component.name == PRIMARY:
        env |= {"ENGINEROOM_SUPERUSER": SUPERUSER, "ENGINEROOM_PASSWORD_FILE": at[_SUPERUSER_PASSWORD]}
    else:
        primary = inner.site(PRIMARY)
        env |= {
            "ENGINEROOM_ROLE": "replica",
            "ENGINEROOM_PRIMARY_HOST": primary.host,
            "ENGINEROOM_PRIMARY_PORT": str(primary.ports["server"]),
            "ENGINEROOM_REPLICATOR": REPLICATOR,
            "ENGINEROOM_SLOT": SLOT,
            "ENGINEROOM_PASSFILE_FROM": at[PASSFILE],
            "ENGINEROOM_PASSFILE": str(_CONFIG / PASSFILE),
        }
    # Parallel queries exchange rows in /dev/shm, and an engine gives 64 MB.
    return _recipe(
        "postgresql",
        component.launch(inner),
        {at[name]: text for name, text in files.items()},
        env=env,
        shared_memory=256 * _MEGABYTE,
    )


def _redis(component: Component, plan: Plan) -> Recipe:
    inner = inside(plan, component.name)
    # Of two equal lines the last one counts. What is told to others is not where the node listens.
    announce = f"cluster-announce-ip {LOOPBACK}\n"
    files = {str(_CONFIG / name): text + announce for name, text in component.files(inner).items()}
    return _recipe("redis", component.launch(inner), files)


def _seaweedfs(component: Component, plan: Plan) -> Recipe:
    # Only the S3 gateway listens for others: master, volume server and filer answer without a password.
    inner = inside(plan, component.name, listen=LOOPBACK)
    launch = component.launch(inner)
    files = {str(_CONFIG / name): text for name, text in component.files(inner).items()}
    made = _recipe("seaweedfs", launch, files)
    return replace(made, command=(*made.command, f"-s3.ip.bind={ANYWHERE}"))
