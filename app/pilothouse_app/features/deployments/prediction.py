"""One prediction on a page: what is predicted, the probabilities as bars, every other output."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import pandas as pd
import streamlit as st

from pilothouse.models.tasks import OutputColumn, task_of
from pilothouse_app.components.formats import DASH, is_missing, number, plural
from pilothouse_app.components.kpis import Kpi
from pilothouse_app.components.table import bar_column, table, text_column

if TYPE_CHECKING:
    from pilothouse.models.signature import Signature

MAX_TILES, MAX_BARS = 8, 20
SHARES = {"name": text_column("Of"), "share": bar_column("Probability", 0, 1, width=180)}
OUTPUTS = {"name": text_column("Output"), "value": text_column("Value")}


def prediction_tiles(answer: dict[str, Any], signature: Signature) -> list[Kpi]:
    """What is predicted, and the first outputs that neither it nor a bar holds."""
    task, prediction = task_of(signature), answer["prediction"]
    tiles = []
    if not isinstance(prediction, dict):
        threshold = f"threshold {number(signature.threshold)}" if task.has_threshold else ""
        title = signature.target or "Prediction"
        tiles.append(Kpi(title, prediction_text(prediction, signature.unit), threshold))
    for column in _others(answer, signature)[:MAX_TILES]:
        value = answer["outputs"][column.name]
        tiles.append(Kpi(column.title, prediction_text(value, column.unit)))
    return tiles


def prediction_details(answer: dict[str, Any], signature: Signature) -> None:
    """The shares between 0 and 1 as bars, the largest first, and outputs beyond the tiles."""
    shares = _shares(answer, signature)
    if shares:
        rows = sorted(shares.items(), key=lambda item: -item[1])
        frame = pd.DataFrame(rows[:MAX_BARS], columns=["name", "share"])
        table(frame, SHARES, key="try_shares", alt="Probabilities", ids="name")
        if len(rows) > MAX_BARS:
            st.markdown(f":gray[and {plural(len(rows) - MAX_BARS, 'smaller one')}]")

    rest = _others(answer, signature)[MAX_TILES:]
    if rest:
        outputs = [
            {"name": c.title, "value": prediction_text(answer["outputs"][c.name], c.unit)}
            for c in rest
        ]
        table(pd.DataFrame(outputs), OUTPUTS, key="try_outputs", alt="Outputs", ids="name")


def prediction_text(value: Any, unit: str = "") -> str:
    """A prediction as text: a number with its unit, the ends of several numbers, names."""
    if isinstance(value, list):
        return _list_text(value, unit)
    if isinstance(value, bool) or not isinstance(value, int | float):
        return DASH if is_missing(value) else str(value)
    if not math.isfinite(value):
        return DASH
    text = f"{value:,}" if isinstance(value, int) else f"{value:,.5g}"
    return f"{text} {unit}".strip()


def _list_text(values: Sequence[Any], unit: str) -> str:
    if not values:
        return "none"
    if all(isinstance(value, int | float) for value in values):
        return f"{prediction_text(values[0])} to {prediction_text(values[-1], unit)}"
    return ", ".join(map(str, values))


def _shares(answer: dict[str, Any], signature: Signature) -> dict[str, float]:
    """The probability by class; without classes, that of each output between 0 and 1."""
    probabilities: dict[str, float] = answer.get("probabilities", {})
    return probabilities or {
        column.title: answer["outputs"][column.name]
        for column in _columns(answer, signature)
        if _is_share(column) and answer["outputs"][column.name] is not None
    }


def _others(answer: dict[str, Any], signature: Signature) -> list[OutputColumn]:
    """The columns that are drawn as values."""
    prediction = answer["prediction"]
    return [
        column
        for column in _columns(answer, signature)
        if not _is_share(column) and answer["outputs"][column.name] != prediction
    ]


def _columns(answer: dict[str, Any], signature: Signature) -> list[OutputColumn]:
    columns = task_of(signature).columns(signature)
    return [column for column in columns if column.name in answer["outputs"]]


def _is_share(column: OutputColumn) -> bool:
    return (column.low, column.high) == (0.0, 1.0)
