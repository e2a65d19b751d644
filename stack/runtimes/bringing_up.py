"""Starting components side by side, each as soon as those before it are settled."""

from __future__ import annotations

import contextlib
import datetime as dt
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor
from concurrent.futures import wait as wait_for
from dataclasses import replace
from pathlib import Path

from stack.components.base import Component, Plan, Site, StartError
from stack.components.waits import Condition, WaitGaveUpError, wait
from stack.process import ProgramFailedError
from stack.runtimes.base import Progress
from stack.runtimes.files import make_folder, write_private
from stack.runtimes.identity import ProcessId
from stack.runtimes.ports import free_ports
from stack.runtimes.registry import edit
from stack.runtimes.supervisor import Supervisor, last_output

__all__ = ["BringUp", "stuck"]

# How often a component gets other ports because somebody took one between choosing and listening.
_ATTEMPTS = 4


class _CalledOffError(Exception):
    """Another component failed, or the user interrupted: no news of its own."""


@contextlib.contextmanager
def stuck(component: Component, plan: Plan, log: Path, process: ProcessId) -> Iterator[None]:
    """Turn a wait that gave up into an error with everything one needs to see why."""
    try:
        yield
    except WaitGaveUpError as error:
        output = last_output(log)
        raise StartError(
            f"{component.name} did not become ready in {error.waited:.1f} s: {error.why}",
            # Not the log: after a start that failed it is gone with the run.
            on=f"{component.shown_address(plan)}, process {process.pid}",
            got=f"{error.seen.what}\nlast output:\n{output or '(none)'}",
            fix="read the last output; on a slow machine raise ENGINEROOM_SLOW",
        ) from error


class BringUp:
    """One start of some components of a run."""

    def __init__(
        self,
        *,
        folder: Path,
        components: Sequence[Component],
        plan: Callable[[], Plan],
        supervisor: Supervisor,
        slow: float,
        progress: Progress | None,
    ) -> None:
        """Nothing happens before `run`.

        Args:
            folder: the run's folder.
            components: what to start.
            plan: the plan as it is when asked; ports may change while components start.
            supervisor: starts processes.
            slow: every deadline is multiplied by it.
            progress: told what each component does.
        """
        self._folder = folder
        self._components = components
        self._bare_plan = plan
        self._supervisor = supervisor
        self._slow = slow
        self._progress = progress or (lambda _component, _doing: None)
        self._called_off = threading.Event()
        self._settled = {component.name: threading.Event() for component in components}

    def run(self) -> None:
        """Start everything and wait until all are ready.

        Raises:
            StartError: the first that failed; the rest is called off.
        """
        with ThreadPoolExecutor(max_workers=max(1, len(self._components)), thread_name_prefix="bring-up") as pool:
            try:
                futures = [pool.submit(self._until_called_off, component) for component in self._components]
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

    def _plan(self) -> Plan:
        return replace(self._bare_plan(), called_off=self._called_off)

    def _until_called_off(self, component: Component) -> None:
        try:
            self._bring_up(component)
        except Exception:
            # What fails after the others were called off is a consequence, not news.
            self._check()
            raise

    def _bring_up(self, component: Component) -> None:
        for name in component.after:
            self._await_settled(name)
        for attempt in range(1, _ATTEMPTS + 1):
            try:
                process = self._start(component)
            except StartError as error:
                if attempt == _ATTEMPTS or not component.clash.search(error.got):
                    raise
                self._progress(component.name, "taking other ports")
                self._take_other_ports(component)
            else:
                break
        plan = self._plan()
        component.settle(plan)
        self._settled[component.name].set()
        self._await(component, component.ready(plan), process)
        self._progress(component.name, "ready")

    def _start(self, component: Component) -> ProcessId:
        """Render, prepare, spawn, and wait until the server answers."""
        self._check()
        plan = self._plan()
        site = plan.site(component.name)
        log = self._log(component)
        self._progress(component.name, "preparing")
        self._lay(component, site, component.files(plan))
        try:
            component.prepare(plan, self._runner(component, site))
        except ProgramFailedError as error:
            self._check()
            raise StartError(
                f"{component.name} could not be prepared: {error.what}", on=error.on, got=error.got, fix=error.fix
            ) from error
        self._check()
        self._progress(component.name, "starting")
        with edit(self._folder) as record:
            # Before it can make them, and beside those that an attempt on other ports made.
            mine = record.components[component.name]
            mine.outside = list(dict.fromkeys((*mine.outside, *component.outside(plan))))
        launch = component.launch(plan)
        process = self._supervisor.spawn(launch, log=log, home=site.scratch, as_ourselves=component.own_user)
        with edit(self._folder) as record:
            mine = record.components[component.name]
            mine.process, mine.since, mine.intent = process, dt.datetime.now(dt.UTC), "run"
            mine.stop, mine.grace = launch.stop, launch.grace
        self._await(component, component.answers(plan), process)
        return process

    def _await(self, component: Component, until: Condition, process: ProcessId) -> None:
        plan = self._plan()
        with stuck(component, plan, self._log(component), process):
            try:
                wait(
                    until,
                    within=component.start_within * self._slow,
                    ended=lambda: self._supervisor.ended(process),
                    called_off=self._called_off,
                )
            except WaitGaveUpError:
                self._check()
                raise

    def _await_settled(self, name: str) -> None:
        event = self._settled.get(name)
        # A component that is not being started now was settled before.
        while event is not None and not event.wait(0.05):
            self._check()

    def _check(self) -> None:
        if self._called_off.is_set():
            raise _CalledOffError

    def _lay(self, component: Component, site: Site, files: Mapping[str, str]) -> None:
        owner = None if component.own_user else self._supervisor.owner
        make_folder(site.folder, 0o700, owner)
        for folder in (site.config, site.data, site.scratch):
            make_folder(folder, 0o700, owner)
        for name, text in files.items():
            write_private(site.config / name, text, owner)

    def _runner(self, component: Component, site: Site) -> _Runner:
        return _Runner(self._supervisor, site, self._slow, as_ourselves=component.own_user)

    def _take_other_ports(self, component: Component) -> None:
        with edit(self._folder) as record:
            record.components[component.name].ports = dict(
                zip(component.ports, free_ports(len(component.ports)), strict=True)
            )

    def _log(self, component: Component) -> Path:
        return self._folder / "logs" / f"{component.name}.log"


class _Runner:
    def __init__(self, supervisor: Supervisor, site: Site, slow: float, *, as_ourselves: bool) -> None:
        self._supervisor = supervisor
        self._site = site
        self._slow = slow
        self._as_ourselves = as_ourselves

    def __call__(
        self, arguments: Sequence[str | Path], *, env: Mapping[str, str] | None = None, within: float = 60.0
    ) -> str:
        return self._supervisor.run(
            arguments,
            env=env,
            within=within * self._slow,
            home=self._site.scratch,
            as_ourselves=self._as_ourselves,
        )
