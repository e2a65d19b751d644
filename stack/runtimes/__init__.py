"""Where components run. Start, find and clean up stacks here; everything else is handed their addresses."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

# A run's watchdog imports this package and lives as long as the run: what is heavy is imported when it is used.
if TYPE_CHECKING:
    from stack.components.base import ToolSource
    from stack.runtimes.base import Progress, Stack
    from stack.settings import Settings

__all__ = ["reap", "running", "start"]


def start(
    settings: Settings,
    *,
    components: Iterable[str] | None = None,
    without: Iterable[str] = (),
    detached: bool = False,
    progress: Progress | None = None,
    tools: ToolSource | None = None,
    logs: Path | None = None,
) -> Stack:
    """Start a stack and wait until all of it is ready. What dead runs left is cleaned up first.

    Args:
        settings: which runtime, where state is kept, who runs servers.
        components: names or groups (`postgresql`, `redis`) and with them all that they require; `None`: everything
            that can be had.
        without: components that everything is not to include; `Stack.add` may bring them later.
        detached: outlive this process. Otherwise nothing of the stack does, not even if it is killed.
        progress: called with a component and what it is doing, from any thread.
        tools: where programs are; the toolchain by default. Containers have theirs in their images.
        logs: where to copy the logs if the start fails.

    Raises:
        NeedMissingError: a server's program, or the runtime itself, cannot be had.
        StartError: a component, or its place, did not come up. Nothing is left running.
        UsageError: there is no such component.
    """
    if settings.runtime == "containers":
        from stack.runtimes import containers  # noqa: PLC0415

        return containers.start(
            settings, components=components, without=without, detached=detached, progress=progress, logs=logs
        )
    _only_local(settings)
    from stack.runtimes.starting import start_local  # noqa: PLC0415

    return start_local(
        settings,
        tools or _toolchain(settings),
        components=components,
        without=without,
        detached=detached,
        progress=progress,
        logs=logs,
    )


def running(settings: Settings, *, tools: ToolSource | None = None) -> list[Stack]:
    """Every stack that runs now, oldest first, whoever started it."""
    if settings.runtime == "containers":
        from stack.runtimes import containers  # noqa: PLC0415

        return containers.running(settings)
    _only_local(settings)
    from stack.runtimes.janitor import is_abandoned  # noqa: PLC0415
    from stack.runtimes.local import LocalStack  # noqa: PLC0415
    from stack.runtimes.registry import folders, read  # noqa: PLC0415

    found: list[Stack] = []
    for folder in folders(settings.state_dir.absolute()):
        record = read(folder)
        if record is not None and record.phase == "running" and not is_abandoned(record):
            found.append(LocalStack(settings, folder, tools or _toolchain(settings)))
    return found


def reap(settings: Settings) -> list[str]:
    """End the processes and containers and remove the folders of runs whose owner is gone; one line for each."""
    from stack.runtimes import containers  # noqa: PLC0415
    from stack.runtimes.janitor import reap as reap_local  # noqa: PLC0415

    return [*reap_local(settings.state_dir.absolute()), *containers.reap(settings)]


def _toolchain(settings: Settings) -> ToolSource:
    from stack.toolchain import Toolchain  # noqa: PLC0415

    return Toolchain(settings)


def _only_local(settings: Settings) -> None:
    if settings.runtime != "local":
        from stack.errors import NeedMissingError  # noqa: PLC0415

        raise NeedMissingError(
            settings.runtime,
            f"The runtime {settings.runtime} is not part of this version",
            fix="use the runtime local or containers: ENGINEROOM_RUNTIME=local",
        )
