"""Cells with a difference: the value, then a badge whose colour, arrow and text agree."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from pilothouse_app.components.formats import DASH
from pilothouse_app.components.markdown import literal

if TYPE_CHECKING:
    import pandas as pd

    from pilothouse.experiments.metrics.kinds import MetricKind
    from pilothouse_app.features.compare.context import ComparisonContext

COLOURS = {"better": "green", "worse": "red", "noise": "gray", "same": "gray", "differs": "blue"}
VERDICT_TITLES = {
    "better": "better",
    "worse": "worse",
    "noise": "within noise",
    "same": "same",
    "differs": "different",
}
MINUS = "−"  # noqa: RUF001
SIGNS = {"higher": "↑", "lower": "↓", "unknown": ""}
PALETTE_ROLES = {
    "better": "good",
    "worse": "bad",
    "noise": "muted",
    "same": "muted",
    "differs": "text",
}
ARROWS = {"higher": ":material/north:", "lower": ":material/south:", "unknown": ""}
DIRECTION_NOTES = {
    "higher": "higher is better",
    "lower": "lower is better",
    "unknown": "direction unknown",
}


def arrow(delta: float) -> str:
    """The sign of a difference as an arrow, whichever direction is better."""
    return "▲" if delta > 0 else "▼" if delta < 0 else "="


def delta_text(row: Mapping[Any, Any], kind: MetricKind) -> str:
    """The difference with its sign, in the metric's format."""
    if math.isnan(row["delta"]):
        return DASH
    return kind.format_difference(row["delta"]).replace("-", MINUS)


def badge(row: Mapping[Any, Any], kind: MetricKind) -> str:
    """The difference of a row as a badge; empty for the baseline and missing values."""
    verdict = row["verdict"]
    if verdict in ("baseline", "unknown"):
        return ""
    delta = f"{arrow(row['delta'])} {delta_text(row, kind)}"
    if not row["comparable"]:
        return f":orange-badge[:material/warning: {delta} not comparable]"
    if verdict == "same":
        return ":gray-badge[= same]"
    if rounds_to_zero(row["delta"], kind):
        return ":gray-badge[≈ equal]"
    return f":{COLOURS[verdict]}-badge[{delta} {VERDICT_TITLES[verdict]}]"


def rounds_to_zero(delta: float, kind: MetricKind) -> bool:
    """Whether a difference is zero in the digits of the metric's format."""
    return not any(char in "123456789" for char in format(abs(delta), kind.format))


def value_cell(row: Mapping[Any, Any], kind: MetricKind, *, extremes: bool) -> str:
    """A metric of a run: value, optionally whether it is best or worst, and the difference."""
    if math.isnan(row["value"]):
        return DASH
    value = kind.format_value(row["value"])
    if extremes and row["extreme"]:
        value = f"**{value}** :small[{row['extreme']}]" if row["extreme"] == "best" else value
        if row["extreme"] == "worst":
            value = f"{value} :small[:gray[worst]]"
    parts = [value, badge(row, kind)]
    if row["reaches"] is True:
        parts.append(":green[:material/flag:]")
    return " ".join(filter(None, parts))


def plain_cell(row: Mapping[Any, Any], kind: MetricKind, *, extremes: bool) -> str:
    """The same as `value_cell` without Markdown, for a table that is drawn on a canvas."""
    if math.isnan(row["value"]):
        return DASH
    text = kind.format_value(row["value"])
    if extremes and row["extreme"]:
        text += f" ({row['extreme']})"
    if row["verdict"] in ("baseline", "unknown"):
        return text

    delta = f"{arrow(row['delta'])} {delta_text(row, kind)}"
    if not row["comparable"]:
        return f"{text}  {delta} not comparable"
    if row["verdict"] == "same" or rounds_to_zero(row["delta"], kind):
        return f"{text}  {'= same' if row['verdict'] == 'same' else '≈ equal'}"

    return f"{text}  {delta} {VERDICT_TITLES[row['verdict']]}"


def palette_role(row: Mapping[Any, Any], kind: MetricKind) -> str:
    """The colour of a plain cell, as a role of the palette."""
    if row["verdict"] in ("baseline", "unknown"):
        return "text"
    if not row["comparable"]:
        return "warn"
    return "muted" if rounds_to_zero(row["delta"], kind) else PALETTE_ROLES[row["verdict"]]


def metric_name(kind: MetricKind) -> str:
    """A metric's title with the way that is better, its target and its tolerance."""
    arrow = ARROWS[kind.direction]
    parts = [literal(kind.title) + (f" :gray[{arrow}]" if arrow else "")]
    if kind.target is not None:
        parts.append(f":small[:gray[target {kind.format_value(kind.target)}]]")
    if kind.tolerance:
        parts.append(f":small[:gray[±{kind.format_value(kind.tolerance)}]]")
    return " ".join(parts)


def run_name(context: ComparisonContext, run: str) -> str:
    """A run's name in a heading: the baseline is marked, and what is not comparable with it."""
    name = literal(context.labels[run])
    if run == context.compared.baseline:
        return f"{name} :blue-badge[baseline]"
    apart = run in context.compared.incomparable
    return f"{name} :orange[:material/warning:]" if apart else name


def no_break(text: str) -> str:
    """Text with non-breaking spaces, so that a value and its unit stay on one line."""
    return text.replace(" ", "\u00a0")


def with_index_column(cells: pd.DataFrame, corner: str) -> pd.DataFrame:
    """Turn the index into the first column, titled `corner`."""
    cells.index.name, cells.columns.name = corner, None
    return cells.reset_index()
