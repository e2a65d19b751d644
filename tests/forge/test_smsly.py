"""The smsly-code adapter on a real PostgreSQL."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime

import bcrypt
import psycopg
import pytest
from pydantic import SecretStr

from stack.forge.adapter import Forge
from stack.forge.database import Database, DatabaseError
from stack.forge.errors import AlreadyExistsError, InvalidError, NotFoundError
from stack.forge.model import Attachment, EventKind, Level, LfsObject, RefUpdate
from stack.forge.smsly import SmslyForge
from stack.forge.vault import Vault, VaultError, new_key

AT = datetime(2022, 5, 1, 8, tzinfo=UTC)
COMMIT = "a" * 40


@pytest.fixture
def people(forge: SmslyForge) -> SmslyForge:
    """Ann, Bob and Cat; an organisation `org` that Ann owns."""
    for name in ("ann", "bob", "cat", "dan"):
        forge.create_user(name, full_name=name.title(), at=AT)
    forge.create_organization("org", owners=["ann"], at=AT)
    forge.acknowledge(event.id for event in forge.events(limit=100))
    return forge


def kinds(forge: SmslyForge) -> list[EventKind]:
    """Kinds of all waiting events, in their order."""
    return [event.kind for event in forge.events(limit=1000)]


def test_it_is_a_forge(forge: SmslyForge) -> None:
    """The adapter has every verb of the interface."""
    assert isinstance(forge, Forge)


class TestPeople:
    """Users, organisations and teams."""

    def test_users_and_organisations_share_one_namespace(self, people: SmslyForge) -> None:
        """A name that is taken by either, in any case of letters, is refused with its name."""
        with pytest.raises(AlreadyExistsError, match="taken") as caught:
            people.create_user("ORG")
        assert "org" in caught.value.got
        with pytest.raises(AlreadyExistsError):
            people.create_organization("Ann", owners=["bob"])
        assert [user.username for user in people.users()] == ["ann", "bob", "cat", "dan"]

    @pytest.mark.parametrize("name", ["", "-a", "a b", "a/b", "..", "a..b", "x.git", "ü", "a" * 41])
    def test_a_name_that_cannot_be_one_is_refused(self, forge: SmslyForge, name: str) -> None:
        """Names that would mean something in a path or an address never reach the database."""
        with pytest.raises(InvalidError):
            forge.create_user(name)

    def test_no_e_mail_address_leaves_the_adapter(self, forge: SmslyForge) -> None:
        """Nothing that is made from a user can tell the address."""
        made = forge.create_user("ann", email="ann@secret.example")
        assert "secret.example" not in repr(made)
        assert "secret.example" not in repr(list(forge.users()))
        assert "secret.example" not in repr(forge.events(limit=10))

    def test_a_password_is_kept_as_bcrypt(self, forge: SmslyForge, conninfo: str) -> None:
        """The stored text verifies with bcrypt and is not the password."""
        forge.create_user("ann", password=SecretStr("correct horse"))
        with psycopg.connect(conninfo) as connection:
            row = connection.execute('SELECT password_hash FROM "user"').fetchone()
        assert row is not None
        assert bcrypt.checkpw(b"correct horse", row[0].encode())

    def test_a_password_longer_than_bcrypt_reads_is_refused(self, forge: SmslyForge) -> None:
        """Bcrypt would cut it silently, and any password with the same beginning would do."""
        with pytest.raises(InvalidError, match="72"):
            forge.create_user("ann", password=SecretStr("x" * 73))

    def test_new_credentials_end_the_sessions_of_the_old_ones(self, people: SmslyForge, conninfo: str) -> None:
        """Password and address are the new ones, the user's sessions are gone, and nobody else's are."""
        with psycopg.connect(conninfo) as connection:
            connection.execute(
                "INSERT INTO session (user_id, token_hash, expires_at)"
                " SELECT id, sha256(username::bytea), now() + interval '1 day' FROM \"user\""
            )
        people.set_credentials("ANN", password=SecretStr("correct horse"), email="new@secret.example")
        with psycopg.connect(conninfo) as connection:
            row = connection.execute("SELECT password_hash, email FROM \"user\" WHERE username = 'ann'").fetchone()
            left = connection.execute('SELECT username FROM session JOIN "user" u ON u.id = user_id').fetchall()
        assert row is not None
        assert bcrypt.checkpw(b"correct horse", row[0].encode())
        assert row[1] == "new@secret.example"
        assert sorted(name for (name,) in left) == ["bob", "cat", "dan"]

    def test_new_credentials_of_nobody_or_taken_from_somebody_are_refused(self, people: SmslyForge) -> None:
        """A user must be there, the address must be free, and the password must be one that bcrypt reads whole."""
        with pytest.raises(NotFoundError):
            people.set_credentials("nobody", password=SecretStr("correct horse"))
        with pytest.raises(AlreadyExistsError):
            people.set_credentials("ann", password=SecretStr("correct horse"), email="BOB@users.invalid")
        with pytest.raises(InvalidError, match="72"):
            people.set_credentials("ann", password=SecretStr("x" * 73))

    def test_a_renamed_owner_keeps_id_and_repositories(self, people: SmslyForge) -> None:
        """The name changes everywhere at once, and every repository is announced as renamed."""
        made = people.create_repository("org", "tool")
        people.acknowledge(event.id for event in people.events(limit=10))
        people.rename_owner("org", "orga")
        found = people.find_repository("orga", "tool")
        assert found is not None
        assert found.id == made.id
        assert people.find_repository("org", "tool") is None
        assert [(event.kind, event.owner, event.previous) for event in people.events(limit=10)] == [
            (EventKind.ORGANIZATION, "orga", "org"),
            (EventKind.RENAMED, "orga", "org/tool"),
        ]


class TestRepositories:
    """Names, deletion, events."""

    def test_names_are_unique_for_an_owner_only(self, people: SmslyForge) -> None:
        """Two owners may have the same name, one owner may not have it twice in any case of letters."""
        people.create_repository("ann", "tool")
        people.create_repository("bob", "tool")
        with pytest.raises(AlreadyExistsError):
            people.create_repository("ann", "Tool")

    def test_the_name_of_a_deleted_repository_is_free(self, people: SmslyForge) -> None:
        """A new repository takes the name with a new id; the old one is found by no question."""
        old = people.create_repository("ann", "tool")
        people.open_issue("ann", "tool", author="bob", title="old issue")
        (issue,) = people.issues(old.id)
        people.delete_repository("ann", "tool")
        new = people.create_repository("ann", "tool")
        assert new.id != old.id
        assert people.repository(old.id) is None
        assert people.issue(issue.id) is None
        assert list(people.issues(old.id)) == []
        assert [repository.id for repository in people.repositories()] == [new.id]

    def test_what_is_not_there_is_named(self, people: SmslyForge) -> None:
        """Verbs on missing things change nothing and say what was missing."""
        with pytest.raises(NotFoundError, match="ann/none"):
            people.rename_repository("ann", "none", "other")
        with pytest.raises(NotFoundError, match="nobody"):
            people.create_repository("nobody", "tool")
        people.create_repository("ann", "tool")
        with pytest.raises(NotFoundError, match="nobody"):
            people.transfer_repository("ann", "tool", "nobody")
        with pytest.raises(NotFoundError, match="nobody"):
            people.open_issue("ann", "tool", author="nobody", title="t")
        assert kinds(people) == [EventKind.REPOSITORY_CREATED]

    def test_each_change_is_announced_with_what_was_before(self, people: SmslyForge) -> None:
        """One outbox row for each verb, made in the same transaction."""
        made = people.create_repository("ann", "tool")
        people.rename_repository("ann", "tool", "tool2")
        people.transfer_repository("ann", "tool2", "org")
        people.set_visibility("org", "tool2", "private")
        people.set_default_branch("org", "tool2", "trunk")
        people.delete_repository("org", "tool2")
        events = sorted(people.events(limit=100), key=lambda event: event.id)
        assert [(event.kind, f"{event.owner}/{event.name}", event.previous) for event in events] == [
            (EventKind.REPOSITORY_CREATED, "ann/tool", ""),
            (EventKind.RENAMED, "ann/tool2", "ann/tool"),
            (EventKind.TRANSFERRED, "org/tool2", "ann/tool2"),
            (EventKind.VISIBILITY, "org/tool2", "public"),
            (EventKind.DEFAULT_BRANCH, "org/tool2", "main"),
            (EventKind.DELETED, "org/tool2", ""),
        ]
        assert {event.repository_id for event in events} == {made.id}

    def test_what_narrows_sight_jumps_the_queue(self, people: SmslyForge) -> None:
        """A repository made private is announced before a hundred pushes that came earlier."""
        people.create_repository("ann", "tool")
        for _ in range(20):
            people.record_push("ann", "tool", [RefUpdate("refs/heads/main", None, COMMIT)])
        people.set_visibility("ann", "tool", "private")
        assert people.events(limit=1)[0].kind is EventKind.VISIBILITY

    def test_stars_count_people_once(self, people: SmslyForge) -> None:
        """A second star of the same user changes nothing."""
        made = people.create_repository("ann", "tool")
        for user in ("bob", "cat", "bob"):
            people.star("ann", "tool", user)
        people.unstar("ann", "tool", "cat")
        people.unstar("ann", "tool", "dan")
        found = people.repository(made.id)
        assert found is not None
        assert found.stars == 1

    def test_lists_go_on_after_an_id(self, people: SmslyForge, monkeypatch: pytest.MonkeyPatch) -> None:
        """Pages smaller than the list give every row once, and `after` takes it up again."""
        monkeypatch.setattr("stack.forge.smsly.reads._PAGE", 2)
        made = [people.create_repository("ann", f"r{number}").id for number in range(5)]
        assert [repository.id for repository in people.repositories()] == made
        assert [repository.id for repository in people.repositories(after=made[2])] == made[3:]
        assert [user.username for user in people.users()] == ["ann", "bob", "cat", "dan"]


class TestWork:
    """Issues, pull requests, comments."""

    def test_issues_and_pull_requests_share_numbers(self, people: SmslyForge) -> None:
        """Numbers go up by one whatever is opened, and each list has its own kind only."""
        made = people.create_repository("ann", "tool")
        people.create_label("ann", "tool", "bug", color="FF0000")
        first = people.open_issue("ann", "tool", author="bob", title="one", labels=["BUG"], at=AT)
        second = people.open_pull_request(
            "ann", "tool", author="cat", title="two", head="fix", head_commit=COMMIT, base="main"
        )
        third = people.open_issue("ann", "tool", author="bob", title="three")
        assert [first.number, second.number, third.number] == [1, 2, 3]
        assert first.labels == ("bug",)
        assert first.created_at == AT
        assert [issue.number for issue in people.issues(made.id)] == [1, 3]
        assert [pull.number for pull in people.pull_requests(made.id)] == [2]
        assert people.issue(second.id) is None
        assert people.pull_request(first.id) is None

    def test_numbers_are_safe_when_many_open_at_once(self, people: SmslyForge) -> None:
        """Forty at a time get forty numbers without a gap or a repeat."""
        people.create_repository("ann", "tool")

        def open_one(number: int) -> int:
            return people.open_issue("ann", "tool", author="bob", title=f"issue {number}").number

        with ThreadPoolExecutor(8) as pool:
            numbers = list(pool.map(open_one, range(40)))
        assert sorted(numbers) == list(range(1, 41))

    def test_a_refused_issue_uses_no_number(self, people: SmslyForge) -> None:
        """What fails leaves neither a gap nor an event."""
        people.create_repository("ann", "tool")
        with pytest.raises(NotFoundError, match="no such label"):
            people.open_issue("ann", "tool", author="bob", title="t", labels=["none"])
        with pytest.raises(InvalidError):
            people.open_issue("ann", "tool", author="bob", title="t" * 256)
        assert people.open_issue("ann", "tool", author="bob", title="t").number == 1
        assert kinds(people) == [EventKind.REPOSITORY_CREATED, EventKind.ISSUE]

    def test_states_of_a_pull_request(self, people: SmslyForge) -> None:
        """Open, closed, open again, merged; and merged is final."""
        people.create_repository("ann", "tool")
        made = people.open_pull_request(
            "ann", "tool", author="cat", title="two", head="fix", head_commit=COMMIT, base="main"
        )
        states = []
        for state in ("closed", "open"):
            people.edit("ann", "tool", 1, state=state)
            states.append(_state(people, made.id))
        people.merge_pull_request("ann", "tool", 1, by="ann", merge_commit="b" * 40)
        states.append(_state(people, made.id))
        assert states == ["closed", "open", "merged"]
        with pytest.raises(InvalidError, match="not open"):
            people.merge_pull_request("ann", "tool", 1, by="ann", merge_commit="b" * 40)
        with pytest.raises(InvalidError, match="can't be opened again"):
            people.edit("ann", "tool", 1, state="open")

    def test_comments_name_what_they_are_on(self, people: SmslyForge) -> None:
        """A comment has the number of its issue; edited and deleted ones are announced with their id."""
        made = people.create_repository("ann", "tool")
        people.open_issue("ann", "tool", author="bob", title="one")
        comment = people.add_comment("ann", "tool", 1, author="cat", body="first")
        assert (comment.number, comment.author, comment.repository_id) == (1, "cat", made.id)
        people.edit_comment(comment.id, "second")
        changed = people.comment(comment.id)
        assert changed is not None
        assert changed.body == "second"
        people.delete_comment(comment.id)
        assert list(people.comments(made.id)) == []
        announced = [event.subject_id for event in people.events(limit=20) if event.kind is EventKind.COMMENT]
        assert announced == [comment.id] * 3


def _state(forge: SmslyForge, pull_request_id: int) -> str:
    found = forge.pull_request(pull_request_id)
    assert found is not None
    return found.state


class TestWhoMayRead:
    """Private repositories: owner, organisation owner, team, collaborator; nobody else."""

    def test_everybody_named_and_nobody_else(self, people: SmslyForge) -> None:
        """Each way to a private repository, and each near miss."""
        own = people.create_repository("bob", "own", visibility="private").id
        shared = people.create_repository("org", "shared", visibility="private").id
        team = people.create_repository("org", "team", visibility="private").id
        public = people.create_repository("org", "public").id
        people.create_team("org", "readers", members=["cat"], repositories=["team"])
        people.create_team("org", "none", level=Level.NONE, members=["bob"], all_repositories=True)
        people.add_collaborator("org", "shared", "dan", level=Level.WRITE)
        people.add_collaborator("bob", "own", "cat", level=Level.NONE)
        readable = {name: people.readable_private(name) for name in ("ann", "bob", "cat", "dan", "nobody")}
        assert readable == {
            "ann": {shared, team},
            "bob": {own},
            "cat": {team},
            "dan": {shared},
            "nobody": frozenset(),
        }
        assert people.readable_private(None) == frozenset()
        everything = [own, shared, team, public, 10_000]
        assert people.readable(None, everything) == {public}
        assert people.readable("CAT", everything) == {team, public}

    def test_access_ends_at_once(self, people: SmslyForge) -> None:
        """Leaving the organisation, the team, being taken off, deactivated: nothing is readable any more."""
        team = people.create_repository("org", "team", visibility="private").id
        people.create_team("org", "all", members=["bob", "cat", "dan"], all_repositories=True)
        assert people.readable_private("bob") == people.readable_private("cat") == {team}
        people.remove_member("org", "bob")
        people.remove_team_member("org", "all", "cat")
        people.deactivate_user("dan")
        assert [people.readable_private(name) for name in ("bob", "cat", "dan")] == [frozenset()] * 3

    def test_a_transfer_takes_teams_of_the_old_owner_away(self, people: SmslyForge) -> None:
        """A repository that leaves an organisation is not readable by its teams and owners any more."""
        moved = people.create_repository("org", "moved", visibility="private").id
        people.create_team("org", "one", members=["bob"], repositories=["moved"])
        people.create_team("org", "all", members=["cat"], all_repositories=True)
        people.transfer_repository("org", "moved", "dan")
        readable = {name: moved in people.readable_private(name) for name in ("ann", "bob", "cat", "dan")}
        assert readable == {"ann": False, "bob": False, "cat": False, "dan": True}

    def test_hidden_lasts_until_the_event_is_acknowledged(self, people: SmslyForge) -> None:
        """What an index may still show to everybody is hidden, and what was public or always private isn't."""
        closed = people.create_repository("ann", "closed").id
        deleted = people.create_repository("ann", "deleted").id
        moved = people.create_repository("ann", "moved").id
        people.create_repository("ann", "born-private", visibility="private")
        people.set_visibility("ann", "closed", "private")
        people.delete_repository("ann", "deleted")
        people.transfer_repository("ann", "moved", "org")
        assert people.hidden() == {closed, deleted}
        assert moved not in people.hidden()
        people.acknowledge(event.id for event in people.events(limit=100))
        assert people.hidden() == frozenset()


