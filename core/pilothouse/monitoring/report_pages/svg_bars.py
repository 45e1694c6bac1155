"""Both distributions of a column as bars: of numbers and times upright, of categories level."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from pilothouse.kit.pages.markup import Html, clip, decimal, tag
from pilothouse.kit.pages.svg_axes import (
    Scale,
    chart,
    evenly,
    horizontal_grid,
    ticks,
)
from pilothouse.monitoring.binning import format_number
from pilothouse.monitoring.frames import bins
from pilothouse.monitoring.plain_json import plain_rows
from pilothouse.monitoring.report_pages.value_text import share

WIDTH, HEIGHT = 340.0, 150.0
LEFT, RIGHT, TOP, BOTTOM = 34.0, 336.0, 6.0, 132.0
MAX_CATEGORIES = 10
MAX_LABEL, MAX_TITLE = 18, 60  # characters of a category on its axis, and when pointed at
ROW = 22.0
NAMES, VALUES = 100.0, 250.0  # where the bars of categories begin, and end

Bins = Sequence[Mapping[str, Any]]


def distribution_bars(profile: Mapping[str, Any], name: str) -> Html:
    """A chart of the shares of rows in the reference and in the window, from a stored profile."""
    label = f"Shares of {name} in the reference and in the window"
    rows = plain_rows(bins(profile, MAX_CATEGORIES))
    if profile["kind"] == "category":
        return _level(rows, label)
    return _upright(rows, label)


def _upright(rows: Bins, label: str) -> Html:
    highest = max((row[side] for row in rows for side in ("reference", "current")), default=0.0)
    y = Scale(0.0, highest or 1.0, BOTTOM, TOP)
    values = ticks(0.0, highest or 1.0, 3)
    slot = (RIGHT - LEFT) / max(len(rows), 1)
    digits = 0 if highest >= 0.02 else 1
    marks = horizontal_grid(y, values, [share(value, digits) for value in values], LEFT, RIGHT)
    for side, class_, shift in (("reference", "before", 0.08), ("current", "after", 0.5)):
        # PERF: one path for all bars of a side is a tenth of the bytes of so many rectangles.
        path = "".join(
            f"M{decimal(LEFT + (index + shift) * slot)} {decimal(BOTTOM)}"
            f"V{decimal(y(row[side]))}h{decimal(slot * 0.42)}V{decimal(BOTTOM)}z"
            for index, row in enumerate(rows)
            if row[side]
        )
        marks.append(tag("path", d=path, class_=class_))
    marks += [
        tag("rect", tag("title", _shares(row)), x=LEFT + index * slot, y=TOP, width=slot,
            height=BOTTOM - TOP, class_="hover")
        for index, row in enumerate(rows)
    ]  # fmt: skip
    return chart(WIDTH, HEIGHT, label, *marks, *_edges(rows, slot))


def _edges(rows: Bins, slot: float) -> list[Html]:
    """The lower edges of some bins below them; without edges the names of the bins."""
    marks = []
    for index in evenly(len(rows), 5):
        low = rows[index]["low"]
        text = clip(str(rows[index]["label"]), 12) if low is None else format_number(low)
        x = LEFT + (index + (0.5 if low is None else 0.0)) * slot
        marks.append(tag("text", text, x=x, y=145, text_anchor="middle", class_="muted"))
    return marks


def _level(rows: Bins, label: str) -> Html:
    highest = max((row[side] for row in rows for side in ("reference", "current")), default=0.0)
    x = Scale(0.0, highest or 1.0, NAMES, VALUES)
    marks = []
    for index, row in enumerate(rows):
        y = index * ROW
        name, values = str(row["label"]), [share(row[s], 0) for s in ("reference", "current")]
        marks += [
            tag("text", tag("title", clip(name, MAX_TITLE)), clip(name, MAX_LABEL), x=NAMES - 6,
                y=y + 13, text_anchor="end"),
            _bar(y + 2, x(row["reference"]) - NAMES, "before"),
            _bar(y + 11, x(row["current"]) - NAMES, "after"),
            tag("text", " → ".join(values), x=VALUES + 6, y=y + 13, class_="muted"),
        ]  # fmt: skip
    return chart(WIDTH, max(len(rows), 1) * ROW, label, *marks)


def _bar(y: float, width: float, class_: str) -> Html:
    return tag("rect", x=NAMES, y=y, width=width, height=8.0, class_=class_)


def _shares(row: Mapping[str, Any]) -> str:
    label = clip(str(row["label"]), MAX_TITLE)
    return f"{label}: {share(row['reference'])} → {share(row['current'])}"
