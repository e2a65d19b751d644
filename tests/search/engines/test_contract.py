"""What every engine promises, asked of the real ones."""

from __future__ import annotations

import random
import re
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from stack.addresses import EngineKind
from stack.search.engines.base import (
    ALL,
    And,
    Engine,
    EngineRefusedError,
    Equals,
    Exists,
    Filter,
    Index,
    Not,
    OneOf,
    Or,
    SearchRequest,
    SearchResponse,
)
from stack.search.filters import matches
from tests.search.engines.library import CODE, EVIL, HUGE, ISSUES, some_filter

ANYBODY = Equals("visibility", "public")


def found(engine: Engine, *words: str, index: Index = Index.CODE, **options: Any) -> list[str]:
    """File ids that a search finds, in its order."""
    response = ask(engine, *words, index=index, **options)
    return [str(hit.source["file_id"]) for hit in response.hits]


def ask(engine: Engine, *words: str, index: Index = Index.CODE, **options: Any) -> SearchResponse:
    """The answer to a search for words."""
    return engine.search(SearchRequest(index, words=words, **{"limit": 100, **options}))


def test_version_is_the_servers(library: Engine) -> None:
    """A version is told as numbers and dots."""
    assert re.match(r"\d+\.\d+\.\d+", library.version())


def test_every_word_has_to_be_somewhere(library: Engine) -> None:
    """Words are found in different fields of one document, and one that is nowhere excludes it."""
    assert found(library, "alpha", "delta", "gamma") == ["07spread"]
    assert found(library, "alpha", "delta", "nowhere") == []


@pytest.mark.parametrize("word", ["list_users", "LIST_USERS", "next", "vector", "foo", "3", "14", "var", "users"])
def test_words_in_code(library: Engine, word: str) -> None:
    """Names, digits and what stands between operators are words, whatever their case; so are parts of names."""
    assert "06lists" in found(library, word)


@pytest.mark.parametrize("word", ["user", "vec", "nex", "istusers", "foobar"])
def test_only_whole_words(library: Engine, word: str) -> None:
    """A part of a word that is no word, or two words in one, finds nothing."""
    assert found(library, word) == []


def test_a_word_with_punctuation_inside_is_found_as_its_neighbours(library: Engine) -> None:
    """`std::vector` finds the file that has it."""
    assert found(library, "std::vector") == ["06lists"]
    assert found(library, "p->next", "x=foo") == ["06lists"]


def test_text_without_words_matches_nothing_and_says_so(library: Engine) -> None:
    """An operator alone has no answer here; beside a word it is left out, and the total is no longer exact."""
    nothing = ask(library, "->", facets=("language",))
    assert (nothing.hits, nothing.total, nothing.total_exact) == ((), 0, False)
    beside = ask(library, "alpha", "->")
    assert ([hit.id for hit in beside.hits], beside.total_exact) == (["07spread-0"], False)


def test_the_last_word_may_go_on(library: Engine) -> None:
    """With `prefix_last` the last word is also a beginning, and the words before it are not."""
    assert found(library, "needleatt") == []
    assert found(library, "needleatt", prefix_last=True) == ["10large"]
    assert found(library, "filler", "needleatt", prefix_last=True) == ["10large"]
    assert found(library, "fill", "needleattheend", prefix_last=True) == []
    assert found(library, "std::vec", prefix_last=True) == ["06lists"]


def test_words_can_be_limited_to_fields(library: Engine) -> None:
    """`within` finds only what stands in those fields."""
    assert set(found(library, "main", within=("symbol_names",))) == {"00main", "01main", "02main", "05gomain"}
    assert found(library, "fn", within=("symbol_names",)) == []
    assert found(library, "delta", within=("symbol_names", "basename")) == ["07spread"]
    assert "00main" in found(library, "main", within=("symbol_names",), none_of=("start",))
    assert "00main" not in found(library, "main", within=("symbol_names", "content"), none_of=("start",))


def test_words_that_must_not_occur(library: Engine) -> None:
    """`none_of` excludes, beside words and without any."""
    assert found(library, "main", none_of=("func", "loop", "write"), filter=Not(Equals("is_test", value=True))) == [
        "00main",
        "01main",
    ]
    everything = ask(library).total
    assert ask(library, none_of=("evil",)).total == everything - len(EVIL)
    assert found(library, "vector", none_of=("std::vector",)) == []


