"""Lays a commit's files out in a folder, as the user that steps run as."""

from __future__ import annotations

import os
import pwd
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from pathlib import Path

from stack.process import ProgramFailedError, run, tail
from stack.services.common.telemetry import span
from stack.services.runner.fetch import CheckoutError, fetch, limited
from stack.services.runner.settings import RunnerSettings

__all__ = ["checkout"]

_SECONDS = 60.0
_SHA1_DIGITS = 40
# Nothing of whoever set this machine up, and nothing that a repository could ask for.
_SAFE = [
    "-c",
    "core.hooksPath=/dev/null",
    "-c",
    "core.fsmonitor=false",
    "-c",
    "gc.auto=0",
    "-c",
    "advice.detachedHead=false",
]


def checkout(
    settings: RunnerSettings,
    repository: str,
    commit: str,
    *,
    folder: Path,
    environment: Mapping[str, str],
    stop: Callable[[], bool],
) -> None:
    """Bring one commit.

    Args:
        settings: git service and limits.
        repository: `owner/name`.
        commit: its id in hex.
        folder: empty; owned by the user that steps run as.
        environment: of every git process, whole.
        stop: whether it isn't wanted any more.

    Raises:
        CheckoutError: it can't be had.
    """
    account = settings.account
    user = account.pw_name if account else None
    deadline = time.monotonic() + settings.checkout_seconds
    form = "sha1" if len(commit) == _SHA1_DIGITS else "sha256"
    with span("checkout"):
        try:
            init: list[str | Path] = ["git", "init", "--quiet", "--template=", f"--object-format={form}", "--", folder]
            run(init, timeout=_SECONDS, env=environment, drop=("",), user=user, cwd=folder)
            with fetch(settings.git_url, settings.git_token, repository, commit) as pack:
                chunks = limited(pack, most=settings.checkout_bytes, deadline=deadline, stop=stop)
                _index(chunks, folder, environment, account, deadline)
                _cut(folder, pack.shallow, account)
            left = max(1.0, deadline - time.monotonic())
            out = ["git", *_SAFE, "checkout", "--quiet", "--force", "--detach", commit]
            run(out, timeout=left, env=environment, drop=("",), user=user, cwd=folder)
        except ProgramFailedError as error:
            raise CheckoutError(
                "The commit could not be checked out", on=f"{repository} {commit}", got=error.got, worth_retrying=True
            ) from error


def _index(
    chunks: Iterator[bytes],
    folder: Path,
    environment: Mapping[str, str],
    account: pwd.struct_passwd | None,
    deadline: float,
) -> None:
    """Let git read a pack from a pipe."""
    arguments = ["git", *_SAFE, "index-pack", "--stdin", "--fix-thin"]
    process = subprocess.Popen(
        arguments,
        cwd=folder,
        env=dict(environment),
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        start_new_session=True,
        user=account.pw_uid if account else None,
        group=account.pw_gid if account else None,
        extra_groups=[] if account else None,
    )
    assert process.stdin is not None  # noqa: S101 - it is a pipe
    try:
        with suppress(BrokenPipeError):
            for chunk in chunks:
                process.stdin.write(chunk)
        _, errors = process.communicate(timeout=max(1.0, deadline - time.monotonic()))
    except BaseException as error:
        process.kill()
        process.communicate()
        if isinstance(error, subprocess.TimeoutExpired):
            raise ProgramFailedError(arguments, code=None, output="") from error
        raise
    if process.returncode:
        raise ProgramFailedError(arguments, code=process.returncode, output=tail(errors.decode("utf-8", "replace")))


def _cut(folder: Path, shallow: list[str], account: pwd.struct_passwd | None) -> None:
    """Say where history ends."""
    if not shallow:
        return
    path = folder / ".git" / "shallow"
    path.write_text("".join(f"{oid}\n" for oid in shallow), "ascii")
    if account:
        os.chown(path, account.pw_uid, account.pw_gid)