class TestOutbox:
    """Announced once committed, until acknowledged."""

    def test_a_push_names_the_refs_that_moved(self, people: SmslyForge) -> None:
        """What the hook was told comes out again, and the repository counts as updated."""
        made = people.create_repository("ann", "tool", at=AT)
        update = RefUpdate("refs/heads/main", None, COMMIT)
        people.record_push("ann", "tool", [update], digest="d" * 64)
        event = people.events(limit=10)[-1]
        assert (event.kind, event.updates, event.repository_id) == (EventKind.PUSH, (update,), made.id)
        assert people.ref_digests() == {(made.id, False): "d" * 64}
        found = people.repository(made.id)
        assert found is not None
        assert found.updated_at > AT

    def test_acknowledged_events_do_not_come_back(self, people: SmslyForge) -> None:
        """Only those that were named are gone, and naming them twice is harmless."""
        for name in ("one", "two", "three"):
            people.create_repository("ann", name)
        first, *rest = people.events(limit=10)
        people.acknowledge([first.id])
        people.acknowledge([first.id])
        assert people.events(limit=10) == rest
        assert people.pending() == 2

    def test_a_rolled_back_change_is_not_announced(self, people: SmslyForge, conninfo: str) -> None:
        """The outbox row is part of the transaction of its change."""
        people.create_repository("ann", "tool")
        people.acknowledge(event.id for event in people.events(limit=10))
        with psycopg.connect(conninfo) as connection:
            connection.execute("ALTER TABLE search_outbox ADD CONSTRAINT refuses CHECK (kind <> 'renamed')")
        try:
            with pytest.raises(InvalidError):
                people.rename_repository("ann", "tool", "other")
        finally:
            with psycopg.connect(conninfo) as connection:
                connection.execute("ALTER TABLE search_outbox DROP CONSTRAINT refuses")
        assert people.find_repository("ann", "tool") is not None
        assert people.events(limit=10) == []


