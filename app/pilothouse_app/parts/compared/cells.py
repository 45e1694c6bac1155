"""A difference in a cell: value, then colour, arrow and words that say the same."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from pilothouse_app.parts.formats import DASH

if TYPE_CHECKING:
    import pandas as pd

    from pilothouse.experiments.metrics import MetricKind

COLOURS = {"better": "green", "worse": "red", "noise": "gray", "same": "gray"}
WORDS = {"better": "better", "worse": "worse", "noise": "within noise", "same": "same"}
ARROWS = {"higher": ":material/north:", "lower": ":material/south:"}


def arrow(delta: float) -> str:
    """Which way a value went, whatever that is worth."""
    return "▲" if delta > 0 else "▼" if delta < 0 else "="


def delta_text(row: Mapping[Any, Any], kind: MetricKind) -> str:
    """The difference with its sign, in the metric's format."""
    if math.isnan(row["delta"]):
        return DASH
    return format(row["delta"], f"+{kind.format}")


def badge(row: Mapping[Any, Any], kind: MetricKind) -> str:
    """The difference of a settled row as a badge; nothing for the baseline or without a value."""
    verdict = row["verdict"]
    if verdict in ("baseline", "unknown"):
        return ""
    if verdict == "same":
        told = "= same"
    else:
        told = f"{arrow(row['delta'])} {delta_text(row, kind)} {WORDS[verdict]}"
    if not row["comparable"]:
        return f":orange-badge[:material/warning: {told}, not comparable]"
    return f":{COLOURS[verdict]}-badge[{told}]"


def value_cell(row: Mapping[Any, Any], kind: MetricKind, *, extremes: bool) -> str:
    """A metric of a run: value, best or worst of its row when asked for, and the difference."""
    if math.isnan(row["value"]):
        return DASH
    value = kind.write(row["value"])
    if extremes and row["extreme"]:
        value = f"**{value}** :small[{row['extreme']}]" if row["extreme"] == "best" else value
        if row["extreme"] == "worst":
            value = f"{value} :small[:gray[worst]]"
    told = [value, badge(row, kind)]
    if row["reaches"] is True:
        told.append(":green[:material/flag:]")
    return " ".join(filter(None, told))


def metric_name(kind: MetricKind) -> str:
    """A metric's title with the way that is better, its target and its tolerance."""
    told = [f"{kind.title} :gray[{ARROWS[kind.direction]}]"]
    if kind.target is not None:
        told.append(f":small[:gray[target {kind.write(kind.target)}]]")
    if kind.tolerance:
        told.append(f":small[:gray[±{kind.write(kind.tolerance)}]]")
    return " ".join(told)


def headed(cells: pd.DataFrame, corner: str) -> pd.DataFrame:
    """Row names as the first column, under a heading of their own."""
    cells.index.name, cells.columns.name = corner, None
    return cells.reset_index()
