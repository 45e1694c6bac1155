"""Which windows the pages of a deployment show, where it has more than a chart can."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pilothouse.monitoring.window_selection import ALL, WindowSelection
from pilothouse_app.components.filters import switch
from pilothouse_app.components.workspace import workspace

if TYPE_CHECKING:
    from datetime import timedelta

    from pilothouse.monitoring.zone_calendar import CalendarPeriod

MOST = 400  # windows of a chart
NEWEST, WHOLE = "newest", "whole"
LABELS = {NEWEST: f"Newest {MOST} windows", WHOLE: "Whole time"}


def choose_windows(deployment: str) -> WindowSelection:
    """The newest windows, or the whole time by the worst of each day; all where they are few."""
    if workspace().monitoring.window_count(deployment) <= MOST:
        return ALL
    part = switch("monitoring_part", (NEWEST, WHOLE), "Windows", format_func=LABELS.__getitem__)
    return WindowSelection(MOST) if part == NEWEST else whole_time(deployment)


def whole_time(deployment: str) -> WindowSelection:
    """All windows, or the worst of each day, week or month, so that a chart can show them."""
    monitoring = workspace().monitoring
    total = monitoring.window_count(deployment)
    if total <= MOST:
        return ALL
    last = monitoring.windows(deployment, WindowSelection(1))
    first = monitoring.windows(deployment, WindowSelection(1, total - 1))
    return WindowSelection(worst_of=_coarser(last["end"].iloc[0] - first["start"].iloc[0]))


def selection_note(selection: WindowSelection) -> str:
    """What is left out, for the heading of a chart; "" where nothing is."""
    if selection.worst_of is not None:
        return f"worst window of each {selection.worst_of}"
    return f"newest {selection.newest} windows" if selection.newest else ""


def _coarser(length: timedelta) -> CalendarPeriod:
    if length.days <= MOST:
        return "day"
    return "week" if length.days <= 7 * MOST else "month"
