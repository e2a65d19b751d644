"""Steps about the object store: that of the stack, or the one at S3_ENDPOINT."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from pytest_bdd import given, parsers, then, when

from stack.inventory import object_store
from stack.settings import Settings
from steps.bucket import Bucket

__all__: list[str] = []


@pytest.fixture
def bucket(request: pytest.FixtureRequest, settings: Settings) -> Iterator[Bucket]:
    """The controller of these steps; a stack is started only if no other store was named."""
    given_store = object_store(settings)
    bucket = Bucket(given_store or request.getfixturevalue("stack").addresses.objects)
    yield bucket
    bucket.remove()


@given("an object store that answers")
def answers(bucket: Bucket) -> None:
    bucket.require()


@given("an object exists")
def exists(bucket: Bucket) -> None:
    bucket.write(1)


@given("a bucket with versioning")
def with_versioning(bucket: Bucket) -> None:
    bucket.make(versions=True)


@given("a bucket with object lock")
def with_lock(bucket: Bucket) -> None:
    bucket.make(lock=True)


@given(parsers.parse("an object that is locked for {hours:d} hour"))
def locked(bucket: Bucket, hours: int) -> None:
    bucket.write_locked(hours * 3600)


@when(parsers.parse("an object of {megabytes:d} megabytes is written"))
def written(bucket: Bucket, megabytes: int) -> None:
    bucket.write(megabytes)


@when(parsers.parse("an object of {megabytes:d} megabytes is written in parts"))
def written_in_parts(bucket: Bucket, megabytes: int) -> None:
    bucket.write_in_parts(megabytes)


@when("an object is begun in parts and broken off")
def broken_off(bucket: Bucket) -> None:
    bucket.break_off()


@when("the same key is written on the condition that nothing is there")
def written_once(bucket: Bucket) -> None:
    bucket.write_once(b"another")


@when("an object is overwritten and then deleted")
def overwritten(bucket: Bucket) -> None:
    bucket.overwrite_and_delete()


@when("that version is deleted")
def version_deleted(bucket: Bucket) -> None:
    bucket.delete_version()


@when("the store is asked with a wrong secret key")
def wrong_secret(bucket: Bucket) -> None:
    bucket.ask_with_wrong_secret()


@then("it is read back with the same checksum")
def same(bucket: Bucket) -> None:
    assert bucket.same()


@then("a range of it is read back exactly")
def same_range(bucket: Bucket) -> None:
    assert bucket.read(start=1000, end=70_000) == bucket.body[1000:70_000]


@then("there is no such object")
def none_such(bucket: Bucket) -> None:
    assert not bucket.has("broken")


@then(parsers.re(r"the store refuses it as (?P<codes>.+)"))
def refused(bucket: Bucket, codes: str) -> None:
    assert bucket.refusal in codes.split(" or "), bucket.refusal or "the store did it"


@then("the first content is still there")
def unchanged(bucket: Bucket) -> None:
    assert bucket.same()


@then("both versions can still be read")
def versions(bucket: Bucket) -> None:
    read = bucket.versions_read()
    assert len(read) == 2
    assert all(got == wanted for got, wanted in read), read


@then("that version can still be read")
def version_read(bucket: Bucket) -> None:
    assert bucket.read(version=bucket.version) == bucket.body
