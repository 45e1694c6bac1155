"""Maturity: the level of the workspace, what is missing to the next one, and where it is mended."""

from __future__ import annotations

from pilothouse_app.components.header import header
from pilothouse_app.components.screen import Screen
from pilothouse_app.components.workspace import workspace
from pilothouse_app.features.governance.maturity import (
    checks_view,
    level_line,
    level_tiles,
    ml_test_score,
)

SCREEN = Screen(
    title="Maturity",
    path="maturity",
    icon=":material/stairs:",
    summary="Levels from the workspace's own evidence, and what is missing",
    section="Govern",
    order=15,
)


def render() -> None:
    """The levels, then the checks with the ticked one in detail."""
    report = workspace().governance.maturity()
    passed = sum(item.verdict.state == "passed" for item in report.items)
    with header("Maturity", note=f"{passed} of {len(report.items)} checks pass"):
        ml_test_score(report)
    level_tiles(report)
    level_line(report)
    checks_view(report)
