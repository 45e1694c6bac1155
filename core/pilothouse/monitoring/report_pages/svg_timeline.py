"""A period on one time axis: the primary metric with its band and limit, events, statuses."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from itertools import groupby
from typing import Any

from pilothouse.kit.pages.markup import Html, clip, decimal, tag
from pilothouse.kit.pages.svg_axes import (
    Scale,
    chart,
    evenly,
    horizontal_grid,
    ticks,
)
from pilothouse.monitoring.report_pages.value_text import TWO_SIDED_95, day
from pilothouse.monitoring.windows import Span, span_text

WIDTH, HEIGHT = 760.0, 250.0
LEFT, RIGHT, TOP, BOTTOM = 62.0, 752.0, 26.0, 228.0
EVENTS_AT = 12.0
# kind of event -> its name, and its mark around the point 0 0
EVENT_KINDS: Mapping[str, tuple[str, str]] = {
    "alert": ("Alert fired", "M-5-4H5L0 5z"),
    "cleared": ("Alert cleared", "M-5 4H5L0-5z"),
    "deployment": ("Deployment", "M0-5L5 0L0 5L-5 0z"),
    "data": ("Data", "M-4-4H4V4H-4z"),
    "model": ("Promotion", "M0-5L1.5-1.5L5 0L1.5 1.5L0 5L-1.5 1.5L-5 0L-1.5-1.5z"),
    "retraining": ("Retraining", "M-1.5-5H1.5V-1.5H5V1.5H1.5V5H-1.5V1.5H-5V-1.5H-1.5z"),
}
MAX_EVENTS, MAX_POINTS = 200, 250
NAME_WIDTH, COUNT_WIDTH, CELL_HEIGHT = 150.0, 46.0, 14.0
MAX_NAME = 26

Rows = Sequence[Mapping[str, Any]]


def metric_timeline(
    metric: Rows,
    estimate: Rows,
    events: Rows,
    span: Span,
    *,
    label: str,
    write: Callable[[float], str],
) -> Html:
    """The metric by window with what is expected and the limit, and events as marks above it.

    `metric` and `estimate` are rows of a trend with a score, at the middles of their windows;
    `events` have at, kind and text.
    """
    x = Scale(span.start.timestamp(), span.end.timestamp(), LEFT, RIGHT)
    y = _score_scale([*metric, *estimate])
    values = ticks(y.low, y.high, 6)
    marks = horizontal_grid(y, values, [write(value) for value in values], LEFT, RIGHT)
    marks += _time_ticks([*metric, *estimate], span, x)
    marks += _event_marks(events[-MAX_EVENTS:], x)
    marks.append(tag("path", d=_band(metric, x, y), class_="band"))
    marks.append(tag("path", d=_steps(metric, "reference", x, y), class_="expected"))
    marks.append(tag("path", d=_steps(metric, "threshold", x, y), class_="limit"))
    marks.append(tag("path", d=_line(estimate, x, y), class_="estimate"))
    marks.append(tag("path", d=_line(metric, x, y), class_="line"))
    marks += [_point(row, x, y, write) for row in _marked(metric)]
    return chart(WIDTH, HEIGHT, label, *marks)


def event_mark(kind: str) -> Html:
    """The mark of a kind of event, for a line of text."""
    path = EVENT_KINDS[kind][1]
    mark = tag("path", d=path, class_=f"e-{kind}")
    return tag("svg", mark, viewBox="-6 -6 12 12", class_="key", aria_hidden="true")


def status_map(
    columns: Sequence[tuple[str, Sequence[str | None]]], windows: Sequence[Span], *, label: str
) -> Html:
    """A row of cells for each column, one cell for each window, coloured by its status.

    `columns` are names with their statuses by window; None leaves a gap. The share of windows with
    a breach is at the right.
    """
    height = len(columns) * CELL_HEIGHT
    right = WIDTH - COUNT_WIDTH
    cell = (right - NAME_WIDTH) / max(len(windows), 1)
    marks = _cells([statuses for _, statuses in columns], cell)
    if cell >= 4:  # narrower cells would be mostly gaps
        gaps = "".join(
            f"M{decimal(NAME_WIDTH + index * cell)} 0V{decimal(height)}"
            for index in range(1, len(windows))
        )
        marks.append(tag("path", d=gaps, class_="gap"))
    for index, (name, statuses) in enumerate(columns):
        y = (index + 0.75) * CELL_HEIGHT
        judged = [status for status in statuses if status is not None]
        breached = sum(status in ("warn", "fail", "error") for status in judged)
        marks += [
            tag("text", tag("title", clip(name, 60)), clip(name, MAX_NAME), x=NAME_WIDTH - 6, y=y,
                text_anchor="end"),
            tag("text", f"{breached} of {len(judged)}", x=WIDTH, y=y, text_anchor="end",
                class_="muted"),
        ]  # fmt: skip
    for index in evenly(len(windows), 7):
        x = NAME_WIDTH + (index + 0.5) * cell
        text = _tick_text(windows[index].start, Span(windows[0].start, windows[-1].end))
        marks.append(tag("text", text, x=x, y=height + 12, text_anchor="middle", class_="muted"))
    return chart(WIDTH, height + 16, label, *marks)


def _cells(rows: Sequence[Sequence[str | None]], cell: float) -> list[Html]:
    """PERF: one path for each status, and one stroke for windows with one status in a row."""
    paths: dict[str, list[str]] = {}
    for index, statuses in enumerate(rows):
        y = decimal((index + 0.5) * CELL_HEIGHT)
        position = 0
        for status, run in groupby(statuses):
            length = len(list(run))
            if status is not None:
                start = decimal(NAME_WIDTH + position * cell)
                paths.setdefault(status, []).append(f"M{start} {y}h{decimal(length * cell)}")
            position += length
    return [
        tag("path", d="".join(strokes), class_=f"c-{status}", stroke_width=CELL_HEIGHT - 2)
        for status, strokes in sorted(paths.items())
    ]


def _score_scale(rows: Rows) -> Scale:
    """From the lowest to the highest of what is drawn, with a margin."""
    values = [
        value
        for row in rows
        for value in (row["score"], row["reference"], row["threshold"], *_bounds(row))
        if value is not None
    ]
    low, high = (min(values), max(values)) if values else (0.0, 1.0)
    margin = (high - low) * 0.06 or abs(high) * 0.06 or 1.0
    return Scale(low - margin, high + margin, BOTTOM, TOP)


def _bounds(row: Mapping[str, Any]) -> tuple[float, ...]:
    """Where the true value lies with 95 %; nothing without a standard error."""
    if row["standard_error"] is None:
        return ()
    return tuple(row["score"] + sign * TWO_SIDED_95 * row["standard_error"] for sign in (-1, 1))


def _middle(row: Mapping[str, Any]) -> float:
    return float((row["start"].timestamp() + row["end"].timestamp()) / 2)


def _line(rows: Rows, x: Scale, y: Scale) -> str:
    return _joined([(x(_middle(row)), y(row["score"])) for row in rows])


def _band(rows: Rows, x: Scale, y: Scale) -> str:
    measured = [(x(_middle(row)), *map(y, _bounds(row))) for row in rows if _bounds(row)]
    above = [(at, high) for at, _, high in measured]
    below = [(at, low) for at, low, _ in reversed(measured)]
    return f"{_joined([*above, *below])}z" if measured else ""


def _steps(rows: Rows, name: str, x: Scale, y: Scale) -> str:
    """A level line over each window: another version has another reference."""
    return "".join(
        f"M{decimal(x(row['start'].timestamp()))} {decimal(y(row[name]))}"
        f"H{decimal(x(row['end'].timestamp()))}"
        for row in rows
        if row[name] is not None
    )


def _joined(points: Sequence[tuple[float, float]]) -> str:
    return "".join(
        f"{'L' if index else 'M'}{decimal(x)} {decimal(y)}" for index, (x, y) in enumerate(points)
    )


def _marked(rows: Rows) -> Rows:
    """The windows with a point: of very many only the newest ones that are not ok."""
    if len(rows) <= MAX_POINTS:
        return rows
    return [row for row in rows if row["status"] != "ok"][-MAX_POINTS:]


def _point(row: Mapping[str, Any], x: Scale, y: Scale, write: Callable[[float], str]) -> Html:
    text = f"{span_text(row['start'], row['end'], row['zone'])}: {write(row['score'])}"
    return tag(
        "circle",
        tag("title", text),
        cx=x(_middle(row)),
        cy=y(row["score"]),
        r=3.5,
        class_=f"s-{row['status']}",
    )


def _event_marks(events: Rows, x: Scale) -> list[Html]:
    marks = []
    for event in events:
        at = x(event["at"].timestamp())
        marks.append(tag("line", x1=at, x2=at, y1=EVENTS_AT, y2=BOTTOM, class_="event"))
        marks.append(
            tag(
                "path",
                tag("title", f"{day(event['at'])}: {clip(str(event['text']), 120)}"),
                d=EVENT_KINDS[event["kind"]][1],
                transform=f"translate({decimal(at)} {decimal(EVENTS_AT)})",
                class_=f"e-{event['kind']}",
            )
        )
    return marks


def _time_ticks(rows: Rows, span: Span, x: Scale) -> list[Html]:
    starts = sorted({row["start"] for row in rows})
    return [
        tag(
            "text",
            _tick_text(starts[index], span),
            x=x(starts[index].timestamp()),
            y=BOTTOM + 15,
            text_anchor="start" if index == 0 else "middle",
            class_="muted",
        )
        for index in evenly(len(starts), 7)
    ]


def _tick_text(at: datetime, span: Span) -> str:
    return f"{at.day} {at:%b}" if (span.end - span.start).days <= 366 else day(at)
