"""Broken journals and packs: each raises its rule, and a whole bucket raises none."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import psycopg
import pytest

from stack.forge.hosting import Hosting
from stack.recovery import layout, metrics
from stack.recovery.git import contents, inspect
from stack.recovery.git.journal import Entry
from stack.recovery.git.shipper import Shipper
from stack.recovery.postgresql.archive import Archive
from stack.recovery.sealing import new_key
from tests.recovery.conftest import Author, MemoryBucket


@pytest.fixture
def shipped(author: Author, shipper: Shipper, hosting: Hosting, archive: Archive) -> list[Entry]:
    """Three pushes to one repository, one to another, and one to a wiki, each shipped alone."""
    other = Author(hosting, "other")
    author.push("one")
    shipper.ship_once()
    author.push("two")
    shipper.ship_once()
    other.push("other")
    shipper.ship_once()
    author.push("three")
    shipper.ship_once()
    author.wiki("home")
    assert shipper.ship_once().problem == ""
    return contents.read(archive).entries


def rules(archive: Archive, **options: object) -> list[str]:
    """The rules that a look at everything finds broken."""
    return [finding.rule for finding in inspect.check(archive, deep=True, **options)]  # type: ignore[arg-type]


def flipped(data: bytes) -> bytes:
    """One bit of the last frame is another."""
    return data[:-30] + bytes([data[-30] ^ 4]) + data[-29:]


def reseal(archive: Archive, bucket: MemoryBucket, entry: Entry) -> None:
    """Write an entry as somebody with the key would."""
    key = layout.entry(entry.repository, entry.row)
    bucket.put(key, contents.sealed(archive, key, entry.model_dump_json().encode()))


def test_a_whole_bucket_breaks_no_rule(archive: Archive, shipped: list[Entry], conninfo: str) -> None:
    """Read whole, with all that must be there named, and compared with the database."""
    known = {(entry.repository, entry.is_wiki): entry.row for entry in shipped}
    assert inspect.check(archive) == []
    assert rules(archive, known=known) == []
    assert inspect.shipped(archive, conninfo) == []
    assert inspect.behind(archive, conninfo) == []


@pytest.mark.parametrize("lost", [0, 1])
def test_a_lost_entry_is_a_gap(archive: Archive, bucket: MemoryBucket, shipped: list[Entry], lost: int) -> None:
    """The first as well as one in the middle: the next one says what was before it."""
    key = layout.entry(shipped[lost].repository, shipped[lost].row)
    bucket.objects.pop(key)
    found = inspect.check(archive)
    assert [finding.rule for finding in found] == ["JOURNAL_GAP"]
    assert key in found[0].message


def test_the_last_entry_is_missed_by_who_knows_of_it(
    archive: Archive, bucket: MemoryBucket, shipped: list[Entry], conninfo: str
) -> None:
    """Nothing after it tells: a catalogue does, or the database."""
    last = [entry for entry in shipped if not entry.is_wiki and entry.repository == shipped[0].repository][-1]
    bucket.objects.pop(layout.entry(last.repository, last.row))
    assert rules(archive) == []
    assert rules(archive, known={(last.repository, False): last.row}) == ["JOURNAL_GAP"]
    assert [finding.rule for finding in inspect.shipped(archive, conninfo)] == ["JOURNAL_GAP"]


def test_what_was_pruned_is_no_gap(archive: Archive, bucket: MemoryBucket, shipped: list[Entry]) -> None:
    """Entries up to the floor are not asked for; without a floor their absence is a loss."""
    bucket.objects.pop(layout.entry(shipped[0].repository, shipped[0].row))
    assert rules(archive, floor=shipped[0].row) == []
    assert rules(archive) == ["JOURNAL_GAP"]


@pytest.mark.parametrize(
    "damage",
    [flipped, lambda data: data[:-20], lambda _data: b"", lambda _data: b"{}"],
    ids=["flipped", "truncated", "empty", "not sealed"],
)
def test_a_damaged_entry_is_named_once(
    archive: Archive, bucket: MemoryBucket, shipped: list[Entry], damage: Callable[[bytes], bytes]
) -> None:
    """The hole that it leaves is the same loss, and is not told again."""
    key = layout.entry(shipped[1].repository, shipped[1].row)
    bucket.put(key, damage(bucket.objects[key][0]))
    found = inspect.check(archive, deep=True)
    assert [finding.rule for finding in found] == ["JOURNAL_DAMAGED"]
    assert key in found[0].message


def test_an_entry_under_another_number_is_damaged(archive: Archive, bucket: MemoryBucket, shipped: list[Entry]) -> None:
    """A copy of one entry in the place of another does not open."""
    bucket.put(layout.entry(shipped[1].repository, shipped[1].row), next(iter(bucket.objects.values()))[0])
    assert "JOURNAL_DAMAGED" in rules(archive)


def test_a_missing_pack_is_named(archive: Archive, bucket: MemoryBucket, shipped: list[Entry]) -> None:
    """With the push that it belongs to; a listing is enough."""
    bucket.objects.pop(layout.pack(shipped[1].pack or ""))
    found = inspect.check(archive)
    assert [finding.rule for finding in found] == ["PACK_MISSING"]
    assert f"row {shipped[1].row} of ada/engine" in found[0].message


def test_a_truncated_pack_is_named_by_a_listing(archive: Archive, bucket: MemoryBucket, shipped: list[Entry]) -> None:
    """Its size is not what it was."""
    key = layout.pack(shipped[1].pack or "")
    bucket.put(key, bucket.objects[key][0][:-1])
    assert [finding.rule for finding in inspect.check(archive)] == ["PACK_DAMAGED"]


def test_a_flipped_bit_in_a_pack_is_named(archive: Archive, bucket: MemoryBucket, shipped: list[Entry]) -> None:
    """Only who reads it sees it."""
    key = layout.pack(shipped[1].pack or "")
    bucket.put(key, flipped(bucket.objects[key][0]))
    assert inspect.check(archive) == []
    assert rules(archive) == ["PACK_DAMAGED"]


def test_another_repositorys_pack_is_no_replacement(
    archive: Archive, bucket: MemoryBucket, shipped: list[Entry]
) -> None:
    """Laid over by a thief without the key it does not open; named by an entry of who has it, it is of another push."""
    engine, other = shipped[0], next(entry for entry in shipped if entry.name == "other")
    key = layout.pack(engine.pack or "")
    kept = bucket.objects[key]
    bucket.put(key, bucket.objects[layout.pack(other.pack or "")][0])
    assert rules(archive) == ["PACK_DAMAGED"]
    bucket.objects[key] = kept
    reseal(archive, bucket, engine.model_copy(update={"pack": other.pack, "pack_bytes": other.pack_bytes}))
    assert rules(archive) == ["PACK_DAMAGED"]


def test_a_pack_that_is_not_what_its_name_says(archive: Archive, bucket: MemoryBucket, shipped: list[Entry]) -> None:
    """Sealed with the right key under the right name, and still another content."""
    entry = shipped[0]
    key = layout.pack(entry.pack or "")
    bucket.put(key, contents.sealed(archive, key, bytes(entry.pack_bytes)))
    assert rules(archive) == ["PACK_DAMAGED"]


@pytest.mark.parametrize("hours", [-1, 1])
def test_clocks_that_differ_are_told(archive: Archive, bucket: MemoryBucket, shipped: list[Entry], hours: int) -> None:
    """Of the shipper and the store, whichever is ahead."""
    late = shipped[2].shipped + timedelta(hours=hours)
    reseal(archive, bucket, shipped[2].model_copy(update={"shipped": late}))
    assert rules(archive) == ["JOURNAL_CLOCK"]


def test_a_database_that_is_ahead_of_the_shipper_is_told(
    archive: Archive, bucket: MemoryBucket, shipped: list[Entry]
) -> None:
    """A push cannot be accepted long after it was shipped."""
    ahead = shipped[2].shipped + timedelta(hours=1)
    reseal(archive, bucket, shipped[2].model_copy(update={"accepted": ahead}))
    assert rules(archive) == ["JOURNAL_CLOCK"]


@pytest.mark.usefixtures("shipped")
def test_another_key_is_no_damage(archive: Archive) -> None:
    """Whoever checks with the wrong key is told so."""
    archive.key = new_key()
    assert set(rules(archive)) == {"KEY_WRONG"}


def test_pushes_that_wait_too_long_are_an_alarm(
    author: Author, archive: Archive, conninfo: str, bucket: MemoryBucket, shipper: Shipper
) -> None:
    """While the bucket is away they wait; the metrics tell how many, how long, and how often it failed."""
    author.push("one")
    bucket.fails = lambda _key: True
    shipper.ship_once()
    assert inspect.behind(archive, conninfo) == []
    with psycopg.connect(conninfo) as db:
        db.execute("UPDATE push_journal SET created_at = created_at - interval '5 minutes'")
    assert [finding.rule for finding in inspect.behind(archive, conninfo)] == ["JOURNAL_BEHIND"]
    health = metrics.Health()
    metrics._ask_journal(conninfo, health)
    metrics._ask_shipper(archive, health)
    assert health.values["engineroom_pushes_waiting"] == 1
    assert health.values["engineroom_pushes_lag_seconds"] > 299
    assert health.values["engineroom_pushes_ship_failures_total"] == 1
    assert "engineroom_pushes_shipped_age_seconds" not in health.values
    bucket.fails = lambda _key: False
    shipper.ship_once()
    assert inspect.behind(archive, conninfo) == []
    metrics._ask_journal(conninfo, health)
    metrics._ask_shipper(archive, health)
    assert (health.values["engineroom_pushes_waiting"], health.values["engineroom_pushes_lag_seconds"]) == (0, 0)
    assert health.values["engineroom_pushes_shipped_total"] == 1
    assert health.values["engineroom_pushes_shipped_age_seconds"] >= 0
    assert "engineroom_pushes_lag_seconds" in metrics.text(health, "forge")
