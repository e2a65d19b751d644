"""Components as containers: the same components, with the same names, behind ports published on loopback."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import requests
from docker.errors import APIError, DockerException

from stack.addresses import Addresses
from stack.components.base import Component, Plan
from stack.components.catalogue import catalogue, select
from stack.errors import EngineRoomError, NeedMissingError, UsageError
from stack.runtimes import secrets
from stack.runtimes.base import ComponentStatus, Progress
from stack.runtimes.containers.bringing_up import BringUp, await_condition
from stack.runtimes.containers.labels import Mark, machine, name_of
from stack.runtimes.containers.layout import outside
from stack.runtimes.containers.logs import Follower, copy_without
from stack.runtimes.containers.looking import is_paused, last_output, look, why_ended
from stack.runtimes.containers.pod import POD, containers_of, remove_run
from stack.runtimes.containers.recipes import recipe
from stack.runtimes.containers.versions import Running, running_servers
from stack.runtimes.leftovers import erase
from stack.runtimes.local import StackGoneError
from stack.runtimes.registry import Intent, RunRecord, edit, read
from stack.runtimes.signals import uninterrupted
from stack.runtimes.stopping import stop_in_order
from stack.settings import RuntimeName, Settings

if TYPE_CHECKING:
    from docker import DockerClient
    from docker.models.containers import Container

    from stack.runtimes.watchdog import Watchdog

__all__ = ["ContainersStack", "mark_of"]

_DIES_WITHIN = 30


def mark_of(record: RunRecord, state: Path, *, detached: bool) -> Mark:
    """What everything of a run is marked with."""
    return Mark(
        run=record.run,
        state=state,
        owner=record.owner,
        boot=record.boot,
        machine=machine(),
        detached=detached,
    )


class ContainersStack:
    """One run on a container engine. All that must outlive this object is in the run's record and on the engine."""

    runtime: RuntimeName = "containers"

    def __init__(
        self,
        settings: Settings,
        folder: Path,
        client: DockerClient,
        watchdog: Watchdog | None = None,
        *,
        detached: bool = False,
    ) -> None:
        """Attach to a run.

        Args:
            settings: how slow the machine is.
            folder: the run's folder.
            client: of the engine; closed by `stop`.
            watchdog: removes the run when this process dies; `None` for a run that somebody else owns.
            detached: what is made from now on is meant to outlive this process.

        Raises:
            StackGoneError: there is no such run.
        """
        self.name = folder.name
        self.folder = folder
        self._settings = settings
        self._client = client
        self._watchdog = watchdog
        self._followers: dict[str, Follower] = {}
        record = self._record()
        self._mark = mark_of(record, folder.parents[1], detached=detached or record.detached)
        self._components = catalogue(record.objects)

    # -- what it is made of ------------------------------------------------------------------------------------------

    def plan(self) -> Plan:
        """What clients on this machine reach."""
        return outside(self.name, self.folder, self._record(), secrets.load(self.folder / "secrets"))

    @cached_property
    def addresses(self) -> Addresses:
        """Where everything answers."""
        plan = self.plan()
        addresses = Addresses()
        for component in self._mine():
            addresses = component.address(plan, addresses)
        return addresses

    @property
    def missing(self) -> Mapping[str, str]:
        """Components that were wanted but could not be had."""
        return self._record().missing

    def servers(self) -> list[Running]:
        """What really runs: name, version, licence and image digest of each server program."""
        return list(running_servers(self._client, self.name))

    def log(self, component: str) -> Path:
        """A file with its output, which grows for as long as this process and the container live."""
        self._known(component)
        follower = self._followers.get(component)
        if follower is None or not follower.alive:
            container = self._containers().get(component)
            if container is None:
                raise EngineRoomError(f"{component} has no container", on=name_of(self.name, component))
            follower = Follower(container, self.folder / "logs" / f"{component}.log")
            self._followers[component] = follower
        follower.catch_up()
        return self.folder / "logs" / f"{component}.log"

    def collect_logs(self, destination: Path) -> list[Path]:
        """Copy every log into a folder, with the stack's secrets taken out."""
        destination.mkdir(parents=True, exist_ok=True)
        hidden = secrets.values(self.plan().secrets)
        mine = {component.name for component in self._mine()}
        copies = (
            copy_without(container, destination / f"{name}.log", hidden)
            for name, container in sorted(self._containers().items())
            if name in mine
        )
        return [copy for copy in copies if copy is not None]

    # -- what happens to it ------------------------------------------------------------------------------------------

    def bring_up(self, names: Iterable[str], progress: Progress | None = None) -> None:
        """Start components, each when those before it are settled, and wait until all are ready.

        Raises:
            StartError: one did not come up; the others are left as they are.
        """
        BringUp(
            client=self._client,
            folder=self.folder,
            mark=self._mark,
            components=[self._known(name) for name in names],
            plan=self.plan(),
            slow=self._settings.slow,
            progress=progress,
        ).run()

    def status(self) -> list[ComponentStatus]:
        """Every component, looked at now and all at once."""
        record, plan, components, containers = self._record(), self.plan(), self._mine(), self._containers()
        with ThreadPoolExecutor(max_workers=max(1, len(components))) as pool:
            return list(
                pool.map(
                    lambda each: look(each, record.components[each.name], plan, containers.get(each.name)), components
                )
            )

    def kill(self, component: str) -> None:
        """End it at once; remembered as meant.

        Raises:
            EngineRoomError: it had ended by itself, which stays a death.
        """
        self._known(component)
        if self._record().components[component].intent in ("killed", "stopped"):
            return
        container = self._living(component)
        self._mark_intent(component, "killed")
        # The engine refuses what ended meanwhile.
        with contextlib.suppress(APIError):
            container.kill("SIGKILL")
        container.wait(timeout=_DIES_WITHIN)

    def pause(self, component: str) -> None:
        """Freeze every process of it."""
        container = self._living(component)
        if not is_paused(container):
            container.pause()
        self._mark_intent(component, "paused")

    def resume(self, component: str) -> None:
        """Let every process of it run on."""
        container = self._living(component)
        if is_paused(container):
            container.unpause()
        self._mark_intent(component, "run")

    def restart(self, component: str) -> None:
        """End it if it lives, start it again in the same container, wait until it is ready."""
        self._known(component)
        self._mark_intent(component, "stopped")
        self._stop_one(self._components[component], self._containers().get(component))
        self.bring_up([component])

    def add(self, names: Iterable[str]) -> list[str]:
        """Refuse: what a pod publishes is fixed when it is made.

        Raises:
            NeedMissingError: always, unless there is nothing to add.
        """
        fresh = [name for name in select(self._components, names) if name not in self._record().components]
        if fresh:
            raise _fixed(fresh)
        return fresh

    def remove(self, names: Iterable[str]) -> None:
        """Refuse, as `add` does.

        Raises:
            NeedMissingError: always, unless there is nothing to remove.
        """
        gone = list(names)
        if gone:
            raise _fixed(gone)

    def deaths(self) -> list[str]:
        """Components that ended by themselves, with their last output."""
        containers = self._containers()
        living = {name: record.intent for name, record in self._record().components.items()}
        # Without its pod a stack is unreachable, whatever else is well.
        living[POD] = "run"
        found = []
        for name, intent in living.items():
            why = why_ended(containers.get(name)) if intent in ("run", "paused") else None
            if why is not None:
                output = last_output(containers.get(name))
                found.append(f"{name} (container {name_of(self.name, name)}): {why}\n{output}".rstrip())
        return found

    def forgive(self) -> None:
        """Start what was killed and resume what was paused on purpose, then wait until all that lives is ready."""
        components = self._record().components
        containers = self._containers()
        for name, known in components.items():
            if known.intent == "paused" and why_ended(containers.get(name)) is None:
                self.resume(name)
        away = [name for name, known in components.items() if known.intent in ("killed", "stopped")]
        if away:
            self.bring_up(away)
        plan = self.plan()
        for component in self._mine():
            container = containers.get(component.name)
            if container is not None and why_ended(container) is None:
                await_condition(component, plan, container, component.ready(plan), slow=self._settings.slow)

    def running(self) -> None:
        """Note that the start is over."""
        with edit(self.folder) as record:
            record.phase = "running"

    def release(self) -> None:
        """Let the run outlive this process."""
        with edit(self.folder) as record:
            record.detached = True
        if self._watchdog is not None:
            self._watchdog.release()

    def stop(self) -> None:
        """End everything, those that need others first, and leave no container, network, volume or folder.

        Raises:
            EngineRoomError: the engine refused or no longer answers; the folder stays, so that the next start tries.
        """
        with uninterrupted():
            if read(self.folder) is not None:
                with edit(self.folder) as record:
                    record.phase = "stopping"
                with contextlib.suppress(EngineRoomError, DockerException, OSError):
                    containers = self._containers()
                    stop_in_order(self._mine(), lambda each: self._stop_one(each, containers.get(each.name)))
            try:
                remove_run(self._client, self.name)
            except (DockerException, OSError) as error:
                raise EngineRoomError(
                    "The run's containers could not be removed",
                    on=self.name,
                    got=str(error),
                    fix="once the engine answers: engineroom --runtime containers clean",
                ) from error
            erase(self.folder)
            if self._watchdog is not None:
                self._watchdog.release()
            self._client.close()

    # -- helpers -----------------------------------------------------------------------------------------------------

    def _stop_one(self, component: Component, container: Container | None) -> None:
        if container is None or why_ended(container) is not None:
            return
        if is_paused(container):
            container.unpause()
        grace = recipe(component, self.plan()).grace * self._settings.slow
        container.stop(timeout=max(1, round(grace)))

    def _containers(self) -> dict[str, Container]:
        try:
            return containers_of(self._client, self.name)
        except (DockerException, requests.RequestException) as error:
            raise EngineRoomError(
                "The container engine no longer answers", on=self.name, got=str(error), fix="is it still running?"
            ) from error

    def _record(self) -> RunRecord:
        record = read(self.folder)
        if record is None:
            raise StackGoneError(
                "This stack is gone",
                on=str(self.folder),
                fix="start one with `engineroom up`; was it stopped elsewhere?",
            )
        return record

    def _mine(self) -> list[Component]:
        names = self._record().components
        return [component for name, component in self._components.items() if name in names]

    def _known(self, name: str) -> Component:
        names = self._record().components
        if name not in names:
            raise UsageError(f"This stack has no component {name}", got=name, fix=f"it has: {', '.join(names)}")
        return self._components[name]

    def _mark_intent(self, name: str, intent: Intent) -> None:
        with edit(self.folder) as record:
            record.components[name].intent = intent

    def _living(self, name: str) -> Container:
        self._known(name)
        container = self._containers().get(name)
        why = why_ended(container)
        if container is None or why is not None:
            raise EngineRoomError(f"{name} is not running", on=name, got=why or "", fix=f"restart {name} first")
        return container


def _fixed(names: list[str]) -> NeedMissingError:
    return NeedMissingError(
        "local",
        "The components of a stack of containers are fixed when it starts",
        got=", ".join(names),
        fix="use the local runtime for it",
    )
