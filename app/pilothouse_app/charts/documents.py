"""Evaluation documents as figures: JSON values that say by their `type` how they are drawn.

A document has a `type`, a `title`, the titles of its axes, and values:

    line       lines: [{name, x, y}], optionally x_is_time (milliseconds) and diagonal
    scatter    x, y, optionally diagonal
    bars       x (texts), y, optionally rows (how many are behind each bar)
    histogram  edges (one more than bins), count
    table      columns: {title: values}; `table_of`, not a figure

Nothing here knows a task, so documents of new tasks draw without a change.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import pairwise
from typing import Any

import numpy as np
import plotly.graph_objects as go

from pilothouse_app.charts.base import (
    MAX_SERIES,
    distinct,
    empty_figure,
    floats,
    literal,
    plain,
    thin_indices,
    with_opacity,
)
from pilothouse_app.charts.curves import FEW_STEPS, line
from pilothouse_app.charts.palette import palette

LEVEL_CHARACTERS = 36  # of all labels of an axis together, in the narrowest card
Document = Mapping[str, Any]
Floats = np.ndarray[Any, np.dtype[np.float64]]

TYPE_ORDER = ("scatter", "histogram", "bars", "line", "table")
MAX_LINE_POINTS = 300
FEW_POINTS = 40  # of fewer, each point is marked
MAX_ROWS = 1_000  # of a table


def is_document(value: Any) -> bool:
    """Whether a value is an evaluation document that can be drawn: of a type, and complete."""
    if not isinstance(value, Mapping) or not isinstance(value.get("type"), str):
        return False
    check = _CHECKS.get(value["type"])
    try:
        return check is not None and check(value)
    except (KeyError, TypeError, ValueError, AttributeError):
        return False


def title_of(document: Document) -> str:
    """The title of a document, as one line; empty when it has none."""
    title = document.get("title")
    return plain(title) if isinstance(title, str) and title.strip() else ""


def is_table(document: Document) -> bool:
    """Whether it is drawn as a table."""
    return bool(document["type"] == "table")


def type_rank(document: Document) -> int:
    """Where a document stands among others by its type: figures before tables."""
    return TYPE_ORDER.index(document["type"])


def table_of(document: Document) -> dict[str, list[Any]]:
    """The columns of a table by title, at most `MAX_ROWS` rows."""
    columns = document["columns"]
    return {str(name): list(values)[:MAX_ROWS] for name, values in columns.items()}


def figure_of(document: Document, *, dark: bool) -> go.Figure:
    """The figure of one document (of one for which `is_document`, and that is no table)."""
    return _DRAWN[document["type"]]({"": document}, dark, "")


def overlay_of(documents: Mapping[str, Document], *, dark: bool, baseline: str = "") -> go.Figure:
    """The same document of several runs in one figure, by the name of the run.

    A run keeps its colour by its order. Lines of several names in one document are told apart by
    their dash; histograms become outlines of shares, because runs may differ in their bins.
    """
    first = next(iter(documents.values()))
    return _DRAWN[first["type"]](documents, dark, baseline)


def _lines(documents: Mapping[str, Document], dark: bool, baseline: str) -> go.Figure:
    first = next(iter(documents.values()))
    figure = _axes(first, dark)
    is_overlay, is_time = len(documents) > 1, bool(first.get("x_is_time"))
    if first.get("diagonal"):
        _diagonal(figure, _all_numbers(documents, _line_numbers), dark)

    for index, (run, document) in enumerate(list(documents.items())[:MAX_SERIES]):
        names = distinct(part.get("name") or "" for part in document["lines"])
        for position, part in enumerate(document["lines"]):
            hue = index if is_overlay else position
            name = _series_name(run, names[position] if part.get("name") else "")
            rows = thin_indices(len(part["x"]), MAX_LINE_POINTS)
            figure.add_scatter(
                x=_instants(part["x"], rows) if is_time else floats(_take(part["x"], rows)),
                y=floats(_take(part["y"], rows)),
                name=name,
                mode="lines+markers" if len(rows) <= FEW_POINTS else "lines",
                marker={"size": 5},
                hovertemplate=_point_template("%{x}" if is_time else "%{x:.4~g}", name),
                showlegend=bool(name) and hue < MAX_SERIES,
                **_line_style(hue, position if is_overlay else 0, run, baseline, dark),
            )

    _whole_steps(figure, documents)
    return figure.update_layout(showlegend=_shows_legend(figure))


def _line_style(hue: int, dash: int, run: str, baseline: str, dark: bool) -> dict[str, Any]:
    """The colour of a line; those beyond the colours of the palette are thin and grey."""
    colours = palette(dark)
    if hue >= MAX_SERIES:
        return {"line": {"width": 1, "color": with_opacity(colours.reference, 0.5)}}
    style = line(colours.categorical[hue], bool(run) and run == baseline)
    if dash:
        style["dash"] = ("dot", "dashdot", "longdash")[(dash - 1) % 3]
    return {"line": style}


def _scatter(documents: Mapping[str, Document], dark: bool, baseline: str) -> go.Figure:
    first = next(iter(documents.values()))
    figure = _axes(first, dark)
    colours = palette(dark).categorical
    if first.get("diagonal"):
        _diagonal(figure, _all_numbers(documents, _point_numbers), dark)

    for index, (run, document) in enumerate(list(documents.items())[:MAX_SERIES]):
        rows = thin_indices(len(document["x"]))
        figure.add_scatter(
            x=floats(_take(document["x"], rows)),
            y=floats(_take(document["y"], rows)),
            name=_series_name(run, ""),
            mode="markers",
            marker={
                "size": 5,
                "color": with_opacity(colours[index], 0.55),
                "symbol": "circle-open" if run and run == baseline else "circle",
            },
            hovertemplate=_point_template("%{x:.4~g}", run),
        )

    figure.update_xaxes(showgrid=True)
    return figure.update_layout(showlegend=len(documents) > 1)


def _bars(documents: Mapping[str, Document], dark: bool, baseline: str) -> go.Figure:
    """Bars side by side; of runs whose bars stand at different numbers, points on their lines."""
    first = next(iter(documents.values()))
    axes = [list(map(str, document["x"])) for document in documents.values()]
    if any(axis != axes[0] for axis in axes) and all(map(_are_numbers, axes)):
        return _lines(
            {run: _bars_as_line(document) for run, document in documents.items()}, dark, baseline
        )

    figure = _axes(first, dark, hover="closest")
    colours = palette(dark)
    for index, (run, document) in enumerate(list(documents.items())[:MAX_SERIES]):
        figure.add_bar(
            x=distinct(document["x"]),
            y=floats(_numbers(document["y"])),
            name=_series_name(run, ""),
            marker={"color": colours.categorical[index] if run else colours.accent},
            customdata=_row_counts(document),
            hovertemplate="%{x}: %{y:.4~g}%{customdata}" + ("" if run else "<extra></extra>"),
        )

    fits = sum(map(len, axes[0])) <= LEVEL_CHARACTERS
    figure.update_xaxes(type="category", tickangle=0 if fits else -45)
    return figure.update_layout(showlegend=len(documents) > 1)


def _bars_as_line(document: Document) -> dict[str, Any]:
    lines = [{"name": "", "x": [float(x) for x in document["x"]], "y": document["y"]}]
    return {**document, "type": "line", "lines": lines}


def _row_counts(document: Document) -> list[str]:
    """How many rows are behind each bar, as text; empty texts when that is not recorded."""
    rows = document.get("rows") or [None] * len(document["x"])
    return ["" if count is None else f", {count:,} rows" for count in rows]


def _histograms(documents: Mapping[str, Document], dark: bool, baseline: str) -> go.Figure:
    if len(documents) > 1:
        return _outlines(documents, dark, baseline)
    document = next(iter(documents.values()))
    edges = np.asarray(document["edges"], dtype=np.float64)
    figure = _axes(document, dark, hover="closest")
    figure.add_bar(
        x=floats((edges[:-1] + edges[1:]) / 2),
        y=floats(document["count"]),
        width=floats(_widths(edges)),
        marker={"color": palette(dark).accent},
        customdata=[f"{low:.4g} to {high:.4g}" for low, high in pairwise(edges)],
        hovertemplate="%{customdata}: %{y:,}<extra></extra>",
    )
    return figure.update_layout(bargap=0.06, showlegend=False)


def _outlines(documents: Mapping[str, Document], dark: bool, baseline: str) -> go.Figure:
    """Histograms of several runs as steps, each bin as a share of the run's rows by its width."""
    first = next(iter(documents.values()))
    figure = _axes({**first, "y_title": "Density"}, dark, hover="closest")
    colours = palette(dark).categorical
    for index, (run, document) in enumerate(list(documents.items())[:MAX_SERIES]):
        edges = np.asarray(document["edges"], dtype=np.float64)
        count = np.asarray(document["count"], dtype=np.float64)
        density = count / (max(count.sum(), 1.0) * _widths(edges))
        figure.add_scatter(
            x=floats(np.r_[edges, edges[-1]]),
            y=floats(np.r_[density, density[-1], 0.0]),
            name=_series_name(run, ""),
            mode="lines",
            line={**line(colours[index], run == baseline), "shape": "hv"},
            hovertemplate="%{x:.4~g}: %{y:.3~g}",
        )
    return figure.update_layout(showlegend=True)


