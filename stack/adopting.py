"""A stack's own database, git repositories and objects, made of a forge that came back."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
from boto3.exceptions import Boto3Error
from botocore.exceptions import BotoCoreError, ClientError
from psycopg import sql

from stack.components.objects import BUCKET
from stack.components.postgresql import PRIMARY
from stack.components.postgresql_config import SUPERUSER
from stack.components.s3 import s3_client
from stack.errors import UsageError
from stack.place import programs
from stack.process import run
from stack.recovery import whole
from stack.recovery.errors import RestoreError
from stack.recovery.postgresql import restore as postgresql
from stack.recovery.tools import Ground, LocalGround, Programs
from stack.runtimes import start
from stack.runtimes.base import Progress, Stack
from stack.runtimes.local import LocalStack
from stack.runtimes.supervisor import service_user
from stack.settings import Settings

__all__ = ["adopt", "refuse_unfit", "start_on", "taking_over"]

_COPY_SECONDS = 3600.0


def refuse_unfit(settings: Settings, folder: Path) -> None:
    """Go on only with what `engineroom restore` finished, on the local runtime.

    Raises:
        UsageError: it is none.
    """
    if settings.runtime != "local":
        raise UsageError("A restored forge can be started by the local runtime alone", got=settings.runtime)
    if not (folder / whole.DONE).is_file():
        raise UsageError(
            "This folder is no restored forge",
            on=str(folder),
            got=f"it has no {whole.DONE}, which a restore writes last",
            fix="name the folder of `engineroom restore --into`, without --database-only",
        )


def start_on(settings: Settings, folder: Path, *, detached: bool, progress: Progress) -> Stack:
    """Start everything on a copy of a restored forge.

    Args:
        settings: of the run.
        folder: of the restored forge; its database is stopped, all else stays as it is.
        detached: outlive this process.
        progress: called with a component and what it is doing, from any thread.

    Raises:
        NeedMissingError: a program is missing.
        RestoreError: the restored server does not start or stop, or the stack could not take over what came back.
        StartError: a component did not come up; nothing is left running.
    """
    stack = start(settings, without=[PRIMARY], detached=detached, progress=progress)
    assert isinstance(stack, LocalStack), "refuse_unfit has seen to it"  # noqa: S101
    with taking_over(stack):
        adopt(stack, LocalGround(service_user(settings.service_user)), programs(settings), folder, keep=True)
        stack.add(None, progress)
    return stack


@contextmanager
def taking_over(stack: Stack) -> Iterator[None]:
    """Stop the stack unless it could take over what came back.

    Raises:
        RestoreError: it could not, for a reason that is no error of ours yet.
    """
    try:
        yield
    except BaseException as error:
        stack.stop()
        if isinstance(error, (psycopg.Error, OSError, Boto3Error, BotoCoreError, ClientError)):
            raise RestoreError("BOOT_FAILED", "A stack could not take over what came back", got=str(error)) from error
        raise


def adopt(stack: LocalStack, ground: Ground, programs: Programs, folder: Path, *, keep: bool) -> None:
    """Give a stack that has no database yet what was restored. The restored server is stopped for good.

    Args:
        stack: with an object store, if there are objects.
        ground: where the restored server runs.
        programs: PostgreSQL's of its version.
        folder: of the restored forge.
        keep: copy everything, so that the folder stays as it is; otherwise it is moved, which takes no time.

    Raises:
        RestoreError: the restored server does not start or stop.
        ProgramFailedError: there is no room for a copy.
    """
    _adopt_database(stack, ground, programs, folder / "database", keep=keep)
    root = stack.plan().git_root
    for owner in (folder / "git").iterdir():
        if not owner.name.startswith("."):
            _take(owner, root / owner.name, keep=keep)
    _adopt_objects(stack, folder / "objects")


def _adopt_database(stack: LocalStack, ground: Ground, programs: Programs, top: Path, *, keep: bool) -> None:
    """The superuser gets the stack's password, the others get theirs when the server settles."""
    data = top / "data"
    conninfo = postgresql.running_at(data)
    if conninfo is None:
        postgresql.start(ground, programs, top)
        conninfo = postgresql.running_at(data) or ""
    password = stack.plan().secrets.postgres_superuser.get_secret_value()
    with psycopg.connect(conninfo, autocommit=True) as db:
        # The verifier is made here, so that the password cannot end in the server's log.
        verifier = db.pgconn.encrypt_password(password.encode(), SUPERUSER.encode(), b"scram-sha-256").decode()
        db.execute(sql.SQL("ALTER ROLE {} PASSWORD {}").format(sql.Identifier(SUPERUSER), sql.Literal(verifier)))
    postgresql.stop(ground, programs, data)
    target = stack.folder / "components" / PRIMARY / "data"
    target.parent.mkdir(mode=0o711, parents=True, exist_ok=True)
    _take(data, target, keep=keep)


def _adopt_objects(stack: LocalStack, folder: Path) -> None:
    address = stack.addresses.objects
    if address is None or not folder.is_dir():
        return
    client = s3_client(address, timeout=30)
    if BUCKET not in {each["Name"] for each in client.list_buckets()["Buckets"]}:
        client.create_bucket(Bucket=BUCKET)
    for path in folder.rglob("*"):
        if path.is_file():
            client.upload_file(str(path), BUCKET, path.relative_to(folder).as_posix())


def _take(source: Path, target: Path, *, keep: bool) -> None:
    if keep:
        run(["cp", "-a", source, target], timeout=_COPY_SECONDS)  # owners and modes are kept
    else:
        shutil.move(source, target)
