"""From what a library returns to raw rows: plain lists of plain values, one list per row."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

Rows = list[list[Any]]
MAX_OUTPUTS = 1_000


def plain(value: Any) -> Any:
    """A JSON value: numpy's scalars become Python's, what JSON lacks becomes text."""
    value = value.item() if hasattr(value, "item") else value
    if isinstance(value, bytes):
        return value.decode("utf-8", "replace")
    if value is None or isinstance(value, (str, int, float, bool)):
        return value
    return str(value)


def rows_of(values: Any, count: int) -> Rows:
    """Rows of an array, a series, a frame, or lists of these shapes; `count` rows are expected.

    Raises ValueError when the shape is another.
    """
    if hasattr(values, "to_numpy"):
        values = values.to_numpy()
    if hasattr(values, "detach"):  # a tensor of torch
        values = values.detach().cpu().numpy()
    if _is_number_array(values):
        return _rows_of_numbers(values, count)
    if hasattr(values, "tolist"):
        values = values.tolist()
    if isinstance(values, Mapping):
        parts = [rows_of(part, count) for part in values.values()]
        return [[value for row in rows for value in row] for rows in zip(*parts, strict=True)]
    if not isinstance(values, Sequence) or isinstance(values, str):
        values = [values]
    _check_count(len(values), count)
    return [_flat(row) for row in values]


def _is_number_array(values: Any) -> bool:
    """Whether `values` is an array of numpy whose list holds Python's own numbers or booleans."""
    if type(values).__module__ != "numpy" or not getattr(values, "ndim", 0):
        return False
    return values.dtype.kind in "biuf" and values.dtype.itemsize <= 8  # not longdouble


def _rows_of_numbers(values: Any, count: int) -> Rows:
    """PERF: numpy flattens the rows, instead of one call per value."""
    _check_count(len(values), count)
    if not count:
        return []
    flat = values.reshape(count, -1)
    _check_width(flat.shape[1])
    rows: Rows = flat.tolist()
    return rows


def _check_count(answers: int, count: int) -> None:
    if answers != count:
        raise ValueError(f"the model gave {answers} answers for {count} rows")


def _check_width(width: int) -> None:
    if width > MAX_OUTPUTS:
        raise ValueError(f"the model gives more than {MAX_OUTPUTS} values for a row")


def _flat(row: Any) -> list[Any]:
    """One row's values in order, however deep they are nested."""
    if isinstance(row, Mapping):
        row = list(row.values())
    if hasattr(row, "tolist"):
        row = row.tolist()
    if not isinstance(row, (list, tuple)):
        return [plain(row)]
    flat = [value for part in row for value in _flat(part)]
    _check_width(len(flat))
    return flat


def output_names(values: Any, width: int) -> list[str]:
    """The names of a result's columns: its own where it has some, else `output`, `output_2`, …"""
    if hasattr(values, "columns"):
        return [str(name) for name in values.columns]
    if isinstance(values, Mapping) and len(values) == width:
        return [str(name) for name in values]
    name = getattr(values, "name", None)
    if width == 1:
        return [name if isinstance(name, str) and name else "output"]
    return [f"output_{index + 1}" for index in range(width)]


def outputs_of(values: Any, rows: Rows) -> list[dict[str, str]]:
    """Names and types of the outputs, as an answer to the example has them."""
    width = len(rows[0]) if rows else 0
    names = output_names(values, width)
    return [
        {"name": name, "type": _type([row[index] for row in rows])}
        for index, name in enumerate(names[:width])
    ]


def _type(values: Sequence[Any]) -> str:
    kinds = {type(value) for value in values if value is not None}
    if kinds == {bool}:
        return "boolean"
    if kinds == {int}:
        return "integer"
    return "number" if kinds <= {int, float} else "string"


def two_columns(rows: Rows) -> Rows:
    """The probabilities of both classes, of a model that gives only that of the second."""
    return [[1.0 - row[0], row[0]] if len(row) == 1 else row for row in rows]


def normalised(rows: Rows) -> Rows:
    """Rows that add up to 1, for models with one independent score per class."""
    totals = [sum(row) or 1.0 for row in rows]
    return [[value / total for value in row] for row, total in zip(rows, totals, strict=True)]


def sigmoid(value: float) -> float:
    """The probability of a log-odds."""
    if value >= 0:
        return 1.0 / (1.0 + math.exp(-value))
    return math.exp(value) / (1.0 + math.exp(value))
