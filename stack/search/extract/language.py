"""The language of a file, by its name and, where several languages share a name, by its content."""

from __future__ import annotations

import io
import re
from collections.abc import Callable

from identify import identify

from stack.search.extract.languages import EXTENSIONS, FILE_NAMES, INTERPRETERS, TAGS
from stack.search.extract.provenance import is_generated, is_test, is_vendored

__all__ = ["HEAD_CHARS", "is_generated", "is_test", "is_vendored", "language"]

HEAD_CHARS = 16 * 1024
"""How much of a file's beginning the functions here look at."""


def language(path: str, head: str) -> str | None:
    """The language of a file.

    Decided by the whole base name, then the extension (its content where several languages share it), then the `#!`
    line, then the names that the `identify` library knows.

    Args:
        path: path within the repository.
        head: the first characters of the text; more than `HEAD_CHARS` are not looked at.

    Returns:
        A display name as GitHub shows it (`C++`, `TypeScript`), or `None`.
    """
    head = head[:HEAD_CHARS]
    name = path.rpartition("/")[2].lower()
    known = FILE_NAMES.get(name)
    if known is None:
        stem, _, extension = name.rpartition(".")
        decide = _BY_CONTENT.get(extension) if stem or extension else None
        known = decide(head) if decide else EXTENSIONS.get(extension) if stem else None
    if known is None and name.startswith(("dockerfile.", "makefile.", "containerfile.")):
        known = FILE_NAMES[name.partition(".")[0]]
    return known or _by_shebang(head) or _by_tags(name)


def _by_shebang(head: str) -> str | None:
    if not head.startswith("#!"):
        return None
    line = head.partition("\n")[0][:512]
    words = identify.parse_shebang(io.BytesIO(line.encode("utf-8", "replace") + b"\n"))
    for word in words:
        program = word.rpartition("/")[2].lower()
        found = INTERPRETERS.get(program) or INTERPRETERS.get(re.sub(r"[\d.]+$", "", program))
        if found:
            return found
    return None


def _by_tags(name: str) -> str | None:
    tags = identify.tags_from_filename(name)
    return next((display for tag, display in TAGS.items() if tag in tags), None)


def _search(*alternatives: str) -> Callable[[str], bool]:
    """Whether any of these line patterns is found; patterns are anchored, so that the search is linear."""
    pattern = re.compile("|".join(f"^{alternative}" for alternative in alternatives), re.MULTILINE)
    return lambda head: pattern.search(head) is not None


