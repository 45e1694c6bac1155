"""Journeys: real Chromium on a real ship whose demo has ended, and nothing leaves the machine."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, expect, sync_playwright

sys.path.insert(0, str(Path(__file__).parent))  # pictures.py, run by hand, shares these modules

from browsing import CHROMIUM, PATIENCE_MS, Visitor, launched, seeing, visiting

from harness.demo_workspace import Instance, copied_demo, running_demo, running_on
from harness.places import PLACES, Place
from harness.running_instance import RunningInstance, run_instance
from pilothouse.workspace import Workspace

FAILED = pytest.StashKey[bool]()


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Journeys come last: they change the voyage that other tests look at as the demo left it."""
    items.sort(key=lambda item: item.get_closest_marker("journey") is not None)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Any:
    """Remember a failure, for the picture that is taken of it."""
    report = yield
    if report.when == "call":
        item.stash[FAILED] = report.failed
    return report


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """The machine's Chromium."""
    if CHROMIUM is None:
        pytest.skip("there is no chromium on this machine (apt-get install chromium)")
    expect.set_options(timeout=PATIENCE_MS)
    with sync_playwright() as playwright, launched(playwright) as opened:
        yield opened


@pytest.fixture(scope="session")
def profiles(browser: Browser) -> Iterator[dict[str, BrowserContext]]:
    """A profile a colour scheme, kept for all journeys: what is cached is not loaded again."""
    opened = {scheme: seeing(browser, scheme) for scheme in ("light", "dark")}
    yield opened
    for context in opened.values():
        context.close()


@pytest.fixture(scope="session")
def without_demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Instance]:
    """An instance that begins empty, for journeys that bring their own data."""
    with running_on(tmp_path_factory.mktemp("without-demo") / "workspace") as instance:
        yield instance


@pytest.fixture(scope="session")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Instance]:
    """An instance on another copy of the demo, as it ended: every screen has content."""
    with running_demo(copied_demo(tmp_path_factory, "demo")) as instance:
        yield instance


@pytest.fixture(scope="module")
def ship(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningInstance]:
    """A running instance of one module, with nothing in it; a module may fill its own."""
    with run_instance(tmp_path_factory.mktemp("own") / "workspace") as started:
        yield started


@pytest.fixture
def opened(ship: RunningInstance) -> Iterator[Workspace]:
    """The workspace of that instance, to prepare what comes and to look at what came."""
    workspace = ship.open()
    yield workspace
    workspace.store.engine.dispose()


@pytest.fixture
def scheme() -> str:
    """The colour scheme the visitor prefers; a test may parametrise it."""
    return "light"


@pytest.fixture
def origin(voyage: Any) -> str:
    """Where the app is; a module may have another one."""
    return str(voyage.ship.address("app").url)


@pytest.fixture(scope="session")
def lost_pages() -> list[list[str]]:
    """What the console said of pages that an error took away whole, and that came back."""
    return []


@pytest.fixture
def tab(profiles: dict[str, BrowserContext], origin: str, scheme: str) -> Iterator[Visitor]:
    """A new tab at the app; a module may keep one for all its tests."""
    with visiting(profiles[scheme], origin) as somebody:
        yield somebody


@pytest.fixture
def visitor(
    request: pytest.FixtureRequest, tab: Visitor, lost_pages: list[list[str]], tmp_path: Path
) -> Iterator[Visitor]:
    """Somebody at the app; at the end nothing has asked for anything elsewhere, nor complained."""
    tab.strays.clear()
    tab.complaints.clear()
    yield tab
    if request.node.stash.get(FAILED, False):
        tab.page.screenshot(path=tmp_path / "failed.png")
        print(f"the page: {tmp_path / 'failed.png'}")  # noqa: T201
        print("the browser's console:", *tab.complaints, sep="\n")  # noqa: T201
    else:
        assert tab.strays == [], "requests to elsewhere"
        if tab.complaints and tab.came_back():
            # Once in a dozen runs of all journeys, Streamlit's page loses itself without a
            # pattern, and ours loads it again. Twice in one run is a fault of a page.
            lost_pages.append(list(tab.complaints))
            assert len(lost_pages) == 1, f"pages were lost: {lost_pages}"
        else:
            assert tab.complaints == [], "errors in the browser's console"


@pytest.fixture(params=list(PLACES))
def place(request: pytest.FixtureRequest) -> Place:
    """Every screen, and every view of one."""
    return PLACES[request.param]
