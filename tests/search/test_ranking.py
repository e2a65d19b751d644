"""Definitions first, then names, then text; the same order every time."""

from __future__ import annotations

import random
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stack.search.extract.symbol import Symbol
from stack.search.query import parse
from stack.search.ranking import Features, Score, rank_key, score


def symbol(name: str, text: str, *, kind: str = "function", line: int = 10, scope: str = "") -> Symbol:
    """A definition."""
    return Symbol(name, kind, line, scope, text)


def file(
    path: str,
    language: str = "",
    *symbols: Symbol,
    lines: tuple[tuple[int, str], ...] = (),
    stars: int = 0,
    date: int = 0,
    engine_rank: int = 0,
) -> Features:
    """A file of the repository `acme/app`."""
    return Features("acme/app", path, language, symbols, lines=lines, stars=stars, date=date, engine_rank=engine_rank)


def scored(features: Features, query: str) -> Score:
    """The score for a query as a person types it."""
    return score(features, parse(query).texts())


def order(query: str, *files: Features) -> list[str]:
    """Paths, best first, whatever order they came in."""
    shuffled = random.Random(len(query)).sample(files, len(files))  # noqa: S311 - not a secret
    return [each.path for each in sorted(shuffled, key=lambda each: rank_key(each, scored(each, query)))]


RUST_MAIN = file(
    "src/main.rs", "Rust", symbol("helper", "fn helper() {", line=3), symbol("main", "fn main() {", line=7)
)
RUST_BIN = file("src/bin/tool.rs", "Rust", symbol("main", "async fn main() -> Result<()> {", line=20))
RUST_TEST = replace(file("tests/it.rs", "Rust", symbol("main", "pub fn main() {")), is_test=True)
RUST_VENDORED = replace(file("vendor/x/main.rs", "Rust", symbol("main", "fn main() {")), is_vendored=True)
GO_MAIN = file("main.go", "Go", symbol("main", "func main() {", line=5), stars=9999)
C_MAIN = file("main.c", "C", symbol("main", "int main(int argc, char **argv) // fn main", line=9), stars=9999)
MARKDOWN = file("main.md", "Markdown", symbol("fn main", "# fn main", kind="chapter"), lines=((1, "# fn main"),))
COMMENT = file("src/fn_main.rs", "Rust", symbol("other", "fn other() {"), lines=((4, "// every fn main here"),))
STRING = file("src/text.rs", "Rust", symbol("main_text", 'fn main_text() -> &str { "fn main" }'))


def test_fn_main_finds_what_defines_it() -> None:
    """Mains of other languages, prose, comments and strings rank below, whatever their stars."""
    files = (MARKDOWN, GO_MAIN, RUST_TEST, C_MAIN, COMMENT, RUST_MAIN, STRING, RUST_BIN, RUST_VENDORED)
    ranked = order("fn main", *files)
    assert ranked[:2] == ["src/main.rs", "src/bin/tool.rs"]
    assert set(ranked[2:4]) == {"tests/it.rs", "vendor/x/main.rs"}
    assert scored(RUST_MAIN, "fn main").line == 7
    assert scored(RUST_BIN, "fn main").line == 20


def test_func_main_gives_go() -> None:
    """The same files, the other keyword."""
    ranked = order("func main", RUST_MAIN, MARKDOWN, C_MAIN, GO_MAIN, RUST_BIN)
    assert ranked[0] == "main.go"
    assert scored(GO_MAIN, "func main").line == 5


def test_a_line_as_it_is_written_finds_its_definition() -> None:
    """Punctuation and quotation marks change nothing."""
    for query in ("int main", '"func main("', "func main()", '"fn main() {"'):
        best = {"int": "main.c", "fun": "main.go", '"fu': "main.go", '"fn': "src/main.rs"}[query[:3]]
        assert order(query, RUST_MAIN, C_MAIN, GO_MAIN)[0] == best


