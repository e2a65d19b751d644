"""The `engineroom` command: one thin function per verb."""

from __future__ import annotations

import os
import re
import signal
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import partial
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, get_args

import click
from rich.console import Console
from rich.table import Table

from stack.addresses import EngineKind
from stack.errors import EngineRoomError, NeedMissingError, UsageError
from stack.runtimes import containers, reap, running, start
from stack.settings import RuntimeName, Settings, load
from stack.toolchain import SetupReport, Toolchain, progress_for, setup

# What is heavy is imported by the verbs that use it: `engineroom status` need not load an indexer.
if TYPE_CHECKING:
    from stack.reference import Reference
    from stack.runtimes.base import Stack
    from stack.search.indexer import Report

__all__ = ["main"]

_FAIL, _UNVERIFIED, _USAGE, _INTERRUPTED = 1, 2, 64, 130
_UNREAD = 128 + signal.SIGPIPE  # what a shell says of a program that the signal ended
_WIDE = 240  # where there is no terminal to fit into, tables keep their lines whole


class _UnreadError(Exception):
    """Whoever read our output went away, as `head` does when it has enough."""


class _Console(Console):
    def on_broken_pipe(self) -> None:
        """Tell `main`, instead of ending with a code that means something else here."""
        raise _UnreadError


_out = _Console(soft_wrap=True, width=None if sys.stdout.isatty() else _WIDE)
_err = _Console(stderr=True, soft_wrap=True)


def _write(text: str) -> None:
    try:
        sys.stdout.write(text)
        sys.stdout.flush()
    except BrokenPipeError as error:
        raise _UnreadError from error


class _Verbs(click.Group):
    """All verbs; those of recovery are imported when they are asked for."""

    _LATER = ("backup", "drill", "restore")

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Name every verb."""
        return sorted([*super().list_commands(ctx), *self._LATER])

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Find a verb."""
        if cmd_name not in self._LATER:
            return super().get_command(ctx, cmd_name)
        from stack.place import Places  # noqa: PLC0415
        from stack.recovery.cli import PLACES, backup, drill, restore  # noqa: PLC0415

        ctx.meta[PLACES] = Places(_the_stack)
        return {"backup": backup, "drill": drill, "restore": restore}[cmd_name]