class TestArtifacts:
    """Releases, statuses, large files, secrets."""

    def test_a_release_keeps_its_attachments(self, people: SmslyForge) -> None:
        """What was attached is read back with size, checksum and object key."""
        made = people.create_repository("ann", "tool")
        item = Attachment(0, "tool.tar.gz", 12, "e" * 64, "releases/1/tool.tar.gz", "application/gzip")
        people.release("ann", "tool", tag="v1", commit=COMMIT, author="ann", attachments=[item])
        (release,) = people.releases(made.id)
        (stored,) = release.attachments
        assert (release.tag, release.author) == ("v1", "ann")
        assert (stored.name, stored.size, stored.sha256, stored.object_key) == (
            "tool.tar.gz",
            12,
            "e" * 64,
            "releases/1/tool.tar.gz",
        )
        with pytest.raises(AlreadyExistsError):
            people.release("ann", "tool", tag="v1", commit=COMMIT, author="ann")

    def test_statuses_and_large_files_are_checked(self, people: SmslyForge) -> None:
        """A commit that is none and a checksum that is none are refused."""
        people.create_repository("ann", "tool")
        people.set_status("ann", "tool", COMMIT, context="ci", state="success")
        people.add_lfs_object("ann", "tool", LfsObject(0, "f" * 64, 5, "lfs/ff"))
        with pytest.raises(InvalidError):
            people.set_status("ann", "tool", "main", context="ci", state="success")
        with pytest.raises(InvalidError):
            people.add_lfs_object("ann", "tool", LfsObject(0, "short", 5, "lfs/ff"))

    def test_secrets_are_encrypted_and_bound_to_their_row(self, people: SmslyForge, conninfo: str) -> None:
        """The database holds no clear text, and a ciphertext copied to another row doesn't decrypt."""
        people.create_repository("ann", "tool")
        one = people.add_webhook("ann", "tool", url="https://hooks.example/1", secret=SecretStr("first secret"))
        two = people.add_webhook("ann", "tool", url="https://hooks.example/2", secret=SecretStr("second secret"))
        token = people.add_runner_token("org", "runner", token=SecretStr("runner token"))
        assert people.webhook_secret(one).get_secret_value() == "first secret"
        assert people.runner_token(token).get_secret_value() == "runner token"
        with psycopg.connect(conninfo) as connection:
            stored = connection.execute("SELECT string_agg(w::text, '') FROM webhook w").fetchone()
            connection.execute(
                """
                UPDATE webhook w SET secret_nonce = o.secret_nonce, secret_ciphertext = o.secret_ciphertext
                FROM webhook o WHERE w.id = %s AND o.id = %s
                """,
                [two, one],
            )
        assert stored is not None
        assert "https://hooks.example/1" in str(stored)
        assert "first secret" not in str(stored)
        assert b"first secret".hex() not in str(stored)
        with pytest.raises(VaultError, match="doesn't decrypt"):
            people.webhook_secret(two)

    def test_another_key_does_not_open(self, people: SmslyForge, conninfo: str) -> None:
        """A restored database with the wrong key is noticed, whether the key's id is known or not."""
        people.create_repository("ann", "tool")
        hook = people.add_webhook("ann", "tool", url="https://hooks.example/1", secret=SecretStr("secret"))
        for key_id in ("key-1", "key-2"):
            with (
                SmslyForge(conninfo, vault=Vault({key_id: new_key()}, current=key_id)) as other,
                pytest.raises(VaultError),
            ):
                other.webhook_secret(hook)

    def test_without_a_vault_nothing_is_stored_in_the_clear(self, people: SmslyForge, conninfo: str) -> None:
        """A forge without keys refuses secrets."""
        people.create_repository("ann", "tool")
        with SmslyForge(conninfo) as keyless, pytest.raises(InvalidError, match="without a key"):
            keyless.add_webhook("ann", "tool", url="https://hooks.example/1", secret=SecretStr("secret"))