def test_phrases_in_records(library: Engine) -> None:
    """A phrase finds its words next to each other in their order, and not in another one."""
    assert found(library, index=Index.ISSUES, phrases=("disk full",)) == ["1disk"]
    assert found(library, index=Index.ISSUES, phrases=("full disk",)) == ["2full"]


def test_phrases_in_code_are_exact_or_said_not_to_be(library: Engine) -> None:
    """The files with the phrase are found; an engine that finds more does not call its total exact."""
    response = ask(library, phrases=("main loop every",))
    assert "03words" in [hit.source["file_id"] for hit in response.hits]
    other = ask(library, phrases=("every main loop",))
    assert other.total == 0 or not other.total_exact


def test_definitions_rank_first(library: Engine) -> None:
    """Files that define `fn main` come before one that mentions it; a test comes after the others."""
    order = found(library, "fn", "main")
    assert set(order) == {"00main", "01main", "02main", "03words", "04guide"}
    assert set(order[:2]) == {"00main", "01main"}
    assert order.index("02main") > 1
    assert order.index("00main") < min(order.index("03words"), order.index("04guide"))


@pytest.mark.parametrize("word", ["测试", "试文", "文件", "连接", "テスト", "데이터", "测试文件"])
def test_chinese_japanese_and_korean(library: Engine, word: str) -> None:
    """Any run of characters is found, wherever a dictionary would cut."""
    assert "08cjk" in found(library, word)


def test_cjk_characters_that_are_not_there_find_nothing(library: Engine) -> None:
    """Characters that no document has do not match."""
    assert found(library, "量子") == []
    assert found(library, "数据库", index=Index.ISSUES) == ["4cjk"]
    assert found(library, "库连", "重启", index=Index.ISSUES) == ["4cjk"]
    assert found(library, "库数", index=Index.ISSUES) == []


def test_letters_beyond_ascii(library: Engine) -> None:
    """Accented words are found as they are written, in any case."""
    assert found(library, "naïve", "école", "CAFÉ") == ["19accent"]


def test_a_word_of_5000_characters_does_no_harm(library: Engine) -> None:
    """The file is held, and the words around the monster are found."""
    assert found(library, "before", "after") == ["09long"]
    monster = ask(library, "x" * 5000)
    assert monster.total == 1 or not monster.total_exact


def test_the_end_of_a_large_file_is_found(library: Engine) -> None:
    """Nothing is cut off silently."""
    assert found(library, "needleattheend") == ["10large"]


def test_more_than_ten_words(library: Engine) -> None:
    """Many words are all looked at, or refused: never some of them silently left out."""
    words = ["before", "after", *(f"missing{number}" for number in range(12))]
    try:
        assert ask(library, *words).total == 0
    except EngineRefusedError as error:
        assert "at most 10" in error.what  # noqa: PT017 - either answer is right
    words = ["filler", "words", "needleattheend"] * 5
    assert found(library, *words) == ["10large"]


@pytest.mark.parametrize("value", EVIL)
def test_values_cannot_break_out_of_a_filter(library: Engine, value: str) -> None:
    """Whatever is in a value, exactly its own document matches, by equality, in a set, and not negated."""
    own = {f"3{EVIL.index(value):02}evil-0"}
    assert set(library.ids(Index.CODE, Equals("path", value))) == own
    assert set(library.ids(Index.CODE, OneOf("path", (value, "no such path")))) == own
    assert not own & set(library.ids(Index.CODE, Not(Equals("path", value))))
    assert library.count(Index.CODE, And((Equals("path", value), ANYBODY))) == 1


def test_filters_mean_what_they_say(library: Engine) -> None:
    """Random filters match exactly the documents that the reference implementation says."""
    chance = random.Random(7)  # noqa: S311 - a test's fixed seed
    for _ in range(150):
        where = some_filter(chance, 3)
        expected = {str(each["id"]) for each in CODE if matches(where, each)}
        assert set(library.ids(Index.CODE, where)) == expected, where
        assert library.count(Index.CODE, where) == len(expected)


def test_huge_numbers_are_told_apart(library: Engine) -> None:
    """An id beyond what a float can hold matches itself and not its neighbour."""
    assert found(library, filter=Equals("repository_id", HUGE)) == ["17huge"]
    assert found(library, filter=OneOf("repository_id", (HUGE + 1, HUGE + 2))) == ["18huger"]
    assert library.fetch(Index.CODE, ["18huger-0"])["18huger-0"]["repository_id"] == HUGE + 1


