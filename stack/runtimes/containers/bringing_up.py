"""Starting containers side by side, each as soon as those before it are settled."""

from __future__ import annotations

import datetime as dt
import threading
from collections.abc import Sequence
from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor
from concurrent.futures import wait as wait_for
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from docker.errors import APIError

from stack.components.base import Component, Plan, StartError
from stack.components.waits import Condition, WaitGaveUpError, wait
from stack.runtimes.base import Progress
from stack.runtimes.containers.labels import Mark, name_of
from stack.runtimes.containers.layout import HOME
from stack.runtimes.containers.looking import last_output, why_ended
from stack.runtimes.containers.pod import POD, containers_of, new_container
from stack.runtimes.containers.recipes import Recipe, recipe
from stack.runtimes.registry import edit

if TYPE_CHECKING:
    from docker import DockerClient
    from docker.models.containers import Container
    from testcontainers.core.container import DockerContainer

__all__ = ["BringUp", "await_condition"]


class _CalledOffError(Exception):
    """Another component failed, or the user interrupted: no news of its own."""


def await_condition(
    component: Component,
    plan: Plan,
    container: Container,
    until: Condition,
    *,
    slow: float,
) -> None:
    """Wait for a condition while the container lives.

    Args:
        component: what is waited for.
        plan: the outside one; its `called_off` ends the wait.
        container: where the component runs.
        until: what must come true.
        slow: the component's own deadline is multiplied by it.

    Raises:
        StartError: it did not come true; with the container's last output.
    """
    within = component.start_within * slow
    try:
        wait(until, within=within, ended=lambda: why_ended(container), called_off=plan.called_off)
    except WaitGaveUpError as error:
        if plan.called_off.is_set():
            raise _CalledOffError from error
        raise StartError(
            f"{component.name} did not become ready in {error.waited:.1f} s: {error.why}",
            on=f"{component.shown_address(plan)}, container {container.name}",
            got=f"{error.seen.what}\nlast output:\n{last_output(container) or '(none)'}",
            fix="read the last output; on a slow machine raise ENGINEROOM_SLOW",
        ) from error


class BringUp:
    """One start of some components of a run whose pod is there."""

    def __init__(
        self,
        *,
        client: DockerClient,
        folder: Path,
        mark: Mark,
        components: Sequence[Component],
        plan: Plan,
        slow: float,
        progress: Progress | None,
    ) -> None:
        """Nothing happens before `run`.

        Args:
            client: of the engine.
            folder: the run's folder.
            mark: whose the containers are.
            components: what to start; those that have a container already are started again in it.
            plan: the outside one.
            slow: every deadline is multiplied by it.
            progress: told what each component does.
        """
        self._client = client
        self._folder = folder
        self._mark = mark
        self._components = components
        self._called_off = threading.Event()
        self._plan = replace(plan, called_off=self._called_off)
        self._slow = slow
        self._progress = progress or (lambda _component, _doing: None)
        self._settled = {component.name: threading.Event() for component in components}
        self._existing = containers_of(client, mark.run)

    def run(self) -> None:
        """Start everything and wait until all are ready.

        Raises:
            StartError: the first that failed; the rest is called off.
        """
        with ThreadPoolExecutor(max_workers=max(1, len(self._components)), thread_name_prefix="bring-up") as pool:
            try:
                futures = [pool.submit(self._bring_up, component) for component in self._components]
                done, late = wait_for(futures, return_when=FIRST_EXCEPTION)
                if late or any(future.exception() is not None for future in done):
                    self._called_off.set()
            except BaseException:
                # Ctrl-C, which may come at any line: leaving the block waits for every thread.
                self._called_off.set()
                raise
        errors = [error for error in (future.exception() for future in futures) if error is not None]
        for error in sorted(errors, key=lambda each: isinstance(each, _CalledOffError)):
            raise error

    def _bring_up(self, component: Component) -> None:
        for name in component.after:
            event = self._settled.get(name)
            # A component that is not being started now was settled before.
            while event is not None and not event.wait(0.05):
                self._check()
        self._check()
        self._progress(component.name, "starting")
        container = self._start(component)
        with edit(self._folder) as record:
            mine = record.components[component.name]
            mine.since, mine.intent = dt.datetime.now(dt.UTC), "run"
        self._await(component, container, component.answers(self._plan))
        component.settle(self._plan)
        self._settled[component.name].set()
        self._await(component, container, component.ready(self._plan))
        self._progress(component.name, "ready")

    def _await(self, component: Component, container: Container, until: Condition) -> None:
        await_condition(component, self._plan, container, until, slow=self._slow)

    def _check(self) -> None:
        if self._called_off.is_set():
            raise _CalledOffError

    def _start(self, component: Component) -> Container:
        existing = self._existing.get(component.name)
        try:
            if existing is not None:
                existing.start()
                return existing
            return self._create(component)
        except APIError as error:
            self._check()
            raise StartError(
                f"The container of {component.name} could not be started",
                on=name_of(self._mark.run, component.name),
                got=str(error.explanation or error),
                fix="is the engine well? `docker info`, and room on its disk",
            ) from error

    def _create(self, component: Component) -> Container:
        made = recipe(component, self._plan)
        volume = name_of(self._mark.run, component.name)
        self._client.volumes.create(volume, labels=self._mark.labels(component.name))
        builder = self._builder(component, made).with_volume_mapping(volume, str(HOME / "data"), "rw")
        for path, text in made.files.items():
            # The image's only user reads them; they are root's, so that a server cannot change its own settings.
            builder.with_copy_into_container(text.encode(), path, 0o444)
        try:
            builder.start()
            return builder.get_wrapped_container()
        finally:
            builder.get_docker_client().client.close()

    def _builder(self, component: Component, made: Recipe) -> DockerContainer:
        pod = self._existing[POD]
        builder = new_container(
            made.image,
            component.name,
            self._mark,
            # `None`, so that testcontainers does not look for a network that this process may be in itself.
            network=None,
            network_mode=f"container:{pod.id}",
            working_dir=made.cwd,
            stop_signal=made.stop.name,
            shm_size=made.shared_memory,
        )
        builder.with_command(list(made.command))
        for name, value in made.env.items():
            builder.with_env(name, value)
        return builder
