"""The pytest plugin that turns a run of Gherkin features into a verdict with evidence.

Load it in `features/conftest.py` by `pytest_plugins = ["reports.pytest_plugin"]`, and see `reports.context` for what
the conftest may tell it. The process ends with 0, 1, 2, 64 or 130 (`reports.verdict.ExitCode`). Only what pytest
refuses before any plugin is loaded (an option it does not know) still ends with pytest's own 4; see `reports.usage`.
"""

from __future__ import annotations

from collections.abc import Generator

import pytest
from _pytest.terminal import TerminalReporter

from reports.context import RUN_CONTEXT, RunContext, refuse, run_context
from reports.errors import UsageError
from reports.inventory import read_inventory, tags_in
from reports.listener import RunListener
from reports.scope import load_scope
from reports.selection import collectable, select
from reports.session import RunRecorder
from reports.step_calls import watch_step_calls
from reports.terminal import Printer
from reports.usage import refused
from reports.verdict import ExitCode

__all__ = ["pytest_cmdline_main", "pytest_configure", "pytest_sessionstart"]

_LISTENER = "engineroom-listener"
# Options with which pytest only shows something: that is no run, and has no verdict.
_LISTINGS = ("collectonly", "showfixtures", "show_fixtures_per_test", "cacheshow")


@pytest.hookimpl(tryfirst=True)
def pytest_configure(config: pytest.Config) -> None:
    """Make the context, for the conftest to fill."""
    root = config.rootpath
    config.stash[RUN_CONTEXT] = RunContext(
        features=root / "features", scope_file=root / "scope.toml", evidence_dir=root / "evidence"
    )


@pytest.hookimpl(tryfirst=True)
def pytest_sessionstart(session: pytest.Session) -> None:
    """Read what the run is measured against, before anything is started for it."""
    config, context = session.config, run_context(session.config)
    inventory = read_inventory(context.features)
    for tag in tags_in(inventory):
        config.addinivalue_line("markers", f"{tag}: a tag of a scenario")
    folder = config.invocation_params.dir
    selection = select(config.args, folder=folder, features=context.features)
    try:
        config.args[:] = collectable(config.args, folder=folder, features=context.features)
        if any(config.getoption(name, default=False) for name in _LISTINGS):
            return
        scope = load_scope(context.scope_file)
    except UsageError as error:
        refuse(error)
    recorder = RunRecorder(context, scope, inventory, selection, root=config.rootpath)
    reporter = config.pluginmanager.get_plugin("terminalreporter")
    printer = None
    if isinstance(reporter, TerminalReporter):
        reporter.showfspath = False
        printer = _printer(reporter)
    watch_step_calls(config)
    # A body, of a scenario or of a plain test, that returns something did not assert it, or did not even run.
    config.addinivalue_line("filterwarnings", "error::pytest.PytestReturnNotNoneWarning")
    config.pluginmanager.register(RunListener(recorder, printer), _LISTENER)


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_cmdline_main(config: pytest.Config) -> Generator[None, object, object]:
    """Print what the run came to below everything else, and give pytest's own exit codes their meaning here."""
    try:
        code = yield
    except pytest.UsageError as error:
        code = refused(config, error)
    listener = config.pluginmanager.get_plugin(_LISTENER)
    if isinstance(listener, RunListener) and code != ExitCode.USAGE:
        listener.print_summary()
    # Something broke in pytest or in a plugin, maybe before the listener was there: nothing was verified.
    return int(ExitCode.COULD_NOT_VERIFY) if code == pytest.ExitCode.INTERNAL_ERROR else code


def _printer(reporter: TerminalReporter) -> Printer:
    def write(text: str) -> None:
        reporter.ensure_newline()
        reporter.write(text, flush=True)

    return Printer(write, colour=reporter.hasmarkup, width=reporter.__dict__.get("_screen_width", 80))
