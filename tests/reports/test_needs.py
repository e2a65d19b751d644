"""A missing need, waived or not."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from reports.errors import missing_need
from reports.needs import Needs, needs_in
from reports.scope import parse_scope
from reports.verdict import Verdict

SCOPE = parse_scope(b'[[waive]]\nneed = "meilisearch"\nreason = "no binary"\nruntime = "local"\n')


class NeedError(Exception):
    """Says that a need is missing, as the stack's own error does."""

    def __init__(self, need: object) -> None:
        """Name the need."""
        super().__init__(f"there is no {need}")
        self.need = need


def needs(ask: Callable[[str], str | None] | None, runtime: str = "local") -> Needs:
    """The needs of a run."""
    return Needs(SCOPE, runtime, lambda: ask)


def absent(name: str) -> str:
    """Everything is missing."""
    return f"{name} is not installed"


def test_a_met_need_is_not_missing() -> None:
    """A waiver does nothing where the need is there."""
    assert needs(lambda _: None).missing(["meilisearch", "containers"]) == []


def test_a_missing_need_is_waived_or_not() -> None:
    """The waived one is not_configured with its reason, the other could_not_verify with what is missing."""
    waived, missing = needs(absent).missing(["meilisearch", "containers"])
    assert waived.verdict is Verdict.NOT_CONFIGURED
    assert waived.waiver is not None
    assert waived.waiver.reason == "no binary"
    assert missing.verdict is Verdict.COULD_NOT_VERIFY
    assert "containers is not installed" in missing.finding.message


def test_a_waiver_for_another_runtime_does_not_apply() -> None:
    """Where the waiver does not reach, the need is needed."""
    (missing,) = needs(absent, runtime="cluster").missing(["meilisearch"])
    assert missing.verdict is Verdict.COULD_NOT_VERIFY


def test_a_need_nobody_can_tell_about_is_not_waived() -> None:
    """Without anyone to ask, a need counts as missing, and no waiver helps."""
    (missing,) = needs(None).missing(["meilisearch"])
    assert missing.verdict is Verdict.COULD_NOT_VERIFY
    assert "nothing in this run can tell" in missing.finding.message


def test_an_error_that_names_the_need_is_the_answer() -> None:
    """Whoever asks by requiring gets the same result."""

    def require(name: str) -> str | None:
        raise NeedError(name)

    (waived,) = needs(require).missing(["meilisearch"])
    assert waived.verdict is Verdict.NOT_CONFIGURED


def test_another_error_comes_through() -> None:
    """A check that breaks is not taken for an answer."""

    def broken(_: str) -> str | None:
        raise OSError("the cache cannot be read")

    with pytest.raises(OSError, match="cache"):
        needs(broken).missing(["meilisearch"])


def test_a_need_that_was_there_is_not_waived_when_it_is_gone() -> None:
    """A server that is configured and then missing is a fact about the run."""
    assert needs(absent).raised("meilisearch", "gone").verdict is Verdict.NOT_CONFIGURED
    assert needs(lambda _: None).raised("meilisearch", "gone").verdict is Verdict.COULD_NOT_VERIFY
    assert needs(None).raised("meilisearch", "gone").verdict is Verdict.COULD_NOT_VERIFY


def test_a_need_is_not_waived_when_asking_breaks() -> None:
    """Uncertainty is not configuration."""

    def broken(_: str) -> str | None:
        raise OSError("the cache cannot be read")

    assert needs(broken).raised("meilisearch", "gone").verdict is Verdict.COULD_NOT_VERIFY


def test_tags_name_needs() -> None:
    """`@needs-x` needs x; other tags need nothing."""
    assert needs_in(["needs-containers", "slow", "needs-arm64", "simulated"]) == ("arm64", "containers")


def test_a_need_is_found_along_explicit_causes_only() -> None:
    """`raise ... from` passes the need on; an error that merely came while handling one does not."""
    cause = OSError("no connection")
    cause.__cause__ = NeedError("redis")
    assert missing_need(cause) == "redis"
    context = AssertionError("false")
    context.__context__ = NeedError("redis")
    assert missing_need(context) is None


@pytest.mark.parametrize("need", ["", None, 3])
def test_an_attribute_that_is_no_name_is_no_need(need: object) -> None:
    """Only a name names a need."""
    assert missing_need(NeedError(need)) is None


def test_a_circle_of_causes_ends() -> None:
    """Causes that refer to each other do not hang the run."""
    first, second = OSError("a"), OSError("b")
    first.__cause__, second.__cause__ = second, first
    assert missing_need(first) is None
