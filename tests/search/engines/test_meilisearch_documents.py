"""What is added to documents for Meilisearch."""

from __future__ import annotations

from stack.search.engines.base import Index
from stack.search.engines.meilisearch_documents import exact, prepared
from tests.search.engines.library import HUGE, code


def test_most_documents_stay_as_they_are() -> None:
    """Nothing is added to a document that Meilisearch understands."""
    document = code("a", "plain naïve text", path="p" * 400)
    assert prepared(Index.CODE, document, partial=False) is document


def test_cjk_characters_are_added_one_by_one() -> None:
    """Runs are spelled out, field by field, apart from each other."""
    document = code("a", "测试, ok 文", symbol_names=["x", "名称"])
    extra = {**prepared(Index.CODE, document, partial=False)}
    assert extra["_cjk_content"] == "测 试 ; 文"
    assert extra["_cjk_symbol_names"] == "名 称"
    assert {name: extra[name] for name in document} == document


def test_values_that_would_be_compared_wrongly_get_a_digest() -> None:
    """Integers from 2^53 on and long strings, also inside lists."""
    document = code("a", repository_id=HUGE, path_tokens=["short", "x" * 401])
    extra = prepared(Index.CODE, document, partial=False)
    assert extra["_exact_repository_id"] == [exact(HUGE)]
    assert extra["_exact_path_tokens"] == [exact("x" * 401)]
    assert exact(HUGE) != exact(HUGE + 1)
    assert exact(HUGE - 1) is exact(-HUGE + 1) is exact("x" * 400) is None
    assert exact("é" * 201) is not None


def test_a_patch_clears_what_no_longer_applies() -> None:
    """Every patched field says anew whether it has something extra."""
    extra = prepared(Index.CODE, {"id": "a", "repository_id": 1, "content": "plain"}, partial=True)
    assert extra == {"id": "a", "repository_id": 1, "content": "plain", "_exact_repository_id": [], "_cjk_content": ""}
