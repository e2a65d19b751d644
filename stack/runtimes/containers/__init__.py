"""The containers runtime: components in containers of our own images, on an engine that somebody else runs.

Everything heavy is imported when it is used: other runtimes import this package to ask whether anything was left.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from stack.runtimes.base import Progress, Stack
    from stack.runtimes.containers.images import Prepared
    from stack.settings import Settings

__all__ = ["prepare", "reap", "running", "start"]


def prepare(settings: Settings, progress: Progress | None = None) -> Prepared:
    """Build the images that the engine lacks; see `stack.runtimes.containers.images.prepare`."""
    from stack.runtimes.containers.images import prepare as prepare_images  # noqa: PLC0415

    return prepare_images(settings, progress)


def start(
    settings: Settings,
    *,
    components: Iterable[str] | None = None,
    without: Iterable[str] = (),
    detached: bool = False,
    progress: Progress | None = None,
    logs: Path | None = None,
) -> Stack:
    """Start a stack; see `stack.runtimes.start`."""
    from stack.runtimes.containers.starting import start_containers  # noqa: PLC0415

    return start_containers(
        settings, components=components, without=without, detached=detached, progress=progress, logs=logs
    )


def running(settings: Settings) -> list[Stack]:
    """Every stack that runs now, oldest first, whoever started it."""
    from stack.runtimes.containers.finding import running as find  # noqa: PLC0415

    return find(settings)


def reap(settings: Settings) -> list[str]:
    """Remove what abandoned runs left; on another runtime, and without a record of a run here, at no cost."""
    runs = settings.state_dir.absolute() / "containers" / "runs"
    if settings.runtime != "containers" and not (runs.is_dir() and any(runs.iterdir())):
        return []
    from stack.runtimes.containers.janitor import reap as reap_containers  # noqa: PLC0415

    return reap_containers(settings)
