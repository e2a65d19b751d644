"""Repositories that hold everything a real one may hold and a careless indexer stumbles over."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime

from stack.forge.errors import InvalidError
from stack.forge.fastimport import Change, Executable, Gitlink, Person, Streamed, Symlink
from stack.forge.git_local import LocalGit
from stack.forge.model import RefUpdate
from stack.forge.repositories import Repositories

__all__ = ["HUGE", "LONG_PATH", "LONG_TOKEN", "Odd", "corrupt", "odd_files", "push_odd"]

HUGE = 100 * 1024 * 1024
LONG_TOKEN = "kestrel" * 714 + "el"  # 5,000 characters without a break
# 500 bytes in parts that every file system can hold.
LONG_PATH = "/".join(["deep" * 30] * 4) + "/path-kestrel.txt"
_CHUNK = 1 << 20
_AUTHOR = Person("Odd Author", "odd@users.forge.example")
_DATE = datetime(2023, 2, 3, 4, 5, 6, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Odd:
    """One odd file.

    Attributes:
        path: as git keeps it.
        change: what it is.
        word: a word that a search must find in it; `None` when there is no text to find.
        what: why it is odd.
    """

    path: bytes
    change: Change
    word: str | None
    what: str


def odd_files(*, huge: int = HUGE) -> list[Odd]:
    """Every odd file, most with a word of its own; the large one is made as it is written and never held.

    Args:
        huge: bytes of the large file.
    """
    wide = "// a wide file\nlet word = 'utf16{}kestrel';\n"
    return [
        Odd(b"binary.bin", bytes(range(256)) * 40, None, "binary"),
        Odd(b"binary-late.bin", b"text at first " * 2000 + b"\0\1\2\3" * 500, None, "binary after 28,000 bytes"),
        Odd(b"empty.txt", b"", None, "empty"),
        Odd(b"huge.txt", Streamed(huge, _huge(huge)), None, f"{huge} bytes of text"),
        Odd(b"utf16le.txt", b"\xff\xfe" + wide.format("le").encode("utf-16-le"), "utf16lekestrel", "UTF-16 LE, mark"),
        Odd(b"utf16be.txt", b"\xfe\xff" + wide.format("be").encode("utf-16-be"), "utf16bekestrel", "UTF-16 BE, mark"),
        Odd(b"bom.txt", b"\xef\xbb\xbfbomkestrel = 1\n", "bomkestrel", "UTF-8 with a byte order mark"),
        Odd(b"latin1.txt", _latin1(), "latin1kestrel", "Latin-1"),
        Odd(b"gbk.txt", _gbk(), "gbkkestrel", "GBK"),
        Odd(b"invalid-utf8.txt", _invalid(), "badbytekestrel", "UTF-8 with a few bytes that are none"),
        Odd(
            b"long-token.txt", f"x = {LONG_TOKEN} aftertokenkestrel\n".encode(), "aftertokenkestrel", "5,000-char token"
        ),
        Odd(b"long-line.txt", b"a, " * 70_000 + b"longlinekestrel", "longlinekestrel", "one line of 210,000 bytes"),
        Odd(b"crlf.txt", b"one\r\ncrlfkestrel\r\n", "crlfkestrel", "Windows line ends"),
        Odd(b"with space/a b.txt", b"spacekestrel\n", "spacekestrel", "space in the path"),
        Odd(b"tests++/plus+.txt", b"pluskestrel\n", "pluskestrel", "plus in the path"),
        Odd(b"hash#/a#1.txt", b"hashkestrel\n", "hashkestrel", "hash in the path"),
        Odd(b"100%/%25.txt", b"percentkestrel\n", "percentkestrel", "percent in the path"),
        Odd("测/试.txt".encode(), "测试 hankestrel\n".encode(), "hankestrel", "Chinese in the path"),
        Odd(b"bytes-\xff\xfe.txt", b"bytepathkestrel\n", "bytepathkestrel", "a path that is no UTF-8"),
        Odd(b'quote"\\and\ttab.txt', b"quotekestrel\n", "quotekestrel", "quote, backslash and tab in the path"),
        Odd(LONG_PATH.encode(), b"longpathkestrel\n", "longpathkestrel", "a path of 500 bytes"),
        Odd(b"run.sh", Executable(b"#!/bin/sh\necho execkestrel\n"), "execkestrel", "executable"),
        Odd(b"link.txt", Symlink(b"plain.txt"), None, "symlink"),
        Odd(b"dangling", Symlink(b"/nowhere/at all"), None, "symlink to nothing"),
        Odd(b"vendor/module", Gitlink("5" * 40), None, "submodule"),
        Odd(b"-dash.txt", b"dashkestrel\n", "dashkestrel", "a path like an option"),
        Odd(b"plain.txt", b"plainkestrel\n", "plainkestrel", "nothing odd: it must be found among the others"),
    ]


def push_odd(
    repositories: Repositories, repo: str, *, branch: str = "main", huge: int = HUGE, date: datetime = _DATE
) -> tuple[str, RefUpdate]:
    """Let a branch be one commit with every odd file and nothing else.

    Args:
        repositories: where to.
        repo: `owner/name.git`; it must be there.
        branch: short name; what it had before is lost.
        huge: bytes of the large file.
        date: of the commit.

    Returns:
        The commit's id, and how the branch moved.
    """
    files = {odd.path: odd.change for odd in odd_files(huge=huge)}
    return repositories.push(
        repo, branch, files, author=_AUTHOR, date=date, message="Odd files", force=True, orphan=True
    )


def corrupt(repositories: Repositories, repo: str, path: bytes, *, branch: str = "main", lose: bool = False) -> str:
    """Damage the object of one file, as a bad disk would: its content becomes garbage, or it is lost.

    Args:
        repositories: where.
        repo: `owner/name.git`.
        path: a file on the branch.
        branch: short name.
        lose: remove the object instead of writing garbage over it.

    Returns:
        The id of the damaged object.

    Raises:
        InvalidError: there is no such file, or its object is in a pack (push it alone, then it isn't).
    """
    commit = repositories.tip(repo, f"refs/heads/{branch}")
    entries = LocalGit(repositories.root).tree(repo, commit) if commit else iter(())
    oid = next((entry.oid for entry in entries if entry.path == path), None)
    loose = repositories.path(repo) / "objects" / (oid or "--")[:2] / (oid or "--")[2:]
    if oid is None or not loose.is_file():
        raise InvalidError("There is no loose object to damage", on=f"{repo} {path!r}")
    loose.chmod(0o644)
    if lose:
        loose.unlink()
    else:
        loose.write_bytes(b"this is not an object any more")
    return oid


def _huge(size: int) -> Iterator[bytes]:
    line = b"filler words in a very large text file, line after line\n"
    chunk = (line * (_CHUNK // len(line) + 1))[:_CHUNK]
    for start in range(0, size, _CHUNK):
        yield chunk[: min(_CHUNK, size - start)]


def _latin1() -> bytes:
    return "// Größe, Übermaß, naïve café: ça coûte £5\nlatin1kestrel = 'müßig'\n".encode("latin-1")


def _gbk() -> bytes:
    return "// 这个文件使用国标码保存,里面有足够多的汉字可以判断编码\ngbkkestrel = '测试内容'\n".encode("gbk")


def _invalid() -> bytes:
    good = "Zwölf Boxkämpfer jagen Viktor quer über den großen Sylter Deich\n".encode() * 20
    return good + b"badbytekestrel \xff\xfe\x80 end\n" + good
