"""What credentials may do, by trying; what can be read in a bucket; and the policy that gives the rights."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime

import pytest

from stack.recovery.errors import StoreError
from stack.recovery.rights import policy, policy_text, probe_rights, seen
from tests.recovery.conftest import MemoryBucket


class Strict(MemoryBucket):
    """A store that lets nobody delete, but restic's locks if it was told so."""

    def __init__(self, *, locks: bool, code: str = "AccessDenied") -> None:
        """Refuse with this code."""
        super().__init__()
        self.locks = locks
        self.code = code

    def delete(self, keys: Iterable[str]) -> int:
        """See `Bucket`."""
        wanted = list(keys)
        if not (self.locks and all(key.startswith("restic/locks/") for key in wanted)):
            raise StoreError("STORE_FOREIGN", "The store refused", on=wanted[0], got=self.code)
        return super().delete(wanted)


def test_a_writer_that_may_delete_is_named() -> None:
    """By its credentials, and what it deleted."""
    (finding,) = probe_rights(MemoryBucket())
    assert finding.rule == "WRITER_DELETES"
    assert "probes/" in finding.message


def test_a_writer_that_may_delete_locks_alone_breaks_no_rule() -> None:
    """The pruner then removes what the probe left."""
    writer = Strict(locks=True)
    pruner = MemoryBucket()
    pruner.objects = writer.objects
    assert probe_rights(writer, pruner) == []
    assert list(writer.list()) == []


def test_a_writer_that_cannot_delete_locks_is_refused_since_restic_could_not_work() -> None:
    """And any other trouble with deleting is no proof that it is forbidden."""
    with pytest.raises(StoreError):
        probe_rights(Strict(locks=False))
    with pytest.raises(StoreError):
        probe_rights(Strict(locks=True, code="InternalError"))


def test_a_text_is_found_wherever_it_lies() -> None:
    """Also across the edge of two blocks; what is not there is not found."""
    bucket = MemoryBucket()
    at = datetime.now(UTC)
    bucket.objects["one"] = (b"x" * ((1 << 20) - 3) + b"kestrel" + b"y" * 100, at)
    bucket.objects["two"] = (b"kestre", at)
    (finding,) = seen(bucket, [b"kestrel"])
    assert finding.rule == "PLAINTEXT_SEEN"
    assert finding.message.endswith("/one")
    assert seen(bucket, [b"osprey"]) == []


def test_the_policy_lets_the_writer_delete_locks_and_nothing_else() -> None:
    """Of all its statements that allow deleting, the writer is in one, which is about restic's locks."""
    told = policy("b", "p", writer="w", pruner="x")
    statements = told["Statement"]
    assert isinstance(statements, list)
    deleting = [each for each in statements if any("Delete" in action for action in each["Action"])]
    mine = [each for each in deleting if "w" in each["Principal"]["AWS"]]
    assert [each["Resource"] for each in mine] == [["arn:aws:s3:::b/p/restic/locks/*"]]
    assert "s3:PutBucketPolicy" not in policy_text(told)
    assert "s3:*" not in policy_text(told)