def test_values_of_600_bytes_are_told_apart(library: Engine) -> None:
    """A path longer than an engine likes to compare matches itself and not one with the same beginning."""
    assert found(library, filter=Equals("path", "d/" * 300 + "x.rs")) == ["15deep"]
    assert found(library, filter=And((Exists("path"), Equals("path", "d/" * 300)))) == []


def test_what_may_not_be_seen_shows_up_nowhere(library: Engine) -> None:
    """Hits, total and facets are all made under the filter, with and without `distinct`."""
    for distinct in (None, "file_id"):
        response = ask(
            library, "password", filter=ANYBODY, facets=("repository", "owner", "visibility"), distinct=distinct
        )
        assert [hit.id for hit in response.hits] == ["12open-0"]
        assert (response.total, response.total_exact) == (1, True)
        assert response.facets == {"repository": {"ada/engine": 1}, "owner": {"ada": 1}, "visibility": {"public": 1}}
    seen = ask(library, "password", filter=Or((ANYBODY, OneOf("repository_id", (3,)))), facets=("owner",))
    assert (seen.total, seen.facets) == (2, {"owner": {"ada": 1, "eve": 1}})
    assert found(library, "vault", index=Index.ISSUES, filter=ANYBODY) == []


def test_parts_of_a_file_count_once(library: Engine) -> None:
    """With `distinct` a file of three parts is one hit, one in the total and one in every facet."""
    apart = ask(library, "shared", facets=("author",))
    assert (apart.total, apart.facets["author"]) == (4, {"Bob": 3, "Cy": 1})
    once = ask(library, "shared", facets=("author", "language"), distinct="file_id")
    assert sorted(str(hit.source["file_id"]) for hit in once.hits) == ["13parts", "14whole"]
    assert (once.total, once.total_exact) == (2, True)
    assert once.facets == {"author": {"Bob": 1, "Cy": 1}, "language": {"C": 2}}
    assert [hit.id for hit in ask(library, "chapter2", distinct="file_id").hits] == ["13parts-2"]


def test_distinct_by_another_field(library: Engine) -> None:
    """One document for each repository, counted by repository."""
    response = ask(library, "main", distinct="repository", facets=("language",))
    assert sorted(str(hit.source["repository"]) for hit in response.hits) == ["ada/engine", "bob/tool"]
    assert response.total == 2


def test_facets_are_counted_over_everything_and_cut(library: Engine) -> None:
    """Counts cover all that matches, not the page; the most frequent values are kept, ties by value."""
    response = ask(library, "plain", facets=("stars", "is_test", "author"), limit=1)
    assert (len(response.hits), response.total) == (1, 30)
    assert response.facets == {"stars": {"0": 10, "1": 10, "2": 10}, "is_test": {"false": 30}, "author": {"Ada": 30}}
    cut = ask(library, "main", facets=("language",), facet_limit=1, limit=0)
    assert (cut.hits, cut.facets) == ((), {"language": {"Rust": 4}})


def test_equal_hits_are_ordered_by_id_on_every_page(library: Engine) -> None:
    """Pages of any size put together are one list without doubles, in the order of ids."""
    expected = [f"4{number:02}plain" for number in range(30)]
    assert found(library, "plain", "common") == expected
    for size in (1, 7, 13):
        pages: list[str] = []
        for offset in range(0, 30, size):
            pages += found(library, "plain", "common", limit=size, offset=offset)
        assert pages == expected


def test_sorting(library: Engine) -> None:
    """Fields decide in their order, up or down, and ids the rest."""
    plain = [each for each in CODE if "plain" in str(each["file_id"])]
    expected = sorted(plain, key=lambda each: (-_int(each["date"]), _int(each["stars"]), str(each["id"])))
    assert found(library, "plain", sort=("-date", "stars")) == [each["file_id"] for each in expected]
    assert found(library, sort=("-size", "path"), limit=1) == ["10large"]


def _int(value: object) -> int:
    assert isinstance(value, int)
    return value


def test_hits_carry_the_fields_asked_for(library: Engine) -> None:
    """All but the content by default; exactly those asked for otherwise."""
    whole = ask(library, "alpha").hits[0]
    expected = next(each for each in CODE if each["id"] == "07spread-0")
    assert whole.source == {name: value for name, value in expected.items() if name != "content"}
    assert ask(library, "alpha", fields=("path", "content")).hits[0].source == {
        "path": "beta/gamma.rs",
        "content": "alpha\n",
    }


