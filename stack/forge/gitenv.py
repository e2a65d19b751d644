"""How git is run: nothing of the user's configuration, no prompt, one language, any owner of the files."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from stack.forge.errors import GitError
from stack.process import Completed, ProgramFailedError, environment, run

__all__ = ["DROPPED", "ISOLATED", "child_environment", "git"]

DROPPED = ("GIT_", "LANG", "LC_", "SSH_ASKPASS")
_SETTINGS = (
    ("safe.directory", "*"),  # a restored or shared volume belongs to another uid (libgit2 issue 6266 is the same trap)
    ("core.quotePath", "false"),
    ("gc.auto", "0"),  # whoever runs the git server decides when
    ("maintenance.auto", "false"),
    ("i18n.logOutputEncoding", "UTF-8"),
    ("advice.detachedHead", "false"),
    ("protocol.file.allow", "always"),
)
ISOLATED: Mapping[str, str] = {
    "GIT_CONFIG_NOSYSTEM": "1",
    "GIT_CONFIG_GLOBAL": "/dev/null",
    "GIT_ATTR_NOSYSTEM": "1",
    "GIT_TERMINAL_PROMPT": "0",
    "GIT_ASKPASS": "false",
    "GIT_OPTIONAL_LOCKS": "0",
    "GIT_NO_REPLACE_OBJECTS": "1",
    "GIT_CONFIG_COUNT": str(len(_SETTINGS)),
    **{f"GIT_CONFIG_KEY_{number}": key for number, (key, _) in enumerate(_SETTINGS)},
    **{f"GIT_CONFIG_VALUE_{number}": value for number, (_, value) in enumerate(_SETTINGS)},
    "HOME": "/nonexistent",
    "XDG_CONFIG_HOME": "/nonexistent",
    "LC_ALL": "C",
    "TZ": "UTC",
}


def child_environment() -> dict[str, str]:
    """The environment of a git process that is kept open."""
    return environment(ISOLATED, drop=DROPPED)


def git(
    arguments: Sequence[str | Path],
    *,
    git_dir: Path | None = None,
    timeout: float = 60.0,
    stdin: bytes | None = None,
    ok: Sequence[int] = (0,),
    env: Mapping[str, str] | None = None,
) -> Completed:
    """Run one git command to its end.

    Args:
        arguments: subcommand and its arguments.
        git_dir: the bare repository it works on.
        timeout: seconds.
        stdin: its input.
        ok: exit codes that are no error.
        env: variables added to the isolated environment.

    Raises:
        GitError: it failed or outlived its deadline; with git's own last lines.
    """
    words: list[str | Path] = ["git", *([f"--git-dir={git_dir}"] if git_dir else []), *arguments]
    try:
        return run(words, timeout=timeout, env={**ISOLATED, **(env or {})}, drop=DROPPED, stdin=stdin, ok=ok)
    except ProgramFailedError as error:
        raise GitError(
            f"git {arguments[0]} failed",
            on=str(git_dir or ""),
            got=error.got,
            fix=error.fix or "run `git fsck` on the repository, or look at the git server's log",
        ) from error
