"""The controller behind the steps about drills: a forge with everything in it, its sets, and drills of them."""

from __future__ import annotations

import json
import secrets
import shutil
from datetime import UTC, datetime
from pathlib import Path

import psycopg
from pydantic import SecretStr

from reports.evidence import this_project
from stack import drilling
from stack.forge.smsly import SmslyForge
from stack.forge.vault import Vault
from stack.place import archive_of
from stack.recovery import layout
from stack.recovery.canaries import REPOSITORY, Canaries
from stack.recovery.canary import later
from stack.recovery.catalogue import Catalogue
from stack.recovery.drill import Handed, Report, Stage, run_drill
from stack.recovery.drill.verbs import write
from stack.recovery.forge import load_queries
from stack.recovery.postgresql.archive import Archive
from stack.recovery.run import Made, restic_of, run_backup
from stack.recovery.sealing import SealKey, new_key
from stack.recovery.sets import list_sets, newest
from steps.recovery_desk import Desk, Said, drilled
from steps.recovery_harms import Services
from steps.recovery_sets_site import ADA, SetSite

__all__ = ["Drills"]

_NOWHERE = "0123456789abcdef0123456789abcdef01234567"


class Drills:
    """Drills of one site.

    Args:
        site: the forge and its archive.
        folder: for evidence.
    """

    def __init__(self, site: SetSite, folder: Path) -> None:
        """Nothing was drilled yet."""
        self.site, self.folder = site, folder
        self.report: Report | None = None
        self.page = folder / "none"
        self._number = 0
        self.said: Said | None = None
        self._services: Services | None = None
        self._odd_rows = False
        self.failed_in = ""
        self.came_back = False

    @property
    def canaries(self) -> Canaries:
        """In the forge."""
        return Canaries(self.site.source.conninfo, self.site.source.git_root)

    @property
    def last(self) -> Report:
        """The last drill."""
        assert self.report is not None, "nothing was drilled yet"
        return self.report

    def fill(self) -> None:
        """A secret, a pull request and an attachment with its row, once; and a set of all that."""
        if not self.site.has_all:
            vault = Vault.from_file(self.site.recovery.secrets[0])
            with SmslyForge(self.site.source.conninfo, vault=vault) as forge:
                forge.add_webhook("ada", "r0", url="https://example.org/hook", secret=SecretStr("planted"))
            self.site.hosting.push(
                "ada", "r1", {"topic.txt": b"topic\n"}, branch="topic", author=ADA, date=datetime.now(UTC)
            )
            self.site.hosting.open_pull_request("ada", "r1", author="ada", title="pull", head="topic")
            self.take()
            self.site.has_all = True

    def take(self) -> Made:
        """A set with canaries, before its point and after it."""
        made = run_backup(self.site.archive, self.site.source, self.site.signer, canary=self.canaries.plant)
        self.canaries.plant(later(made.catalogue.canary))
        return made

    def ship(self) -> None:
        """Receiver and shipper, until the scenario's end."""
        self._services = Services(self.site.desk)

    def name_nowhere(self) -> None:
        """A status of a commit that is in no repository."""
        self._odd_rows = True
        with psycopg.connect(self.site.source.conninfo) as db:
            db.execute(
                "INSERT INTO commit_status (repository_id, commit, context, state)"
                " SELECT id, %s, 'odd', 'success' FROM repository ORDER BY id LIMIT 1",
                (_NOWHERE,),
            )

    def drill(self, of: Archive | None = None, *, key: SealKey | None = None) -> None:
        """Carry one out, from bucket and keys alone, and leave its evidence."""
        self._number += 1
        site = self.site
        # In the run's folder, which the database's own user can enter.
        into = site.stack.folder / f"drill-{secrets.token_hex(4)}"
        archive = archive_of(
            site.settings,
            into / "database" / "agent",
            store=site.store,
            recovery=of.settings if of is not None else site.recovery,
            key=key,
            stack=site.stack,
        )
        handed = Handed(
            archive=archive,
            verifier=site.signer.verifier,
            restic=restic_of(archive, site.source.restic),
            queries=load_queries(),
            into=into,
            boot=lambda brought: drilling.boot(site.settings, archive, brought),
            measure=None,
            project=this_project(),
            canary_repository=REPOSITORY,
            slow=site.settings.slow,
        )
        self.report = run_drill(handed)
        self.page = write(self.report, self.folder / f"evidence{self._number}")
        self.came_back = into.is_dir() and any(into.iterdir())
        shutil.rmtree(into, ignore_errors=True)

    def run(self) -> None:
        """Carry one out by command, of the forge that runs."""
        self.said = self.site.desk.run("drill", within=600 * self.site.settings.slow)
        self.page, self.report = drilled(self.said)

    def check_age(self, hours: float) -> Said:
        """Ask by command whether the last drill is recent."""
        recovery = self.site.recovery.model_copy(update={"drill_every": hours})
        desk = Desk(self.folder / f"desk-{hours}-{secrets.token_hex(2)}", self.site.settings, recovery, self.site.stack)
        return desk.run("drill", "--check-age", within=60 * self.site.settings.slow)

    def drill_with_another_key(self) -> None:
        """With a key of the right form that opens nothing."""
        self.drill(key=new_key())

    def flip(self, of: Archive, what: str) -> None:
        """Flip a byte in the middle of something that the newest set needs."""
        bucket = of.bucket
        catalogue = self.take_of(of)
        below = f"postgresql/{catalogue.server}/"
        prefix = {
            "a base backup": f"{below}base/{catalogue.base.id}/data",
            "the point's WAL": f"{below}wals/{catalogue.point.segment[:16]}/{catalogue.point.segment}",
            "a content": layout.OBJECTS,
        }[what]
        stored = max(bucket.list(prefix), key=lambda each: each.size)
        data = bytearray(bucket.get(stored.key) or b"")
        data[len(data) // 2] ^= 1
        bucket.put(stored.key, bytes(data))

    def take_of(self, of: Archive) -> Catalogue:
        """The newest set of an archive."""
        found = newest(list_sets(of.bucket, self.site.signer.verifier))
        assert found is not None, "there is no set"
        return found

    def stage(self, name: str) -> Stage:
        """A stage of the last drill."""
        return next(stage for stage in self.last.stages if stage.name == name)

    def told(self) -> dict[str, object]:
        """What the JSON says."""
        found: dict[str, object] = json.loads(self.page.with_name("drill.json").read_text("utf-8"))
        return found

    def tidy(self) -> None:
        """End what was begun for a scenario."""
        if self._services is not None:
            self._services.close()
        if self._odd_rows:
            with psycopg.connect(self.site.source.conninfo) as db:
                db.execute("DELETE FROM commit_status WHERE commit = %s", (_NOWHERE,))
