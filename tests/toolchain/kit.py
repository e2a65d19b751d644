"""What the toolchain's tests are made with."""

from __future__ import annotations

import threading
import zipfile
from pathlib import Path

from stack.settings import Settings
from stack.toolchain import Installed, Toolchain
from stack.toolchain.locks import sha256, write_lock
from stack.toolchain.manifest import Entry, load_manifest
from stack.toolchain.sources.job import Job

__all__ = ["WHEEL", "job", "manifest", "program", "toolchain", "wheel", "wheel_tool"]

WHEEL = "hello_tool-1.2-py3-none-any.whl"
HELLO = "#!/bin/sh\necho hello 1.2\n"


def wheel(folder: Path, script: str = HELLO, name: str = WHEEL) -> Path:
    """A wheel that carries one executable script, `bin/hello`, and one text beside it."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / name
    with zipfile.ZipFile(path, "w") as archive:
        for member, text, mode in (
            ("hello/bin/hello", script, 0o100755),
            ("hello/notes.txt", "not a program", 0o100644),
            ("hello_tool-1.2.dist-info/METADATA", "Metadata-Version: 2.1\nName: hello-tool\nVersion: 1.2\n", 0o100644),
            (
                "hello_tool-1.2.dist-info/WHEEL",
                "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
                0o100644,
            ),
            ("hello_tool-1.2.dist-info/RECORD", "", 0o100644),
        ):
            info = zipfile.ZipInfo(member)
            info.external_attr = mode << 16
            archive.writestr(info, text)
    return path


def wheel_tool(**keys: str) -> str:
    """The entry of the wheel's tool; `keys` are further lines, as they are written in TOML."""
    lines = {
        "name": '"hello"',
        "version": '"1.2"',
        "licence": '"MIT"',
        "role": '"database"',
        "summary": '"greets"',
        "costs": '["greetings"]',
        "lock": '"hello.sha256"',
        "programs": '["hello/bin/*"]',
        "source": '{ kind = "wheel", project = "hello-tool" }',
        **keys,
    }
    return "[[tool]]\n" + "".join(f"{key} = {value}\n" for key, value in lines.items())


def manifest(folder: Path, text: str, *, locked: Path | None = None) -> Path:
    """A toolchain file, with a lock for one wheel."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "toolchain.toml"
    path.write_text(text, "utf-8")
    if locked is not None:
        write_lock(folder / "hello.sha256", {locked.name: sha256(locked)})
    return path


def toolchain(folder: Path, text: str | None = None, script: str = HELLO, **settings: object) -> Toolchain:
    """A toolchain with one tool whose wheel is already among the downloads, so that nothing is fetched."""
    cache = folder / "cache"
    kept = wheel(cache / "downloads" / "hello", script)
    path = manifest(folder / "file", text or wheel_tool(), locked=kept)
    return Toolchain(Settings(cache_dir=cache, **settings), path)  # type: ignore[arg-type]


def program(path: Path, text: str) -> Path:
    """An executable script."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, "utf-8")
    path.chmod(0o755)
    return path


def job(folder: Path, text: str, checksums: dict[str, str] | None = None, *tools: Installed) -> tuple[Job, Entry]:
    """The job of installing the only tool of a toolchain file, with other tools said to be installed."""
    entry = load_manifest(manifest(folder / "file", text)).tools[0]
    for name in ("root", "downloads"):
        (folder / name).mkdir()
    known = {tool.name: tool for tool in tools}
    made = Job(
        entry=entry,
        folder=folder / "file",
        root=folder / "root",
        downloads=folder / "downloads",
        checksums=checksums,
        say=lambda _: None,
        stop=threading.Event(),
        tool=known.__getitem__,
        builds=folder / "build",
    )
    return made, entry
