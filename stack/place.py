"""Where a running stack's database is, as recovery needs it: its archive, the server, and the programs beside it."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from reports.evidence import Project, this_project
from stack.addresses import ObjectStoreAddress, PostgresAddress
from stack.components.postgresql import PRIMARY, administrator, owner_address
from stack.components.postgresql_config import ARCHIVE
from stack.errors import NeedMissingError, UsageError
from stack.inventory import ask_git
from stack.recovery.catalogue import Signer, Verifier, make_signing_key
from stack.recovery.postgresql.archive import Archive
from stack.recovery.sealing import SealKey, new_key
from stack.recovery.settings import RecoverySettings
from stack.recovery.source import ForgeObjects, Source
from stack.recovery.store import Bucket, credentials_from
from stack.recovery.tools import LocalGround, Programs, Server
from stack.runtimes.base import Stack
from stack.runtimes.identity import marks
from stack.runtimes.local import LocalStack
from stack.runtimes.supervisor import service_user
from stack.settings import Settings
from stack.toolchain import Toolchain

if TYPE_CHECKING:
    from stack.drilling import LocalForge
    from stack.recovery.whole import Brought

__all__ = [
    "Place",
    "Places",
    "archive_of",
    "key_of",
    "place",
    "programs",
    "restic",
    "signer_of",
    "source_of",
    "verifier_of",
]

_KEY, _SIGNING = "recovery.key", "recovery.signing"
_POSTGRESQL = ("postgres", "pg_ctl", "pg_receivewal", "pg_controldata")


@dataclass(frozen=True)
class Place:
    """A stack's archive, its database server, the forge's database on it, and the folder of its git repositories."""

    archive: Archive
    server: Server
    database: PostgresAddress
    git_root: Path


def programs(settings: Settings, stack: Stack | None = None) -> Programs:
    """PostgreSQL's and Barman's programs of the toolchain; what they start ends with `stack`, if one is named.

    Raises:
        NeedMissingError: one is not installed.
    """
    toolchain = Toolchain(settings)
    postgresql = toolchain.require("postgresql")
    barman = toolchain.require("barman")
    own = marks(stack.name, stack.folder) if stack is not None else {}
    return Programs(
        {name: postgresql.program(name) for name in _POSTGRESQL}, barman.program("python"), {**postgresql.env, **own}
    )


def place(settings: Settings, stack: Stack, *, recovery: RecoverySettings | None = None, pruner: bool = False) -> Place:
    """A running stack's database and its archive.

    Args:
        settings: of the run.
        stack: whose database.
        recovery: other settings than the `[recovery]` table.
        pruner: with the credentials of who may delete.

    Raises:
        NeedMissingError: this runtime has no such place, or a program is missing.
    """
    if not isinstance(stack, LocalStack):
        raise NeedMissingError(
            "local", "Backups are taken beside the server, which only the local runtime reaches", got=stack.runtime
        )
    plan = stack.plan()
    if PRIMARY not in plan.sites:
        raise NeedMissingError("postgresql", "This stack has no database", on=stack.name)
    site = plan.site(PRIMARY)
    chosen = recovery or settings.recovery
    archive = archive_of(
        settings,
        stack.folder / "recovery",
        store=stack.addresses.objects,
        recovery=chosen,
        pruner=pruner,
        stack=stack,
    )
    server = Server(administrator(plan), site.data, site.config / ARCHIVE)
    return Place(archive, server, owner_address(plan), plan.git_root)


def restic(settings: Settings) -> Path:
    """The program.

    Raises:
        NeedMissingError: it is not installed.
    """
    return Toolchain(settings).require("restic").program("restic")


def source_of(settings: Settings, stack: Stack, *, recovery: RecoverySettings | None = None) -> Source:
    """A running stack's forge, as it is backed up.

    Raises:
        NeedMissingError: this runtime has no such place, or a program is missing.
    """
    found = place(settings, stack, recovery=recovery)
    chosen = recovery or settings.recovery
    store = stack.addresses.objects
    return Source(
        server=found.server,
        database=found.database,
        git_root=found.git_root,
        objects=ForgeObjects(store, chosen.forge_bucket) if store is not None else None,
        secrets=chosen.secrets,
        restic=restic(settings),
        cache=stack.folder / "recovery-cache",
    )


def signer_of(settings: Settings, chosen: RecoverySettings, *, make: bool = False) -> Signer:
    """What catalogues are signed with.

    Args:
        settings: where a key lies unless `[recovery]` names one.
        chosen: the `[recovery]` table.
        make: make one where none is, and beside it the public key.

    Raises:
        NeedMissingError: there is none.
        UsageError: it cannot be used.
    """
    path = chosen.signing_key or settings.state_dir / _SIGNING
    if make:
        return make_signing_key(path)
    if not path.exists():
        raise NeedMissingError(
            "signing-key",
            "There is no key to sign catalogues with",
            on=str(path),
            fix="`engineroom backup init` makes one: keep a copy of the public key elsewhere",
        )
    return Signer.read(path)


def verifier_of(settings: Settings, chosen: RecoverySettings) -> Verifier:
    """What catalogues are checked with: the public key that `[recovery]` names, or that of the signing key.

    Raises:
        NeedMissingError: there is none.
        UsageError: it cannot be used.
    """
    if chosen.public_key is not None:
        return Verifier.read(chosen.public_key)
    path = chosen.signing_key or settings.state_dir / _SIGNING
    public = path.with_name(path.name + ".pub")
    for each in (public, path):
        if each.exists():
            return Verifier.read(each)
    raise NeedMissingError(
        "public-key", "There is no key to check catalogues with", on=str(public), fix="name it in [recovery] public_key"
    )


def archive_of(
    settings: Settings,
    folder: Path,
    *,
    store: ObjectStoreAddress | None,
    recovery: RecoverySettings | None = None,
    pruner: bool = False,
    key: SealKey | None = None,
    stack: Stack | None = None,
) -> Archive:
    """An archive in a bucket, seen from this machine.

    Args:
        settings: of the run.
        folder: for what its programs read.
        store: the store to use where `[recovery]` names no endpoint.
        recovery: other settings than the `[recovery]` table.
        pruner: with the credentials of who may delete.
        key: another key than the settings name.
        stack: with which everything ends that is started here; none, to let a restored server live on.

    Raises:
        NeedMissingError: no store is known, or a program is missing.
        UsageError: key or credentials cannot be read.
    """
    chosen = recovery or settings.recovery
    bucket = Bucket(_store(chosen, store, pruner=pruner), chosen.bucket, chosen.prefix)
    ground = LocalGround(service_user(settings.service_user))
    return Archive(
        chosen,
        bucket,
        key or key_of(settings, chosen),
        ground=ground,
        programs=programs(settings, stack),
        folder=folder,
    )


def _store(chosen: RecoverySettings, store: ObjectStoreAddress | None, *, pruner: bool) -> ObjectStoreAddress:
    credentials = chosen.pruner if pruner and chosen.pruner is not None else chosen.writer
    if credentials is not None:
        endpoint = chosen.endpoint or (store.endpoint if store is not None else None)
        if endpoint is not None:
            return credentials_from(credentials, endpoint, chosen.region)
    if store is None:
        raise NeedMissingError(
            "objects", "No object store is known", fix="name [recovery] endpoint and writer, or start a stack with one"
        )
    if chosen.endpoint is not None and chosen.endpoint != store.endpoint:
        raise UsageError(
            "An endpoint is named without credentials", on=chosen.endpoint, fix="name their file in [recovery] writer"
        )
    return store


def key_of(settings: Settings, chosen: RecoverySettings, *, make: bool = False) -> SealKey:
    """The key that objects are sealed with.

    Args:
        settings: where a key lies unless `[recovery]` names one.
        chosen: the `[recovery]` table.
        make: make one where none is.

    Raises:
        NeedMissingError: there is none.
        UsageError: it cannot be used.
    """
    path = chosen.key_file or settings.state_dir / _KEY
    if not path.exists() and make:
        path.parent.mkdir(parents=True, exist_ok=True)
        made = new_key()
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
            file.write(made.text())
        return made
    try:
        return SealKey.read(path)
    except FileNotFoundError as error:
        raise NeedMissingError(
            "recovery-key",
            "There is no key",
            on=str(path),
            fix="bring the archive's own; for a new one `engineroom backup init` makes a key: keep a copy elsewhere",
        ) from error
    except (OSError, ValueError) as error:
        raise UsageError("The key cannot be used", on=str(path), got=str(error), fix="it is 64 hex digits") from error


class Places:
    """What the verbs of recovery are handed: the way from settings to archives and servers."""

    def __init__(self, find_stack: Callable[[Settings, str | None], Stack]) -> None:
        """`find_stack` finds the running stack that is meant, by its name or because it is the only one."""
        self._find_stack = find_stack

    def begin(self, settings: Settings, run: str | None, *, create: bool) -> tuple[Archive, Server]:
        """A running stack's archive and server; the key is made where there is none, and the bucket if asked."""
        stack = self._find_stack(settings, run)
        key_of(settings, settings.recovery, make=True)
        found = place(settings, stack)
        if create:
            found.archive.bucket.create()
        return found.archive, found.server

    def find(self, settings: Settings, run: str | None, *, pruner: bool = False) -> tuple[Archive, Server]:
        """A running stack's archive and server."""
        found = place(settings, self._find_stack(settings, run), pruner=pruner)
        return found.archive, found.server

    def pushes(self, settings: Settings, run: str | None) -> tuple[Archive, PostgresAddress, Path]:
        """A running stack's archive, the forge's database, and the folder of its git repositories."""
        found = place(settings, self._find_stack(settings, run))
        return found.archive, found.database, found.git_root

    def textfile(self, settings: Settings, run: str | None) -> Path:
        """The folder of text files that a running stack's node exporter reads."""
        stack = self._find_stack(settings, run)
        if not isinstance(stack, LocalStack):
            raise NeedMissingError(
                "local", "Only the local runtime's node exporter reads text files", got=stack.runtime
            )
        return stack.plan().textfile

    def remote(self, settings: Settings, run: str | None, folder: Path, *, pruner: bool = False) -> Archive:
        """An archive as another machine sees it; a stack is asked for its store only where the settings name none."""
        named = settings.recovery.endpoint is not None and settings.recovery.writer is not None
        store = None if named else self._find_stack(settings, run).addresses.objects
        return archive_of(settings, folder, store=store, pruner=pruner)

    def source(self, settings: Settings, run: str | None) -> Source:
        """Everything of a running stack that goes into a set."""
        return source_of(settings, self._find_stack(settings, run))

    def sealed(self, settings: Settings, run: str | None) -> tuple[Bucket, SealKey | None]:
        """The archive's bucket, and the key if it is at hand; no stack need run, and no program is needed."""
        chosen = settings.recovery
        named = chosen.endpoint is not None and chosen.writer is not None
        store = None if named else self._find_stack(settings, run).addresses.objects
        bucket = Bucket(_store(chosen, store, pruner=False), chosen.bucket, chosen.prefix)
        try:
            return bucket, key_of(settings, chosen)
        except NeedMissingError:
            return bucket, None

    def signer(self, settings: Settings, *, make: bool = False) -> Signer:
        """What catalogues are signed with."""
        return signer_of(settings, settings.recovery, make=make)

    def verifier(self, settings: Settings) -> Verifier:
        """What they are checked with."""
        return verifier_of(settings, settings.recovery)

    def project(self) -> Project:
        """This code, for evidence."""
        return this_project(git=ask_git)

    def boots(self, settings: Settings, archive: Archive) -> Callable[[Brought], LocalForge]:
        """What starts a stack on a forge that came back."""
        from stack.drilling import boot  # noqa: PLC0415 - search and services are of no use to other verbs

        return lambda brought: boot(settings, archive, brought)

    def program(self, settings: Settings, name: str) -> Path:
        """A program of the toolchain that has its name."""
        return Toolchain(settings).require(name).program(name)
