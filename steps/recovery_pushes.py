"""Steps about pushes on their way to the bucket, and about git that comes back from there."""

from __future__ import annotations

import random
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

import psycopg
import pytest
from pytest_bdd import given, parsers, then, when

from reports.context import RunContext
from stack.components.postgresql import PRIMARY
from stack.forge.git_local import LocalGit
from stack.forge.gitenv import git
from stack.forge.names import git_name
from stack.recovery import layout, metrics
from stack.recovery.git import contents, ledger
from stack.recovery.postgresql.archive import Archive
from steps.components import until
from steps.recovery_control import Recovery
from steps.recovery_forge import Pusher, PushSite, Refs
from steps.recovery_site import RecoverySite

__all__: list[str] = []

_SEED = 20261125


@dataclass
class Moment:
    """What git was after something had happened."""

    at: datetime
    refs: Refs
    names: frozenset[str]


@dataclass
class Pushes:
    """What one scenario does."""

    site: PushSite
    recovery: Recovery
    folder: Path
    name: str = ""
    commits: list[str] = field(default_factory=list)
    began: float = 0.0
    moments: dict[str, Moment] = field(default_factory=dict)
    chosen: Moment | None = None
    back: Path | None = None
    findings: list[str] = field(default_factory=list)
    pusher: Pusher | None = None
    copy: Archive | None = None
    is_lost: bool = False

    def make(self) -> str:
        """The scenario's repository, made when it is first needed."""
        self.name = self.name or self.site.create()
        return self.name

    def push(self, number: int = 1) -> None:
        """Push so many commits, each by itself."""
        for _ in range(number):
            self.began = time.monotonic()
            self.commits.append(self.site.push(self.make(), f"commit {len(self.commits)}"))

    def bring_back(self, conninfo: str | None = None) -> None:
        """Make git anew, from the bucket alone."""
        self.back = self.folder / f"git-{time.monotonic_ns():x}"
        told = self.site.bring_back(self.back, conninfo)
        self.findings = [f"{finding.rule} {finding.message}" for finding in told]

    def restored(self) -> LocalGit:
        """Git as it came back."""
        assert self.back is not None, "nothing was restored"
        return LocalGit(self.back)


@pytest.fixture(scope="session")
def push_site(recovery_site: RecoverySite) -> Iterator[PushSite]:
    """One forge on the site of recovery."""
    site = PushSite(recovery_site)
    yield site
    site.close()


@pytest.fixture
def pushes(push_site: PushSite, recovery: Recovery, tmp_path: Path) -> Iterator[Pushes]:
    """The controller of these steps."""
    tmp_path.chmod(0o755)
    control = Pushes(push_site, recovery, tmp_path)
    yield control
    if control.pusher is not None:
        control.pusher.stop()
    if control.is_lost:
        push_site.site.recover()
        push_site.site.renew_receiver()
    if not push_site.shipper.is_running:
        push_site.renew_shipper()


@given("a forge on it whose pushes are shipped")
def shipping(pushes: Pushes) -> None:
    pushes.site.wait_shipped(30)


# -- pushing ---------------------------------------------------------------------------------------------------------


@when("a commit is pushed")
def pushed_one(pushes: Pushes) -> None:
    pushes.push()


@when(parsers.parse("{number:d} commits are pushed"))
def pushed_some(pushes: Pushes, number: int) -> None:
    pushes.push(number)


@when("a text that can be recognised is pushed to a branch of that name")
def pushed_text(pushes: Pushes, recovery: Recovery) -> None:
    recovery.text = f"recognisable-{time.time_ns()}"
    pushes.began = time.monotonic()
    pushes.commits.append(pushes.site.push(pushes.make(), recovery.text, branch=recovery.text))


@given("a repository to which this happens, each moment remembered")
def happens(pushes: Pushes, recovery: Recovery, datatable: Sequence[Sequence[str]]) -> None:
    name = pushes.make()
    names = {name}
    for (what,) in datatable[1:]:
        if what == "it is deleted":
            pushes.site.wait_shipped(30)  # what is deleted before it is shipped is gone
        name = pushes.site.do(what, name)
        names.add(name)
        recovery.remember()
        assert recovery.moment is not None
        refs = {repo: dict(refs) for repo, refs in pushes.site.refs(name).items()}
        pushes.moments[what] = Moment(recovery.moment, refs, frozenset(names))
    # So that the last moment has something after it, and all of it is in the archive.
    pushes.site.wait_shipped(30)
    recovery.plant("after all moments")
    recovery.write_segments(1)
    recovery.wait_archived(60)


@given(parsers.parse("pushes go on to {number:d} repositories"))
def go_on(pushes: Pushes, number: int) -> None:
    pushes.pusher = Pusher(pushes.site, [pushes.site.create() for _ in range(number)])
    pushes.pusher.start()