@click.group(cls=_Verbs, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.option("--runtime", type=click.Choice(get_args(RuntimeName)), help="Where components run.")
@click.pass_context
def cli(context: click.Context, runtime: str | None) -> None:
    """Search, telemetry, data and recovery of the forge smsly-code, and the harness that proves they work.

    Exit codes: 0 done, 1 it failed, 2 it could not be verified or done, 64 usage, 130 interrupted, 141 nobody read on.
    """
    context.obj = load(runtime=runtime)


def main(arguments: list[str] | None = None) -> None:
    """Run the command and turn errors into exit codes; every message says what, on what and what to do."""
    for number in (signal.SIGINT, signal.SIGTERM):
        # Set even where SIGINT is ignored, as it is in what a script starts in the background.
        signal.signal(number, signal.default_int_handler)
    # A terminal that closes. What was told not to mind, by nohup, does not.
    if signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:
        signal.signal(signal.SIGHUP, signal.default_int_handler)
    try:
        code = cli.main(args=arguments, standalone_mode=False)
        _write("")  # what is still in the buffer
    except _UnreadError:
        code = _UNREAD
        # Python would try again at its end, and complain.
        with suppress(OSError):
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    except click.exceptions.Abort:
        code = _INTERRUPTED
    except KeyboardInterrupt:
        code = _INTERRUPTED
    except click.ClickException as error:
        error.show()
        code = _USAGE
    except UsageError as error:
        code = _complain(error, _USAGE)
    except NeedMissingError as error:
        code = _complain(error, _UNVERIFIED)
    except EngineRoomError as error:
        code = _complain(error, _UNVERIFIED)
    sys.exit(code if isinstance(code, int) else 0)


def _complain(error: EngineRoomError, code: int) -> int:
    _err.print(str(error), markup=False, highlight=False, style="red" if _err.is_terminal else "")
    return code


@cli.command("setup")
@click.argument("names", nargs=-1)
@click.option("--runtime", type=click.Choice(get_args(RuntimeName)), help="Install what this runtime needs.")
@click.pass_obj
def setup_verb(settings: Settings, names: tuple[str, ...], runtime: RuntimeName | None) -> int:
    """Install the servers that the runtime needs and the corpus, or the tools NAMED, into the cache."""
    chosen = runtime or settings.runtime
    if names or chosen not in {"local", "containers"}:
        report = setup(settings, names or None, chosen, progress=progress_for(_out))
    else:
        report = _setup_all(settings, chosen)
    for failure in report.failed:
        _out.print(str(failure), markup=False)
    for absent in report.absent:
        _out.print(str(absent), markup=False)
    for note in report.notes:
        _out.print(note, markup=False)
    _out.print(f"{len(report.installed)} installed, {len(report.already)} already there, {len(report.failed)} failed")
    if chosen == "containers" and not names:
        prepared = containers.prepare(settings, _say)
        _out.print(f"{len(prepared.built)} images built, {len(prepared.already)} already there")
    return report.exit_code


def _setup_all(settings: Settings, runtime: RuntimeName) -> SetupReport:
    from stack.packages import Corpus  # noqa: PLC0415

    corpus = Corpus(settings)
    report = setup(settings, None, runtime, also=corpus.tools, progress=progress_for(_out))
    report.failed += corpus.bring(progress_for(_out))
    report.notes.append(str(corpus))
    return report


@cli.command()
@click.pass_obj
def doctor(settings: Settings) -> None:
    """Show every server that Engine Room knows: version, licence, where it comes from, whether it is here."""
    table = Table("server", "version", "licence", "source", "lock", "state", "costs when missing", box=None)
    for row in Toolchain(settings).describe():
        lock = "locked" if row.locked else "unlocked"
        table.add_row(row.name, row.version, row.licence, row.source, lock, row.state, "; ".join(row.costs))
    _out.print(table)


@cli.command()
@click.option("--detach", is_flag=True, help="Return when all is ready; end it with `engineroom down`.")
@click.option("--empty", is_flag=True, help="Do not fill the forge with the corpus and index it.")
@click.option("--components", help="Only these, comma-separated.")
@click.option(
    "--from",
    "restored",
    type=click.Path(path_type=Path),
    help="On a copy of the forge that `engineroom restore` brought into this folder, instead of the corpus.",
)
@click.pass_obj
def up(settings: Settings, *, detach: bool, empty: bool, components: str | None, restored: Path | None) -> int:
    """Start the stack, fill its forge with real code, index it, and keep it running until Ctrl-C."""
    if restored is not None:
        if components is not None:
            raise UsageError("A restored forge takes the whole stack", on="--from", fix="leave out --components")
        from stack.adopting import refuse_unfit, start_on  # noqa: PLC0415

        refuse_unfit(settings, restored)
    _reap(settings)
    wanted = None if components is None else [name for part in components.split(",") if (name := part.strip())]
    if wanted == []:
        raise UsageError("No component is named", on="--components", fix="leave it out to start everything")
    begun = time.monotonic()
    if restored is not None:
        stack = start_on(settings, restored.absolute(), detached=detach, progress=_say)
    else:
        stack = start(settings, components=wanted, detached=detach, progress=_say)
    try:
        _out.print(f"{stack.name} is up after {time.monotonic() - begun:.1f} s")
        for name, why in stack.missing.items():
            _out.print(f"without {name}: {why}", markup=False)
        if restored is not None:
            with _reference(settings, stack) as reference:
                filled = _index_all(settings, stack, reference, reference.kinds)
        else:
            filled = _fill(settings, stack) if not empty and wanted is None else 0
        _print_status(stack)
        if not detach:
            _out.print("Ctrl-C ends it.")
            threading.Event().wait()
    except BaseException:
        stack.stop()
        raise
    # That some file of the corpus cannot be indexed is told above, and does not keep the stack from being up.
    return filled if filled == _UNVERIFIED else 0


@cli.command()
@click.argument("run", required=False)
@click.pass_obj
def down(settings: Settings, run: str | None) -> None:
    """End a running stack and remove what it left; name the RUN when there are several."""
    stack = _the_stack(settings, run, how="`engineroom down RUN`")
    stack.stop()
    _out.print(f"{stack.name} is down")


@cli.command()
@click.pass_obj
def clean(settings: Settings) -> None:
    """Clean up what dead runs left: processes and folders."""
    left = reap(settings)
    for line in left:
        _out.print(line, markup=False)
    _out.print("nothing was left" if not left else f"{len(left)} cleaned up")


@cli.command()
@click.argument("run", required=False)
@click.pass_obj
def status(settings: Settings, run: str | None) -> int:
    """Show component, address, process, health, memory and since when; exit code 1 unless all are ready."""
    stacks = [_the_stack(settings, run)] if run else running(settings)
    if not stacks:
        _out.print("No stack is running. `engineroom up` starts one.")
        return _UNVERIFIED
    ready = [_print_status(stack) for stack in stacks]
    return 0 if all(ready) else _FAIL


@cli.command()
@click.argument("component")
@click.option("--run", help="Of which run, when there are several.")
@click.pass_obj
def restart(settings: Settings, component: str, *, run: str | None) -> None:
    """Start a COMPONENT again, dead or not, and wait until it is ready."""
    stack = _the_stack(settings, run)
    stack.restart(component)
    _out.print(f"{component} is ready again")


@cli.command()
@click.argument("component")
@click.option("--run", help="Of which run, when there are several.")
@click.option("-f/-F", "--follow/--no-follow", default=True, help="Wait for more lines.")
@click.option(
    "-n", "--lines", type=click.IntRange(min=0), default=40, show_default=True, help="How many to begin with."
)
@click.pass_obj
def logs(settings: Settings, component: str, run: str | None, *, follow: bool, lines: int) -> None:
    """Show the output of a COMPONENT and follow it."""
    path = _the_stack(settings, run).log(component)
    with path.open("rb") as file:
        written = file.read().splitlines(keepends=True)
        _write(b"".join(written[-lines:] if lines else []).decode("utf-8", "replace"))
        while follow and path.exists():
            more = file.read()
            _write(more.decode("utf-8", "replace"))
            if not more:
                time.sleep(0.2)


@cli.command()
@click.option("--full", is_flag=True, help="Compare everything, not only what is known to have changed.")
@click.option("--engine", type=click.Choice(get_args(EngineKind)), help="Only this engine.")
@click.option("--run", help="Of which run, when there are several.")
@click.pass_obj
def index(settings: Settings, *, full: bool, engine: EngineKind | None, run: str | None) -> int:
    """Bring the indexes up to date; exit code 1 when something could not be indexed, 2 when an engine was away."""
    stack = _the_stack(settings, run)
    with _reference(settings, stack) as reference:
        return _index_all(settings, stack, reference, [engine] if engine else _kinds(reference), full=full)


_LONG_OPTION = re.compile(r"--[a-z]")
_NUMBER_OPTION = re.compile(r"-n[0-9]+")


class _QueryCommand(click.Command):
    """A command whose argument may begin with a dash, as `-is:test` and `->` do.

    Click's `ignore_unknown_options` would take the `n` of `-lang:go` for `-n`.
    """

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Read as options what is written exactly as one; two dashes and a letter stay an option that nobody knows."""
        takes = {
            name: not parameter.is_flag
            for parameter in self.params
            if isinstance(parameter, click.Option)
            for name in (*parameter.opts, *parameter.secondary_opts)
        }
        takes |= dict.fromkeys(ctx.help_option_names, False)
        options: list[str] = []
        words: list[str] = []
        left = iter(args)
        for word in left:
            if word == "--":
                words.extend(left)
            elif word in takes:
                options.append(word)
                options.extend(islice(left, int(takes[word])))
            elif _LONG_OPTION.match(word) or _NUMBER_OPTION.fullmatch(word):
                options.append(word)
            else:
                words.append(word)
        return super().parse_args(ctx, [*options, "--", *words])


@cli.command(cls=_QueryCommand)
@click.argument("query")
@click.option("--as", "viewer", help="Search as this user; an anonymous visitor otherwise.")
@click.option("--engine", type=click.Choice(get_args(EngineKind)), help="Ask this engine.")
@click.option("--page", type=click.IntRange(min=1), default=1, show_default=True)
@click.option("-n", "--per-page", type=click.IntRange(1, 100), default=10, show_default=True)
@click.option("--json", "as_json", is_flag=True, help="One JSON document.")
@click.option("--why", is_flag=True, help="Show what each score is made of.")
@click.option("--run", help="Of which run, when there are several.")
@click.pass_obj
def search(
    settings: Settings,
    query: str,
    *,
    viewer: str | None,
    engine: EngineKind | None,
    page: int,
    per_page: int,
    as_json: bool,
    why: bool,
    run: str | None,
) -> None:
    """Search the forge: code by default, other records by type:issue, type:pr, type:wiki, type:user, type:repo."""
    from stack.search.engines.question import MAX_WINDOW  # noqa: PLC0415
    from stack.search.show import show_results  # noqa: PLC0415

    if page * per_page > MAX_WINDOW:
        raise UsageError(
            "This page is out of reach",
            on=f"page {page} with {per_page} hits on each",
            fix=f"page {MAX_WINDOW // per_page} is the last one; narrow the query",
        )
    with _reference(settings, _the_stack(settings, run)) as reference:
        _check_user(reference, viewer)
        kind = engine or _kinds(reference)[0]
        with reference.search(kind) as service:
            results = service.search(query, viewer=viewer, page=page, per_page=per_page)
    if as_json:
        _write(results.to_json() + "\n")
    else:
        show_results(_out, results, why=why)


def _check_user(reference: Reference, name: str | None) -> None:
    """Raise a usage error for a user who does not exist: taken for a visitor, the answer would look like theirs."""
    if name is None:
        return
    # What is no UTF-8 on the command line comes as lone surrogates, which no database takes.
    known = name.isprintable() and reference.forge.find_user(name) is not None
    if not known:
        shown = name.encode("utf-8", "backslashreplace").decode()
        raise UsageError("There is no such user", on=shown, fix="`engineroom search type:user` finds them all")


@cli.command()
@click.argument("paths", nargs=-1)
@click.option("--runtime", type=click.Choice(get_args(RuntimeName)), help="Where components run.")
@click.pass_obj
def verify(settings: Settings, paths: tuple[str, ...], runtime: RuntimeName | None) -> int:
    """Run the features, or those of PATHS (folders, modules, feature files); print verdicts and the report's path."""
    chosen = paths or ("features",)
    for path in chosen:
        _check_features(path)
    return _pytest([f"--runtime={runtime or settings.runtime}", *chosen])


def _check_features(argument: str) -> None:
    """Raise a usage error unless pytest will find features by this argument, and with them what judges them."""
    path = Path(argument.partition("::")[0]).absolute()
    if not path.exists():
        raise UsageError(
            "There is nothing to verify by this path", on=str(path), fix="`engineroom verify` runs all of features/"
        )
    if not any(above.name == "features" and (above / "conftest.py").is_file() for above in (path, *path.parents)):
        raise UsageError(
            "This is no part of the features", on=str(path), fix="name the features folder, or something in it"
        )


def _pytest(arguments: list[str]) -> int:
    """Run pytest; its own exit codes that tell of no verdict in the terms of ours."""
    import pytest  # noqa: PLC0415 - not needed by most verbs

    code = int(pytest.main(arguments))
    own = {
        int(pytest.ExitCode.USAGE_ERROR): _USAGE,
        int(pytest.ExitCode.INTERNAL_ERROR): _UNVERIFIED,
        int(pytest.ExitCode.NO_TESTS_COLLECTED): _UNVERIFIED,
    }
    return own.get(code, code)


@contextmanager
def _reference(settings: Settings, stack: Stack) -> Iterator[Reference]:
    """The forge on a stack; what goes wrong because somebody ended the stack meanwhile is told as just that."""
    from stack.packages import package_clients  # noqa: PLC0415
    from stack.reference import Reference  # noqa: PLC0415

    toolchain = Toolchain(settings)
    try:
        with Reference(
            stack.addresses,
            folder=stack.folder / "reference",
            ctags=toolchain.require("ctags").program("ctags"),
            clients=package_clients(toolchain),
            patience=settings.engine_patience,
        ) as reference:
            yield reference
    except UsageError:
        raise
    except Exception as error:
        if _is_running(settings, stack):
            raise
        raise EngineRoomError(
            "The stack was ended while this command worked on it",
            on=stack.name,
            got=str(error).partition("\n")[0],
            fix="`engineroom up` starts one",
        ) from error


def _is_running(settings: Settings, stack: Stack) -> bool:
    return any(other.name == stack.name for other in running(settings))


def _kinds(reference: Reference) -> list[EngineKind]:
    if not reference.kinds:
        raise NeedMissingError(
            "engine", "This stack has no search engine", fix="`engineroom doctor` says what is missing"
        )
    return reference.kinds


def _fill(settings: Settings, stack: Stack) -> int:
    with _reference(settings, stack) as reference:
        begun = time.monotonic()
        reference.fill(settings.corpus, cache=settings.cache_dir, progress=partial(_out.print, markup=False))
        put = reference.put_objects(settings.corpus, settings.recovery.forge_bucket, cache=settings.cache_dir)
        if put:
            _out.print(f"{put} attachments and large files are in the object store")
        _out.print(f"the forge is filled after {time.monotonic() - begun:.1f} s")
        return _index_all(settings, stack, reference, reference.kinds)


def _index_all(
    settings: Settings, stack: Stack, reference: Reference, kinds: list[EngineKind], *, full: bool = False
) -> int:
    """Index each engine, those behind one that is away too."""
    from stack.search.engines.base import EngineError  # noqa: PLC0415

    codes = [0]
    for kind in kinds:
        try:
            codes.append(0 if _index(reference, kind, full=full).clean else _FAIL)
        except EngineError as error:
            if not _is_running(settings, stack):
                raise
            _err.print(f"{kind} was not indexed:", style="red" if _err.is_terminal else "")
            codes.append(_complain(error, _UNVERIFIED))
    return max(codes)


def _index(reference: Reference, kind: EngineKind, *, full: bool = False) -> Report:
    from stack.search.show import IndexProgress, show_report  # noqa: PLC0415

    with IndexProgress(_out) as shown:
        report = reference.index(kind, full=full, progress=shown.update)
    show_report(_out, report)
    return report


@cli.command()
@click.argument("engine", type=click.Choice(["meilisearch"]))
@click.option("--check", is_flag=True, help="Only say what is attested; exit code 2 unless it still stands.")
@click.pass_obj
def attest(settings: Settings, engine: str, *, check: bool) -> int:
    """Run the search features against a real ENGINE that this machine has, and write down what came of it."""
    from stack.attestation import attest as attest_run  # noqa: PLC0415
    from stack.attestation import describe, stands  # noqa: PLC0415

    if check:
        _out.print(describe(engine), markup=False)
        return 0 if stands(engine) else _UNVERIFIED
    program = Toolchain(settings).require(engine)
    chosen = settings.model_copy(update={"evidence_dir": settings.evidence_dir / "attest"})
    code = _pytest([f"--engine={engine}", f"--evidence-dir={chosen.evidence_dir}", "features/search"])
    if code == 0:
        newest = max(chosen.evidence_dir.glob("*/evidence.json"), key=lambda path: path.stat().st_mtime)
        path = attest_run(engine, version=program.version, sha256=program.checksum or "", evidence=newest)
        _out.print(f"attested in {path}", markup=False)
    return code


def _say(component: str, text: str) -> None:
    _out.print(f"  {component}: {text}", markup=False, highlight=False)


def _reap(settings: Settings) -> None:
    for line in reap(settings):
        _err.print(f"cleaned up after a dead run: {line}", markup=False)


def _the_stack(settings: Settings, run: str | None, *, how: str = "--run RUN") -> Stack:
    stacks = running(settings)
    if run is not None:
        stacks = [stack for stack in stacks if stack.name == run]
    if not stacks:
        raise NeedMissingError(
            "stack", "No such stack is running", on=run or str(settings.state_dir), fix="`engineroom up` starts one"
        )
    if len(stacks) > 1:
        names = ", ".join(stack.name for stack in stacks)
        raise UsageError("Several stacks are running", got=names, fix=f"say which one is meant: {how}")
    return stacks[0]


def _print_status(stack: Stack) -> bool:
    table = Table("component", "address", "pid", "health", "memory", "since", "detail", title=stack.name, box=None)
    states = stack.status()
    for state in states:
        table.add_row(
            state.name,
            state.address,
            str(state.pid or "-"),
            state.health,
            f"{state.rss_bytes / 2**20:.0f} MB" if state.rss_bytes is not None else "-",
            f"{state.since:%H:%M:%S}" if state.since else "-",
            state.detail,
        )
    _out.print(table)
    return all(state.health == "ready" for state in states)