_is_objective_c = _search(r"[ \t]*@(?:interface|implementation|protocol|class|end|property|import)\b", r"#import\b")
_is_cpp = _search(
    r"[ \t]*(?:namespace|template|using|constexpr|friend|virtual|explicit|typename)\b",
    r"[ \t]*(?:public|protected|private)[ \t]*:",
    r"[ \t]*(?:struct|enum)[ \t]+\w+[ \t]*(?:final[ \t]*)?:[ \t]*\w",
    r"[ \t]*enum[ \t]+(?:class|struct)[ \t]",
    r"[ \t]*class[ \t]+\w",
    r"#[ \t]*include[ \t]+<(?:string|vector|map|set|memory|iostream|utility|functional|cstd\w+|algorithm|array)>",
    r"[^\n\"/]{0,200}\bstd::\w",
    r"[^\n\"/]{0,200}\boperator[ \t]*[=+\-*/<>!\[(]",
)
_is_matlab = _search(r"[ \t]*function\b", r"[ \t]*%", r"[ \t]*classdef\b", r"\w+[ \t]*=[ \t]*\[", r"[ \t]*end[ \t]*$")
_is_mercury = _search(r":- (?:module|import_module|interface|pred|func)\b")
_is_mathematica = _search(r"\(\*", r"[ \t]*\w+\[[^\n\]]{0,200}_\]?[^\n]{0,200}:=")
_is_prolog = _search(r"[ \t]*:-[ \t]*\w", r"[a-z]\w*\([^\n]{0,400}\)[ \t]*(?::-|-->|\.$)")
_is_perl = _search(r"[ \t]*use[ \t]+(?:strict|warnings|v?5)", r"#!.*\bperl", r"[ \t]*(?:my|our|sub|package)\b")
_is_raku = _search(r"[ \t]*use[ \t]+v6\b", r"[ \t]*(?:unit|multi)[ \t]+(?:class|module|sub|method)\b")
_is_coq = _search(r"[ \t]*(?:Require|Theorem|Lemma|Inductive|Fixpoint|Definition|Proof|Qed|Import|Section)\b")
_is_vlang = _search(r"(?:pub[ \t]+)?fn[ \t]", r"module[ \t]+\w+[ \t]*$", r"import[ \t]+[a-z]")
_is_php = _search(r"[^\n]{0,200}<\?(?:php|=)")
_is_pascal = _search(r"\{\$", r"(?:unit|interface|procedure|function|const|type|var)\b[^\n]{0,200};?[ \t]*$")
_is_plpgsql = _search(r"[^\n]{0,200}\$\$", r"[^\n]{0,200}\b(?i:language)[ \t]+'?plpgsql", r"[ \t]*(?i:do)[ \t]+\$")
_is_plsql = _search(
    r"[ \t]*(?i:create or replace)[ \t]+(?i:package|trigger|procedure|function)\b", r"[ \t]*(?i:exception)[ \t]*$"
)
_is_tsql = _search(r"(?i:go)[ \t]*$", r"[ \t]*(?i:begin try|declare @\w|set nocount)\b")
_is_qmake = _search(r"(?:QT|TEMPLATE|SOURCES|HEADERS|TARGET|CONFIG)[ \t]*[+=]")
_is_forth = _search(r":[ \t]+\S+[ \t]", r"\\[ \t]")
_is_fsharp = _search(r"[ \t]*(?:#light|import|let|module|namespace|open|type)\b")
_is_makefile_rule = _search(r"[^\n:=#]{1,400}:[^\n=]{0,400}\\$", r"[\w./-]+\.o:")
_is_dtrace = _search(r"[ \t]*#pragma[ \t]+D\b", r"[\w*]+:[\w*]*:[\w*]*:[\w*]*")
_is_rebol = _search(r"(?i:rebol)\b")
_is_lisp = _search(r"[ \t]*\((?:defun|defmacro|in-package)\b")
_is_tex = _search(r"[ \t]*\\\w+", r"%")
_is_apex = _search(r"[^\n]{0,100}\bclass[ \t]+\w")
_is_basic = _search(r"(?i:attribute vb_|option explicit|public sub|private sub|dim )")
_is_qt_xml = _search(r"\s*<\?xml", r"\s*<!DOCTYPE TS", r"\s*<TS\b")
_is_go_module = _search(r"module[ \t]+\S", r"go[ \t]+\d")
_is_perl_test = _search(r"[ \t]*use[ \t]+\w", r"#!.*\bperl", r"[ \t]*(?:my|our|sub)\b")
_is_shader = _search(r"[ \t]*(?:#version|precision|varying|uniform|void main)\b")
_is_include_asm = _search(r"[ \t]*(?:section|global|%macro|%define|\.macro)\b")


def _first(*choices: tuple[Callable[[str], bool], str], otherwise: str | None) -> Callable[[str], str | None]:
    """The language of the first test that holds."""

    def decide(head: str) -> str | None:
        return next((name for test, name in choices if test(head)), otherwise)

    return decide


_BY_CONTENT: dict[str, Callable[[str], str | None]] = {
    "h": _first((_is_objective_c, "Objective-C"), (_is_cpp, "C++"), otherwise="C"),
    "m": _first(
        (_is_objective_c, "Objective-C"),
        (_is_mercury, "Mercury"),
        (_is_matlab, "MATLAB"),
        (_is_mathematica, "Mathematica"),
        otherwise="Objective-C",
    ),
    "ts": _first((_is_qt_xml, "XML"), otherwise="TypeScript"),
    "pl": _first((_is_raku, "Raku"), (_is_perl, "Perl"), (_is_prolog, "Prolog"), otherwise="Perl"),
    "v": _first((_is_coq, "Coq"), (_is_vlang, "V"), otherwise="Verilog"),
    "inc": _first(
        (_is_php, "PHP"), (_is_include_asm, "Assembly"), (_is_pascal, "Pascal"), (_is_cpp, "C++"), otherwise=None
    ),
    "sql": _first((_is_plsql, "PLSQL"), (_is_plpgsql, "PLpgSQL"), (_is_tsql, "TSQL"), otherwise="SQL"),
    "pro": _first((_is_qmake, "QMake"), (_is_prolog, "Prolog"), otherwise=None),
    "t": _first((_is_raku, "Raku"), (_is_perl_test, "Perl"), otherwise=None),
    "cls": _first((_is_basic, "Visual Basic .NET"), (_is_tex, "TeX"), (_is_apex, "Apex"), otherwise=None),
    "fs": _first((_is_fsharp, "F#"), (_is_shader, "GLSL"), (_is_forth, "Forth"), otherwise="F#"),
    "d": _first((_is_dtrace, "DTrace"), (_is_makefile_rule, "Makefile"), otherwise="D"),
    "r": _first((_is_rebol, "Rebol"), otherwise="R"),
    "l": _first((_is_lisp, "Common Lisp"), otherwise="Lex"),
    "mod": _first((_is_go_module, "Go Module"), otherwise=None),
}