@given("a branch that was pushed and announced to nobody")
def unannounced(pushes: Pushes) -> None:
    pushes.push()
    repo = git_name("ada", pushes.make())
    pushes.site.wait_shipped(30)
    pushes.site.repositories.update_ref(repo, "refs/heads/unannounced", pushes.commits[0])


@when("git is compared with the database")
def compared(pushes: Pushes) -> None:
    done = ledger.sync(pushes.site.conninfo, pushes.site.repositories.root)
    assert done.seen == [git_name("ada", pushes.make())]


# -- faults ----------------------------------------------------------------------------------------------------------


@when(parsers.parse("the shipper is killed with SIGKILL {number:d} times while it ships"))
def killed(pushes: Pushes, number: int) -> None:
    site = pushes.site
    site.shipper.kill()
    chance = random.Random(_SEED)  # noqa: S311 - the moment of a kill is no secret
    desk = site.desk(pushes.folder / "desk")
    log = desk.log("ship")
    for _ in range(number):
        process = desk.start("backup", "ship", log="ship")
        site.wait_more(60, log)
        time.sleep(chance.uniform(0, 0.3))
        assert process.poll() is None, log.read_text("utf-8")
        process.kill()
        process.wait(10)


@when("the pushes end and a new shipper takes over")
def takes_over(pushes: Pushes) -> None:
    assert pushes.pusher is not None
    pushes.pusher.stop()
    pushes.site.renew_shipper()


@when("the primary, its receiver, git and the shipper are lost at once")
def all_lost(pushes: Pushes, recovery: Recovery) -> None:
    pushes.is_lost = True
    assert pushes.pusher is not None
    pushes.pusher.wait_older(3)  # so that there is something before what may be lost
    with ThreadPoolExecutor(3) as pool:
        gone = [
            pool.submit(recovery.site.stack.kill, PRIMARY),
            pool.submit(recovery.site.receiver.kill),
            pool.submit(pushes.site.shipper.kill),
        ]
    for each in gone:
        each.result()
    pushes.pusher.stop()


# -- coming back -----------------------------------------------------------------------------------------------------


@when(parsers.parse('the forge is restored to the moment after "{what}"'))
def restored_to(pushes: Pushes, recovery: Recovery, what: str) -> None:
    pushes.chosen = pushes.moments[what]
    recovery.restore(recovery.archive, pushes.chosen.at.isoformat())
    assert recovery.restored is not None, recovery.error
    pushes.bring_back(recovery.restored.conninfo)


@when("the forge is restored as far as the bucket reaches")
def restored_all(pushes: Pushes, recovery: Recovery, report: RunContext) -> None:
    recovery.restore(recovery.archive, "latest")
    assert recovery.restored is not None, recovery.error
    began = time.monotonic()
    pushes.bring_back(recovery.restored.conninfo)
    report.attach_measurement("git restored from the journal", "s", [time.monotonic() - began])


@then("git has exactly the refs of that moment")
def exactly(pushes: Pushes) -> None:
    assert pushes.chosen is not None
    there = pushes.restored()
    found = {repo: refs for name in pushes.chosen.names for repo, refs in pushes.site.refs(name, there).items()}
    assert found == pushes.chosen.refs, pushes.findings
    assert [each for each in pushes.findings if any(name in each for name in pushes.chosen.names)] == []
    for repo in found:
        assert pushes.back is not None
        git(["fsck", "--full", "--strict"], git_dir=pushes.back / repo)


@then("a repository that is made of the bucket alone has it")
def has_it(pushes: Pushes) -> None:
    pushes.bring_back()
    assert pushes.site.refs(pushes.name, pushes.restored()) == pushes.site.refs(pushes.name)
    assert pushes.commits[-1] in pushes.site.refs(pushes.name)[git_name("ada", pushes.name)].values()


@then("a forge that is made of the bucket has what git has")
def has_all(pushes: Pushes) -> None:
    pushes.bring_back()
    assert pushes.findings == []
    assert pushes.pusher is not None
    for name in pushes.pusher.names:
        assert pushes.site.refs(name, pushes.restored()) == pushes.site.refs(name)


@then(parsers.parse("no push is missing that was older than {seconds:d} seconds"))
def few_lost(pushes: Pushes, report: RunContext, seconds: int) -> None:
    assert pushes.pusher is not None
    reached: set[str] = set()
    there = pushes.restored()
    for repo in (git_name("ada", name) for name in pushes.pusher.names):
        if pushes.back is not None and there.exists(repo):
            reached |= set(git(["rev-list", "--all"], git_dir=pushes.back / repo).text.split())
    came = [at for at, _, commit in pushes.pusher.pushed if commit in reached]
    lost = [at for at, _, commit in pushes.pusher.pushed if commit not in reached]
    assert came, "not one push came back"
    last = pushes.pusher.pushed[-1][0]
    data_time = last - min(lost) if lost else 0.0
    report.attach_measurement("pushes lost with database, git and shipper", "s", [data_time])
    assert data_time < seconds * pushes.site.site.settings.slow, f"{len(lost)} of {len(lost) + len(came)} are lost"


