"""The search page in headless Chromium: its largest contentful paint, and the bytes it ships."""

from __future__ import annotations

import statistics
from collections.abc import Iterator, Mapping

from stack.runtimes.local import LocalStack
from stack.settings import Settings
from stack.toolchain import Toolchain
from steps.browser import BrowserControl

__all__ = ["measure"]

_ROUNDS = 5
_PAGES = {"empty": "/search", "with hits": "/search?q=main", "with a filter": "/search?q=main+lang:go"}


def measure(settings: Settings, stack: LocalStack) -> Iterator[str]:
    """Lines of Markdown.

    Args:
        settings: of the run.
        stack: with a web in it, and a forge that is indexed.
    """
    chromium = Toolchain(settings).find("chromium")
    services = stack.addresses.services
    if chromium is None or services.web is None:
        yield "Not measured: there is no Chromium (`engineroom setup chromium`), or no web."
        return
    yield f"Signed out, a fresh browser with an empty cache for each, median of {_ROUNDS}:\n"
    yield "| search page | largest contentful paint, ms | bytes over the wire, KB | scripts, KB |"
    yield "|---|---|---|---|"
    for name, path in _PAGES.items():
        found = [_once(settings, stack, services.web.url, path) for _ in range(_ROUNDS)]
        paint, size, scripts = (statistics.median(each[key] for each in found) for key in ("paint", "bytes", "scripts"))
        yield f"| {name} (`{path}`) | {paint:.0f} | {size / 1000:.0f} | {scripts / 1000:.0f} |"


def _once(settings: Settings, stack: LocalStack, url: str, path: str) -> Mapping[str, float]:
    chromium = Toolchain(settings).require("chromium")
    with BrowserControl(chromium, url, stack.folder / "browser", settings.slow) as browser:
        browser.start()
        browser.open(path)
        return browser.measured()
