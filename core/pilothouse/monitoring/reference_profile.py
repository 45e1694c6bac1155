"""The reference of a model version: the profile of its run's held-out rows, as one artifact."""

from __future__ import annotations

import io
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from pilothouse.models.signature import Signature, SignatureField
from pilothouse.monitoring.binning import grid_from_json
from pilothouse.monitoring.distances import Floats
from pilothouse.monitoring.performance import metrics_of
from pilothouse.monitoring.profiles import (
    CategoryReference,
    ColumnReference,
    Kind,
    NumberReference,
    UnreadableProfile,
    category_reference,
    number_reference,
)

if TYPE_CHECKING:
    import pandas as pd

FORM = 1
TARGET, SCORE = "__target", "__score"
KINDS: Mapping[str, Kind] = {
    "number": "number",
    "integer": "number",
    "string": "category",
    "boolean": "category",
}


@dataclass(frozen=True)
class ReferenceProfile:
    """The profile of the held-out rows: each feature, the score, and the metrics.

    `faults` names the features that could not be read, and why.
    """

    rows: int
    columns: Mapping[str, ColumnReference]
    score: NumberReference
    metrics: Mapping[str, float]
    base_rate: float | None
    faults: Mapping[str, str]


def profile_reference(frame: pd.DataFrame, signature: Signature) -> ReferenceProfile:
    """The profile of a run's held-out rows: its features, `__target` (1, 0) and `__score`."""
    columns: dict[str, ColumnReference] = {}
    faults: dict[str, str] = {}
    for field in monitored_inputs(signature):
        try:
            columns[field.name] = _column(frame, field)
        except UnreadableProfile as wrong:
            faults[field.name] = str(wrong)

    y = frame[TARGET].to_numpy() == 1
    both = 0 < int(y.sum()) < len(y)
    score: Floats = frame[SCORE].to_numpy(dtype=np.float64)

    return ReferenceProfile(
        rows=len(frame),
        columns=columns,
        score=number_reference(SCORE, frame[SCORE]),
        metrics=metrics_of(y, score, signature.threshold) if both else {},
        base_rate=float(y.mean()) if len(y) else None,
        faults=faults,
    )


def monitored_inputs(signature: Signature) -> tuple[SignatureField, ...]:
    """The inputs whose drift is tested: all but times, which always move on."""
    return tuple(field for field in signature.inputs if field.type in KINDS)


def _column(frame: pd.DataFrame, field: SignatureField) -> ColumnReference:
    if field.name not in frame:
        raise UnreadableProfile("the reference has no such column")
    if KINDS[field.type] == "number":
        return number_reference(field.name, frame[field.name])
    return category_reference(field.name, frame[field.name])


def to_bytes(profile: ReferenceProfile) -> bytes:
    """The profile as an npz file: sorted samples as arrays, everything else as JSON."""
    arrays: dict[str, Any] = {}
    entries = [_entry(column, arrays) for column in (*profile.columns.values(), profile.score)]
    header = {
        "form": FORM,
        "rows": profile.rows,
        "columns": entries[:-1],
        "score": entries[-1],
        "figures": dict(profile.metrics),
        "base_rate": profile.base_rate,
        "faults": dict(profile.faults),
    }
    arrays["words"] = np.frombuffer(json.dumps(header).encode(), dtype=np.uint8)
    buffer = io.BytesIO()
    np.savez_compressed(buffer, **arrays)

    return buffer.getvalue()


def from_bytes(data: bytes) -> ReferenceProfile:
    """The profile that `to_bytes` wrote."""
    with np.load(io.BytesIO(data), allow_pickle=False) as arrays:
        header = json.loads(arrays["words"].tobytes())
        columns = [_read(entry, arrays) for entry in header["columns"]]
        score = _read(header["score"], arrays)

    assert isinstance(score, NumberReference)
    return ReferenceProfile(
        rows=header["rows"],
        columns={column.name: column for column in columns},
        score=score,
        metrics=header["figures"],
        base_rate=header["base_rate"],
        faults=header["faults"],
    )


def _entry(column: ColumnReference, arrays: dict[str, Any]) -> dict[str, Any]:
    entry: dict[str, Any] = {"kind": column.kind, "name": column.name}
    entry |= {"rows": column.rows, "missing": column.missing}
    if isinstance(column, CategoryReference):
        return entry | {"counts": dict(column.counts), "complete": column.complete}

    array_name = f"values{len(arrays)}"
    arrays[array_name] = column.values
    return entry | {
        "values": array_name,
        "cells": column.bins.to_json(),
        "tenths": column.deciles.to_json(),
        "cell_counts": column.bin_counts.tolist(),
        "tenth_counts": column.decile_counts.tolist(),
        "mean": column.mean,
        "std": column.std,
    }


def _read(entry: Mapping[str, Any], arrays: Mapping[str, Any]) -> ColumnReference:
    name, rows, missing = entry["name"], entry["rows"], entry["missing"]
    if entry["kind"] == "category":
        return CategoryReference(name, rows, missing, entry["counts"], entry["complete"])
    return NumberReference(
        name,
        rows,
        missing,
        arrays[entry["values"]],
        grid_from_json(entry["cells"]),
        grid_from_json(entry["tenths"]),
        np.asarray(entry["cell_counts"], dtype=np.int64),
        np.asarray(entry["tenth_counts"], dtype=np.int64),
        entry["mean"],
        entry["std"],
    )