def test_fetch_returns_documents_as_they_were_given(library: Engine) -> None:
    """Every document comes back whole; unknown ids are left out."""
    ids = [str(each["id"]) for each in CODE]
    assert library.fetch(Index.CODE, [*ids, "unknown"]) == {str(each["id"]): each for each in CODE}
    assert library.fetch(Index.ISSUES, ["1disk"], fields=("title", "labels")) == {
        "1disk": {"title": "Disk full", "labels": ["bug", "ops"]}
    }
    assert library.fetch(Index.CODE, []) == {}


def test_ids_come_in_pages(library: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    """However many ids there are, each comes once."""
    monkeypatch.setattr(f"stack.search.engines.{library.name}._PAGE", 7)
    ids = list(library.ids(Index.CODE))
    assert sorted(ids) == sorted(str(each["id"]) for each in CODE)
    assert list(library.ids(Index.CODE, Or(()))) == []


def test_counting_is_exact(library: Engine) -> None:
    """Counts follow the filter."""
    assert library.count(Index.CODE) == len(CODE)
    assert library.count(Index.ISSUES, Equals("labels", "bug")) == 1
    assert library.count(Index.ISSUES) == len(ISSUES)
    assert library.count(Index.WIKI) == 0
    assert library.size_bytes() > 0


REFUSED: Sequence[tuple[str, dict[str, Any]]] = (
    ("cannot be filtered by nope", {"filter": Equals("nope", 1)}),
    ("cannot be filtered by content", {"filter": Exists("content")}),
    ("cannot search within nope", {"within": ("nope",)}),
    ("cannot count by content", {"facets": ("content",)}),
    ("cannot sort by nope", {"sort": ("-nope",)}),
    ("cannot make distinct by stars", {"distinct": "stars"}),
    ("paged through", {"offset": 9_990, "limit": 20}),
    ("0 or more", {"offset": -1}),
)


@pytest.mark.parametrize(("what", "options"), REFUSED, ids=[what for what, _ in REFUSED])
def test_questions_that_make_no_sense_are_refused(library: Engine, what: str, options: dict[str, Any]) -> None:
    """The refusal names what is wrong, and no server error comes through."""
    with pytest.raises(EngineRefusedError, match=what):
        ask(library, "main", **options)


def test_filters_that_are_too_deep_are_refused(library: Engine) -> None:
    """Nesting is bounded; 30 levels work."""
    where: Filter = Equals("stars", 50)
    for level in range(30):
        where = Or((And((where, ANYBODY)), Equals("stars", -1 - level)))
        if level == 14:
            assert found(library, filter=where) == ["01main"]
    with pytest.raises(EngineRefusedError, match="levels deep"):
        library.count(Index.CODE, where)


def test_thousands_of_values_in_a_filter(library: Engine) -> None:
    """A set of values may be large, and an `or` of as many conditions too."""
    many = tuple(range(100, 70_000))
    assert found(library, "password", filter=OneOf("repository_id", (*many, 3))) == ["11secret"]
    apart = tuple(range(101, 6_000, 2))
    assert found(library, "password", filter=OneOf("repository_id", (*apart, 3)), offset=0) == ["11secret"]
    assert found(
        library, "password", filter=OneOf("file_id", (*map(str, many[:1500]), "12open")), distinct="file_id"
    ) == ["12open"]
    either = Or(tuple(Equals("repository_id", number) for number in (*many[:5000], 3)))
    assert found(library, "password", filter=either) == ["11secret"]


def test_many_threads_may_ask_at_once(library: Engine) -> None:
    """Questions at the same time get their own answers."""

    def both(number: int) -> tuple[list[str], int]:
        name = f"4{number % 30:02}plain"
        return found(library, "plain", filter=Equals("file_id", name)), library.count(Index.CODE, ALL)

    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(both, range(60)))
    assert answers == [([f"4{number % 30:02}plain"], len(CODE)) for number in range(60)]


def test_keywords_with_case(library: Engine, kind: EngineKind) -> None:
    """OpenSearch tells `ada` from `Ada`; Meilisearch is known not to."""
    assert library.count(Index.CODE, Equals("author", "bob")) == (0 if kind == "opensearch" else 3)
