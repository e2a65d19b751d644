"""Every way in which a set can be broken, and the rule that names it; a whole set breaks none."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from reports.verdict import Finding
from stack.recovery import layout
from stack.recovery.catalogue import Base, Catalogue, Point, Signer, Snapshot
from stack.recovery.deep import check_blobs
from stack.recovery.errors import RefusedError
from stack.recovery.manifests import OBJECTS, REFS, ObjectItem, RefsItem, read_refs, write
from stack.recovery.postgresql.walfile import SEGMENT_SIZE, Segment
from stack.recovery.rules import RULES, verdict
from stack.recovery.sealed import Sealed
from stack.recovery.sealing import SealKey, new_key
from stack.recovery.sets import check_set, check_sets, find_set, list_sets, newest
from stack.recovery.settings import RecoverySettings
from tests.recovery.conftest import MemoryBucket

NOW = datetime(2026, 11, 25, 12, tzinfo=UTC)
BASE, POINT = Segment(1, 3), Segment(1, 6)
CONTENTS = {"attachments/a": b"the first content", "lfs/b": b"the second content", "jobs/1/1/000001.log": b"a log"}

_MARKER = "postgresql/forge/server.json"


@dataclass
class Site:
    """A bucket with sets in it, made without any server."""

    bucket: MemoryBucket = field(default_factory=MemoryBucket)
    key: SealKey = field(default_factory=new_key)
    signer: Signer = field(default_factory=lambda: Signer(Ed25519PrivateKey.generate()))
    settings: RecoverySettings = field(default_factory=RecoverySettings)

    @property
    def sealed(self) -> Sealed:
        """The bucket, sealed."""
        return Sealed(self.bucket, self.key)

    def add(
        self, *, hours: float = 1, repositories: int = 10, secrets: bool = True, signer: Signer | None = None
    ) -> str:
        """Make a whole set that was complete so many hours ago; its id."""
        at = NOW - timedelta(hours=hours)
        set_id = f"{at:%Y%m%dT%H%M%SZ}-{repositories:06x}"
        for number in range(BASE.number, POINT.number + 1):
            name = Segment(1, number).name()
            self._at(f"postgresql/forge/wals/{name[:16]}/{name}.lz4", at)
        self._at("postgresql/forge/base/20261125T000000/backup.info", at)
        self.bucket.objects[_MARKER] = (b'{"format": 1, "key": "k", "system": "1", "version": 180006}', at)
        snapshots = [Snapshot(id="a" * 64, kind="git", shard="000", repositories=repositories)]
        snapshots += [Snapshot(id="b" * 64, kind="secrets", shard="")] if secrets else []
        for snapshot in snapshots:
            self._at(f"restic/snapshots/{snapshot.id}", at)
        items = [
            RefsItem(
                repository=number,
                owner="ada",
                name=f"r{number}",
                path=f"ada/r{number}.git",
                shard="000",
                refs={"refs/heads/main": f"{number:040x}", "refs/heads/next": f"{number + 1:040x}"},
            )
            for number in range(1, repositories + 1)
        ]
        catalogue = Catalogue(
            id=set_id,
            started=at,
            completed=at + timedelta(minutes=1),
            server="forge",
            point=Point(
                name=f"er-{set_id}",
                lsn=POINT.start() + 4711,
                timeline=1,
                time=at,
                segment=POINT.name(),
                system=1,
            ),
            base=Base(id="20261125T000000", bytes=10, begin=BASE.name(), ended=at),
            snapshots=tuple(snapshots),
            refs=write(self.sealed, set_id, REFS, items),
            objects=write(self.sealed, set_id, OBJECTS, [self._content(key, data) for key, data in CONTENTS.items()]),
            counts={"repository": repositories},
            totals={"refs": 2 * repositories},
            keys={"seal": self.key.fingerprint},
            versions={},
        )
        self.bucket.put(layout.catalogue(set_id), (signer or self.signer).sign(catalogue))
        self._touch(layout.SETS + set_id, at + timedelta(minutes=1))
        return set_id

    def _content(self, key: str, data: bytes) -> ObjectItem:
        sha256 = hashlib.sha256(data).hexdigest()
        self.sealed.put(layout.blob(sha256), data)
        return ObjectItem(key=key, size=len(data), sha256=sha256, modified=NOW)

    def _at(self, key: str, at: datetime) -> None:
        self.bucket.objects[key] = (b"x", at)

    def _touch(self, below: str, at: datetime) -> None:
        for key, (data, _) in list(self.bucket.objects.items()):
            if key.startswith(below):
                self.bucket.objects[key] = (data, at)

    def check(self, *, key: SealKey | None = None) -> list[Finding]:
        """What the check says, with the seal key."""
        return check_sets(self.bucket, self.signer.verifier, self.settings, key=key or self.key, now=NOW)[1]

    def deep(self) -> list[Finding]:
        """What it says when contents are read as well."""
        sets = list_sets(self.bucket, self.signer.verifier)
        return self.check() + check_blobs(self.sealed, [each.catalogue for each in sets if each.catalogue is not None])

    def first(self, below: str) -> str:
        """The first key that begins so."""
        return next(key for key in sorted(self.bucket.objects) if key.startswith(below))

    def flip(self, key: str, *, at: int = -1) -> None:
        """Flip a bit of an object."""
        data, when = self.bucket.objects[key]
        damaged = bytearray(data)
        damaged[at] ^= 1
        self.bucket.objects[key] = (bytes(damaged), when)

    def without(self, key: str) -> None:
        """Take an object away."""
        del self.bucket.objects[key]


@pytest.fixture
def site() -> Site:
    """A bucket with two whole sets."""
    made = Site()
    made.add(hours=20)
    made.add(hours=1)
    return made


def _rules(findings: list[Finding]) -> set[str]:
    return {finding.rule for finding in findings}


def test_whole_sets_break_no_rule(site: Site) -> None:
    """With the seal key, without it, and with every content read."""
    assert site.check() == []
    assert check_sets(site.bucket, site.signer.verifier, site.settings, now=NOW)[1] == []
    assert site.deep() == []


def _unsigned(site: Site) -> None:
    key = layout.catalogue(_ids(site)[-1])
    data, at = site.bucket.objects[key]
    envelope = json.loads(data) | {"signatures": []}
    site.bucket.objects[key] = (json.dumps(envelope).encode(), at)


def _changed(site: Site) -> None:
    key = layout.catalogue(_ids(site)[-1])
    data, at = site.bucket.objects[key]
    envelope = json.loads(data)
    payload = base64.b64decode(envelope["payload"]).replace(b'"repository":10', b'"repository":11')
    envelope["payload"] = base64.b64encode(payload).decode()
    site.bucket.objects[key] = (json.dumps(envelope).encode(), at)


def _moved(site: Site) -> None:
    old, new = _ids(site)
    site.bucket.objects[layout.catalogue(new)] = site.bucket.objects[layout.catalogue(old)]


def _waiting(site: Site) -> None:
    site.without(site.first(f"postgresql/forge/wals/{POINT.name()[:16]}/{POINT.name()}"))


def _none_whole(site: Site) -> None:
    for set_id in _ids(site):
        site.without(layout.catalogue(set_id))


def _stale(site: Site) -> None:
    site.settings = RecoverySettings(stale_set=0.5)


def _half(site: Site) -> None:
    old = NOW - timedelta(days=2)
    site.bucket.objects[layout.part(f"{old:%Y%m%dT%H%M%SZ}-abcdef", REFS)] = (b"x", old)


def _clocks(site: Site) -> None:
    site._touch(layout.SETS + _ids(site)[-1], NOW - timedelta(hours=3))


def _halved(site: Site) -> None:
    site.add(hours=0.5, repositories=5)


def _ids(site: Site) -> list[str]:
    return [each.id for each in list_sets(site.bucket, site.signer.verifier)]


BROKEN: dict[str, tuple[str, Callable[[Site], object]]] = {
    "an unsigned catalogue": ("CATALOGUE_UNSIGNED", _unsigned),
    "a catalogue signed by somebody else": (
        "CATALOGUE_UNSIGNED",
        lambda site: site.add(hours=0.5, signer=Signer(Ed25519PrivateKey.generate())),
    ),
    "a catalogue that says more than was signed": ("CATALOGUE_DAMAGED", _changed),
    "a flipped bit in a catalogue": ("CATALOGUE_DAMAGED", lambda site: site.flip(site.first("sets/"), at=40)),
    "an old catalogue in a newer set's place": ("CATALOGUE_DAMAGED", _moved),
    "no whole set": ("SET_NONE", _none_whole),
    "a set that is too old": ("SET_STALE", _stale),
    "a half-uploaded set": ("SET_HALF", _half),
    "clocks that do not fit": ("SET_CLOCK", _clocks),
    "a missing list of refs": ("MANIFEST_MISSING", lambda site: site.without(layout.part(_ids(site)[-1], REFS))),
    "a missing list of objects": ("MANIFEST_MISSING", lambda site: site.without(layout.part(_ids(site)[-1], OBJECTS))),
    "a flipped bit in a list": ("MANIFEST_DAMAGED", lambda site: site.flip(layout.part(_ids(site)[-1], REFS))),
    "a missing snapshot": ("SNAPSHOT_MISSING", lambda site: site.without("restic/snapshots/" + "a" * 64)),
    "a deleted content": ("BLOB_MISSING", lambda site: site.without(site.first("objects/"))),
    "a flipped bit in a content": ("BLOB_DAMAGED", lambda site: site.flip(site.first("objects/"))),
    "missing secrets": ("SECRETS_MISSING", lambda site: site.add(hours=0.5, secrets=False)),
    "half of the repositories": ("REPOSITORIES_FELL", _halved),
    "a missing base backup": ("BASE_INCOMPLETE", lambda site: site.without(site.first("postgresql/forge/base/"))),
    "a missing segment in the middle": (
        "WAL_MISSING",
        lambda site: site.without(site.first(f"postgresql/forge/wals/{POINT.name()[:16]}/{Segment(1, 4).name()}")),
    ),
    "a folder that is another server's": (
        "STORE_FOREIGN",
        lambda site: site.bucket.put(_MARKER, b'{"format": 1, "key": "k", "system": "2", "version": 180006}'),
    ),
    "a folder that says not whose it is": ("STORE_EMPTY", lambda site: site.without(_MARKER)),
    "the point's WAL not archived yet": ("BACKUP_WAITING", _waiting),
}


@pytest.mark.parametrize("case", BROKEN)
def test_what_is_broken_is_named_by_its_rule(site: Site, case: str) -> None:
    """Each of these raises its own rule, with what to do, and is no pass unless the rule is only worth telling."""
    rule, breaks = BROKEN[case]
    breaks(site)
    findings = site.deep()
    assert _rules(findings) == {rule}
    assert verdict(findings) == RULES[rule].verdict


def test_another_key_is_named_and_nothing_is_called_damaged(site: Site) -> None:
    """Whoever has the wrong key must not be told that the backup is broken."""
    assert _rules(site.check(key=new_key())) == {"KEY_WRONG"}


def test_a_set_whose_secrets_are_kept_apart_could_not_be_verified(site: Site) -> None:
    """It says who keeps them, so it is no fail; nobody looked at them, so it is no pass."""
    catalogue = newest(list_sets(site.bucket, site.signer.verifier))
    assert catalogue is not None
    apart = catalogue.model_copy(
        update={"snapshots": catalogue.snapshots[:1], "left_out": {"secrets": "they are kept by the safe"}}
    )
    findings = check_set(site.bucket, apart, key=site.key)
    assert _rules(findings) == {"SECRETS_KEPT_APART"}
    assert verdict(findings) == "could_not_verify"


def test_a_locked_object_that_is_gone_is_named_while_its_lock_holds(site: Site) -> None:
    """Nobody could delete it, so the store did not keep its word; afterwards it is only missing."""
    catalogue = newest(list_sets(site.bucket, site.signer.verifier))
    assert catalogue is not None
    held = catalogue.model_copy(update={"locked_until": NOW + timedelta(days=1)})
    assert check_set(site.bucket, held, key=site.key, now=NOW) == []
    site.without("restic/snapshots/" + "a" * 64)
    assert _rules(check_set(site.bucket, held, key=site.key, now=NOW)) == {"SNAPSHOT_MISSING", "LOCK_BROKEN"}
    later = NOW + timedelta(days=2)
    assert _rules(check_set(site.bucket, held, key=site.key, now=later)) == {"SNAPSHOT_MISSING"}


def test_the_receiver_s_pieces_are_as_good_as_a_segment_up_to_the_point(site: Site) -> None:
    """The last segment need not be archived when its pieces reach the point; a hole in them is not bridged."""
    _waiting(site)
    below = f"postgresql/forge/partial/{POINT.name()}/"
    site.bucket.objects[f"{below}{0:08x}-{4000:08x}"] = (b"x", NOW)
    assert _rules(site.check()) == {"BACKUP_WAITING"}
    site.bucket.objects[f"{below}{4100:08x}-{SEGMENT_SIZE:08x}"] = (b"x", NOW)
    assert _rules(site.check()) == {"BACKUP_WAITING"}
    site.bucket.objects[f"{below}{4000:08x}-{4800:08x}"] = (b"x", NOW)
    assert site.check() == []


def test_a_set_that_is_on_its_way_is_not_told_of(site: Site) -> None:
    """What was written a moment ago is a backup that runs, not one that was interrupted."""
    site.bucket.objects[layout.part(f"{NOW:%Y%m%dT%H%M%SZ}-abcdef", REFS)] = (b"x", NOW)
    assert site.check() == []
    assert find_set(list_sets(site.bucket, site.signer.verifier), "latest").id == _ids(site)[1]


def test_a_set_is_found_by_its_id_its_name_or_as_the_latest(site: Site) -> None:
    """What is not there is refused, naming what is; what cannot be trusted is refused by its own rule."""
    sets = list_sets(site.bucket, site.signer.verifier)
    old, new = (each.id for each in sets)
    assert find_set(sets, old).id == old
    assert find_set(sets, "latest").id == new
    with pytest.raises(RefusedError, match=f"(?s)SET_NONE.*{new}"):
        find_set(sets, "yesterday")
    _unsigned(site)
    with pytest.raises(RefusedError, match="CATALOGUE_UNSIGNED"):
        find_set(list_sets(site.bucket, site.signer.verifier), new)
    assert find_set(list_sets(site.bucket, site.signer.verifier), "latest").id == old


def test_a_list_of_refs_comes_back_as_it_was_written(site: Site) -> None:
    """Under its own set's name alone."""
    old, new = (each.catalogue for each in list_sets(site.bucket, site.signer.verifier))
    assert old is not None
    assert new is not None
    assert [item.name for item in read_refs(site.sealed, new)] == [f"r{number}" for number in range(1, 11)]
    site.bucket.objects[layout.part(new.id, REFS)] = site.bucket.objects[layout.part(old.id, REFS)]
    with pytest.raises(RefusedError, match="MANIFEST_DAMAGED"):
        read_refs(site.sealed, new)
