"""How universal-ctags is asked: its options, the file name that stands for a language, and our names for its kinds."""

from __future__ import annotations

from pathlib import Path

from stack.errors import EngineRoomError
from stack.process import ProgramFailedError, run
from stack.search.extract.worker import Worker, WorkerBrokenError, WorkerTimedOutError

__all__ = ["CtagsUnusableError", "arguments", "check", "file_name", "kind"]

_NEEDED = ("interactive", "sandbox", "json")
_PROBE_SECONDS = 20

_OPTIONS = (
    "--options=NONE",  # first: neither the user's nor the system's configuration counts
    "--quiet=yes",
    "--fields=NnKps",
    "--extras=-{anonymous}",
    # The package clause of every file is no definition that anyone looks for.
    "--kinds-Go=-p",
    "--kinds-Java=-p",
    "--kinds-Kotlin=-p",
    "--_interactive=sandbox",
)

# In interactive mode this version takes no language, only a file name: each language gets one that is surely its own.
# Markdown, JSON, YAML, INI, HTML, XML and TeX are left out on purpose: their headings and keys are no definitions.
_EXTENSIONS = {
    "Ada": "adb",
    "Assembly": "asm",
    "Awk": "awk",
    "Batchfile": "bat",
    "C": "c",
    "C#": "cs",
    "C++": "cpp",
    "CMake": "cmake",
    "COBOL": "cob",
    "CSS": "css",
    "Clojure": "clj",
    "Common Lisp": "lisp",
    "Cuda": "cu",
    "D": "d",
    "Eiffel": "e",
    "Elixir": "ex",
    "Elm": "elm",
    "Emacs Lisp": "el",
    "Erlang": "erl",
    "Fortran": "f90",
    "Go": "go",
    "Haskell": "hs",
    "Haxe": "hx",
    "Java": "java",
    "JavaScript": "js",
    "Julia": "jl",
    "Kotlin": "kt",
    "Lex": "l",
    "Lua": "lua",
    "M4": "m4",
    "MATLAB": "m",
    "Makefile": "mk",
    "Meson": "meson.build",
    "OCaml": "ml",
    "Objective-C": "mm",
    "Objective-C++": "mm",
    "PHP": "php",
    "PLSQL": "sql",
    "PLpgSQL": "sql",
    "Pascal": "pas",
    "Perl": "pl",
    "PowerShell": "ps1",
    "Protocol Buffer": "proto",
    "Puppet": "pp",
    "Python": "py",
    "R": "r",
    "Raku": "pm6",
    "RobotFramework": "robot",
    "Ruby": "rb",
    "Rust": "rs",
    "SCSS": "scss",
    "SQL": "sql",
    "Scheme": "scm",
    "Shell": "sh",
    "Standard ML": "sml",
    "SystemVerilog": "sv",
    "TSQL": "sql",
    "TSX": "ts",
    "Tcl": "tcl",
    "TypeScript": "ts",
    "VHDL": "vhdl",
    "Verilog": "v",
    "Vim Script": "vim",
    "Yacc": "y",
}

_KINDS = {
    "accessor": "method",
    "alias": "type",
    "annotation": "interface",
    "anonMember": "field",
    "array": "variable",
    "callback": "function",
    "component": "class",
    "const": "constant",
    "constructor": "constructor",
    "data": "variable",
    "def": "function",
    "define": "macro",
    "domain": "type",
    "enumConstant": "enumerator",
    "enumerator": "enumerator",
    "extension": "implementation",
    "fd": "field",
    "func": "function",
    "functor": "module",
    "functionVar": "function",
    "generator": "function",
    "getter": "method",
    "globalVar": "variable",
    "interfacec": "interface",
    "macro": "macro",
    "member": "field",
    "message": "struct",
    "methodSpec": "method",
    "namespace": "namespace",
    "nd": "function",
    "package": "package",
    "proc": "function",
    "procedure": "function",
    "program": "module",
    "protocol": "interface",
    "record": "struct",
    "rpc": "method",
    "service": "interface",
    "setter": "method",
    "singletonMethod": "method",
    "sub": "function",
    "subprogram": "function",
    "subprogspec": "function",
    "subroutine": "function",
    "subtype": "type",
    "talias": "type",
    "task": "function",
    "typealias": "type",
    "typedef": "type",
    "val": "constant",
    "value": "variable",
    "var": "variable",
}

_KINDS_OF = {
    ("Python", "member"): "method",
    ("Rust", "interface"): "trait",
    ("PHP", "define"): "constant",
    ("Elixir", "macro"): "macro",
    ("Shell", "alias"): "function",
    ("Haskell", "constructor"): "enumerator",
    ("Objective-C", "implementation"): "class",
    ("Objective-C++", "implementation"): "class",
}


class CtagsUnusableError(EngineRoomError):
    """The given ctags cannot extract symbols safely: it does not start, or lacks the sandboxed interactive mode."""


def arguments(ctags: Path) -> list[str]:
    """The command line of a long-lived process that answers requests on its standard input."""
    return [str(ctags), *_OPTIONS]


def check(ctags: Path, *, memory_cap: int) -> None:
    """Make sure that a program is a universal-ctags that works in its sandbox and within a memory cap, by asking it.

    Raises:
        CtagsUnusableError: it is not.
    """
    fix = "install universal-ctags 5.9 or newer, built with JSON output and seccomp"
    try:
        listed = run([ctags, "--list-features"], timeout=_PROBE_SECONDS).text
    except ProgramFailedError as error:
        raise CtagsUnusableError("start ctags", on=str(ctags), got=error.got, fix=fix) from error
    features = {words[0].lstrip("#") for line in listed.splitlines() if (words := line.split())}
    missing = [name for name in _NEEDED if name not in features]
    if missing:
        what = "use ctags in its sandboxed interactive JSON mode"
        raise CtagsUnusableError(what, on=str(ctags), got=f"it lacks {', '.join(missing)}", fix=fix)
    tags: list[bytes] = []
    try:
        worker = Worker(arguments(ctags), memory_cap=memory_cap)
        worker.ask("x.c", b"int main(void) {}\n", seconds=_PROBE_SECONDS, tag=tags.append)
        worker.close()
    except (WorkerBrokenError, WorkerTimedOutError) as error:
        raise CtagsUnusableError("start ctags in its sandbox", on=str(ctags), got=error.got, fix=fix) from error
    if not any(b'"main"' in tag for tag in tags):
        raise CtagsUnusableError("find a definition with ctags", on=str(ctags), got="it found none", fix=fix)


def file_name(language: str | None) -> str | None:
    """The name under which a text of this language is handed to ctags, `None` when ctags has no parser for it."""
    extension = _EXTENSIONS.get(language or "")
    if extension is None:
        return None
    return extension if "." in extension else f"x.{extension}"


def kind(language: str | None, name: str, around: str = "") -> str | None:
    """Our name for a kind that ctags gave; what has no other name keeps it.

    Args:
        language: display name.
        name: ctags' name of the kind.
        around: ctags' name of the kind of the enclosing definition, `""` at the top.

    Returns:
        `None` for what is no definition at all (a renamed import, a here-document).
    """
    if name in _NO_DEFINITIONS:
        return None
    found = _KINDS_OF.get((language or "", name)) or _KINDS.get(name, name)
    return "method" if found == "function" and around in _CLASSES else found


_NO_DEFINITIONS = frozenset({"packageName", "heredoc", "unknown", "local", "parameter", "header", "script"})
_CLASSES = frozenset({"class", "struct", "interface", "trait", "type", "record", "object", "enum", "implementation"})
