"""Steps that bring the forge into a state, or change it."""

from __future__ import annotations

from datetime import UTC, datetime

from pytest_bdd import given, parsers, when

from stack.forge.errors import AlreadyExistsError
from stack.forge.repositories import Symlink
from steps.world import Row, World, split

__all__: list[str] = []

_INDEX_SECONDS = 120


def _rows(table: list[list[str]]) -> list[Row]:
    head, *body = table
    rows = []
    for cells in body:
        named = dict(zip(head, cells, strict=True))
        date = datetime.fromisoformat(named["date"]).replace(tzinfo=UTC) if "date" in named else None
        rows.append(Row(named["path"], named["content"], named.get("author", "Ada"), date))
    return rows


@given(parsers.parse("the forge is filled with real code and indexed within {seconds:d} seconds"))
def filled(filled_world: World) -> None:
    assert filled_world.report is not None


@given(parsers.re(r'the (?P<private>private )?repository "(?P<name>[^"]+)" contains( exactly)?:'))
def contains(world: World, private: str | None, name: str, datatable: list[list[str]]) -> None:
    world.fill(name, _rows(datatable), visibility="private" if private else "public")
    world.index(_INDEX_SECONDS)


@given(
    parsers.parse('the repository "{name}" contains a text file "{path}" of {kilobytes:d} kilobytes ending in "{word}"')
)
def contains_large(world: World, name: str, path: str, kilobytes: int, word: str) -> None:
    line = "filler words that take room in a large file\n"
    world.fill(name, [Row(path, line * (kilobytes * 1024 // len(line)) + word)])
    world.index(_INDEX_SECONDS)


@given(parsers.parse('the repository "{name}" holds every odd file and is indexed within {seconds:d} seconds'))
def odd(world: World, name: str, seconds: int) -> None:
    world.fill_odd(name)
    world.index(seconds)


@given(parsers.parse('"{user}" may read "{name}" as a collaborator'))
def may_read(world: World, user: str, name: str) -> None:
    world.let_read(name, user)


@when(parsers.parse('"{user}" may no longer read "{name}"'))
def may_not_read(world: World, user: str, name: str) -> None:
    world.reference.forge.remove_collaborator(*split(name), user)


@given(parsers.parse('an issue "{title}" in the repository "{name}"'))
def issue_in(world: World, title: str, name: str) -> None:
    world.open_issue(name, title)
    world.index(_INDEX_SECONDS)


@given(
    parsers.parse(
        'an issue "{title}" by "{author}" in a public repository with the text "{body}" and the comment "{comment}"'
    )
)
def issue_with_comment(world: World, title: str, author: str, body: str, comment: str) -> None:
    world.open_issue("ada/tracker", title, author=author, body=body)
    world.comment(comment)
    world.index(_INDEX_SECONDS)


@given("that issue is closed")
def issue_closed(world: World) -> None:
    world.close_issue()
    world.index(_INDEX_SECONDS)


@given(parsers.parse('the wiki of the repository "{name}" has the page "{path}" saying "{text}"'))
def wiki(world: World, name: str, path: str, text: str) -> None:
    world.write_wiki(name, path, text)
    world.index(_INDEX_SECONDS)


@given(parsers.parse('the user "{name}" named "{full_name}" with the e-mail address "{email}"'))
def person(world: World, name: str, full_name: str, email: str) -> None:
    try:
        world.reference.forge.create_user(name, full_name=full_name, email=email)
    except AlreadyExistsError:
        world.user(name)
    world.index(_INDEX_SECONDS)


@when(
    parsers.parse('the repository "{name}" is renamed to "{new}" and the forge is indexed within {seconds:d} seconds')
)
def renamed(world: World, name: str, new: str, seconds: int) -> None:
    world.rename(name, new)
    world.index(seconds)


@when(parsers.parse('the repository "{name}" is made private and nothing is indexed'))
def made_private(world: World, name: str) -> None:
    world.reference.forge.set_visibility(*split(name), "private")


@when(parsers.parse('the repository "{name}" is deleted and nothing is indexed'))
def deleted(world: World, name: str) -> None:
    world.delete(name)


@when(parsers.parse('"{path}" of "{name}" is changed to "{text}" and the forge is indexed within {seconds:d} seconds'))
def changed(world: World, path: str, name: str, text: str, seconds: int) -> None:
    world.push(name, {path: text.encode()})
    world.index(seconds)


@when(parsers.parse('"{path}" of "{name}" is changed to "{text}" and indexing is tried'))
def changed_and_tried(world: World, path: str, name: str, text: str) -> None:
    world.push(name, {path: text.encode()})
    world.try_index()


@when(parsers.parse('"{path}" of "{name}" is renamed to "{new}" and the forge is indexed within {seconds:d} seconds'))
def file_renamed(world: World, path: str, name: str, new: str, seconds: int) -> None:
    world.push(name, world.reference.repositories.rename_path(f"{name}.git", "main", path, new))
    world.index(seconds)


@when(parsers.parse('"{path}" of "{name}" is deleted and the forge is indexed within {seconds:d} seconds'))
def file_deleted(world: World, path: str, name: str, seconds: int) -> None:
    world.push(name, {path: None})
    world.index(seconds)


@when(
    parsers.parse(
        '"{name}" is force-pushed to an orphan commit with "{path}" saying "{text}"'
        " and the forge is indexed within {seconds:d} seconds"
    )
)
def force_pushed(world: World, name: str, path: str, text: str, seconds: int) -> None:
    world.push(name, {path: text.encode()}, fresh=True)
    world.index(seconds)


@when(
    parsers.parse(
        '"{path}" of "{name}" is changed and changed back before the forge is indexed within {seconds:d} seconds'
    )
)
def changed_back(world: World, path: str, name: str, seconds: int) -> None:
    before = world.content(name, path)
    world.push(name, {path: b"something else"})
    world.push(name, {path: before})
    world.index(seconds)


@when(
    parsers.parse(
        '"{path}" of "{name}" becomes a symlink to "{target}" and the forge is indexed within {seconds:d} seconds'
    )
)
def symlinked(world: World, path: str, name: str, target: str, seconds: int) -> None:
    world.push(name, {path: Symlink(target.encode())})
    world.index(seconds)


@when(
    parsers.parse(
        '"{path}" of "{name}" grows to {kilobytes:d} kilobytes and the forge is indexed within {seconds:d} seconds'
    )
)
def grown(world: World, path: str, name: str, kilobytes: int, seconds: int) -> None:
    text = world.content(name, path)
    world.push(name, {path: text + b"\n" + b"more of it\n" * (kilobytes * 1024 // 11)})
    world.index(seconds)


@when(
    parsers.parse(
        '"{name}" gets the default branch "{branch}" with "{path}" saying "{text}"'
        " and the forge is indexed within {seconds:d} seconds"
    )
)
def default_branch(world: World, name: str, branch: str, path: str, text: str, seconds: int) -> None:
    world.push(name, {path: text.encode()}, branch=branch, fresh=True)
    world.hosting.set_default_branch(*split(name), branch)
    world.index(seconds)


@given(parsers.parse('the repository "{name}" is pushed with "{good}" saying "{text}" and a damaged "{bad}"'))
def damaged(world: World, name: str, good: str, text: str, bad: str) -> None:
    world.fill(name, [Row(good, text), Row(bad, "this will be damaged")])
    world.damage(name, bad)


@when(
    parsers.parse(
        'the git data of "{gone}" disappears and the repository "{name}" is pushed with "{path}" saying "{text}"'
    )
)
def vanished(world: World, gone: str, name: str, path: str, text: str) -> None:
    world.lose_git_data(gone)
    world.fill(name, [Row(path, text)])


@when(parsers.parse("the forge is indexed again within {seconds:d} seconds"))
def indexed_again(world: World, seconds: int) -> None:
    world.index(seconds)


@when("indexing is tried")
def tried(world: World) -> None:
    world.try_index()