class TestDatabase:
    """Connections that go away."""

    def test_a_lost_connection_is_replaced(self, people: SmslyForge, conninfo: str) -> None:
        """After the server ended every connection the next question is answered all the same."""
        assert people.find_repository("ann", "tool") is None
        with psycopg.connect(conninfo, autocommit=True) as connection:
            ended = connection.execute(
                """
                SELECT count(pg_terminate_backend(pid, 5000)) FROM pg_stat_activity
                WHERE datname = current_database() AND pid <> pg_backend_pid()
                """
            ).fetchone()
        assert ended is not None
        assert ended[0] > 0
        assert people.find_repository("ann", "tool") is None

    def test_a_server_that_is_not_there_is_named(self) -> None:
        """After a bounded number of attempts the address is told, and no password."""
        database = Database("host=127.0.0.1 port=1 user=forge password=geheim dbname=forge connect_timeout=1")
        with pytest.raises(DatabaseError, match="can't be reached") as caught:
            database.rows("SELECT 1")
        assert "127.0.0.1:1/forge" in str(caught.value)
        assert "geheim" not in str(caught.value)

    def test_jobs_are_taken_once(self, people: SmslyForge, conninfo: str) -> None:
        """Two runners that ask at once get different jobs."""
        assert people.pending() == 0
        take = """
            UPDATE job SET state = 'running', locked_by = %s, locked_until = now() + interval '1 minute'
            WHERE id = (SELECT id FROM job WHERE state = 'queued' ORDER BY run_after, id
                        FOR UPDATE SKIP LOCKED LIMIT 1) RETURNING id
        """
        with psycopg.connect(conninfo) as one, psycopg.connect(conninfo) as two:
            one.execute("INSERT INTO job (kind) VALUES ('a'), ('b')")
            one.commit()
            taken = [one.execute(take, ["one"]).fetchone(), two.execute(take, ["two"]).fetchone()]
        assert None not in taken
        assert taken[0] != taken[1]


def test_ids_are_shared_by_owners_of_both_kinds(people: SmslyForge) -> None:
    """A user and an organisation never have the same id, so an owner's id is enough."""
    ids = [user.id for user in people.users()] + [found.id for found in people.organizations()]
    assert len(set(ids)) == len(ids)


def test_two_databases_are_two_forges(new_database: Callable[[str | None], str], forge: SmslyForge) -> None:
    """Nothing is shared between adapters in one process."""
    with SmslyForge(new_database("migrated")) as other:
        other.create_user("ann")
        assert list(itertools.islice(forge.users(), 1)) == []
