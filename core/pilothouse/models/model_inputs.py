"""Typed columns from plain lists, as libraries take them; these are imported when used."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from pilothouse.models.signature import SignatureField

if TYPE_CHECKING:
    import pandas as pd

Columns = Sequence[list[Any]]


def to_arrays(columns: Columns, fields: Sequence[SignatureField]) -> dict[str, Any]:
    """Typed numpy columns by name, as `training.encoding.Encoder` takes them; times are in UTC."""
    pairs = zip(fields, columns, strict=True)
    return {field.name: typed_array(values, field.type) for field, values in pairs}


def to_frame(columns: Columns, fields: Sequence[SignatureField]) -> pd.DataFrame:
    """Typed columns as a pandas frame, for pipelines that were fitted on one."""
    import pandas as pd

    arrays = {
        field.name: pd.to_datetime(values, unit="ms", utc=True)
        if field.type == "time"
        else typed_array(values, field.type)
        for field, values in zip(fields, columns, strict=True)
    }
    return pd.DataFrame(arrays, copy=False)


def typed_array(values: list[Any], kind: str) -> Any:
    """Values of one column; None becomes NaN or NaT, and stays None in texts and booleans."""
    import numpy as np

    if kind == "time":
        return np.array(values, dtype="datetime64[ms]")
    if kind == "number":
        return np.array(values, dtype=np.float64)
    if kind not in ("integer", "boolean"):
        return np.array(values, dtype=object)
    missing = None in values
    if kind == "integer":
        return np.array(values, dtype=np.float64 if missing else np.int64)
    return np.array(values, dtype=object if missing else np.bool_)


def to_matrix(columns: Columns, dtype: str = "float64") -> Any:
    """Numbers as one matrix, a row per row; None becomes NaN. Raises ValueError for texts."""
    import numpy as np

    return np.array(columns, dtype=dtype).T if len(columns) else np.empty((0, 0), dtype=dtype)


def guessed_type(values: Sequence[Any]) -> str:
    """The type of a column whose signature is not there yet: what its values look like."""
    kinds = {type(value) for value in values if value is not None}
    if kinds == {bool}:
        return "boolean"
    if kinds and kinds <= {int}:
        return "integer"
    return "number" if kinds <= {int, float} else "string"


def reordered(columns: Columns, names: Sequence[str], own_names: Sequence[str]) -> Columns:
    """Columns in a model's own order: by name where all names match, else by position.

    Libraries rename columns (LightGBM writes "mean_radius" for "mean radius"), so that names are a
    help and the position decides.
    """
    if list(names) == list(own_names) or set(names) != set(own_names):
        return columns
    by_name = dict(zip(names, columns, strict=True))
    return [by_name[name] for name in own_names]
