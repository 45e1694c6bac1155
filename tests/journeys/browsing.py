"""A visitor of the app: a page of real Chromium, with eyes for what must not happen there.

Shared by the journeys (through `conftest.py`) and by `pictures.py`.
"""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, quote_plus, urlsplit

import axe_playwright_python
from playwright.sync_api import ConsoleMessage, Locator, Page, Request, WebSocket, expect

if TYPE_CHECKING:
    from playwright.sync_api import Browser, BrowserContext, Playwright

CHROMIUM = next(
    filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None
)
FLAGS = (
    "--no-sandbox",
    "--disable-dev-shm-usage",
    "--disable-gpu",
    "--font-render-hinting=none",
    "--disable-background-networking",
    # Playwright's own routing would turn the cache off; so nothing but loopback has an address.
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
)
PATIENCE_MS = 20_000
MEASURED_MS = 120_000  # a job of a worker on a busy machine
ROW, HEAD = 30, 30

# Streamlit looks for its own server under the page of a deep link first, then at the root.
HARMLESS = re.compile(r"/[a-z]+/_stcore/(health|host-config)$")

IDLE = """() => {
  const app = document.querySelector('[data-testid=stApp]')?.dataset;
  const busy = '[data-stale=true],[data-testid=stSkeleton],[data-testid=stSpinner]';
  const drawn = (chart, mark) => [...document.querySelectorAll(`[data-testid=${chart}]`)]
    .every(each => !each.checkVisibility() || each.querySelector(mark));
  const idle = app?.testScriptState === 'notRunning' && app?.testConnectionState === 'CONNECTED'
    && !document.querySelector(busy) && drawn('stPlotlyChart', '.main-svg')
    && drawn('stEchartsChart', 'canvas,svg') && drawn('stDataFrame', 'canvas table');
  if (!idle) { window.idleSince = undefined; return false; }
  window.idleSince ??= performance.now();
  return performance.now() - window.idleSince > 150;
}"""

# A toast is gone after four seconds, which a busy machine takes to draw the page that it stands on.
NOTE_TOASTS = """
window.toasts = [];
new MutationObserver(() => {
  for (const box of document.querySelectorAll('[data-testid=stToast]')) {
    const text = box.textContent.replace(/\\s+/g, ' ').toLowerCase();
    if (!window.toasts.some(each => each.box === box && each.text === text))
      window.toasts.push({box, text, taken: false});
  }
}).observe(document, {childList: true, subtree: true, characterData: true});
"""
TAKE_TOAST = """words => {
  const has = each => each.text.includes(words.toLowerCase());
  const toast = window.toasts.find(each => !each.taken && has(each));
  for (const each of window.toasts)
    if (toast && each.box === toast.box && has(each)) each.taken = true;
  return toast !== undefined;
}"""

RULES = ("wcag2a", "wcag2aa", "wcag21aa")
# What Streamlit draws and an app cannot change: rule -> a selector of the parts, and why.
FRAMEWORK: dict[str, tuple[str, str]] = {
    "list": ("[data-testid=stSidebarNavItems]", "sections of the menu stand between its items"),
    "listitem": ("[data-testid=stSidebarNavItems] li", "each menu item has a wrapper around it"),
}


