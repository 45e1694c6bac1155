"""Scales and ticks of the charts."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from pilothouse.kit.pages.markup import Html, tag


@dataclass(frozen=True)
class Scale:
    """Maps values from `low` to `high` to coordinates from `start` to `end`."""

    low: float
    high: float
    start: float
    end: float

    def __call__(self, value: float) -> float:
        span = self.high - self.low
        part = 0.5 if span == 0 else (value - self.low) / span
        return self.start + part * (self.end - self.start)


def ticks(low: float, high: float, most: int = 4) -> list[float]:
    """Round values between two: steps of 1, 2 or 5 times a power of ten."""
    span = high - low
    if span <= 0 or not math.isfinite(span):
        return [low]
    power = 10.0 ** math.floor(math.log10(span / most))
    step = next(power * factor for factor in (1, 2, 5, 10) if span / (power * factor) <= most)
    first, last = math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9)
    return [index * step for index in range(first, last + 1)]


def evenly(count: int, most: int) -> list[int]:
    """Positions among `count`, at most `most` of them, evenly from the first one."""
    every = max(1, math.ceil(count / most))
    return list(range(0, count, every))


def horizontal_grid(scale: Scale, values: Sequence[float], labels: Sequence[str], left: float,
                    right: float) -> list[Html]:  # fmt: skip
    """A line and a label at the left for each value."""
    marks = []
    for value, label in zip(values, labels, strict=True):
        y = scale(value)
        marks.append(tag("line", x1=left, x2=right, y1=y, y2=y, class_="grid"))
        marks.append(tag("text", label, x=left - 5, y=y + 3.5, text_anchor="end", class_="muted"))
    return marks


def chart(width: float, height: float, label: str, *marks: Html) -> Html:
    """A drawing with its description for those who cannot see it."""
    view = f"0 0 {width:g} {height:g}"
    return tag("svg", *marks, viewBox=view, role="img", aria_label=label)
