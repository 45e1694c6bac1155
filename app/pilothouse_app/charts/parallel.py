"""Parallel coordinates on a canvas: no graphics card needed, axes can be brushed."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pilothouse_app.charts.base import distinct, plain
from pilothouse_app.charts.palette import palette

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class Axis:
    """One coordinate: the frame's column, its title, and its categories when it is not a number."""

    column: str
    title: str
    categories: Sequence[str] = ()


def parallel(
    frame: pd.DataFrame,
    axes: Sequence[Axis],
    *,
    dark: bool,
    names: str,
    baseline: str = "",
    chosen: Collection[str] | None = None,
) -> dict[str, Any]:
    """A line per row through every axis; the row named `baseline` is dashed and thicker.

    When some are `chosen` by name, the others fade.
    """
    colours = palette(dark)
    drawn = distinct(frame[names], plain)
    series = [
        _series(
            row,
            axes,
            colours.categorical[index % 8],
            drawn[index],
            is_baseline=str(row[names]) == baseline,
            faded=chosen is not None and str(row[names]) not in chosen,
        )
        for index, row in enumerate(frame.to_dict("records"))
    ]

    return {
        "animation": False,
        "textStyle": {"fontFamily": "Inter, system-ui, sans-serif", "color": colours.text},
        "tooltip": {"confine": True},
        "legend": {
            "top": 0,
            "left": 0,
            "itemWidth": 18,
            "textStyle": {"color": colours.muted, "fontSize": 11},
        },
        "parallel": {
            "left": 190 if axes[0].categories else 60,
            "right": 90,
            "top": 62,
            "bottom": 24,
            "parallelAxisDefault": _axis_look(colours.muted, colours.grid),
        },
        "parallelAxis": [_axis(index, axis, frame) for index, axis in enumerate(axes)],
        "series": series,
    }


def _axis_look(muted: str, grid: str) -> dict[str, Any]:
    return {
        "nameLocation": "end",
        "nameGap": 14,
        "nameTextStyle": {"color": muted, "fontSize": 11},
        "axisLine": {"lineStyle": {"color": grid, "width": 1.5}},
        "axisTick": {"show": False},
        "axisLabel": {"color": muted, "fontSize": 11},
        "areaSelectStyle": {"width": 16, "opacity": 0.25},
    }


def _axis(index: int, axis: Axis, frame: pd.DataFrame) -> dict[str, Any]:
    shared = {"dim": index, "name": plain(axis.title)}
    if axis.categories:
        left = {"align": "right", "margin": -10}  # words are longer than the gap to the next axis
        categories = list(_categories(axis).values())
        return {**shared, "type": "category", "data": categories, "axisLabel": left}
    values = frame[axis.column]
    whole = {"minInterval": 1} if (values % 1 == 0).all() else {}
    return {**shared, "type": "value", "scale": True, **whole, **_range(values)}


def _range(values: pd.Series[Any]) -> dict[str, float]:
    low, high = float(values.min()), float(values.max())
    return {} if low < high else {"min": low - 0.5, "max": high + 0.5}


def _series(
    row: Mapping[Any, Any],
    axes: Sequence[Axis],
    colour: str,
    name: str,
    *,
    is_baseline: bool,
    faded: bool,
) -> dict[str, Any]:
    values = [row[axis.column] for axis in axes]
    points = [_point(value, axis) for value, axis in zip(values, axes, strict=True)]
    line = {"width": 2, "opacity": 0.12 if faded else 0.9, "color": colour}
    if is_baseline:
        line |= {"width": 3.5, "type": "dashed"}
    return {
        "type": "parallel",
        "name": name,
        "smooth": 0.15,
        "color": colour,
        "lineStyle": line,
        "emphasis": {"lineStyle": {"width": 4, "opacity": 1}},
        "data": [points],
    }


def _categories(axis: Axis) -> dict[str, str]:
    """How each category of an axis is drawn."""
    names = [str(name) for name in axis.categories]
    return dict(zip(names, distinct(names, plain), strict=True))


def _point(value: Any, axis: Axis) -> float | str:
    return _categories(axis).get(str(value), plain(value)) if axis.categories else _number(value)


def _number(value: Any) -> float | str:
    # ECharts leaves a gap at "-"; NaN is no JSON.
    return "-" if value is None or value != value else round(float(value), 6)
