"""The controller behind the steps about pages: one browser, one page, and what a person sees on it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Self

from playwright.sync_api import Browser, Error, Locator, Page, Playwright, sync_playwright

from stack.errors import NeedMissingError
from stack.toolchain.installed import Installed

__all__ = ["BrowserControl"]

_SECONDS = 20.0
# Nothing outside the machine is asked for anything.
_ARGUMENTS = (
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-quic",
    "--disable-sync",
    "--no-first-run",
)
_FONTS = """<?xml version="1.0"?>
<!DOCTYPE fontconfig SYSTEM "fonts.dtd">
<fontconfig>
<dir>/usr/share/fonts</dir><dir>{root}/usr/share/fonts</dir><cachedir>{cache}</cachedir>
<alias><family>system-ui</family><prefer><family>DejaVu Sans</family></prefer></alias>
<alias><family>sans-serif</family><prefer><family>DejaVu Sans</family></prefer></alias>
<alias><family>monospace</family><prefer><family>DejaVu Sans Mono</family></prefer></alias>
</fontconfig>
"""
# What the browser itself measured of the page (W3C Largest Contentful Paint, Resource Timing).
_PAINT = """() => new Promise(done => {
  let last = 0;
  new PerformanceObserver(list => { for (const e of list.getEntries()) last = e.startTime; })
    .observe({type: 'largest-contentful-paint', buffered: true});
  setTimeout(() => {
    const entries = [...performance.getEntriesByType('navigation'), ...performance.getEntriesByType('resource')];
    done({paint: last, bytes: entries.reduce((sum, e) => sum + (e.transferSize || 0), 0),
          scripts: entries.filter(e => e.name.endsWith('.js')).reduce((sum, e) => sum + (e.transferSize || 0), 0)});
  }, 800);
})"""


@dataclass
class BrowserControl:
    """Chromium, headless, on the web of one stack."""

    chromium: Installed
    url: str
    folder: Path
    slow: float = 1.0
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    _playwright: Playwright | None = None
    _browser: Browser | None = None
    _page: Page | None = None
    _first: str = field(default="", repr=False)

    def __enter__(self) -> Self:
        """Nothing starts before a page is asked for."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """End the browser."""
        if self._browser is not None:
            self._browser.close()
        if self._playwright is not None:
            self._playwright.stop()

    def start(self, *, scripts: bool = True) -> None:
        """Open a browser that knows nobody."""
        self._playwright = sync_playwright().start()
        try:
            self._browser = self._playwright.chromium.launch(
                executable_path=self.chromium.program("chromium"),
                args=list(_ARGUMENTS),
                chromium_sandbox=False,
                env=self._environment(),
                timeout=_SECONDS * 1000 * self.slow,
            )
        except Error as error:
            raise NeedMissingError("chromium", "The browser does not start", got=str(error)) from error
        context = self._browser.new_context(
            java_script_enabled=scripts,
            viewport={"width": 1280, "height": 900},
            base_url=self.url,
            extra_http_headers=dict(self.headers),
        )
        context.set_default_timeout(_SECONDS * 1000 * self.slow)
        self._page = context.new_page()

    @property
    def page(self) -> Page:
        """The one page."""
        assert self._page is not None, "no browser was opened"
        return self._page

    def open(self, path: str) -> None:
        """Go to a path of the web."""
        self.page.goto(path)

    def sign_in(self, name: str, password: str) -> None:
        """Fill in the form as a person does."""
        self.open("/login")
        self.page.get_by_label(re.compile("user", re.IGNORECASE)).first.fill(name)
        self.page.get_by_label(re.compile("password", re.IGNORECASE)).first.fill(password)
        self.page.get_by_role("button", name=re.compile("sign in", re.IGNORECASE)).click()

    def expect_signed_in(self, name: str) -> None:
        """The page knows who is there."""
        self.page.get_by_role("link", name=name).or_(self.page.get_by_text(name)).first.wait_for()

    def search(self, query: str) -> None:
        """Ask by the form and wait for its page."""
        self.open("/search")
        box = self._box()
        box.fill(query)
        box.press("Enter")
        self.page.wait_for_url(re.compile(r"[?&]q="))

    def type(self, text: str) -> None:
        """Type key by key."""
        self.open("/search")
        self._box().press_sequentially(text, delay=40)

    def suggestions(self, seconds: float) -> int:
        """How many suggestions are there; waits for the first."""
        options = self.page.get_by_role("option")
        options.first.wait_for(timeout=seconds * 1000 * self.slow)
        return options.count()

    def choose_first_suggestion(self) -> str:
        """Arrow down and Enter; the address before."""
        before = self.page.url
        self._box().press("ArrowDown")
        self._box().press("Enter")
        return before

    def hits(self) -> list[str]:
        """The text of every shown hit; waits for the first."""
        shown = self.page.locator("[data-hit]")
        shown.first.wait_for()
        return shown.all_inner_texts()

    def languages(self) -> set[str]:
        """The languages of the shown hits."""
        return {element.get_attribute("data-language") or "" for element in self.page.locator("[data-hit]").all()}

    def choose_facet(self, value: str) -> None:
        """Click a facet's value."""
        before = self.page.url
        self.page.locator(f"[data-facet-value='{value}']").first.click()
        self.page.wait_for_url(lambda url: url != before)
        self.page.locator("[data-hit]").first.wait_for()

    def open_first_line(self) -> tuple[int, str]:
        """Follow the link of the first hit's best line; its number and text."""
        link = self.page.locator("[data-hit] a.hit-line[data-line]").first
        number = int(link.get_attribute("data-line") or "0")
        self._first = link.get_attribute("href") or ""
        link.click()
        self.page.wait_for_url(re.compile(rf"/blob/.*#L{number}$"))
        return number, self._first

    def line_shown(self, number: int) -> bool:
        """Whether the line of that number is in sight."""
        line = self.page.locator(f"#L{number}")
        line.wait_for()
        box = line.bounding_box()
        return box is not None and 0 <= box["y"] < 900

    def says(self, words: str) -> bool:
        """Whether the page's text matches, case aside; waits a while for it."""
        try:
            self.page.get_by_text(re.compile(words, re.IGNORECASE)).first.wait_for()
        except Error:
            return False
        return True

    def title(self) -> str:
        """The page's title and path."""
        return f"{self.page.title()} ({self.page.url.removeprefix(self.url)})"

    def picture(self) -> bytes:
        """A picture (PNG) of what is in sight."""
        return self.page.screenshot()

    def measured(self) -> Mapping[str, float]:
        """Largest contentful paint (ms), bytes over the wire in all, and of scripts, of the page as it is."""
        found = self.page.evaluate(_PAINT)
        return {str(key): float(value) for key, value in dict(found).items()}

    def _box(self) -> Locator:
        return self.page.get_by_role("combobox").or_(self.page.get_by_role("searchbox")).first

    def _environment(self) -> dict[str, str | float | bool]:
        """Debian's packages are only unpacked, so their fonts are where no configuration looks for them."""
        self.folder.mkdir(parents=True, exist_ok=True)
        fonts = self.folder / "fonts.conf"
        fonts.write_text(_FONTS.format(root=self.chromium.root, cache=self.folder / "fonts"), "utf-8")
        return {"FONTCONFIG_FILE": str(fonts), "HOME": str(self.folder)}
