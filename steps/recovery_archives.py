"""Archives to break: copies of a sound one in the same bucket, and places that are none."""

from __future__ import annotations

import json
import secrets
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import SecretStr

from stack.addresses import ObjectStoreAddress
from stack.recovery.postgresql.archive import Archive, Marker
from stack.recovery.postgresql.contents import look
from stack.recovery.postgresql.restore import Target
from stack.recovery.postgresql.walfile import SEGMENT_SIZE, Segment
from stack.recovery.sealing import new_key
from stack.recovery.tools import Programs
from steps.recovery_site import RecoverySite

if TYPE_CHECKING:
    from steps.recovery_control import Recovery

__all__ = ["Archives"]

_SYSTEM = slice(24, 32)  # of a segment's first page


class Archives:
    """What a scenario breaks."""

    def __init__(self, site: RecoverySite) -> None:
        """Copies come from this site's archive."""
        self._site = site

    def copy(self) -> Archive:
        """A copy in another folder of the bucket, beginning at its last base backup."""
        source = self._site.archive
        recovery = source.settings.model_copy(update={"prefix": f"copy-{secrets.token_hex(4)}"})
        copied = self._site.seen_from(self._site.stack.folder / "copies" / recovery.prefix, recovery)
        copied.folder.parent.mkdir(exist_ok=True)
        client = source.bucket.client
        for stored in source.bucket.list():
            client.copy_object(
                Bucket=recovery.bucket,
                Key=f"{recovery.prefix}/{stored.key}",
                CopySource={"Bucket": recovery.bucket, "Key": f"{source.bucket.prefix}/{stored.key}"},
            )
        return copied

    def after_base(self, archive: Archive) -> tuple[Segment, str]:
        """A segment in the middle, after the last base backup, and its object."""
        contents = look(archive)
        begin = contents.complete[-1].end
        assert begin is not None
        later = sorted(each for each in contents.segments if each.number > begin.number)
        assert len(later) >= 3, "too little WAL was archived"
        return later[1], archive.below + contents.segments[later[1]].key

    def take_out(self, archive: Archive) -> str:
        """Remove a segment, and what the receiver shipped of it; its name."""
        segment, key = self.after_base(archive)
        pieces = [archive.below + chunk.stored.key for chunk in look(archive).chunks.get(segment, ())]
        archive.bucket.delete([key, *pieces])
        return segment.name()

    def take_out_needed(self, archive: Archive) -> None:
        """Remove the WAL that the last base backup needs, and everything after."""
        contents = look(archive)
        begin = contents.complete[-1].begin
        assert begin is not None
        keys = [stored.key for segment, stored in contents.segments.items() if segment.number >= begin.number]
        keys += [
            chunk.stored.key
            for segment, chunks in contents.chunks.items()
            if segment.number >= begin.number
            for chunk in chunks
        ]
        archive.bucket.delete(archive.below + key for key in keys)

    def flip_base(self, archive: Archive) -> str:
        """Flip a bit of the last base backup; the object."""
        data = max(look(archive).complete[-1].objects, key=lambda each: each.size)
        return self._flip(archive, archive.below + data.key)

    def flip_segment(self, archive: Archive) -> str:
        """Flip a bit of a segment; the object."""
        return self._flip(archive, self.after_base(archive)[1])

    def _flip(self, archive: Archive, key: str) -> str:
        content = bytearray(archive.bucket.get(key) or b"")
        content[len(content) // 2] ^= 1
        archive.bucket.put(key, bytes(content))
        return key

    def foreign_segment(self, archive: Archive) -> str:
        """Lay another server's segment where one of ours was: sound, sealed with our key, but not ours."""
        segment, key = self.after_base(archive)
        fetched = archive.folder / "foreign"
        archive.lay(archive.require())
        done = archive.run(["fetch", segment.name(), fetched], within=60)
        assert done.code == 0, done.stderr
        content = bytearray(fetched.read_bytes())
        content[_SYSTEM] = (4711).to_bytes(8, "little")
        assert len(content) == SEGMENT_SIZE
        plain = key.rpartition(".")[0]
        archive.bucket.delete([key])
        archive.bucket.put(plain, archive.key.seal(bytes(content), plain.removeprefix(archive.below)))
        return plain

    def claim(self, archive: Archive) -> None:
        """Have it say that it is another server's."""
        marker = archive.require()
        other = Marker(marker.system + 1, marker.key, marker.version)
        archive.bucket.put(archive.below + "server.json", other.to_json())

    def obstacle(self, name: str, scenario: Recovery) -> tuple[Archive, Target, Path | None]:
        """An archive, a target and a folder with which a restore must be refused."""
        here = self._site.archive
        now = datetime.now(UTC)
        latest = Target("latest")
        if name == "a folder that is not empty":
            into = scenario.new_target()
            into.mkdir()
            (into / "letter").write_text("from grandmother", "utf-8")
            return here, latest, into
        if name == "the folder of a running server":
            return here, latest, self._site.place.server.data
        targets = {
            "a time before the archive": Target("time", time=now - timedelta(days=1)),
            "a time after the archive": Target("time", time=now + timedelta(hours=1)),
            "a point that nobody set": Target("name", name="nobody-set-this"),
        }
        return (here, targets[name], None) if name in targets else (self.odd(name), latest, None)

    def odd(self, name: str) -> Archive:  # noqa: PLR0911 - one for each
        """An archive, or what was meant to be one, with something wrong about it."""
        site = self._site
        recovery = site.archive.settings
        folder = site.stack.folder / "odd"
        if name == "an empty bucket":
            return site.seen_from(folder, recovery.model_copy(update={"prefix": "nothing-here"}))
        if name == "a bucket that is not there":
            return site.seen_from(folder, recovery.model_copy(update={"bucket": "engineroom-is-not-there"}))
        if name == "a store that does not answer":
            return site.seen_from(folder, recovery, site.store.model_copy(update={"endpoint": "http://127.0.0.1:9"}))
        if name == "credentials of somebody else":
            wrong: ObjectStoreAddress = site.store.model_copy(update={"secret_key": SecretStr("x" * 40)})
            return site.seen_from(folder, recovery, wrong)
        if name == "a folder of something else":
            odd = site.seen_from(folder, recovery.model_copy(update={"prefix": "photographs"}))
            odd.bucket.put(odd.below + "holiday.jpg", b"not a backup")
            return odd
        odd = site.seen_from(folder, recovery)
        if name == "another key":
            odd.key = new_key()
            return odd
        assert name == "programs of another major version", name
        older = folder / "postgres"
        odd.ground.make(folder)
        older.write_text("#!/bin/sh\necho 'postgres (PostgreSQL) 15.3'\n", "utf-8")
        older.chmod(0o755)
        odd.programs = Programs({**odd.programs.postgresql, "postgres": older}, odd.programs.barman, odd.programs.env)
        return odd

    def told(self, archive: Archive) -> dict[str, object]:
        """The marker, as it lies in the bucket."""
        told: dict[str, object] = json.loads(archive.bucket.get(archive.below + "server.json") or b"{}")
        return told
