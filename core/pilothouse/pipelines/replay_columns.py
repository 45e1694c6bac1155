"""Rows of a frame as a replay sends them: batches, tensors by column, ids and event times."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pilothouse.kit.ids import seeded_uuid7

if TYPE_CHECKING:
    import pandas as pd

BATCH = 1000


def batches(frame: pd.DataFrame) -> list[pd.DataFrame]:
    """The rows in parts of at most 1,000."""
    return [frame.iloc[first : first + BATCH] for first in range(0, len(frame), BATCH)]


def tensors(frame: pd.DataFrame) -> dict[str, tuple[str, list[Any]]]:
    """Each column as the Open Inference Protocol takes it: datatype and values, null if missing."""
    return {str(name): _tensor(frame[name]) for name in frame.columns}


def seeded_ids(times: pd.Series[Any], names: pd.Series[Any]) -> list[str]:
    """A prediction id for each row, the same each time: a repeated step is counted once."""
    pairs = zip(to_millis(times), names.tolist(), strict=True)
    return [seeded_uuid7(ms, str(name)) for ms, name in pairs]


def to_millis(times: pd.Series[Any]) -> list[int]:
    """Milliseconds since the epoch."""
    milliseconds: list[int] = times.astype("datetime64[ms, UTC]").astype("int64").tolist()
    return milliseconds


def _tensor(values: pd.Series[Any]) -> tuple[str, list[Any]]:
    kind = {"i": "INT64", "u": "INT64", "f": "FP64"}.get(values.dtype.kind, "BYTES")
    missing = values.isna().tolist()
    return kind, [None if gone else v for v, gone in zip(values.tolist(), missing, strict=True)]