@pytest.mark.parametrize(
    ("query", "language", "name", "kind", "text"),
    [
        ("class Foo", "Python", "Foo", "class", "class Foo(Base):"),
        ("class Foo", "TypeScript", "Foo", "class", "export default class Foo extends Bar {"),
        ("def run", "Python", "run", "method", "    async def run(self) -> None:"),
        ("struct x", "C", "x", "struct", "static struct x {"),
        ("interface y", "Java", "y", "interface", "public interface y<T> {"),
        ("type T", "Go", "T", "type", "type T struct {"),
        ("enum Color", "Rust", "Color", "enum", "pub enum Color { Red }"),
        ("trait Read", "Rust", "Read", "trait", "pub trait Read {"),
        ("fun main", "Kotlin", "main", "function", "fun main(args: Array<String>) {"),
        ("fn parse_url", "Rust", "parse_url", "function", "fn parse_url<'a>(s: &'a str) -> Url<'a> {"),
        ("module Net", "Ruby", "Net", "module", "module Net # the network"),
        ("unsigned long crc32", "C", "crc32", "function", "unsigned long crc32(unsigned long crc) /* fast */ {"),
    ],
)
def test_a_query_that_reads_like_a_definition(query: str, language: str, name: str, kind: str, text: str) -> None:
    """Wherever a language puts its modifiers, the definition is above every mention and every namesake."""
    wanted = replace(file("z/deep/down.x", language, symbol(name, text, kind=kind, line=42)), is_test=True)
    namesake = file(f"{name}.x", language, symbol(name, f"{name} = 1", kind="class"), stars=5)
    mention = file("a.x", language, lines=((1, text),))
    assert order(query, namesake, mention, wanted)[0] == "z/deep/down.x"
    assert scored(wanted, query).line == 42


@pytest.mark.parametrize(
    ("query", "text", "name"),
    [
        ("func Read", "func (r *Reader) Read(p []byte) (n int, err error) {", "Read"),
        ("struct Foo", "type Foo struct {", "Foo"),
        ("class Foo", "Foo = class {", "Foo"),
    ],
)
def test_a_keyword_that_stands_elsewhere_on_the_line_helps_too(query: str, text: str, name: str) -> None:
    """Receivers and suffixes come between; a true definition in that order is still better."""
    apart = file("a.x", "Go", symbol(name, text))
    plain = file("b.x", "Go", symbol(name, f"{name} := other()"))
    adjacent = file("c.x", "Go", symbol(name, f"{query}() {{"))
    assert order(query, plain, apart, adjacent) == ["c.x", "a.x", "b.x"]


def test_a_comment_on_the_definition_line_is_not_a_definition() -> None:
    """Nor is a string."""
    for text in ("func main() { // fn main", 'func main() { s = "fn main" }', "func main() /* fn main */ {"):
        reasons = dict(scored(file("m.go", "Go", symbol("main", text)), "fn main").reasons)
        assert "defines it" not in reasons


def test_weights_follow_how_the_word_lies_in_the_symbol() -> None:
    """Whole, at the edge, inside, in the file's name, in the text."""
    assert order(
        "reader",
        file("a.go", "Go", lines=((1, "reader"),)),
        file("b.go", "Go", lines=((1, "subreaders"),)),
        file("c.go", "Go", symbol("NewReaderSize", "func NewReaderSize() {")),
        file("d.go", "Go", symbol("BufReader", "func BufReader() {")),
        file("e.go", "Go", symbol("Reader", "func Reader() {")),
        file("x_reader_y.go", "Go"),
        file("my_reader.go", "Go"),
        file("reader.go", "Go"),
    ) == ["e.go", "reader.go", "d.go", "my_reader.go", "c.go", "x_reader_y.go", "a.go", "b.go"]


def test_kinds_order_namesakes() -> None:
    """A class before a function before a variable."""
    kinds = ["variable", "function", "class", "field", "something"]
    ranked = order("config", *(file(kind, "Go", symbol("Config", "Config", kind=kind)) for kind in kinds))
    assert ranked == ["class", "function", "field", "variable", "something"]


def test_the_case_that_was_typed_is_preferred() -> None:
    """Between namesakes only."""
    lower, upper = file("a", "Go", symbol("reader", "x")), file("b", "Go", symbol("Reader", "x"))
    assert order("Reader", lower, upper) == ["b", "a"]
    assert order("reader", lower, upper) == ["a", "b"]


def test_a_literal_with_upper_case_fits_only_its_case() -> None:
    """As the search for it does."""
    assert scored(file("x", "Go", symbol("main", "x")), '"MAIN("').line == 0
    assert scored(file("x", "Go", symbol("MAIN", "x")), '"MAIN("').line == 10


@pytest.mark.parametrize("flag", ["is_test", "is_vendored", "is_generated"])
def test_tests_copies_and_generated_files_come_after_their_like(flag: str) -> None:
    """Even with stars; a better match in them still comes before a worse one elsewhere."""
    own = file("z.go", "Go", symbol("Reader", "type Reader struct"))
    other = file("a.go", "Go", symbol("Reader", "type Reader struct"), stars=1000)
    weaker = file("b.go", "Go", symbol("MyReaders", "type MyReaders struct"))
    other = {
        "is_test": replace(other, is_test=True),
        "is_vendored": replace(other, is_vendored=True),
        "is_generated": replace(other, is_generated=True),
    }[flag]
    assert order("reader", other, weaker, own) == ["z.go", "a.go", "b.go"]


