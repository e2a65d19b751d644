"""Definitions are found in real source text, and a parser that fails costs one file its symbols."""

from __future__ import annotations

import stat
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from stack.search.extract.ctags import CtagsUnusableError
from stack.search.extract.symbol import Symbols, SymbolStatus
from stack.search.extract.symbols import SymbolExtractor
from stack.settings import load
from stack.toolchain import Toolchain

_INSTALLED = Toolchain(load()).find("ctags")
_CTAGS = _INSTALLED.program("ctags") if _INSTALLED else None


@pytest.fixture(scope="module")
def extractor() -> Iterator[SymbolExtractor]:
    """One extractor on the universal-ctags that the toolchain found or laid."""
    if _CTAGS is None:
        pytest.skip("universal-ctags is not here: engineroom setup")
    with SymbolExtractor(_CTAGS, time_cap=60) as running:
        yield running


def _found(symbols: Symbols) -> set[tuple[str, str, int, str]]:
    assert symbols.status is SymbolStatus.OK
    return {(symbol.name, symbol.kind, symbol.line, symbol.scope) for symbol in symbols.symbols}


_SOURCES = {
    "Rust": (
        (
            "mod net;\npub struct Server { port: u16 }\nimpl Server {\n    fn new() -> Self { todo!() }\n}\n"
            "trait Listen { fn listen(&self); }\nmacro_rules! say { () => {} }\nfn main() {}\n"
        ),
        {
            ("net", "module", 1, ""),
            ("Server", "struct", 2, ""),
            ("port", "field", 2, "Server"),
            ("Server", "implementation", 3, ""),
            ("new", "method", 4, "Server"),
            ("Listen", "trait", 6, ""),
            ("listen", "method", 6, "Listen"),
            ("say", "macro", 7, ""),
            ("main", "function", 8, ""),
        },
    ),
    "Go": (
        (
            'package main\n\nimport f "fmt"\n\ntype T struct{ A int }\n\nfunc (t *T) Foo() {}\n'
            "func main() { f.Println() }\nconst X = 1\nvar _ = X\n"
        ),
        {
            ("T", "struct", 5, "main"),
            ("A", "field", 5, "main.T"),
            ("Foo", "method", 7, "main.T"),
            ("main", "function", 8, "main"),
            ("X", "constant", 9, "main"),
        },
    ),
    "Python": (
        "class A:\n    x = 1\n    def f(self): pass\nasync def g(): pass\nZ = 1\n",
        {
            ("A", "class", 1, ""),
            ("x", "variable", 2, "A"),
            ("f", "method", 3, "A"),
            ("g", "function", 4, ""),
            ("Z", "variable", 5, ""),
        },
    ),
    "C": (
        (
            "#define MAX 1\nenum e { RED };\nstruct s { int m; };\nstatic int f(void) { int local; return 0; }\n"
            "int main(void) { return 0; }\n"
        ),
        {
            ("MAX", "macro", 1, ""),
            ("e", "enum", 2, ""),
            ("RED", "enumerator", 2, "e"),
            ("s", "struct", 3, ""),
            ("m", "field", 3, "s"),
            ("f", "function", 4, ""),
            ("main", "function", 5, ""),
        },
    ),
    "TypeScript": (
        "export interface I { m(): void }\nexport class C { run(): void {} }\nexport function f(): void {}\n",
        {
            ("I", "interface", 1, ""),
            ("m", "method", 1, "I"),
            ("C", "class", 2, ""),
            ("run", "method", 2, "C"),
            ("f", "function", 3, ""),
        },
    ),
    "Java": (
        "package a.b;\npublic class C {\n  private int x;\n  void run() {}\n}\n",
        {("C", "class", 2, ""), ("x", "field", 3, "C"), ("run", "method", 4, "C")},
    ),
    "Swift": (
        (
            "class Foo: Bar {\n  var x = 1\n  init() {}\n  func f() { let local = 1 }\n}\nstruct S {}\n"
            "enum E { case a }\nprotocol P { func h() }\nextension Foo { func k() {} }\nfunc main() {}\n"
        ),
        {
            ("Foo", "class", 1, ""),
            ("x", "property", 2, "Foo"),
            ("init", "constructor", 3, "Foo"),
            ("f", "method", 4, "Foo"),
            ("S", "struct", 6, ""),
            ("E", "enum", 7, ""),
            ("a", "enumerator", 7, "E"),
            ("P", "interface", 8, ""),
            ("h", "method", 8, "P"),
            ("Foo", "implementation", 9, ""),
            ("k", "method", 9, "Foo"),
            ("main", "function", 10, ""),
        },
    ),
    "Scala": (
        (
            "package a\ntrait T { def f: Int }\nobject O {\n  val k = 2\n  def main(a: Int): Unit = { val local = 1 }\n"
            "}\ncase class C(x: Int)\ndef top() = 1\n"
        ),
        {
            ("T", "trait", 2, ""),
            ("f", "method", 2, "T"),
            ("O", "object", 3, ""),
            ("k", "constant", 4, "O"),
            ("main", "method", 5, "O"),
            ("C", "class", 7, ""),
            ("x", "field", 7, "C"),
            ("top", "function", 8, ""),
        },
    ),
    "Zig": (
        (
            'const std = @import("std");\npub fn main() void {}\nconst S = struct {\n  x: u32,\n  fn f() void {}\n};\n'
            'var g: i32 = 3;\ntest "adds" {}\n'
        ),
        {
            ("std", "constant", 1, ""),
            ("main", "function", 2, ""),
            ("S", "struct", 3, ""),
            ("x", "field", 4, "S"),
            ("f", "method", 5, "S"),
            ("g", "variable", 7, ""),
            ("adds", "test", 8, ""),
        },
    ),
    "HCL": (
        (
            'resource "aws_instance" "web" {\n  ami = "x"\n}\nvariable "region" {}\nlocals {\n  a = 1\n}\n'
            'data "aws_ami" "base" {}\n'
        ),
        {
            ("aws_ami.base", "data", 8, ""),
            ("aws_instance.web", "resource", 1, ""),
            ("region", "variable", 4, ""),
            ("a", "variable", 6, ""),
        },
    ),
    "Groovy": (
        "class Foo {\n    int x\n    String g() { return 'x' }\n}\ninterface I { void m() }\n",
        {
            ("Foo", "class", 1, ""),
            ("x", "field", 2, "Foo"),
            ("g", "method", 3, "Foo"),
            ("I", "interface", 5, ""),
            ("m", "method", 5, "I"),
        },
    ),
}


