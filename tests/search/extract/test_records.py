"""Issues, pull requests, wiki pages, people and repositories become flat documents."""

from __future__ import annotations

import re
from datetime import UTC, datetime

from stack.forge.git_types import Touch
from stack.forge.model import Comment, Issue, Organization, PullRequest, Repository, User
from stack.search.extract import records
from stack.search.extract.parts import positions

_EARLY = datetime(2024, 1, 1, tzinfo=UTC)
_LATE = datetime(2025, 1, 1, tzinfo=UTC)

_REPOSITORY = Repository(
    id=7,
    owner="ada",
    owner_kind="user",
    name="engine",
    description="An analytical engine",
    visibility="private",
    default_branch="main",
    stars=5,
    archived=False,
    fork=True,
    created_at=_EARLY,
    updated_at=_LATE,
)
_ISSUE = Issue(
    id=70,
    repository_id=7,
    number=3,
    title="Crash in parseURL",
    body="`console.log` says nothing",
    state="open",
    author="bob",
    labels=("bug",),
    created_at=_EARLY,
    updated_at=_EARLY,
)


def _comment(number: int, body: str, at: datetime = _LATE) -> Comment:
    return Comment(
        id=number, repository_id=7, issue_id=70, number=3, author="eve", body=body, created_at=at, updated_at=at
    )


def test_an_issue_with_comments() -> None:
    """Comments are folded in, oldest first, and the newest says when the issue last changed."""
    document = records.issue(_ISSUE, _REPOSITORY, [_comment(2, "second"), _comment(1, "first", _EARLY)])
    assert document.comments == ("first", "second")
    assert (document.kind, document.number, document.state, document.labels) == ("issue", 3, "open", ("bug",))
    assert (document.author, document.url) == ("bob", "/ada/engine/issues/3")
    assert (document.created, document.updated) == (int(_EARLY.timestamp()), int(_LATE.timestamp()))
    assert {"parse", "url"} <= set(document.identifiers)


def test_whatever_belongs_to_a_private_repository_says_so() -> None:
    """Issue, page and repository carry the visibility that every query filters by."""
    page = records.wiki_page(_REPOSITORY, b"Home.md", "text")
    for document in (records.issue(_ISSUE, _REPOSITORY), page, records.repository(_REPOSITORY)):
        assert (document.visibility, document.repository_id, document.repository) == ("private", 7, "ada/engine")


def test_a_pull_request_and_an_issue_of_the_same_id_differ() -> None:
    """Ids are made of the kind too."""
    pull = PullRequest(
        id=70,
        repository_id=7,
        number=4,
        title="Fix",
        body="",
        state="merged",
        author="bob",
        labels=(),
        head="fix",
        head_commit="a" * 40,
        base="main",
        merge_commit=None,
        created_at=_EARLY,
        updated_at=_EARLY,
    )
    document = records.pull_request(pull, _REPOSITORY)
    assert document.state == "merged"
    assert document.url == "/ada/engine/pull/4"
    assert document.id != records.issue(_ISSUE, _REPOSITORY).id
    assert re.fullmatch("[0-9a-f]{54}", document.id)


def test_a_wiki_page() -> None:
    """Its file name is its title; its last commit says who and when."""
    touch = Touch(b"Guide/Getting-Started.md", "c" * 40, "Ada Lovelace", _EARLY, _LATE)
    document = records.wiki_page(_REPOSITORY, b"Guide/Getting-Started.md", "# Welcome", touch)
    assert document.title == "Guide/Getting Started"
    assert document.url == "/ada/engine/wiki/Guide/Getting-Started"
    assert (document.author, document.updated) == ("Ada Lovelace", int(_EARLY.timestamp()))
    other = records.wiki_page(_REPOSITORY, b"Home.md", "# Welcome")
    assert other.id != document.id


def test_people_and_organisations() -> None:
    """They are found by name and by what they say of themselves, and carry no address of a mailbox."""
    person = User(9, "ada", "Ada Lovelace", "Poet of numbers", "London", "", False, False, _EARLY, _LATE)
    document = records.user(person)
    assert (document.title, document.body, document.state) == (
        "ada",
        "Ada Lovelace\nPoet of numbers\nLondon",
        "inactive",
    )
    assert document.repository_id is None
    body = Organization(9, "analytics", "The Analysts", "We count", "", "https://example.org", _EARLY, _LATE)
    assert records.organization(body).body == "The Analysts\nWe count\nhttps://example.org"
    assert records.organization(body).id != document.id


def test_a_rename_keeps_the_ids() -> None:
    """Names are not in ids."""
    renamed = Repository(
        **{name: getattr(_REPOSITORY, name) for name in Repository.__slots__} | {"owner": "bob", "name": "motor"}
    )
    assert records.repository(renamed).id == records.repository(_REPOSITORY).id
    assert records.issue(_ISSUE, renamed).id == records.issue(_ISSUE, _REPOSITORY).id


def test_a_short_record_is_one_part() -> None:
    """Almost every record stays as it is."""
    document = records.issue(_ISSUE, _REPOSITORY, [_comment(1, "x")])
    assert records.parts(document) == [document]


def test_a_long_discussion_is_cut_and_nothing_is_lost() -> None:
    """Each part is below what an engine counts, and together they hold every comment and the whole body."""
    long = Issue(**{name: getattr(_ISSUE, name) for name in Issue.__slots__} | {"body": "so, it goes; on! " * 30_000})
    comments = [_comment(number, f"comment{number}, with; words! " * 200) for number in range(300)]
    whole = records.issue(long, _REPOSITORY, comments)
    cut = records.parts(whole)
    assert len(cut) > 1
    assert "".join(part.body for part in cut).startswith(whole.body[:1000])
    assert [comment for part in cut for comment in part.comments] == list(whole.comments)
    assert len({part.id for part in cut}) == len(cut)
    assert {part.file_id for part in cut} == {whole.file_id}
    for part in cut:
        assert positions(part.body) < 65_535
        assert sum(positions(comment) + 8 for comment in part.comments) < 65_535
