"""The run table at 100,000 runs, in headless Chromium: from a click to what it asks for, drawn.

A workspace of so many runs is made, the app started on it, and each action done several times.
The clock runs in the page: from the event of the pointer or of the key to the frame after the
wanted rows are painted and the app is at rest. The reference is a goal of 300 ms, which half of all
clicks of every action should beat: `ratio` is the goal over the slowest action's median.
"""

from __future__ import annotations

import statistics
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "journeys"))

from browsing import CHROMIUM, Visitor, launched, seeing, visiting
from playwright.sync_api import sync_playwright

from harness.running_instance import app_alone
from harness.synthetic_runs import launch_fleet
from pilothouse.workspace import open_workspace

RUNS, ROUNDS, GOAL_MS = 100_000, 12, 300.0
FILTERS = ("metrics.roc_auc > 0.9 and params.kind = 'tree'", "params.max_depth < 4")
SEARCHES = ("forest-12", "gradient")
WATCH = """([text, place, fresh]) => {
  const grid = () => document.querySelector('[data-testid=stDataFrame] canvas');
  const small = new OffscreenCanvas(48, 24).getContext('2d', {willReadFrequently: true});
  const painted = canvas => {
    if (!canvas?.width) return false;
    small.clearRect(0, 0, 48, 24);
    small.drawImage(canvas, 0, 0, 48, 24);
    return new Set(new Uint32Array(small.getImageData(0, 0, 48, 24).data.buffer)).size > 8;
  };
  const before = grid();
  const ready = () => {
    const app = document.querySelector('[data-testid=stApp]')?.dataset;
    const said = place ? [...document.querySelectorAll(place)].map(each => each.textContent)
      : [decodeURIComponent(location.search)];
    return app?.testScriptState === 'notRunning' && said.some(each => each.includes(text))
      && !document.querySelector('[data-stale=true],[data-testid=stSkeleton]')
      && (!fresh || (grid() !== before && painted(grid())));
  };
  window.took = window.began = null;
  const begin = event => { window.began ??= event.timeStamp; };
  addEventListener('pointerdown', begin, {capture: true, once: true});
  addEventListener('keydown', begin, {capture: true, once: true});
  const look = () => {
    if (window.began === null || !ready()) return requestAnimationFrame(look);
    requestAnimationFrame(() => { window.took = performance.now() - window.began; });
  };
  look();
}"""
ADDRESS, FOOT, NOTE, TITLE = (
    "",
    ".st-key-runs_foot",
    ".st-key-page_header",
    ".st-key-page_header h2",
)
HEAD_Y = 15


def measure() -> dict[str, Any]:
    """The medians and the slow ends of every action, in milliseconds."""
    if CHROMIUM is None:
        raise SystemExit("There is no Chromium on this machine.")
    with tempfile.TemporaryDirectory() as folder:
        workspace = open_workspace(folder)
        launch_fleet(workspace.store, RUNS)
        workspace.store.engine.dispose()
        return measured(Path(folder))


def measured(folder: Path) -> dict[str, Any]:
    """The same on a workspace that is there."""
    with app_alone(folder) as origin, visitor(origin) as somebody:
        took = {name: action(somebody) for name, action in ACTIONS.items()}
    medians = {name: statistics.median(values) for name, values in took.items()}
    return {
        "work": "table",
        "ours": round(max(medians.values())),
        "reference": GOAL_MS,
        "ratio": round(GOAL_MS / max(medians.values()), 2),
        "unit": "ms from click to drawn, p50 of the slowest action",
        "runs": RUNS,
        "rounds": ROUNDS,
        **{
            name: f"p50 {medians[name]:.0f}, p95 {_p95(values):.0f}"
            for name, values in took.items()
        },
    }


def _p95(times: list[float]) -> float:
    return statistics.quantiles(times, n=20, method="inclusive")[-1]


@contextmanager
def visitor(origin: str) -> Iterator[Visitor]:
    """Somebody with a warm browser at the run table."""
    with (
        sync_playwright() as playwright,
        launched(playwright) as browser,
        visiting(seeing(browser, "light"), origin) as somebody,
    ):
        somebody.open("/experiments").open("/experiments")
        yield somebody


