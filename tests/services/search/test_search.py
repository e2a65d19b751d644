"""The search service over HTTP: what it answers, to whom, and what it says when something is away."""

from __future__ import annotations

from tests.services.kit import Running


def test_a_query_is_answered(search: Running) -> None:
    """A hit comes with its line, its permalink and the facets, in the envelope."""
    answer = search.get("/search?q=spawn_blocking")
    assert answer.status == 200, answer.body
    found = answer.json["data"]
    assert [hit["path"] for hit in found["hits"]] == ["src/task/spawn.rs"]
    assert found["hits"][0]["url"].endswith("/src/task/spawn.rs#L2")
    assert found["facets"]["language"] == {"Rust": 1}
