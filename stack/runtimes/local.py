"""Components as processes of this machine, on loopback."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cached_property
from pathlib import Path

from stack.addresses import Addresses
from stack.components.base import Component, Plan, Site, ToolSource
from stack.components.catalogue import catalogue, expand
from stack.components.waits import wait
from stack.errors import EngineRoomError, UsageError
from stack.runtimes import secrets
from stack.runtimes.base import ComponentStatus, Progress
from stack.runtimes.bringing_up import BringUp, stuck
from stack.runtimes.choosing import choose, with_ports
from stack.runtimes.identity import RUN_VARIABLE, ProcessId, environment_of
from stack.runtimes.leftovers import erase, pause_tree, resume_tree, sweep
from stack.runtimes.logs import copy_masked
from stack.runtimes.looking import look
from stack.runtimes.registry import Intent, RunRecord, edit, read
from stack.runtimes.reloading import reload_changed
from stack.runtimes.signals import uninterrupted
from stack.runtimes.stopping import stop_in_order
from stack.runtimes.supervisor import Supervisor, last_output, service_user
from stack.runtimes.watchdog import Watchdog
from stack.settings import RuntimeName, Settings

__all__ = ["LocalStack", "StackGoneError"]


class StackGoneError(EngineRoomError):
    """The stack was stopped, here or by another command."""


class LocalStack:
    """One run on this machine. All that must outlive this object is in the run's record."""

    runtime: RuntimeName = "local"

    def __init__(self, settings: Settings, folder: Path, tools: ToolSource, watchdog: Watchdog | None = None) -> None:
        """Attach to a run.

        Args:
            settings: who runs servers, and how slow the machine is.
            folder: the run's folder.
            tools: where programs are.
            watchdog: ends the run when this process dies; `None` for a run that somebody else owns.

        Raises:
            StackGoneError: there is no such run.
        """
        self.name = folder.name
        self.folder = folder
        self._settings = settings
        self._tools = tools
        self._watchdog = watchdog
        self._supervisor = Supervisor(self.name, folder, service_user(settings.service_user))
        self._components = catalogue(self._record().objects)

    # -- what it is made of ------------------------------------------------------------------------------------------

    def plan(self) -> Plan:
        """What the components know about each other."""
        record = self._record()
        sites = {
            name: Site(
                name=name,
                folder=self.folder / "components" / name,
                host=component.host,
                ports=component.ports,
                sockets=self.folder / "sockets",
            )
            for name, component in record.components.items()
        }
        return Plan(
            run=self.name,
            sites=sites,
            secrets=secrets.load(self.folder / "secrets"),
            tools=self._tools,
            git_root=self.folder / "git",
            service_user=self._supervisor.user,
            telemetry_scale=self._settings.telemetry_scale,
            elsewhere=self._settings.elsewhere,
        )

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
        """Optional components that could not be had."""
        return self._record().missing

    def log(self, component: str) -> Path:
        """The file with a component's output."""
        self._known(component)
        return self.folder / "logs" / f"{component}.log"

    def collect_logs(self, destination: Path) -> list[Path]:
        """Copy every log into a folder, with the stack's secrets taken out."""
        return copy_masked(self.folder / "logs", destination, secrets.values(self.plan().secrets))

    # -- what happens to it ------------------------------------------------------------------------------------------

    def bring_up(self, names: Iterable[str], progress: Progress | None = None) -> None:
        """Start components, each when those before it are settled, and wait until all are ready.

        Raises:
            StartError: one did not come up; the others are left as they are.
        """
        BringUp(
            folder=self.folder,
            components=[self._known(name) for name in names],
            plan=self.plan,
            supervisor=self._supervisor,
            slow=self._settings.slow,
            progress=progress,
        ).run()
        self._tell_of_changes()

    def status(self) -> list[ComponentStatus]:
        """Every component, looked at now and all at once."""
        record = self._record()
        plan = self.plan()
        components = self._mine()
        with ThreadPoolExecutor(max_workers=max(1, len(components))) as pool:
            return list(
                pool.map(
                    lambda component: look(
                        component, record.components[component.name], plan, self._why_ended, self.log(component.name)
                    ),
                    components,
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
        process = self._living(component)
        self._mark(component, "killed")
        self._supervisor.kill(process)

    def pause(self, component: str) -> None:
        """Stop every process of it."""
        self._known(component)
        pause_tree(self._living(component))
        self._mark(component, "paused")

    def resume(self, component: str) -> None:
        """Let every process of it run on."""
        self._known(component)
        resume_tree(self._living(component))
        self._mark(component, "run")

    def restart(self, component: str) -> None:
        """End it if it lives, start it again, wait until it is ready."""
        known = self._known(component)
        self._mark(component, "stopped")
        self._end(known)
        # Workers may have outlived their server, and would not let a new one have its data.
        sweep(self.name, self.folder, component)
        self.bring_up([component])

    def add(self, names: Iterable[str] | None, progress: Progress | None = None) -> list[str]:
        """Bring components into the running stack, with what they require, and wait until they are ready.

        Args:
            names: names or groups; `None`: everything that can be had.
            progress: called with a component and what it is doing, from any thread.

        Returns:
            Those that were not there before.

        Raises:
            NeedMissingError: a program is missing.
            StartError: one did not come up; nothing is left of those that were to be added.
            UsageError: there is no such component.
        """
        record = self._record()
        chosen, _ = choose(self._settings, self._tools, record.objects, names, there=record.components)
        fresh = [name for name in chosen if name not in record.components]
        with edit(self.folder) as record:
            record.components |= {name: with_ports(self._components[name]) for name in fresh}
            record.missing = {name: why for name, why in record.missing.items() if name not in fresh}
        self._forget_addresses()
        try:
            self.bring_up(fresh, progress)
        except BaseException:
            # What is told is what went wrong first.
            with uninterrupted(), contextlib.suppress(EngineRoomError):
                self._take_out(fresh)
            raise
        return fresh

    def remove(self, names: Iterable[str]) -> None:
        """Take components out of the running stack: they end in order, and their folders go; their logs stay.

        Raises:
            UsageError: the stack has no such component, or another one that stays requires it.
        """
        gone = expand(self._components, names)
        for name in gone:
            self._known(name)
        for component in self._mine():
            needed = [name for name in component.requires if name in gone]
            if needed and component.name not in gone:
                raise UsageError(
                    f"{component.name} requires {', '.join(needed)}",
                    on=component.name,
                    fix=f"remove {component.name} as well",
                )
        self._take_out(gone)

    def deaths(self) -> list[str]:
        """Components that ended by themselves, with their last output."""
        found = []
        for name, component in self._record().components.items():
            if component.intent not in ("run", "paused") or component.process is None:
                continue
            why = self._why_ended(component.process)
            if why is not None:
                output = last_output(self.log(name))
                found.append(f"{name} (process {component.process.pid}): {why}\n{output}".rstrip())
        return found

    def forgive(self) -> None:
        """Start what was killed and resume what was paused on purpose, then wait until all that lives is ready."""
        record = self._record()
        away = [name for name, component in record.components.items() if component.intent in ("killed", "stopped")]
        for name, known in record.components.items():
            if known.intent == "paused" and known.process and self._why_ended(known.process) is None:
                self.resume(name)
        if away:
            self.bring_up(away)
        plan = self.plan()
        for component in self._mine():
            process = self._record().components[component.name].process
            if process is None or self._why_ended(process) is not None:
                continue
            self._await_ready(component, plan, process)

    def release(self) -> None:
        """Let the run outlive this process."""
        with edit(self.folder) as record:
            record.detached = True
        if self._watchdog is not None:
            self._watchdog.release()

    def stop(self) -> None:
        """End everything, those that need others first, and leave neither process nor folder."""
        with uninterrupted():
            # It may be gone already; and what cannot be stopped in order is swept away below.
            with contextlib.suppress(EngineRoomError, OSError):
                with edit(self.folder) as record:
                    record.phase = "stopping"
                stop_in_order(self._mine(), self._end)
            sweep(self.name, self.folder)
            erase(self.folder)
            if self._watchdog is not None:
                self._watchdog.release()

    def running(self) -> None:
        """Note that the start is over."""
        with edit(self.folder) as record:
            record.phase = "running"

    def _take_out(self, names: Sequence[str]) -> None:
        for name in names:
            self._mark(name, "stopped")
        stop_in_order([self._components[name] for name in names], self._end)
        for name in names:
            sweep(self.name, self.folder, name)
            erase(self.folder / "components" / name)
        with edit(self.folder) as record:
            record.components = {name: each for name, each in record.components.items() if name not in names}
        self._forget_addresses()
        self._tell_of_changes()

    def _tell_of_changes(self) -> None:
        """Have those that follow the others' addresses read their configuration again, and wait until they did."""
        record, plan = self._record(), self.plan()
        processes = {
            name: known.process
            for name, known in record.components.items()
            if known.process is not None and known.intent == "run" and self._why_ended(known.process) is None
        }
        owner = self._supervisor.owner
        told = reload_changed(self._mine(), plan, processes, lambda each: None if each.own_user else owner)
        for component in told:
            self._await_ready(component, plan, processes[component.name])

    def _await_ready(self, component: Component, plan: Plan, process: ProcessId) -> None:
        with stuck(component, plan, self.log(component.name), process):
            wait(
                component.ready(plan),
                within=component.start_within * self._settings.slow,
                ended=lambda: self._why_ended(process),
            )

    def _forget_addresses(self) -> None:
        self.__dict__.pop("addresses", None)

    # -- helpers -----------------------------------------------------------------------------------------------------

    def _end(self, component: Component) -> None:
        known = self._record().components[component.name]
        if known.process is not None and self._why_ended(known.process) is None:
            self._supervisor.stop(known.process, known.stop, grace=known.grace * self._settings.slow)

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

    def _mark(self, name: str, intent: Intent) -> None:
        with edit(self.folder) as record:
            record.components[name].intent = intent

    def _living(self, name: str) -> ProcessId:
        process = self._record().components[name].process
        why = "it was never started" if process is None else self._why_ended(process)
        if process is None or why is not None:
            raise EngineRoomError(f"{name} is not running", on=name, got=why or "", fix=f"restart {name} first")
        return process

    def _why_ended(self, process: ProcessId) -> str | None:
        """Why a process no longer counts as ours; `None` while it lives and carries this run's mark."""
        why = self._supervisor.ended(process)
        if why is None and environment_of(process.pid).get(RUN_VARIABLE) != self.name:
            # It may have ended between the two looks; and whoever else has its id now is not ours to signal.
            why = self._supervisor.ended(process) or "its process id belongs to another process now"
        return why