def timed(
    somebody: Visitor, act: Callable[[], object], text: str, selector: str, *, fresh: bool = True
) -> float:
    """How long it is from the first event of `act` until the text stands in the place.

    When rows are to be `fresh`, their new canvas must be painted. (The table for screen readers
    beside it, which names rows, follows 200 ms later.)
    """
    somebody.page.evaluate(WATCH, [text, selector, fresh])
    act()
    somebody.page.wait_for_function("window.took !== null")
    took = float(somebody.page.evaluate("window.took"))
    somebody.idle()
    return took


def paging(somebody: Visitor) -> list[float]:
    """The next page, again and again."""
    somebody.open("/experiments")
    following = somebody.page.get_by_role("button", name="Next page")
    firsts = [f"{50 * page + 1:,} to" for page in range(1, ROUNDS + 1)]
    return [timed(somebody, following.click, first, FOOT) for first in firsts]


def sorting(somebody: Visitor) -> list[float]:
    """A click on the head of a metric, which turns the order."""
    somebody.open("/experiments")
    table = somebody.table("Runs").region
    x = _place(somebody, "ROC AUC")

    def press() -> None:
        table.click(position={"x": x, "y": HEAD_Y})

    times = [timed(somebody, press, "runs_sort=metrics.roc_auc", ADDRESS)]
    for _ in range(ROUNDS // 2):
        times.append(timed(somebody, press, "runs_rising=yes", ADDRESS))
        times.append(timed(somebody, press, "", ADDRESS))
    return times


def _place(somebody: Visitor, head: str) -> int:
    """Where a head is: after the boxes to tick, the names, the stars and the status."""
    assert list(somebody.table("Runs").rows()[0])[3] == head
    return 32 + 190 + 40 + 92 + 50


def filtering(somebody: Visitor) -> list[float]:
    """Enter in the filter box, with one filter and another in turn."""
    somebody.open("/experiments")
    return [_typed(somebody, "Filter", FILTERS[turn % 2]) for turn in range(ROUNDS)]


def searching(somebody: Visitor) -> list[float]:
    """Enter in the search box."""
    somebody.open("/experiments")
    return [_typed(somebody, "Search", SEARCHES[turn % 2]) for turn in range(ROUNDS)]


def _typed(somebody: Visitor, label: str, text: str) -> float:
    box = somebody.page.get_by_role("textbox", name=label, exact=True).or_(
        somebody.page.get_by_role("searchbox", name=label, exact=True)
    )
    box.fill(text)
    room = _found(somebody, label, text)
    return timed(somebody, lambda: box.press("Enter"), room, NOTE)


COUNTS: dict[str, str] = {}


def _found(somebody: Visitor, label: str, text: str) -> str:
    """What the header will say, asked once on a page of its own."""
    if text not in COUNTS:
        param = "runs_filter" if label == "Filter" else "runs_q"
        aside = Visitor(somebody.page.context.new_page(), somebody.origin)
        aside.open(f"/experiments?{param}={text}")
        COUNTS[text] = str(aside.key("page_header").inner_text().split(" of ")[0].split()[-1])
        aside.page.close()
    return f"{COUNTS[text]} of"


def ticking(somebody: Visitor) -> list[float]:
    """A box beside a run: the button that compares counts it."""
    somebody.open("/experiments")
    table = somebody.table("Runs")
    return [
        timed(somebody, partial(table.tick, row), f"Compare ({row + 1})", NOTE, fresh=False)
        for row in range(ROUNDS)
    ]


def comparing(somebody: Visitor) -> list[float]:
    """Two ticked runs, and the button that compares them."""
    times = []
    for turn in range(ROUNDS):
        somebody.open(f"/experiments?runs_page={turn + 1}")
        for row in (0, 1):
            tick = partial(somebody.table("Runs").tick, row)
            timed(somebody, tick, f"Compare ({row + 1})", NOTE, fresh=False)
        button = somebody.key("runs_compare").get_by_role("link")
        times.append(timed(somebody, button.click, "Compare", TITLE, fresh=False))
    return times


ACTIONS: dict[str, Callable[[Visitor], list[float]]] = {
    "page": paging,
    "sort": sorting,
    "filter": filtering,
    "search": searching,
    "tick": ticking,
    "open_compare": comparing,
}