@dataclass(frozen=True)
class Table:
    """A table, which is drawn on a canvas: its cells are read beside it and clicked by place."""

    region: Locator

    def rows(self) -> list[dict[str, str]]:
        """The rows that are drawn, by the words of their columns without the arrow of the order."""
        lines: list[list[str]] = self.region.locator("canvas table").first.evaluate(
            "grid => [...grid.rows].map(row => [...row.cells].map(cell => cell.textContent))"
        )
        heads = [head.removesuffix(" ↑").removesuffix(" ↓") for head in lines[0]]
        return [dict(zip(heads, line, strict=True)) for line in lines[1:]]

    def row(self, words: str) -> int:
        """The place of the first row whose first column has these words."""
        firsts = [next(iter(row.values())) for row in self.rows()]
        assert words in firsts, f"{words!r} is not among {firsts}"
        return firsts.index(words)

    def tick(self, row: int) -> None:
        """Choose a row by the box at its left."""
        self._click(16, row)

    def open(self, row: int) -> None:
        """Follow the name in a row's first column."""
        self._click(70, row)

    def _click(self, x: int, row: int) -> None:
        self.region.click(position={"x": x, "y": HEAD + ROW * row + ROW // 2})


@dataclass
class Visitor:
    """Somebody who looks at the app at an origin, in one tab."""

    page: Page
    origin: str
    strays: list[str] = field(default_factory=list)
    complaints: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.page.set_default_timeout(PATIENCE_MS)
        self.page.on("request", self._asked)
        self.page.on("websocket", self._asked)
        self.page.on("console", self._said)
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))

    def _asked(self, asked: Request | WebSocket) -> None:
        scheme, place = urlsplit(asked.url)[:2]
        if scheme not in ("data", "blob") and place != urlsplit(self.origin).netloc:
            self.strays.append(asked.url)

    def _said(self, message: ConsoleMessage) -> None:
        where = message.location.get("url", "")
        if message.type == "error" and not ("404" in message.text and HARMLESS.search(where)):
            self.complaints.append(f"{message.text} ({where})")

    def open(self, address: str) -> Visitor:
        """Type an address of the app and wait until the page is drawn."""
        self.page.goto(self.origin + address)
        return self.idle()

    def idle(self) -> Visitor:
        """Wait until the page neither runs nor draws; first expect the change that is to come."""
        self.page.evaluate("window.idleSince = undefined")
        self.page.wait_for_function(IDLE)
        return self

    def report(self) -> Locator:
        """The body of the report's own page, drawn, in the frame that shows it."""
        body = self.page.frame_locator("iframe").locator("body")
        expect(body).to_contain_text("Drift")
        return body

    def key(self, name: str) -> Locator:
        """The element whose key in the app is this."""
        return self.page.locator(f".st-key-{name}")

    def press(self, name: str, *, within: Locator | None = None) -> None:
        """Press the button with these words, once it can be pressed."""
        button = (within or self.page).get_by_role("button", name=name, exact=True).first
        expect(button).to_be_enabled()
        button.click()

    def switch(self, view: str) -> None:
        """Press one of the views in a row of views."""
        radio = self.page.get_by_role("radio", name=view, exact=True)
        radio.click()
        expect(radio).to_be_checked()
        self.idle()

    def choose(self, label: str, option: str, *, within: Locator | None = None) -> None:
        """Choose one of a list."""
        box = (within or self.page).get_by_role("combobox", name=label, exact=True)
        box.click()
        self.page.get_by_role("option", name=option, exact=True).click()
        expect(box).to_have_value(option)

    def pick(self, label: str, option: str | re.Pattern[str]) -> None:
        """Choose from a long list by typing, since only what is in sight is there."""
        box = self.page.get_by_role("combobox", name=label, exact=True)
        box.click()
        box.fill(option if isinstance(option, str) else option.pattern)
        self.page.get_by_role("option", name=option, exact=True).first.click()

    def sort(self, column: str) -> None:
        """Sort the run table by a column, the better end first."""
        before = self.param("runs_sort")
        self.press("Columns")
        self.pick("Sort", column)
        self.page.wait_for_function(
            "before => (new URL(location).searchParams.get('runs_sort') ?? '') !== before",
            arg=before,
        )
        self.page.keyboard.press("Escape")
        self.idle()

    def search(self, placeholder: str, words: str) -> None:
        """Type into a search box and wait for what it finds."""
        box = self.page.get_by_placeholder(placeholder)
        box.fill(words)
        box.press("Enter")
        self.page.wait_for_url(lambda url: quote_plus(words) in url or quote(words) in url)
        self.idle()

    def answer(self, title: str, verb: str, *, reason: str, typed: str = "") -> None:
        """Fill in a dialog that confirms, and press its verb."""
        dialog = self.dialog(title)
        if typed:
            dialog.get_by_role("textbox", name=f"Type {typed} to confirm").fill(typed)
        dialog.get_by_role("textbox", name="Reason").fill(reason)
        self.press(verb, within=dialog)

    def measured(self, dialog: Locator) -> None:
        """Wait until a worker has measured what the gates need, and all of them pass."""
        passed = dialog.get_by_text(re.compile(r"^Gates .*\d+ gates passed ·"))
        expect(passed).to_be_visible(timeout=MEASURED_MS)

    def prefer(self, scheme: str) -> None:
        """Look at the page in another appearance; Streamlit draws it so on its next run."""
        app, logo = self.page.get_by_test_id("stApp"), self.page.get_by_role("img", name="Logo")
        if app.evaluate("app => getComputedStyle(app).colorScheme") == scheme:
            return
        before = logo.get_attribute("src") or ""
        self.page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]  # light or dark
        expect(app).to_have_css("color-scheme", scheme)
        self.page.keyboard.press("r")
        expect(logo).not_to_have_attribute("src", before)
        self.idle()

    def named(self, words: str) -> Locator:
        """A table or a chart by its description, or a title by its words."""
        described = self.page.locator(f'[aria-label="{words}"],[title="{words}"]')
        return described.or_(self.page.get_by_text(words, exact=True)).first

    def table(self, words: str) -> Table:
        """The table with this description, drawn."""
        region = self.page.get_by_role("region", name=words, exact=True)
        expect(region.locator("canvas table").first).to_be_attached()
        return Table(region)

    def dialog(self, title: str) -> Locator:
        """The dialog with this title."""
        dialog = self.page.get_by_role("dialog", name=title)
        expect(dialog).to_be_visible()
        return dialog

    def titled(self, title: str | re.Pattern[str]) -> None:
        """Wait for the page with this title."""
        expect(self.key("page_header").get_by_role("heading")).to_have_text(title)
        self.idle()

    def toast(self, words: str) -> None:
        """Wait for a word of success; one that has gone meanwhile counts, and counts once."""
        self.page.wait_for_function(TAKE_TOAST, arg=words, timeout=PATIENCE_MS)

    def param(self, name: str) -> str:
        """A parameter of the address the visitor is at."""
        return str(self.page.evaluate("n => new URL(location).searchParams.get(n) ?? ''", name))

    def faults(self) -> list[str]:
        """What the app shows instead of what it should."""
        shown = self.page.locator("[data-testid=stException],[data-testid=stAlertContentError]")
        return shown.all_inner_texts()

    def came_back(self) -> bool:
        """Whether an error took the whole page away since it was asked last, and it came back."""
        key = "pilothouse_loaded_again"
        return bool(self.page.evaluate(
            "key => { const at = sessionStorage.getItem(key); sessionStorage.removeItem(key);"
            " return at }", key
        ))  # fmt: skip

    def barriers(self) -> list[str]:
        """What axe finds on the page, without what only Streamlit can change."""
        if not self.page.evaluate("'axe' in window"):
            self.page.evaluate(_axe())
        options = {"runOnly": list(RULES), "iframes": False, "resultTypes": ["violations"]}
        found: dict[str, Any] = self.page.evaluate("o => axe.run(document, o)", options)
        return [
            f"{violation['id']}: {node['failureSummary'].splitlines()[-1].strip()} {node['html']}"
            for violation in found["violations"]
            for node in violation["nodes"]
            if not self._owned(violation["id"], node["target"])
        ]

    def _owned(self, rule: str, target: list[str]) -> bool:
        if rule not in FRAMEWORK:
            return False
        return bool(self.page.locator(target[0]).first.evaluate(
            "(e, parts) => e.matches(parts)", FRAMEWORK[rule][0]
        ))  # fmt: skip


@cache
def _axe() -> str:
    return (Path(axe_playwright_python.__file__).parent / "axe.min.js").read_text("utf-8")


def launched(playwright: Playwright) -> Browser:
    """The machine's own Chromium; none is downloaded."""
    return playwright.chromium.launch(executable_path=CHROMIUM, args=list(FLAGS))


def seeing(browser: Browser, scheme: str, size: tuple[int, int] = (1440, 900)) -> BrowserContext:
    """A browser's profile that prefers a colour scheme and keeps its cache between pages."""
    context = browser.new_context(
        viewport={"width": size[0], "height": size[1]},
        color_scheme=scheme,  # type: ignore[arg-type]  # light or dark
        reduced_motion="reduce",
        accept_downloads=True,
    )
    context.add_init_script(NOTE_TOASTS)
    return context


@contextmanager
def visiting(context: BrowserContext, origin: str) -> Iterator[Visitor]:
    """A visitor in a tab of its own."""
    page = context.new_page()
    try:
        yield Visitor(page, origin)
    finally:
        page.close()
