"""Pictures of every screen, for people to look at: light and dark, in two sizes.

python tests/journeys/pictures.py WORKSPACE OUT [--only NAME ...]

The workspace is opened by a `pilothouse up` of its own, so it must not be open elsewhere.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from browsing import CHROMIUM, launched, seeing, visiting
from playwright.sync_api import sync_playwright

from harness.places import PLACES, report, window
from harness.running_instance import run_instance, wait_for
from pilothouse.workspace import Workspace

SCHEMES = ("light", "dark")
SIZES = ((1440, 900), (1280, 720))


def main() -> None:
    """Draw every place, in both schemes and sizes, as `OUT/NAME-SCHEME-WIDTH.png`."""
    asked = _asked()
    if CHROMIUM is None:
        raise SystemExit("There is no Chromium on this machine.")
    asked.out.mkdir(parents=True, exist_ok=True)
    with run_instance(asked.workspace) as ship:
        workspace = ship.open()
        with_report(workspace)
        draw(workspace, ship.address("app").url, asked.out, asked.only or list(PLACES))


def with_report(workspace: Workspace) -> None:
    """A report to look at: asked for when none has been made yet."""
    try:
        report(workspace)
    except IndexError:
        asked = workspace.monitoring.request_report(window(workspace)["id"])
        wait_for(lambda: workspace.monitoring.report(asked).digest, "the report is made")


def draw(workspace: Workspace, origin: str, out: Path, names: list[str]) -> None:
    """The pictures themselves."""
    with sync_playwright() as playwright, launched(playwright) as browser:
        for scheme in SCHEMES:
            for size in SIZES:
                with (
                    seeing(browser, scheme, size) as context,
                    visiting(context, origin) as visitor,
                ):
                    for name in names:
                        visitor.open(PLACES[name].address(workspace))
                        if name == "report":
                            visitor.report()
                        visitor.page.mouse.move(0, size[1] - 1)
                        path = out / f"{name}-{scheme}-{size[0]}.png"
                        visitor.page.screenshot(path=path)


def _asked() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("workspace", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--only", nargs="*", choices=sorted(PLACES), default=[])
    return parser.parse_args()


if __name__ == "__main__":
    main()
