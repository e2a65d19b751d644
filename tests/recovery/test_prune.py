"""What may go of sets, and what must stay."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import cast

import pytest

from stack.recovery import layout, prune
from stack.recovery.catalogue import Catalogue
from stack.recovery.errors import RefusedError
from stack.recovery.git.journal import Entry
from stack.recovery.manifests import REFS, RefsItem, write
from stack.recovery.postgresql.archive import Archive
from stack.recovery.sealed import Sealed
from stack.recovery.sets import list_sets
from stack.recovery.settings import RecoverySettings
from tests.recovery.test_sets import NOW, Site

OLD = NOW - timedelta(days=30)


class Stand:
    """As much of an archive as pruning asks for."""

    def __init__(self, site: Site, **settings: int) -> None:
        """On that bucket."""
        self.bucket = site.bucket
        self.key = site.key
        self.settings = RecoverySettings(**settings)  # type: ignore[arg-type] # all of these are numbers


def _kept(site: Site, **settings: int) -> list[str]:
    catalogues = [each.catalogue for each in list_sets(site.bucket, site.signer.verifier)]
    found = [each for each in catalogues if each is not None]
    return [each.id for each in prune._kept(found, cast("Archive", Stand(site, **settings)), NOW)]


def test_every_moment_of_the_last_days_stays_within_reach() -> None:
    """The newest set that is older is what the moments after it are restored from."""
    site = Site()
    ids = [site.add(hours=24 * days) for days in (20, 10, 8, 6, 1)]
    assert _kept(site, keep_days=7, keep_at_least=1) == ids[2:]
    assert _kept(site, keep_days=9, keep_at_least=1) == ids[1:]


def test_some_sets_stay_however_old() -> None:
    """A forge whose backups stopped long ago keeps the last ones."""
    site = Site()
    ids = [site.add(hours=24 * days) for days in (90, 80, 70)]
    assert _kept(site, keep_days=7, keep_at_least=2) == ids[1:]
    assert _kept(site, keep_days=7, keep_at_least=1) == ids[2:]


def _entry(site: Site, repository: int, row: int, pack: str) -> None:
    key = layout.entry(repository, row)
    entry = Entry(
        row=row, repository=repository, is_wiki=False, owner="ada", name="r", accepted=OLD, shipped=OLD, pack=pack
    )
    site.sealed.put(key, entry.model_dump_json().encode())
    site.bucket.objects[layout.pack(pack)] = (b"x", OLD)


def _doomed(site: Site, kept: Catalogue) -> set[str]:
    doomed = prune.Doomed(kept=[kept])
    prune._add_pushes(doomed, cast("Archive", Stand(site)), NOW)
    prune._add_contents(doomed, cast("Archive", Stand(site)), NOW)
    return {stored.key for stored in doomed.objects}


def _newest(site: Site, *, journal: int = 5) -> Catalogue:
    (listed,) = list_sets(site.bucket, site.signer.verifier)
    assert listed.catalogue is not None
    return listed.catalogue.model_copy(update={"journal": journal})


def test_pushes_that_the_oldest_kept_set_has_may_go_and_later_ones_stay() -> None:
    """A pack that a later push needs as well stays with it."""
    site = Site()
    site.add()
    _entry(site, 1, 4, "a" * 64)
    _entry(site, 1, 5, "b" * 64)
    _entry(site, 1, 6, "b" * 64)
    _entry(site, 2, 7, "c" * 64)
    doomed = _doomed(site, _newest(site))
    assert doomed == {layout.entry(1, 4), layout.entry(1, 5), layout.pack("a" * 64)}


def test_pushes_of_a_repository_that_the_set_lacks_stay() -> None:
    """The journal may be all that there is of it."""
    site = Site()
    site.add()
    catalogue = _newest(site)
    items = [RefsItem(repository=1, owner="ada", name="r", path="ada/r.git")]
    catalogue = catalogue.model_copy(update={"refs": write(site.sealed, catalogue.id, REFS, items)})
    _entry(site, 1, 4, "a" * 64)
    _entry(site, 2, 5, "b" * 64)
    assert _doomed(site, catalogue) == {layout.entry(2, 5), layout.pack("b" * 64)}


def test_contents_that_no_kept_set_names_may_go_unless_they_are_young() -> None:
    """What was written a moment ago may be of a backup that is on its way."""
    site = Site()
    site.add()
    Sealed(site.bucket, site.key).put(layout.blob("d" * 64), b"young")
    site.bucket.objects[layout.blob("e" * 64)] = (b"x", OLD)
    site.bucket.objects[layout.blob("d" * 64)] = (b"x", datetime.now(UTC))
    assert _doomed(site, _newest(site)) == {layout.blob("e" * 64)}


def test_nothing_is_deleted_while_a_catalogue_cannot_be_trusted() -> None:
    """Nobody knows what that set needs; nor without any set at all."""
    site = Site()
    set_id = site.add()

    class Whole(Stand):
        def require(self) -> None:
            """It is ours."""

    archive = cast("Archive", Whole(site))
    site.flip(layout.catalogue(set_id), at=40)
    with pytest.raises(RefusedError, match="CATALOGUE_DAMAGED"):
        prune.surplus_sets(archive, site.signer.verifier, Path("/nonexistent"), now=NOW)
    site.without(layout.catalogue(set_id))
    with pytest.raises(RefusedError, match="SET_NONE"):
        prune.surplus_sets(archive, site.signer.verifier, Path("/nonexistent"), now=NOW)