def test_prose_and_data_come_after_code() -> None:
    """A heading or a key is no definition."""
    assert order(
        "install",
        file("docs/x.md", "Markdown", symbol("Install", "## Install", kind="chapter")),
        file("x.json", "JSON", symbol("install", '"install": 1', kind="property")),
        file("x.py", "Python", symbol("install", "def install():")),
    ) == ["x.py", "x.json", "docs/x.md"]


def test_a_name_that_is_the_query_written_together() -> None:
    """`bufio flush writer` is bufioFlushWriter, before a Flush of some Writer in bufio, before a longer name."""
    together = file(
        "http/transfer.go", "Go", symbol("bufioFlushWriter", "type bufioFlushWriter struct{", kind="struct")
    )
    method = file(
        "src/bufio/bufio.go", "Go", symbol("Flush", "func (b *Writer) Flush() error {", line=640, scope="bufio.Writer")
    )
    longer = file(
        "x.go", "Go", symbol("newFlushingBufioWriterForTheServer", "func newFlushingBufioWriterForTheServer(")
    )
    plain = file("src/csv/w.go", "Go", symbol("Flush", "func (w *W) Flush() {"), symbol("Writer", "type Writer struct"))
    assert order("bufio flush writer", plain, longer, method, together) == [
        "http/transfer.go",
        "src/bufio/bufio.go",
        "src/csv/w.go",
        "x.go",
    ]
    assert scored(method, "bufio flush writer").line == 640


def test_words_in_the_order_of_the_query_are_better() -> None:
    """`test server` is TestServer rather than ServerTest."""
    files = [file(name, "Go", symbol(name, f"type {name} struct")) for name in ("ServerTest", "TestServer")]
    assert order("test server", *files) == ["TestServer", "ServerTest"]


def test_the_folder_is_a_part_of_the_name() -> None:
    """`bytes buffer` is the Buffer of the package bytes, not a field of that type."""
    ours = file("src/bytes/buffer.go", "Go", symbol("Buffer", "type Buffer struct {", kind="struct"))
    embedded = file("pkg.go", "Go", symbol("Buffer", "bytes.Buffer", kind="field"))
    spaced = file("c.go", "Go", symbol("Buffer", "bytes Buffer", kind="field"))
    assert order("bytes buffer", embedded, spaced, ours)[0] == "src/bytes/buffer.go"


def test_a_qualified_name_finds_its_definition() -> None:
    """With the punctuation that was typed."""
    wanted = file("a.cc", "C++", symbol("bar", "void Foo::bar() {", kind="method", scope="Foo"))
    other = file("b.cc", "C++", symbol("bar", "void Qux::bar() { Foo(); }", kind="method", scope="Qux"))
    assert order("Foo::bar", other, wanted) == ["a.cc", "b.cc"]
    assert "defines it" in dict(scored(wanted, "Foo::bar").reasons)
    assert "defines it" not in dict(scored(wanted, '"Foo bar"').reasons)


def test_the_line_shown_is_the_one_that_has_most_of_the_query() -> None:
    """A definition, unless a known matching line says more."""
    defined = symbol("Connection", "class Connection:", line=3)
    features = file("a.py", "Python", defined, lines=((30, 'raise Error("connection refused")'), (31, "connection")))
    assert scored(features, '"connection refused"').line == 30
    assert scored(features, "connection").line == 3
    assert scored(file("a.py", "Python", lines=((8, "nothing"), (9, "a connection"))), "connection").line == 9
    assert scored(file("a.py", "Python"), "connection").line == 0


def test_words_in_comments_count_half() -> None:
    """In the comments of each language."""
    for language, comment, code in [
        ("Go", "// needle", "needle()"),
        ("Python", "x = 1  # needle", "needle = 1"),
        ("SQL", "-- needle", "select needle"),
        ("C", " * needle", "#define needle"),
        ("Rust", "/* needle */", "needle!()"),
        ("Python", "x = 'needle'", "x = needle"),
    ]:
        assert order("needle", file("a", language, lines=((1, comment),)), file("b", language, lines=((1, code),))) == [
            "b",
            "a",
        ]


