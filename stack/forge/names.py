"""Names that are safe in a path, a URL and a git command, and the layout `<owner>/<name>.git`."""

from __future__ import annotations

import re

from stack.forge.errors import InvalidError

__all__ = ["check_name", "git_name", "parse_git_name", "wiki_git_name"]

# varchar(40) and varchar(100) are the lengths in the schema of smsly-code's integration contract.
_OWNER = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9_.-]{0,38}[A-Za-z0-9_-])?")
_REPOSITORY = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,99}")
_RESERVED_ENDINGS = (".git", ".wiki", ".lock", ".")


def check_name(name: str, *, of: str) -> str:
    """Return a name that may be given to an owner or a repository.

    Args:
        name: the name a user chose.
        of: `"owner"` or `"repository"`.

    Raises:
        InvalidError: letters, digits, `_`, `.` and `-` only, 40 (owner) or 100 characters at most; `..` and the
            endings that mean something to git or to the layout are refused.
    """
    pattern = _OWNER if of == "owner" else _REPOSITORY
    if not pattern.fullmatch(name) or ".." in name or name.lower().endswith(_RESERVED_ENDINGS):
        raise InvalidError(
            f"This can't be the name of {'an' if of == 'owner' else 'a'} {of}",
            on=repr(name),
            fix="use letters, digits, `_`, `.` and `-`; don't end in .git, .wiki, .lock or a dot",
        )
    return name


def git_name(owner: str, name: str) -> str:
    """The git repository of a forge repository, `owner/name.git`."""
    return f"{check_name(owner, of='owner')}/{check_name(name, of='repository')}.git"


def wiki_git_name(owner: str, name: str) -> str:
    """The git repository of a forge repository's wiki, `owner/name.wiki.git`."""
    return f"{check_name(owner, of='owner')}/{check_name(name, of='repository')}.wiki.git"


def parse_git_name(repo: str) -> tuple[str, str, bool]:
    """Split `owner/name.git` or `owner/name.wiki.git` into owner, name and whether it is a wiki.

    Raises:
        InvalidError: it is not such a name; nothing that passes can leave the folder it is joined to.
    """
    owner, slash, rest = repo.partition("/")
    if not slash or not rest.endswith(".git"):
        raise InvalidError("This is not the name of a git repository", on=repr(repo), fix="write owner/name.git")
    stem = rest.removesuffix(".git")
    name = stem.removesuffix(".wiki")
    return check_name(owner, of="owner"), check_name(name, of="repository"), name != stem