def _widths(edges: Floats) -> Floats:
    """The widths of bins; a single value makes a bin without a width, which is drawn as 1 wide."""
    width = np.diff(edges)
    return np.where(width > 0, width, 1.0)


def _axes(document: Document, dark: bool, hover: str = "closest") -> go.Figure:
    return empty_figure(
        dark,
        x=str(document.get("x_title") or ""),
        y=str(document.get("y_title") or ""),
        hover=hover,
    )


def _series_name(run: str, name: str) -> str:
    return " · ".join(part for part in (literal(run) if run else "", name) if part)


def _point_template(x: str, name: str) -> str:
    """What the pointer tells; a series without a name has no second box."""
    return f"{x}, %{{y:.4~g}}" + ("" if name else "<extra></extra>")


def _shows_legend(figure: go.Figure) -> bool:
    return sum(bool(trace.name and trace.showlegend) for trace in figure.data) > 1


def _diagonal(figure: go.Figure, values: Sequence[float], dark: bool) -> None:
    """Where both axes are equal, over everything that is drawn."""
    if not values:
        return
    ends = [min(values), max(values)]
    figure.add_scatter(
        x=ends,
        y=ends,
        mode="lines",
        line={"color": palette(dark).muted, "width": 1, "dash": "dot"},
        hoverinfo="skip",
        showlegend=False,
    )