def test_stars_and_dates_only_break_ties() -> None:
    """Stars first, then the newer change, then the name."""
    like = symbol("Reader", "type Reader struct")
    assert order(
        "reader",
        file("e", "Go", like, stars=1, date=5),
        file("c", "Go", like, stars=2, date=1),
        file("d", "Go", like, stars=1, date=9),
        file("b", "Go", like, stars=1, date=5),
        file("a", "Go", symbol("MyReader", "x"), stars=10**6, date=10**9),
    ) == ["c", "d", "b", "e", "a"]


def test_the_engine_orders_what_only_the_text_tells() -> None:
    """Where a definition is known, its place plays no part."""
    assert order("needle", file("a", engine_rank=5), file("b", engine_rank=1), file("c", engine_rank=9)) == [
        "b",
        "a",
        "c",
    ]
    like = symbol("Needle", "class Needle")
    assert order("needle", file("a", "Go", like, engine_rank=9), file("b", "Go", like)) == ["a", "b"]


@pytest.mark.parametrize("query", ["->", "/a.b/", "", '"!="', "lang:go"])
def test_a_query_without_words_still_orders(query: str) -> None:
    """By the engine's place and by what is known of the file."""
    assert order(query, file("a", engine_rank=2), file("b", engine_rank=1), replace(file("c"), is_test=True)) == [
        "b",
        "a",
        "c",
    ]


_NAMES = st.sampled_from(["main", "Main", "fn", "mainly", "domain", "x", "run_main"])
_TEXTS = st.sampled_from(
    ["func main() {", "int main(void)", "class Main", "main = fn", "fn  run_main()", "/* fn main */", '"fn main"', ""]
)
_KINDS = st.sampled_from(["function", "class", "struct", "chapter", "odd"])
_SYMBOLS = st.lists(
    st.builds(Symbol, name=_NAMES, kind=_KINDS, line=st.integers(1, 9), scope=_NAMES, text=_TEXTS), max_size=4
).map(tuple)
_PATHS = st.sampled_from(["main.rs", "main", "a/fn/main.go", "fn main.md", "z.c", "fn_main.rs"])
_LINES = st.lists(
    st.tuples(st.integers(1, 9), st.sampled_from(["fn main", "// fn main", "fn", "domain"])), max_size=3
).map(tuple)
_FEATURES = st.builds(
    Features,
    repository=st.sampled_from(["a/b", "a/c"]),
    path=_PATHS,
    language=st.sampled_from(["Rust", "Go", "C", "Markdown", "Python", ""]),
    symbols=_SYMBOLS,
    is_test=st.booleans(),
    is_vendored=st.booleans(),
    is_generated=st.booleans(),
    stars=st.integers(0, 3),
    date=st.integers(0, 3),
    engine_rank=st.integers(0, 300),
    lines=_LINES,
)
_QUERIES = st.sampled_from(
    ["fn main", "main", "main fn main x", '"fn main("', "-> main", "/main/ fn", "domain run main Main fn x"]
)


@given(_FEATURES, st.sampled_from(["fn main() {", "pub(crate) async fn main()"]), st.integers(1, 9))
@settings(max_examples=1500, deadline=None)
def test_nothing_ranks_above_a_definition(features: Features, text: str, line: int) -> None:
    """However much else another file has, and however little the defining one."""
    worst = Features(
        "z/z", "test/vendor/z.rs", "Rust", (symbol("main", text, kind="odd", line=line),),
        is_test=True, is_vendored=True, is_generated=True, engine_rank=999,
    )  # fmt: skip
    defining = scored(worst, "fn main")
    assert defining.line == line
    assert rank_key(worst, defining) < rank_key(features, scored(features, "fn main"))


@given(st.lists(_FEATURES, max_size=6, unique_by=lambda each: (each.repository, each.path)), _QUERIES, st.randoms())
@settings(max_examples=400, deadline=None)
def test_the_order_is_total_and_the_same_every_time(files: list[Features], query: str, chance: random.Random) -> None:
    """Files come in any order and leave in one."""

    def ranked(some: list[Features]) -> list[Features]:
        return sorted(some, key=lambda each: rank_key(each, scored(each, query)))

    shuffled = files[:]
    chance.shuffle(shuffled)
    assert ranked(shuffled) == ranked(files)
    keys = [rank_key(each, scored(each, query)) for each in files]
    assert len(set(keys)) == len(files)


@given(_FEATURES, _QUERIES)
@settings(max_examples=600, deadline=None)
def test_reasons_add_up(features: Features, query: str) -> None:
    """Nothing is hidden in the value, and the line shown is one of the file's."""
    result = scored(features, query)
    assert result.value == pytest.approx(sum(points for _, points in result.reasons))
    known = {0} | {each.line for each in features.symbols} | {number for number, _ in features.lines}
    assert result.line in known
