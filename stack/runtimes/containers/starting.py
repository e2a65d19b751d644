"""Starting a stack of containers."""

from __future__ import annotations

import shutil
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from stack.components.base import Component, StartError
from stack.components.catalogue import catalogue, left_out, select
from stack.components.meilisearch import MEILISEARCH
from stack.components.opensearch import OPENSEARCH
from stack.errors import NeedMissingError
from stack.runtimes import secrets
from stack.runtimes.base import Progress
from stack.runtimes.containers.engine import NEED, engine
from stack.runtimes.containers.images import require
from stack.runtimes.containers.janitor import reap, state_of
from stack.runtimes.containers.pod import PortTakenError, make_pod, remove_run
from stack.runtimes.containers.recipes import SUPPORTED
from stack.runtimes.containers.stack import ContainersStack, mark_of
from stack.runtimes.containers.watchdog import MODULE
from stack.runtimes.files import make_folder
from stack.runtimes.ports import LOOPBACK, free_ports
from stack.runtimes.registry import ComponentRecord, create, edit
from stack.runtimes.signals import uninterrupted
from stack.runtimes.watchdog import Watchdog
from stack.settings import Settings

if TYPE_CHECKING:
    from docker import DockerClient

__all__ = ["choose", "start_containers"]

# How often other ports are taken because somebody took one between choosing and publishing.
_ATTEMPTS = 4
_STORE: Literal["seaweedfs"] = "seaweedfs"


def start_containers(
    settings: Settings,
    *,
    components: Iterable[str] | None = None,
    without: Iterable[str] = (),
    detached: bool = False,
    progress: Progress | None = None,
    logs: Path | None = None,
) -> ContainersStack:
    """Start a stack on the container engine; see `stack.runtimes.start`."""
    names, missing = choose(settings, components, without=without)
    client = engine()
    try:
        require(client, settings)
        reap(settings)
        folder = _make_place(settings)
    except BaseException:
        client.close()
        raise
    watchdog = Watchdog(folder.name, folder, module=MODULE)
    stack: ContainersStack | None = None
    try:
        with edit(folder) as record:
            record.missing = missing
        _make_pod(client, folder, names, detached=detached)
        stack = ContainersStack(settings, folder, client, watchdog, detached=detached)
        stack.bring_up(names, progress)
        stack.running()
        if detached:
            stack.release()
    except BaseException:
        with uninterrupted():
            if stack is not None:
                if logs is not None:
                    stack.collect_logs(logs)
                stack.stop()
            else:
                remove_run(client, folder.name)
                shutil.rmtree(folder, ignore_errors=True)
                watchdog.release()
                client.close()
        raise
    return stack


def choose(
    settings: Settings, components: Iterable[str] | None, *, without: Iterable[str] = ()
) -> tuple[list[str], dict[str, str]]:
    """What to start, and what of the whole stack there are no containers of yet, with the reason.

    Raises:
        NeedMissingError: a component was asked for by name that has no image yet.
        UsageError: there is no such component.
    """
    known = catalogue(_STORE)
    reason = "the containers runtime has no image of it yet"
    if settings.objects != _STORE:
        raise NeedMissingError(NEED, f"There is no image with the store {settings.objects} yet", fix=f"use {_STORE}")
    if components is None:
        unwanted = {OPENSEARCH, MEILISEARCH} - set(settings.engines) | left_out(known, without)
        wanted = [name for name in known if name not in unwanted]
        return [name for name in wanted if name in SUPPORTED], {
            name: reason for name in wanted if name not in SUPPORTED
        }
    names = select(known, components)
    absent = [name for name in names if name not in SUPPORTED]
    if absent:
        raise NeedMissingError(
            absent[0], f"{', '.join(absent)}: {reason}", on="runtime containers", fix="use the local runtime for it"
        )
    return names, {}


def _make_place(settings: Settings) -> Path:
    fix = "choose another folder with `state_dir` (ENGINEROOM_STATE_DIR)"
    state = state_of(settings)
    try:
        folder = create(state, objects=_STORE)
        secrets.save(secrets.generate(), folder / "secrets")
        make_folder(folder / "logs", 0o700)
    except OSError as error:
        raise StartError("The run's folder cannot be made", on=str(state), got=str(error), fix=fix) from error
    return folder


def _make_pod(client: DockerClient, folder: Path, names: list[str], *, detached: bool) -> None:
    components = catalogue(_STORE)
    for attempt in range(1, _ATTEMPTS + 1):
        with edit(folder) as record:
            record.components = {name: _with_ports(components[name]) for name in names}
            mark = mark_of(record, folder.parents[1], detached=detached)
            # Every component's first port is for clients; the others are for its neighbours in the pod.
            published = [record.components[name].ports[components[name].ports[0]] for name in names]
        try:
            make_pod(mark, published)
        except PortTakenError:
            remove_run(client, folder.name)
            if attempt == _ATTEMPTS:
                raise
        else:
            return


def _with_ports(component: Component) -> ComponentRecord:
    ports = dict(zip(component.ports, free_ports(len(component.ports)), strict=True))
    return ComponentRecord(name=component.name, host=LOOPBACK, ports=ports)