# -- the bucket ------------------------------------------------------------------------------------------------------


@then(parsers.parse("it is in the bucket within {seconds:d} seconds"))
def in_bucket(pushes: Pushes, report: RunContext, seconds: int) -> None:
    site = pushes.site
    with psycopg.connect(site.conninfo) as db:
        row = db.execute(
            "SELECT repository_id, max(id) FROM push_journal WHERE name = %s GROUP BY 1", (pushes.name,)
        ).fetchone()
    assert row is not None
    key = layout.entry(*row)
    until(
        lambda: site.archive.bucket.head(key) is not None,
        seconds * site.site.settings.slow,
        lambda: site.shipper.shipped,
    )
    report.attach_measurement("push to bucket", "s", [time.monotonic() - pushes.began])
    entry = contents.read_entry(site.archive, key)
    assert entry is not None
    assert [move.new for move in entry.moves] == [pushes.commits[-1]]
    assert site.archive.bucket.head(layout.pack(entry.pack or "")) is not None


@then(parsers.parse("every push is in the bucket within {seconds:d} seconds"))
def all_in_bucket(pushes: Pushes, seconds: int) -> None:
    pushes.site.wait_shipped(seconds)
    with psycopg.connect(pushes.site.conninfo) as db:
        rows = {row[0] for row in db.execute("SELECT id FROM push_journal").fetchall()}
    assert set(pushes.site.entries()) == rows


@then("nothing of the journal is missing, doubled or damaged")
def whole(pushes: Pushes) -> None:
    assert pushes.site.check() == []
    assert len(pushes.site.entries()) == len(set(pushes.site.entries()))


@then("the branch is in the journal as seen")
def seen(pushes: Pushes) -> None:
    pushes.site.wait_shipped(30)
    found = contents.read(pushes.site.archive).entries
    named = [entry for entry in found if any(move.ref == "refs/heads/unannounced" for move in entry.moves)]
    assert [(entry.seen, entry.name) for entry in named] == [(True, pushes.name)]


@then(
    parsers.parse(
        "the metrics tell of {number:d} pushes that wait and of failures to ship them within {seconds:d} seconds"
    )
)
def told(pushes: Pushes, number: int, seconds: int) -> None:
    site = pushes.site
    failures = site.shipper.shipped.failures
    until(
        lambda: site.shipper.shipped.failures > failures and site.shipper.shipped.waiting == number,
        seconds * site.site.settings.slow,
        lambda: site.shipper.shipped,
    )
    values = metrics.measure(site.archive, site.site.place.server, site.conninfo).values
    assert values["engineroom_pushes_waiting"] == number
    assert values["engineroom_pushes_lag_seconds"] > 0
    assert values["engineroom_pushes_ship_failures_total"] > failures


@given("a copy of the archive with three pushes")
def copied(pushes: Pushes, recovery: Recovery) -> None:
    pushes.push(1)
    pushes.site.wait_shipped(30)
    pushes.push(1)
    pushes.site.wait_shipped(30)
    pushes.push(1)
    pushes.site.wait_shipped(30)
    pushes.copy = recovery.archives.copy()


def _key(pushes: Pushes, number: int) -> str:
    with psycopg.connect(pushes.site.conninfo) as db:
        rows = db.execute(
            "SELECT repository_id, id FROM push_journal WHERE name = %s ORDER BY id", (pushes.name,)
        ).fetchall()
    return layout.entry(*rows[number - 1])


@when("the second push's entry is taken out of the copy")
def out(pushes: Pushes) -> None:
    assert pushes.copy is not None
    pushes.copy.bucket.delete([_key(pushes, 2)])


@when("a bit of the third push's pack is flipped in the copy")
def flipped(pushes: Pushes) -> None:
    assert pushes.copy is not None
    entry = contents.read_entry(pushes.copy, _key(pushes, 3))
    assert entry is not None
    key = layout.pack(entry.pack or "")
    data = bytearray(pushes.copy.bucket.get(key) or b"")
    data[len(data) // 2] ^= 1
    pushes.copy.bucket.put(key, bytes(data))


@then("the copy breaks no rule")
def healthy(pushes: Pushes) -> None:
    assert pushes.site.check(pushes.copy) == []


@then(parsers.parse('the copy breaks "{rule}"'))
def breaks(pushes: Pushes, rule: str) -> None:
    found = pushes.site.check(pushes.copy)
    assert [finding.rule for finding in found] == [rule]
    assert _key(pushes, 2) in found[0].message


@then(parsers.parse('the copy breaks both "{first}" and "{second}"'))
def breaks_both(pushes: Pushes, first: str, second: str) -> None:
    assert sorted(finding.rule for finding in pushes.site.check(pushes.copy)) == [first, second]