@pytest.mark.parametrize("language", _SOURCES)
def test_definitions_of_a_language(extractor: SymbolExtractor, language: str) -> None:
    """Names, kinds, lines and scopes; no locals, no imports, no package clauses."""
    text, expected = _SOURCES[language]
    assert _found(extractor.symbols("any name", language, text)) == expected


def test_the_definition_is_the_line_of_the_text(extractor: SymbolExtractor) -> None:
    """Each symbol carries its own line, stripped."""
    (symbol,) = extractor.symbols("a.rs", "Rust", "// fn main in a comment\n\n    pub fn main() {   \n    }\n").symbols
    assert (symbol.line, symbol.text) == (3, "pub fn main() {")


def test_a_long_line_keeps_the_surroundings_of_the_name(extractor: SymbolExtractor) -> None:
    """At most 200 characters are kept, and the name is among them."""
    text = "int a = 0; " * 100 + "int needle(void) { return 0; }\n"
    (symbol,) = [found for found in extractor.symbols("a.c", "C", text).symbols if found.name == "needle"]
    assert "int needle(void)" in symbol.text
    assert len(symbol.text) <= 200


def test_several_threads_ask_at_the_same_time() -> None:
    """Each gets the answer to its own question."""
    if _CTAGS is None:
        pytest.skip("universal-ctags is not here: engineroom setup")
    with SymbolExtractor(_CTAGS, workers=2, time_cap=60) as extractor, ThreadPoolExecutor(4) as threads:
        texts = [f"int f{index}(void) {{ return 0; }}\n" for index in range(200)]
        answers = list(threads.map(lambda text: extractor.symbols("a.c", "C", text), texts))
    assert [answer.symbols[0].text for answer in answers] == [text.strip() for text in texts]


def test_text_without_parser_has_no_symbols(extractor: SymbolExtractor) -> None:
    """Headings and keys are no definitions, and unknown languages are no failure."""
    for language in ("Markdown", "JSON", None):
        answer = extractor.symbols("a", language, "# fn main\n")
        assert (answer.symbols, answer.status) == ((), SymbolStatus.UNSUPPORTED)


def test_a_header_is_read_as_what_it_was_recognised_as(extractor: SymbolExtractor) -> None:
    """The detected language counts, whatever the file is called."""
    assert ("C", "class", 1, "") in _found(extractor.symbols("odd name.h", "C++", "class C { int x; };\n"))


def test_an_unnamed_tag_is_no_failure(extractor: SymbolExtractor) -> None:
    """A parser warns inside its answer about odd arrow functions and receivers; the rest of the file counts."""
    text = "package p\n\nfunc () _() {}\nfunc (((((*T))))) m5() {}\nfunc main() {}\n"
    assert ("main", "function", 5, "p") in _found(extractor.symbols("a.go", "Go", text))
    answer = extractor.symbols("a.js", "JavaScript", "export default (a) => ({})\nfunction f() {}\n;(() => {})()\n")
    assert "f" in {symbol.name for symbol in answer.symbols}


