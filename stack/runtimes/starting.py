"""Starting a local stack: choosing what to start, making its place, and undoing everything when it fails."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterable
from pathlib import Path
from typing import Literal

from stack.components.base import StartError, ToolSource
from stack.components.catalogue import OBJECT_STORES, catalogue
from stack.components.objects import StoreUnfitError
from stack.runtimes import secrets
from stack.runtimes.base import Progress
from stack.runtimes.choosing import choose, with_ports
from stack.runtimes.files import ServiceUser, make_folder
from stack.runtimes.janitor import reap
from stack.runtimes.local import LocalStack
from stack.runtimes.registry import create, edit
from stack.runtimes.signals import uninterrupted
from stack.runtimes.supervisor import Supervisor, service_user
from stack.runtimes.watchdog import Watchdog
from stack.settings import Settings

__all__ = ["start_local"]

StoreName = Literal["seaweedfs", "versitygw"]
_ROOM = 512 * 1024 * 1024
# The address of a Unix socket holds 107 bytes (unix(7)); the longest name put after this is "/.s.PGSQL.65535.lock".
_LONGEST_SOCKET_FOLDER = 86


def start_local(
    settings: Settings,
    tools: ToolSource,
    *,
    components: Iterable[str] | None = None,
    without: Iterable[str] = (),
    detached: bool = False,
    progress: Progress | None = None,
    logs: Path | None = None,
) -> LocalStack:
    """Start a stack on this machine; see `stack.runtimes.start`."""
    reap(settings.state_dir)
    user = service_user(settings.service_user)
    unfit: dict[str, StoreUnfitError] = {}
    for store in _stores(settings, tools):
        try:
            names, missing = choose(settings, tools, store, components, without=without)
            stack = _start(
                settings,
                tools,
                store,
                user=user,
                names=names,
                missing=missing,
                detached=detached,
                progress=progress,
                logs=logs,
            )
        except StoreUnfitError as error:
            unfit[store] = error
        else:
            if unfit:
                with edit(stack.folder) as record:
                    record.missing |= {name: f"{error.what}: {error.on}" for name, error in unfit.items()}
            return stack
    raise next(iter(unfit.values()))


def _stores(settings: Settings, tools: ToolSource) -> list[StoreName]:
    """The store that was asked for, then any other that is installed."""
    others = [name for name in OBJECT_STORES if name != settings.objects and tools.find(name) is not None]
    return [settings.objects, *others]  # type: ignore[list-item] # the keys are the store names


def _start(
    settings: Settings,
    tools: ToolSource,
    store: StoreName,
    *,
    user: str | None,
    names: list[str],
    missing: dict[str, str],
    detached: bool,
    progress: Progress | None,
    logs: Path | None,
) -> LocalStack:
    folder = _make_place(settings, store, user)
    watchdog = Watchdog(folder.name, folder)
    stack: LocalStack | None = None
    try:
        all_components = catalogue(store)
        with edit(folder) as record:
            record.missing = missing
            record.components = {name: with_ports(all_components[name]) for name in names}
        stack = LocalStack(settings, folder, tools, watchdog)
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
                shutil.rmtree(folder, ignore_errors=True)
                watchdog.release()
        raise
    return stack


def _make_place(settings: Settings, store: StoreName, user: str | None) -> Path:
    """The run's folder with everything in it that is not a component's own.

    Raises:
        StartError: there is no room, no permission, or the servers' user cannot get there.
    """
    state = settings.state_dir.absolute()
    fix = "choose another folder with `state_dir` (ENGINEROOM_STATE_DIR)"
    try:
        folder = create(state, objects=store)
    except OSError as error:
        raise StartError("The state folder cannot be written", on=str(state), got=str(error), fix=fix) from error
    try:
        _check_place(folder, user, fix)
        owner: ServiceUser | None = Supervisor(folder.name, folder, user).owner
        secrets.save(secrets.generate(), folder / "secrets")
        make_folder(folder / "components", 0o711)
        make_folder(folder / "sockets", 0o700, owner)
        make_folder(folder / "logs", 0o700)
        make_folder(folder / "git", 0o755)
        make_folder(folder / "textfile", 0o755)
    except OSError as error:
        shutil.rmtree(folder, ignore_errors=True)
        raise StartError("The run's folder cannot be made", on=str(folder), got=str(error), fix=fix) from error
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise
    return folder


def _check_place(folder: Path, user: str | None, fix: str) -> None:
    if len(os.fsencode(folder / "sockets")) > _LONGEST_SOCKET_FOLDER:
        raise StartError("The state folder's path is too long for Unix sockets", on=str(folder), fix=fix)
    free = shutil.disk_usage(folder).free
    if free < _ROOM:
        raise StartError(
            "There is too little room for a stack",
            on=str(folder),
            got=f"{free // 2**20} MB free",
            fix=f"free some, or {fix}",
        )
    if user is None:
        return
    supervisor = Supervisor(folder.name, folder, user)
    for above in reversed(folder.parents):
        if not _can_pass(above, supervisor.owner):
            raise StartError(
                f"The user {user}, who runs the servers, cannot reach the state folder",
                on=str(above),
                got="it may not be entered by others",
                fix=f"chmod o+x it, or {fix}",
            )


def _can_pass(folder: Path, owner: ServiceUser | None) -> bool:
    status = folder.stat()
    uid, gid = owner or (os.geteuid(), os.getegid())
    if status.st_uid == uid:
        return bool(status.st_mode & 0o100)
    if status.st_gid == gid:
        return bool(status.st_mode & 0o010)
    return bool(status.st_mode & 0o001)
