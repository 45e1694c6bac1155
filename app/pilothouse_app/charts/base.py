"""What all figures share: the template, axes, and arrays small enough for the wire."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from datetime import datetime
from itertools import count
from typing import Any

import numpy as np
import plotly.graph_objects as go

from pilothouse_app.charts.palette import palette

MAX_POINTS = 1_500
MAX_SERIES = 8
MAX_NAME_LENGTH = 60  # characters of a name that a figure has room for
MAX_TITLE_LENGTH = 120
# Lets the page shine through, so that it suits both appearances when a visitor switches.
GRID = "rgba(120,135,160,0.2)"

# Line breaks and control characters, and signs that turn the direction of what follows them.
_BREAKS = re.compile("[\\s\\x00-\\x1f\\x7f-\\x9f\ufffe\uffff\ud800-\udfff]")
_TURNS = re.compile("[\u202a-\u202e\u2066-\u2069]")


def empty_figure(
    dark: bool, *, x: str = "", y: str = "", legend: bool = True, hover: str = "x unified"
) -> go.Figure:
    """An empty figure in the house style, with titled axes."""
    figure = go.Figure(layout={"template": _template(dark)})
    figure.update_layout(showlegend=legend, hovermode=hover)
    figure.update_xaxes(title_text=literal(x, MAX_TITLE_LENGTH) if x else None)
    figure.update_yaxes(title_text=literal(y, MAX_TITLE_LENGTH) if y else None)
    return figure


def plain(text: object, longest: int = MAX_NAME_LENGTH) -> str:
    """A name on one line and no longer than a figure has room for.

    ECharts and the SVG figures draw it letter by letter; for Plotly it takes `literal`.
    """
    name = _TURNS.sub("", _BREAKS.sub(" ", str(text)))
    if not name.strip():
        return "(empty)"
    return name if len(name) <= longest else f"{name[: longest - 1]}…"


def literal(text: object, longest: int = MAX_NAME_LENGTH) -> str:
    """A name as Plotly draws it letter by letter: it reads tags and entities in all its texts.

    Placeholders (`%{y}`) are read only in templates: a name goes into the data, never into one.
    """
    name = plain(text, longest)
    return name.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def distinct(labels: Iterable[object], draw: Callable[[str], str] = literal) -> list[str]:
    """Labels as drawn, different ones never alike: the same words are one category or one line."""
    texts = [str(label) for label in labels]
    drawn: dict[str, str] = {}
    taken: set[str] = set()
    for text in dict.fromkeys(texts):
        first = draw(text)
        names = (first if number == 1 else f"{first} ({number})" for number in count(1))
        drawn[text] = next(name for name in names if name not in taken)
        taken.add(drawn[text])
    return [drawn[text] for text in texts]


def floats(values: Iterable[Any]) -> np.ndarray[Any, np.dtype[np.float32]]:
    """Numbers at the precision a screen can show: half the bytes of Python's."""
    return np.asarray(list(values), dtype=np.float32)


def date_pattern(starts: Iterable[datetime]) -> str:
    """How the starts of windows are written: with the hour, where one does not begin a day."""
    has_hours = any((start.hour, start.minute) != (0, 0) for start in starts)
    return "%-d %b %Y, %H:%M" if has_hours else "%-d %b %Y"


def thin_indices(length: int, most: int = MAX_POINTS) -> np.ndarray[Any, np.dtype[np.intp]]:
    """Evenly spread positions, first and last included, of at most `most` points."""
    if length <= most:
        return np.arange(length)
    return np.unique(np.linspace(0, length - 1, most).round().astype(np.intp))


def with_opacity(colour: str, opacity: float) -> str:
    """A colour of the palette (`#RRGGBB`) let through."""
    red, green, blue = (int(colour[start : start + 2], 16) for start in (1, 3, 5))
    return f"rgba({red},{green},{blue},{opacity})"


def threshold_line(
    figure: go.Figure, dark: bool, *, y: float, label: str, bad: bool = True
) -> None:
    """A labelled horizontal line, such as a threshold."""
    colours = palette(dark)
    colour = colours.bad if bad else colours.muted
    figure.add_hline(
        y=y,
        line={"color": colour, "width": 1, "dash": "dash"},
        annotation={
            "text": literal(label), "font": {"size": 11, "color": colour},
            "xanchor": "right", "x": 1,
        },
        annotation_position="top right",
    )  # fmt: skip


def _template(dark: bool) -> go.layout.Template:
    colours = palette(dark)
    axis = {
        "showgrid": True,
        "gridcolor": GRID,
        "zeroline": False,
        "showline": False,
        "ticks": "",
        "automargin": True,
        "tickfont": {"size": 11, "color": colours.muted},
        "title": {"font": {"size": 12, "color": colours.muted}, "standoff": 8},
    }
    return go.layout.Template(
        layout={
            "font": {"family": "Inter, system-ui, sans-serif", "size": 12, "color": colours.text},
            "paper_bgcolor": "rgba(0,0,0,0)",
            "plot_bgcolor": "rgba(0,0,0,0)",
            "colorway": list(colours.categorical),
            "margin": {"l": 8, "r": 8, "t": 8, "b": 8},
            "xaxis": {**axis, "showgrid": False},
            "yaxis": axis,
            "hoverlabel": {
                "bgcolor": colours.surface,
                "bordercolor": colours.grid,
                "font": {"size": 12, "color": colours.text},
                "namelength": -1,  # names are cut before they are escaped, never within an entity
            },
            "legend": {
                "orientation": "h",
                "yanchor": "bottom",
                "y": 1.02,
                "x": 0,
                "font": {"size": 11, "color": colours.muted},
            },
            "bargap": 0.25,
            "modebar": {
                "bgcolor": "rgba(0,0,0,0)",
                "color": colours.muted,
                "activecolor": colours.text,
            },
            "uirevision": "keep",
        }
    )