def _whole_steps(figure: go.Figure, documents: Mapping[str, Document]) -> None:
    """Few whole numbers on x, such as k, have a tick for each."""
    xs = {x for document in documents.values() for part in document["lines"] for x in part["x"]}
    are_whole = all(isinstance(x, int) for x in xs)
    if are_whole and 1 < len(xs) <= FEW_STEPS and max(xs) - min(xs) <= FEW_STEPS:
        figure.update_xaxes(dtick=1)


def _all_numbers(
    documents: Mapping[str, Document], numbers: Callable[[Document], Iterable[Any]]
) -> list[float]:
    values = (value for document in documents.values() for value in numbers(document))
    return [float(value) for value in values if _is_number(value)]


def _line_numbers(document: Document) -> Iterable[Any]:
    return (value for part in document["lines"] for value in (*part["x"], *part["y"]))


def _point_numbers(document: Document) -> Iterable[Any]:
    return (*document["x"], *document["y"])


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and math.isfinite(value)


def _are_numbers(texts: Sequence[str]) -> bool:
    try:
        return all(math.isfinite(float(text)) for text in texts)
    except ValueError:
        return False


def _numbers(values: Sequence[Any]) -> list[float]:
    """Numbers, a gap where there is none."""
    return [math.nan if value is None else float(value) for value in values]


def _take(values: Sequence[Any], rows: Iterable[Any]) -> list[float]:
    numbers = _numbers(values)
    return [numbers[row] for row in rows]


def _instants(values: Sequence[Any], rows: Iterable[Any]) -> Any:
    """Milliseconds since the epoch as dates: single precision would move them by minutes."""
    return np.asarray([int(values[row]) for row in rows], dtype="datetime64[ms]")


def _check_lines(document: Document) -> bool:
    lines = document["lines"]
    return bool(lines) and all(_same_length(part["x"], part["y"]) for part in lines)


def _check_points(document: Document) -> bool:
    rows = document.get("rows")
    return _same_length(document["x"], document["y"]) and (
        rows is None or len(rows) == len(document["x"])
    )


def _check_histogram(document: Document) -> bool:
    edges, count = document["edges"], document["count"]
    is_complete: bool = len(edges) == len(count) + 1 > 1
    return is_complete and all(map(_is_number, (*edges, *count)))


def _check_table(document: Document) -> bool:
    columns = document["columns"].values()
    return bool(columns) and len({len(values) for values in columns}) == 1


def _same_length(x: Sequence[Any], y: Sequence[Any]) -> bool:
    """Whether both have as many values, at least one, and y has numbers or gaps only."""
    gaps_or_numbers = all(value is None or isinstance(value, int | float) for value in y)
    return len(x) == len(y) > 0 and gaps_or_numbers


_CHECKS: Mapping[str, Callable[[Document], bool]] = {
    "line": _check_lines,
    "scatter": _check_points,
    "bars": _check_points,
    "histogram": _check_histogram,
    "table": _check_table,
}
_DRAWN: Mapping[str, Callable[[Mapping[str, Document], bool, str], go.Figure]] = {
    "line": _lines,
    "scatter": _scatter,
    "bars": _bars,
    "histogram": _histograms,
}
