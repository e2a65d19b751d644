"""Steps about backups of the database, and about what comes back of them."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
from pytest_bdd import given, parsers, then, when

from reports.context import RunContext, run_context
from stack.recovery.errors import RecoveryError
from stack.recovery.postgresql import prune
from stack.recovery.postgresql.contents import Contents, look
from stack.settings import Settings
from steps.evidence import tell_of_stack
from steps.recovery_archives import Archives
from steps.recovery_control import Recovery
from steps.recovery_site import RecoverySite

__all__: list[str] = []


@pytest.fixture(scope="session")
def recovery_site(pytestconfig: pytest.Config, settings: Settings) -> Iterator[RecoverySite]:
    """One small stack with a backed-up database for all scenarios."""
    with RecoverySite(settings) as site:
        tell_of_stack(run_context(pytestconfig), settings, site.stack, site.archive.key.text().strip())
        yield site


@pytest.fixture
def recovery(recovery_site: RecoverySite) -> Iterator[Recovery]:
    """The controller of these steps."""
    control = Recovery(recovery_site, Archives(recovery_site))
    yield control
    control.tidy()


@pytest.fixture
def report(pytestconfig: pytest.Config) -> RunContext:
    """Where measurements go."""
    return run_context(pytestconfig)


@given("a database whose WAL is archived, with a base backup")
def archived(recovery: Recovery) -> None:
    assert recovery.archive.marker() is not None


@given("what the metrics told before the database's WAL was archived")
def before_archiving(recovery: Recovery) -> None:
    assert recovery.site.without["engineroom_database_up"] == 1


@then("it was not called archiving")
def not_archiving(recovery: Recovery) -> None:
    assert recovery.site.without["engineroom_wal_archiving"] == 0


@then("no segment waited to be archived")
def none_waited(recovery: Recovery) -> None:
    assert recovery.site.without["engineroom_wal_waiting_segments"] == 0


@given("rows are written ten times a second")
def steady(recovery: Recovery) -> None:
    recovery.write_steadily()


@given(parsers.parse('the canary "{label}"'))
@then(parsers.parse('the canary "{label}" can be written'))
def planted(recovery: Recovery, label: str) -> None:
    recovery.plant(label)


@given(parsers.parse('the named point "{name}"'))
def point(recovery: Recovery, name: str) -> None:
    recovery.set_point(name)


@given("that moment is remembered")
def remembered(recovery: Recovery) -> None:
    recovery.remember()


@given("a text that can be recognised is written to a table and archived")
def recognisable(recovery: Recovery) -> None:
    recovery.write_text()


@given("a copy of the archive")
def copied(recovery: Recovery) -> None:
    recovery.write_segments(4)
    recovery.wait_archived(60)
    recovery.copy = recovery.archives.copy()


@given("a copy of the archive that says it is another server's")
def copied_foreign(recovery: Recovery) -> None:
    recovery.copy = recovery.archives.copy()
    recovery.archives.claim(recovery.copy)


@given("a copy of the archive with two base backups")
def copied_twice(recovery: Recovery) -> None:
    if len(look(recovery.archive).complete) < 2:
        recovery.take()
    recovery.copy = recovery.archives.copy()


@given("a segment after its base backup is taken out of it")
def taken_out(recovery: Recovery) -> None:
    recovery.named = recovery.archives.take_out(recovery.the_copy)


@given("it lacks the WAL that its base backup needs, and all after it")
def lacks_wal(recovery: Recovery) -> None:
    recovery.archives.take_out_needed(recovery.the_copy)


@given("a bit of its base backup is flipped")
def flipped_base(recovery: Recovery) -> None:
    recovery.named = recovery.archives.flip_base(recovery.the_copy)


@given("a bit of a segment after its base backup is flipped")
def flipped_segment(recovery: Recovery) -> None:
    recovery.named = recovery.archives.flip_segment(recovery.the_copy)


@given("a segment of another server is laid over one of its own")
def foreign(recovery: Recovery) -> None:
    recovery.named = recovery.archives.foreign_segment(recovery.the_copy)


@given("the store is killed")
def store_killed(recovery: Recovery) -> None:
    recovery.end_store()


@when("the store is there again")
def store_back(recovery: Recovery) -> None:
    recovery.begin_store()


@when(parsers.parse("{number:d} segments of WAL are written"))
def segments(recovery: Recovery, number: int) -> None:
    recovery.write_segments(number)


@when(parsers.parse("{number:d} segments of WAL are written to the restored server"))
def segments_there(recovery: Recovery, number: int) -> None:
    recovery.write_to_restored(number)


@when("the primary and its receiver are killed at once")
def lost(recovery: Recovery) -> None:
    recovery.lose_primary()


@when("the archiver is killed with SIGKILL in the middle of a segment")
def archiver_killed(recovery: Recovery) -> None:
    recovery.kill_archiver()


@when("a base backup is taken")
def taken(recovery: Recovery) -> None:
    recovery.take()


@when("two base backups are begun at once")
def taken_twice(recovery: Recovery) -> None:
    recovery.take_two()


@when("a base backup is killed with SIGKILL while it runs")
def backup_killed(recovery: Recovery) -> None:
    recovery.kill_backup()


@when("an archived segment is archived once more")
def again(recovery: Recovery) -> None:
    recovery.archive_again(other=False)


@when("other content is archived under that name")
def again_other(recovery: Recovery) -> None:
    recovery.archive_again(other=True)


@when("the archive is restored as far as it reaches")
def restored_latest(recovery: Recovery, report: RunContext) -> None:
    recovery.restore(recovery.archive, "latest")
    if recovery.restored is not None:
        report.attach_measurement("base backup fetched", "s", [recovery.restored.fetched])
        report.attach_measurement("point reached", "s", [recovery.restored.recovered])


@when(parsers.parse('the archive is restored to the point "{name}"'))
def restored_point(recovery: Recovery, name: str) -> None:
    recovery.restore(recovery.archive, name)


@when("the archive is restored to that moment")
def restored_moment(recovery: Recovery) -> None:
    # The last second of WAL is on its way.
    recovery.write_segments(1)
    recovery.wait_archived(60)
    assert recovery.moment is not None
    recovery.restore(recovery.archive, recovery.moment.isoformat())


@when("the copy is restored as far as it reaches")
def copy_restored(recovery: Recovery) -> None:
    recovery.restore(recovery.the_copy, "latest")


@when("the copy is checked")
def copy_checked(recovery: Recovery) -> None:
    recovery.check(recovery.the_copy)


@when("the copy is read whole")
def copy_read(recovery: Recovery) -> None:
    recovery.check(recovery.the_copy, deep=True)


@when("the archive is read whole")
def archive_read(recovery: Recovery) -> None:
    recovery.check(recovery.archive, deep=True)


@when(parsers.parse("a restore is tried with {obstacle}"))
def tried(recovery: Recovery, obstacle: str) -> None:
    recovery.try_obstacle(obstacle)


@when("the server begins to archive into the copy")
def begins(recovery: Recovery) -> None:
    try:
        recovery.the_copy.begin(recovery.site.place.server)
    except RecoveryError as error:
        recovery.error = error


@when("the server begins to archive with programs of another major version")
def begins_otherwise(recovery: Recovery) -> None:
    odd = recovery.archives.odd("programs of another major version")
    try:
        odd.begin(recovery.site.place.server)
    except RecoveryError as error:
        recovery.error = error


@when("the copy is pruned so that one base backup stays")
def pruned(recovery: Recovery) -> None:
    copy = recovery.the_copy
    copy.settings = copy.settings.model_copy(update={"keep_at_least": 1})
    recovery.contents = look(copy)
    later = datetime.now(UTC) + timedelta(days=copy.settings.keep_days + 1)
    prune.prune(copy, prune.surplus(copy, recovery.contents, now=later))


@then(parsers.parse("no row is missing that was older than {seconds:d} seconds"))
def few_lost(recovery: Recovery, report: RunContext, seconds: int) -> None:
    lost = recovery.lost_seconds()
    report.attach_measurement("rows lost with the primary (RPO)", "s", [lost])
    assert lost <= seconds * recovery.site.settings.slow, f"{lost:.2f} s of rows are lost"


@then("every index, sequence and collation of it is as it must be")
def whole(recovery: Recovery) -> None:
    assert recovery.integrity() == []


@then(parsers.parse('the canary "{label}" is there'))
def is_there(recovery: Recovery, label: str) -> None:
    assert recovery.canaries(before=(label,)) == []


@then(parsers.parse('the canary "{label}" is not there'))
def is_not_there(recovery: Recovery, label: str) -> None:
    assert recovery.canaries(after=(label,)) == []


@then("the bucket holds what it held before")
def held(recovery: Recovery) -> None:
    assert recovery.grew() == {}


@then("that text is in no object of the bucket")
def unreadable(recovery: Recovery) -> None:
    assert recovery.readable_objects() == []


@then(parsers.re(r'the rule "(?P<rule>\w+)" names that (segment|object)'))
def named(recovery: Recovery, rule: str) -> None:
    assert any(recovery.named in message for message in recovery.broken(rule)), recovery.findings


@then(parsers.parse('the rule "{rule}" is broken'))
def broken(recovery: Recovery, rule: str) -> None:
    assert recovery.broken(rule), recovery.findings


@then("no rule is broken")
def none_broken(recovery: Recovery) -> None:
    assert recovery.findings == []


@then(parsers.parse('the verdict is "{verdict}"'))
def verdict_is(recovery: Recovery, verdict: str) -> None:
    assert recovery.verdict == verdict


@then(parsers.parse('the verdict is not "{verdict}"'))
def verdict_is_not(recovery: Recovery, verdict: str) -> None:
    assert recovery.verdict != verdict


@then(parsers.re(r'that (fails as|is refused as) "(?P<rule>\w+)"'))
def fails(recovery: Recovery, rule: str) -> None:
    assert recovery.restored is None, "a server came up"
    told = recovery.error.rule if recovery.error is not None else recovery.said
    assert rule in told, told


@then(parsers.parse('it is refused as "{rule}", naming {what}'))
def refused(recovery: Recovery, rule: str, what: str) -> None:
    assert recovery.error is not None, "it was not refused"
    assert recovery.error.rule == rule, recovery.error
    place = {"the bucket": recovery.text, "the folder": recovery.text, "the host": recovery.archive.ground.host}[what]
    assert place in str(recovery.error), recovery.error
    if what == "the folder":
        assert recovery.archive.ground.host in str(recovery.error), recovery.error


@then("nothing was touched")
def untouched(recovery: Recovery) -> None:
    assert recovery.untouched()


@then(parsers.parse("the metrics tell of a failing archive and an absent bucket within {seconds:d} seconds"))
def alarm(recovery: Recovery, seconds: int) -> None:
    recovery.expect_alarm(seconds)


@then(parsers.parse("everything that was written is archived within {seconds:d} seconds"))
def all_archived(recovery: Recovery, seconds: int) -> None:
    recovery.wait_archived(seconds)


@then("the archive has no gap")
def no_gap(recovery: Recovery) -> None:
    assert look(recovery.archive).gaps() == []


@then("that succeeds")
def succeeds(recovery: Recovery) -> None:
    assert recovery.code == 0, recovery.said


@then("the archived segment is what it was")
def same(recovery: Recovery) -> None:
    assert recovery.same_as_archived()


@then("one is taken")
def one_taken(recovery: Recovery) -> None:
    assert [taken.findings for taken in recovery.taken] == [[]]


@then(parsers.parse('the other is refused as "{rule}", naming the session of the first'))
def other_refused(recovery: Recovery, rule: str) -> None:
    assert recovery.error is not None, "none was refused"
    assert recovery.error.rule == rule
    assert "engineroom backup since" in recovery.error.got


@then("no base backup was added")
def none_added(recovery: Recovery) -> None:
    assert recovery.added() == set()


@then("one base backup was added")
def one_added(recovery: Recovery) -> None:
    assert len(recovery.added()) == 1


@then(parsers.parse("none of its processes is left within {seconds:d} seconds"))
def none_left(recovery: Recovery, seconds: int) -> None:
    recovery.left_processes(seconds)


@then("nothing unsealed lies in the staging folder")
def staging_empty(recovery: Recovery) -> None:
    assert list(recovery.archive.staging.iterdir()) == []


@then("the server archives where it did")
def same_place(recovery: Recovery) -> None:
    recovery.write_segments(1)
    recovery.wait_archived(60)


@then("the newest base backup and all WAL from it on is still there")
def newest_stays(recovery: Recovery) -> None:
    before, now = _contents(recovery), look(recovery.the_copy)
    newest = before.complete[-1]
    assert newest.begin is not None
    assert [backup.id for backup in now.complete] == [newest.id]
    needed = {segment for segment in before.segments if segment.number >= newest.begin.number}
    assert needed == set(now.segments)
    assert recovery.judge(recovery.the_copy) == []


@then("the older one and the WAL before the newest is not there")
def older_goes(recovery: Recovery) -> None:
    older = _contents(recovery).complete[0]
    left = recovery.listing(recovery.the_copy)
    assert not [key for key in left if older.id in key]


def _contents(recovery: Recovery) -> Contents:
    assert recovery.contents is not None, "nothing was looked at before"
    return recovery.contents
