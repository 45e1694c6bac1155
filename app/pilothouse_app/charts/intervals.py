"""Differences with their intervals as one small SVG: there at once, where Plotly has to be loaded.

Places across are shares of the width, so the drawing fills whatever it is shown in.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from html import escape
from typing import TYPE_CHECKING, Any

from pilothouse_app.charts.base import GRID, MAX_TITLE_LENGTH, plain
from pilothouse_app.charts.palette import Palette, palette

if TYPE_CHECKING:
    import pandas as pd

VERDICTS = {"better": "good", "worse": "bad"}
EDGE = 7.0  # per cent of the width on either side, for half a mark or a number of the axis
MAX_LABEL_LENGTH = 44
MAX_ALT_LENGTH = 2_000
ROW, FOOT = 44, 44  # pixels: a run under its name, and the axis below with its title
TOP, NAME, MARK = 8, 12, 27  # where the first run begins, and its name and its mark below that
TICKS = 4
FONT = "font-family='Inter, system-ui, sans-serif'"


def intervals(
    frame: pd.DataFrame,
    *,
    dark: bool,
    title: str,
    alt: str,
    tolerance: float | None = None,
) -> str:
    """A difference to the baseline by run, with its interval (columns label, delta, low, high,
    verdict, comparable); the first run on top.

    What is not comparable, or within noise, is grey, the first without an interval, which may be
    wide; a band shows the tolerance. Pointing at a run tells its figures.
    """
    colours, rows = palette(dark), frame.to_dict("records")
    low, high = _range(rows, tolerance)
    scale = _Scale(low, high)
    bottom = TOP + ROW * len(rows)
    drawn = [
        *_band(scale, colours, tolerance, bottom),
        *_axis(scale, colours, title, bottom),
        *(line for index, row in enumerate(rows) for line in _run(row, index, scale, colours)),
    ]
    name = escape(plain(alt, MAX_ALT_LENGTH), quote=True)

    return (
        f"<svg xmlns='http://www.w3.org/2000/svg' width='100%' height='{bottom + FOOT}' "
        f"role='img' aria-label='{name}' {FONT} font-size='12'>"
        f"{''.join(drawn)}</svg>"
    )


class _Scale:
    """From a value to its place across, in per cent."""

    def __init__(self, low: float, high: float) -> None:
        self.low, self.high = low, high

    def percent(self, value: float) -> float:
        share = (value - self.low) / (self.high - self.low)
        return EDGE + (100 - 2 * EDGE) * share

    def x(self, value: float) -> str:
        """The position as an attribute."""
        return f"{self.percent(value):.3f}%"

    def ticks(self) -> dict[float, str]:
        """Round values in the range, about `TICKS` of them, and how they are written."""
        rough = (self.high - self.low) / TICKS
        power = math.floor(math.log10(rough))
        step = next(
            factor * 10.0**power for factor in (1, 2, 5, 10) if factor * 10.0**power >= rough
        )
        first, last = math.ceil(self.low / step), math.floor(self.high / step)
        form = f"+.{-power}f" if -6 < power < 0 else "+.6g"
        places = range(first, last + 1)
        return {step * n: _signed(step * n, form) if n else "0" for n in places}


def _range(rows: Sequence[dict[Any, Any]], tolerance: float | None) -> tuple[float, float]:
    """From the least to the greatest value that is drawn, nothing included, with some air."""
    values = [0.0, -(tolerance or 0), tolerance or 0]
    for row in rows:
        values += [row["delta"], *_interval(row)]
    low, high = min(values), max(values)
    air = 0.06 * (high - low) or max(1e-9, abs(high))
    return low - air, high + air


def _interval(row: dict[Any, Any]) -> tuple[float, ...]:
    ends = row["low"], row["high"]
    return ends if row["comparable"] and all(map(math.isfinite, ends)) else ()


def _band(scale: _Scale, colours: Palette, tolerance: float | None, bottom: int) -> Iterator[str]:
    if tolerance:
        width = scale.percent(tolerance) - scale.percent(-tolerance)
        yield (
            f"<rect x='{scale.x(-tolerance)}' y='4' width='{width:.3f}%' height='{bottom - 4}' "
            f"fill='{colours.muted}' opacity='0.12'><title>within tolerance</title></rect>"
        )


def _axis(scale: _Scale, colours: Palette, title: str, bottom: int) -> Iterator[str]:
    for tick, text in scale.ticks().items():
        x = scale.x(tick)
        yield f"<line x1='{x}' x2='{x}' y1='4' y2='{bottom}' stroke='{GRID}'/>"
        yield _text(x, bottom + 16, text, colours.muted, size=11)
    zero = scale.x(0)
    yield (
        f"<line x1='{zero}' x2='{zero}' y1='4' y2='{bottom}' stroke='{colours.muted}' "
        "stroke-width='1.5' stroke-dasharray='5 4'/>"
    )
    yield _text("50%", bottom + 36, plain(title, MAX_TITLE_LENGTH), colours.muted)


def _run(row: dict[Any, Any], index: int, scale: _Scale, colours: Palette) -> Iterator[str]:
    top = TOP + ROW * index
    y = top + MARK
    role = VERDICTS.get(row["verdict"], "muted") if row["comparable"] else "muted"
    tone = getattr(colours, role)
    name = plain(row["label"], MAX_TITLE_LENGTH)
    short = plain(name, MAX_LABEL_LENGTH)
    ends = _interval(row)
    tooltip = f"{name}: {_signed(row['delta'])}"
    if ends:
        tooltip += f" ({' to '.join(map(_signed, ends))})"
    yield f"<g><title>{escape(tooltip)}</title>"
    yield _text("0", top + NAME, short, colours.text, anchor="start")

    if ends:
        left, right = map(scale.x, ends)
        across = f"x1='{left}' x2='{right}' y1='{y}' y2='{y}'"
        yield f"<line {across} stroke='{tone}' stroke-width='3'/>"

    yield f"<circle cx='{scale.x(row['delta'])}' cy='{y}' r='5' fill='{tone}'/></g>"


def _signed(value: float, form: str = "+.6g") -> str:
    return format(value, form).replace("-", "\u2212")


def _text(x: str, y: int, text: str, colour: str, *, size: int = 12, anchor: str = "middle") -> str:
    return (
        f"<text x='{x}' y='{y}' fill='{colour}' font-size='{size}' "
        f"text-anchor='{anchor}'>{escape(text)}</text>"
    )
