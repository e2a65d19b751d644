"""Documents on their way out."""

from __future__ import annotations

import json

import pytest

from stack.search.engines.base import EngineRefusedError, Index
from stack.search.engines.documents import bodies, check, encode, fields_of
from tests.search.engines.library import CODE, ISSUES, code


def test_documents_of_the_schema_pass() -> None:
    """What the library holds is valid, and so is a patch of a few fields."""
    check(Index.CODE, CODE, ["a-0"])
    check(Index.ISSUES, ISSUES)
    check(Index.CODE, [{"id": "a-0", "stars": 1}])


def test_everything_wrong_is_named_at_once() -> None:
    """All bad documents and deletes are in the error, and good ones are not."""
    documents = [code("good"), {"stars": 1}, {"id": ""}, {"id": "x" * 512}, {"id": "a b"}, {"id": "c", "title": "t"}]
    with pytest.raises(EngineRefusedError) as refusal:
        check(Index.CODE, documents, ["fine", "not/fine"])
    assert set(refusal.value.ids) == {"None", "", "x" * 512, "a b", "c", "not/fine"}
    assert "and 3 more" in refusal.value.got


def test_a_field_is_listed_once() -> None:
    """Every field of an index, the id first."""
    for index in Index:
        names = fields_of(index)
        assert names[0] == "id"
        assert len(names) == len(set(names))


def test_encoding() -> None:
    """Compact UTF-8 on one line; halves of surrogate pairs are replaced."""
    assert encode({"id": "a", "content": "ü\n"}) == '{"id":"a","content":"ü\\n"}'.encode()
    assert json.loads(encode({"id": "a\udc80b"})) == {"id": "a\ufffdb"}


def test_numbers_that_json_does_not_have_are_refused() -> None:
    """Not-a-number is refused with the document's id."""
    with pytest.raises(EngineRefusedError) as refusal:
        encode({"id": "a", "stars": float("nan")})
    assert refusal.value.ids == ("a",)


def test_bodies_are_cut_by_size() -> None:
    """No body is larger than asked, but for a single larger line; nothing is lost or moved."""
    lines = [b"aa", b"bb", b"c", b"dddddddd", b"e"]
    assert list(bodies(lines, 5)) == [b"aabbc", b"dddddddd", b"e"]
    assert list(bodies([], 5)) == []