def test_definitions_are_bounded_and_the_cut_is_told() -> None:
    """A file of too many definitions keeps the first ones."""
    if _CTAGS is None:
        pytest.skip("universal-ctags is not here: engineroom setup")
    with SymbolExtractor(_CTAGS, time_cap=60, max_symbols=10) as extractor:
        answer = extractor.symbols("a.c", "C", "".join(f"int f{index}(void) {{}}\n" for index in range(100)))
    assert [symbol.name for symbol in answer.symbols] == [f"f{index}" for index in range(10)]
    assert answer.cut


def test_twenty_thousand_lines(extractor: SymbolExtractor) -> None:
    """A long file has its last definition too, up to the cap."""
    text = "\n\n".join(f"int f{index}(void) {{ return {index}; }}" for index in range(9_999)) + "\n"
    answer = extractor.symbols("a.c", "C", text)
    assert (answer.symbols[-1].name, answer.symbols[-1].line) == ("f9998", 19_997)
    assert not answer.cut


@pytest.mark.parametrize(
    ("language", "text"),
    [
        ("C", ""),
        ("Python", "\x00\x01\x02"),
        ("C", "x" * 1_000_000),
        ("JavaScript", "a=1;b.c(d);" * 50_000),
        ("C", "{" * 200_000),
        ("Rust", "fn f() {" * 5_000),
        ("Scala", "(" * 20_000),
        ("Swift", "[" * 20_000),
        ("HCL", "a = " + "[" * 50_000),
        ("Zig", "const x = " + "(" * 20_000),
        ("Groovy", "class A {" * 5_000),
        ("Swift", "\ufffd\ud800 func f() {}"),
        ("Ruby", "def \ufffd\ufffd; end\ndef ok; end\n"),
    ],
    ids=lambda value: repr(value[:12]),
)
def test_hostile_text_is_answered_and_the_next_file_too(extractor: SymbolExtractor, language: str, text: str) -> None:
    """Deep nesting, one endless line, control characters: an answer of some kind, and the parser lives on."""
    assert extractor.symbols("hostile", language, text).status in set(SymbolStatus)
    after = extractor.symbols("next", language, _SOURCES.get(language, ("", set()))[0])
    assert after.status is SymbolStatus.OK


_FAKE = """#!{python}
import json, os, sys, time
if "--list-features" in sys.argv:
    print("#NAME DESCRIPTION"); [print(name, "x") for name in {features!r}]; sys.exit()
def say(**fields):
    print(json.dumps(fields), flush=True)
say(_type="program")
while header := sys.stdin.buffer.readline():
    body = sys.stdin.buffer.read(json.loads(header)["size"])
    if b"hang" in body: time.sleep(1000)
    while b"spin" in body: pass
    if b"crash" in body: os.abort()
    if b"garbage" in body: print("Segmentation fault?", flush=True)
    say(_type="tag", name="main", line=1, kind="function")
    say(_type="tag", name="beyond", line=99, kind="function")
    say(_type="tag", line=1, kind="function")
    say(_type="completed")
"""


def _fake(folder: Path, features: tuple[str, ...] = ("interactive", "sandbox", "json")) -> Path:
    program = folder / "ctags"
    program.write_text(_FAKE.format(python=sys.executable, features=features))
    program.chmod(program.stat().st_mode | stat.S_IXUSR)
    return program


@pytest.mark.parametrize(
    ("text", "status"),
    [
        ("hang", SymbolStatus.TIMED_OUT),
        ("spin", SymbolStatus.TIMED_OUT),
        ("crash", SymbolStatus.FAILED),
        ("garbage", SymbolStatus.FAILED),
    ],
)
def test_a_parser_that_hangs_or_dies_is_replaced(tmp_path: Path, text: str, status: SymbolStatus) -> None:
    """The file says what happened, and the next file is read by a new process."""
    with SymbolExtractor(_fake(tmp_path), time_cap=1) as extractor:
        answer = extractor.symbols("bad.c", "C", text)
        assert (answer.symbols, answer.status) == ((), status)
        assert "bad.c" in answer.detail
        assert [symbol.name for symbol in extractor.symbols("good.c", "C", "int main;\n").symbols] == ["main"]


def test_a_ctags_without_sandbox_is_refused(tmp_path: Path) -> None:
    """The error names the program and what it lacks."""
    with pytest.raises(CtagsUnusableError) as raised:
        SymbolExtractor(_fake(tmp_path, features=("interactive", "json")))
    assert "sandbox" in raised.value.got
    assert raised.value.on == str(tmp_path / "ctags")


def test_a_missing_ctags_is_refused(tmp_path: Path) -> None:
    """No file loses its symbols silently because a program is not there."""
    with pytest.raises(CtagsUnusableError):
        SymbolExtractor(tmp_path / "nothing")
