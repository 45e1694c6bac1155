"""Steps as a graph: a box a step from left to right, an arrow to each step that comes after it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from textwrap import wrap

import plotly.graph_objects as go

from pilothouse_app.charts.base import empty_figure, literal, with_opacity
from pilothouse_app.charts.palette import palette

ROLES: Mapping[str, str] = {
    "succeeded": "good",
    "reused": "good",
    "running": "accent",
    "failed": "bad",
    "cancelled": "warn",
}
WIDTH, HEIGHT = 0.84, 0.6  # of a box, where columns and rows are 1 apart
PAGE_PIXELS = 860  # of a page in a window of 1280 pixels, the narrowest that everything fits
CHARACTER_PIXELS = 6.6
MAX_LINES = 2  # of a name, and of a note
LINE_PIXELS, GAP_PIXELS = 19, 36  # of a row: for each line of its boxes, and around them
HEAD = 0.1  # of an arrow, with a piece of its line


@dataclass(frozen=True)
class GraphStep:
    """A box: its name, the line below it, and the status that colours it ("" for none)."""

    name: str
    note: str
    status: str = ""


def step_graph(
    steps: Sequence[GraphStep], edges: Sequence[tuple[str, str]], *, chosen: str, dark: bool
) -> go.Figure:
    """The steps in columns by how many are before them; `chosen` has a thicker border."""
    colours = palette(dark)
    where = positions([step.name for step in steps], edges)
    columns = 1 + max(x for x, _ in where.values())
    chart = empty_figure(dark, legend=False, hover="closest")
    for before, after in _without_shortcuts(edges):
        _arrow(chart, where[before], where[after], colours.reference)
    for step in steps:
        x, y = where[step.name]
        colour = getattr(colours, ROLES.get(step.status, "muted"))
        box = {
            "type": "rect",
            "layer": "below",  # than the names
            "x0": x - WIDTH / 2,
            "x1": x + WIDTH / 2,
            "y0": y - HEIGHT / 2,
            "y1": y + HEIGHT / 2,
        }
        chart.add_shape(**box, fillcolor=colours.page, line={"width": 0})  # over what passes it
        chart.add_shape(
            **box,
            line={
                "color": colour,
                "width": 3 if step.name == chosen else 1.2,
                "dash": "dot" if step.status in ("", "pending", "reused") else "solid",
            },
            fillcolor=with_opacity(colour, 0.06 if step.status in ("", "pending") else 0.16),
        )  # fmt: skip
    chart.add_scatter(
        x=[where[step.name][0] for step in steps],
        y=[where[step.name][1] for step in steps],
        mode="markers+text",  # a text alone is hard to hit with a click
        marker={"symbol": "square", "size": 44, "opacity": 0},
        selected={"marker": {"opacity": 0}, "textfont": {"color": colours.text}},
        unselected={"marker": {"opacity": 0}, "textfont": {"color": colours.text}},
        text=["<br>".join(map(literal, _lines(step, columns))) for step in steps],
        customdata=[[literal(step.name), literal(step.note)] for step in steps],
        textfont={"color": colours.text, "size": 12},
        hovertemplate="%{customdata[0]}: %{customdata[1]}<extra></extra>",
    )
    rows = max(abs(y) for _, y in where.values())
    chart.update_xaxes(visible=False, range=[-0.5, columns - 0.5], fixedrange=True)
    chart.update_yaxes(visible=False, range=[-rows - 0.5, rows + 0.5], fixedrange=True)
    chart.update_layout(clickmode="event+select", dragmode=False, hoverdistance=60)
    return chart


def graph_height(steps: Sequence[GraphStep], edges: Sequence[tuple[str, str]]) -> int:
    """The height in pixels that the rows of the graph need."""
    where = positions([step.name for step in steps], edges)
    columns = 1 + max(x for x, _ in where.values())
    rows = max(abs(y) for _, y in where.values())
    lines = max(len(_lines(step, columns)) for step in steps)
    return round(max(2.0, 2 * rows + 1) * (GAP_PIXELS + LINE_PIXELS * lines))


def _lines(step: GraphStep, columns: float) -> list[str]:
    """The name and the note in lines that fit into a box of so many columns."""
    width = max(8, int(PAGE_PIXELS / columns * WIDTH / CHARACTER_PIXELS))
    return [
        line
        for text in (step.name, step.note)
        for line in wrap(text, width, max_lines=MAX_LINES, placeholder="…")
    ]


def positions(
    names: Sequence[str], edges: Sequence[tuple[str, str]]
) -> dict[str, tuple[float, float]]:
    """Where each step is: its column is the longest way to it, rows are around the middle.

    `names` are in an order in which they can be done.
    """
    columns = dict.fromkeys(names, 0)
    for name in names:
        before = [columns[first] for first, after in edges if after == name]
        columns[name] = max(before, default=-1) + 1
    by_column: dict[int, list[str]] = {}
    for name, column in columns.items():
        by_column.setdefault(column, []).append(name)
    return {
        name: (float(column), (len(members) - 1) / 2 - index)
        for column, members in by_column.items()
        for index, name in enumerate(members)
    }


def _without_shortcuts(edges: Sequence[tuple[str, str]]) -> list[tuple[str, str]]:
    """The edges but for those that a longer way says too, so that fewer lines cross."""
    after: dict[str, set[str]] = {}
    for first, second in edges:
        after.setdefault(first, set()).add(second)

    def reaches(start: str, end: str) -> bool:
        visited, open_steps = set(), [start]
        while open_steps:
            for name in after.get(open_steps.pop(), ()):
                if name == end:
                    return True
                if name not in visited:
                    visited.add(name)
                    open_steps.append(name)
        return False

    return [
        (first, second)
        for first, second in edges
        if not any(reaches(name, second) for name in after[first] - {second})
    ]


def _arrow(
    chart: go.Figure, start: tuple[float, float], end: tuple[float, float], colour: str
) -> None:
    """A line below the boxes, and its head before the box that it leads to."""
    x0, y0, x1, y1 = start[0] + WIDTH / 2, start[1], end[0] - WIDTH / 2, end[1]
    line = {"color": colour, "width": 1.4}
    chart.add_shape(type="line", layer="below", x0=x0, y0=y0, x1=x1, y1=y1, line=line)
    share = min(1.0, HEAD / max(x1 - x0, HEAD))
    chart.add_annotation(
        x=x1, y=y1, ax=x1 - share * (x1 - x0), ay=y1 - share * (y1 - y0),
        xref="x", yref="y", axref="x", ayref="y",
        text="", showarrow=True, arrowhead=2, arrowsize=1, arrowwidth=1.4, arrowcolor=colour,
    )  # fmt: skip
