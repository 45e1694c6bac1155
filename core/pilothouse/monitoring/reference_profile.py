"""The reference of a model version: the profile of rows that its windows are held against.

These are the held-out rows of a run, or of a version without such a run the first rows that it
answered. The profile is one artifact.
"""

from __future__ import annotations

import io
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import numpy.typing as npt

from pilothouse.models.answers import AT, OUTPUT_PREFIX, TARGET
from pilothouse.models.signature import Signature, SignatureField
from pilothouse.models.tasks import OutputColumn, task_of
from pilothouse.monitoring.binning import grid_from_json
from pilothouse.monitoring.column_values import Times, UnreadableProfile
from pilothouse.monitoring.dependence import (
    INDEPENDENT,
    Blocks,
    BlockSize,
    block_size,
    blocks_of,
)
from pilothouse.monitoring.distances import Floats
from pilothouse.monitoring.estimation.performance_estimator import (
    PerformanceEstimator,
    estimator_from_json,
    estimator_to_json,
    fit_estimator,
)
from pilothouse.monitoring.kinds import Kind
from pilothouse.monitoring.performance import Performance, compute_performance
from pilothouse.monitoring.plain_json import plain_json
from pilothouse.monitoring.profiles import (
    CategoryReference,
    ColumnReference,
    NumberReference,
    category_reference,
    number_reference,
    with_dependence,
)
from pilothouse.monitoring.repeated_rows import RepeatedRows, repeated_rows
from pilothouse.monitoring.time_profiles import TimeReference, time_reference
from pilothouse.monitoring.window_rows import WindowRows

if TYPE_CHECKING:
    import pandas as pd

FORM = 3  # the second one had no times
ESTIMATOR = "estimator"  # absent from profiles from before there were any
CORRELATIONS = ("intraclass", "missing_intraclass")
OLD_OUTPUT = "score"  # the only output of profiles of the first form
Origin = Literal["held_out", "served"]
KINDS: Mapping[str, Kind] = {
    "number": "number",
    "integer": "number",
    "string": "category",
    "boolean": "category",
    "time": "time",
}


@dataclass(frozen=True)
class ReferenceProfile:
    """The profile of the reference's rows: each feature, each output column, and the metrics.

    `faults` and `output_faults` name the features and outputs that could not be read, and why.
    `summary` is what the labels are like, `documents` are the task's. `origin` says whether the
    rows were held out or served; `labels_from` names the window whose metrics these are, when the
    rows themselves have none. `waiting` says what a reference that is not complete waits for.
    `errors` are the standard errors of the metrics, `repeated` the rows that are equal in every
    input; profiles from before have none. `estimator` estimates metrics without labels, where the
    task and the rows allow it; `is_estimator_fitted` is False in profiles from before there were
    any. `blocks` are the blocks of time whose rows are not independent, `output_blocks` those of
    the outputs. Inputs that a monitor chose come from elsewhere: `inputs_from` names the rows,
    `inputs_rows` counts them, and `inputs_lack` says why they are too few.
    """

    rows: int
    columns: Mapping[str, ColumnReference]
    outputs: Mapping[str, ColumnReference]
    metrics: Mapping[str, float]
    faults: Mapping[str, str]
    output_faults: Mapping[str, str] = field(default_factory=dict)
    summary: Mapping[str, float] = field(default_factory=dict)
    documents: Mapping[str, Any] = field(default_factory=dict)
    origin: Origin = "held_out"
    labels_from: str = ""
    waiting: str = ""
    errors: Mapping[str, float] = field(default_factory=dict)
    repeated: RepeatedRows | None = None
    estimator: PerformanceEstimator | None = None
    is_estimator_fitted: bool = True
    blocks: BlockSize = INDEPENDENT
    output_blocks: BlockSize = INDEPENDENT
    inputs_from: str = ""
    inputs_rows: int = 0
    inputs_lack: str = ""


def profile_reference(frame: pd.DataFrame, signature: Signature) -> ReferenceProfile:
    """The profile of a run's held-out rows: features, `__target` and `__<output>`."""
    rows = held_out_rows(frame, signature)
    performance = compute_performance(signature, rows.outputs, rows.truth)
    estimator = fit_estimator(signature, rows, performance.metrics)
    return replace(_profile(rows, signature, performance), estimator=estimator)


def held_out_rows(frame: pd.DataFrame, signature: Signature) -> WindowRows:
    """The rows of `reference.parquet`: features, outputs and labels."""
    outputs = {
        column.name: output_array(frame[OUTPUT_PREFIX + column.name], column.kind)
        for column in output_columns(signature)
        if OUTPUT_PREFIX + column.name in frame
    }
    return WindowRows(frame, outputs, held_out_truth(frame, signature), _event_times(frame))


def _event_times(frame: pd.DataFrame) -> npt.NDArray[np.int64] | None:
    return frame[AT].to_numpy(dtype=np.int64) if AT in frame and len(frame) else None


def profile_served(rows: WindowRows, signature: Signature) -> ReferenceProfile:
    """The profile of the first rows that a version answered; it has no metrics yet."""
    return replace(_profile(rows, signature, Performance(len(rows), 0)), origin="served")


def with_performance(
    profile: ReferenceProfile,
    performance: Performance,
    window: str,
    estimator: PerformanceEstimator | None = None,
) -> ReferenceProfile:
    """The profile with the metrics of a labelled window, which later ones are held against.

    `estimator` was fitted to that window.
    """
    return replace(
        profile,
        metrics=dict(performance.metrics),
        summary=dict(performance.summary),
        documents=performance.documents,
        labels_from=window,
        errors=_errors(performance),
        estimator=estimator,
    )


def _errors(performance: Performance) -> dict[str, float]:
    return {key: error.error for key, error in performance.errors.items()}


def _profile(rows: WindowRows, signature: Signature, performance: Performance) -> ReferenceProfile:
    import pandas as pd

    kinds = {field.name: KINDS[field.type] for field in monitored_inputs(signature)}
    blocks = blocks_of(rows.at)
    columns, faults = _columns(kinds, rows.features, blocks, rows.at)
    output_kinds: dict[str, Kind] = {c.name: c.kind for c in output_columns(signature)}
    answers = {name: pd.Series(values) for name, values in rows.outputs.items()}
    outputs, output_faults = _columns(output_kinds, answers, blocks)
    return ReferenceProfile(
        rows=len(rows),
        columns=columns,
        outputs=outputs,
        metrics=performance.metrics,
        faults=faults,
        output_faults=output_faults,
        summary=performance.summary,
        documents=performance.documents,
        errors=_errors(performance),
        repeated=repeated_rows(rows.features, tuple(columns)),
        blocks=block_size(blocks),
        output_blocks=block_size(blocks),
    )


def monitored_inputs(signature: Signature) -> tuple[SignatureField, ...]:
    """The inputs that are watched; of times, which always move on, everything but their drift."""
    return tuple(field for field in signature.inputs if field.type in KINDS)


def output_columns(signature: Signature) -> tuple[OutputColumn, ...]:
    """The output columns whose drift is tested, the most telling one first."""
    return task_of(signature).columns(signature)


def output_array(column: pd.Series[Any], kind: Kind) -> Any:
    """An output column as an array: floats with NaN where one is missing; else objects."""
    import pandas as pd

    if kind == "number":
        try:
            return pd.to_numeric(column).to_numpy(dtype=np.float64, na_value=np.nan)
        except (ValueError, TypeError):
            pass  # whoever reads it says that these are no numbers
    return column.to_numpy(dtype=object)


def held_out_truth(frame: pd.DataFrame, signature: Signature) -> Floats:
    """The labels of held-out rows as the task has them: `__target` is numbers, or labels."""
    import pandas as pd

    if TARGET not in frame:
        return np.full(len(frame), np.nan)
    target = frame[TARGET]
    if pd.api.types.is_numeric_dtype(target.dtype):
        truth: Floats = target.to_numpy(dtype=np.float64, na_value=np.nan)
        return truth
    return task_of(signature).truth(signature, target.tolist())


def _columns(
    kinds: Mapping[str, Kind],
    columns: Mapping[str, pd.Series[Any]] | pd.DataFrame,
    blocks: Blocks | None,
    at: Times | None = None,
) -> tuple[dict[str, ColumnReference], dict[str, str]]:
    """The profile of each column, and the fault of each that has none."""
    profiles: dict[str, ColumnReference] = {}
    faults: dict[str, str] = {}
    for name, kind in kinds.items():
        try:
            profile = _column(columns, name, kind, at)
            profiles[name] = with_dependence(profile, columns[name], blocks) if blocks else profile
        except UnreadableProfile as wrong:
            faults[name] = str(wrong)
    return profiles, faults


def _column(
    columns: Mapping[str, pd.Series[Any]] | pd.DataFrame, name: str, kind: Kind, at: Times | None
) -> ColumnReference:
    if name not in columns:
        raise UnreadableProfile("the reference has no such column")
    if kind == "time":
        return time_reference(name, columns[name], at)
    profile = number_reference if kind == "number" else category_reference
    return profile(name, columns[name])


def to_bytes(profile: ReferenceProfile) -> bytes:
    """The profile as an npz file: sorted samples as arrays, everything else as JSON."""
    arrays: dict[str, Any] = {}
    header = {
        "form": FORM,
        "rows": profile.rows,
        "columns": [_entry(column, arrays) for column in profile.columns.values()],
        "outputs": [_entry(column, arrays) for column in profile.outputs.values()],
        "figures": dict(profile.metrics),
        "faults": dict(profile.faults),
        "output_faults": dict(profile.output_faults),
        "summary": dict(profile.summary),
        "errors": dict(profile.errors),
        "documents": plain_json(profile.documents),
        "origin": profile.origin,
        "labels_from": profile.labels_from,
        "repeated": profile.repeated and asdict(profile.repeated),
        ESTIMATOR: estimator_to_json(profile.estimator),
        "block_ms": profile.blocks.length_ms,
        "block_rows": profile.blocks.rows,
    }
    arrays["words"] = np.frombuffer(json.dumps(header).encode(), dtype=np.uint8)
    buffer = io.BytesIO()
    np.savez_compressed(buffer, **arrays)

    return buffer.getvalue()


def from_bytes(data: bytes) -> ReferenceProfile:
    """The profile that `to_bytes` wrote, in this form or an earlier one."""
    with np.load(io.BytesIO(data), allow_pickle=False) as arrays:
        header = _header(arrays)
        columns = [_read(entry, arrays) for entry in header["columns"]]
        outputs = [_read(entry, arrays) for entry in header["outputs"]]

    blocks = BlockSize(header.get("block_ms", 0), header.get("block_rows", 1.0))
    return ReferenceProfile(
        rows=header["rows"],
        columns={column.name: column for column in columns},
        outputs={column.name: column for column in outputs},
        metrics=header["figures"],
        faults=header["faults"],
        output_faults=header.get("output_faults", {}),
        summary=header.get("summary", {}),
        errors=header.get("errors", {}),
        documents=header.get("documents", {}),
        origin=header.get("origin", "held_out"),
        labels_from=header.get("labels_from", ""),
        repeated=_read_repeated(header.get("repeated")),
        estimator=estimator_from_json(header.get(ESTIMATOR, {})),
        is_estimator_fitted=ESTIMATOR in header,
        blocks=blocks,
        output_blocks=blocks,
    )


def _read_repeated(stored: Mapping[str, Any] | None) -> RepeatedRows | None:
    if stored is None:
        return None
    groups = tuple((size, count) for size, count in stored["groups"])
    return RepeatedRows(tuple(stored["columns"]), stored["rows"], groups)


def read_documents(data: bytes) -> dict[str, Any]:
    """The documents of a stored profile, without its samples; one of the first form has none."""
    with np.load(io.BytesIO(data), allow_pickle=False) as arrays:
        documents: dict[str, Any] = _header(arrays).get("documents", {})
    return documents


def _header(arrays: Mapping[str, Any]) -> dict[str, Any]:
    header: dict[str, Any] = json.loads(arrays["words"].tobytes())
    if "score" in header:  # the first form had one output, and called it as the log does not
        header["outputs"] = [header.pop("score") | {"name": OLD_OUTPUT}]
    return header


def _entry(column: ColumnReference, arrays: dict[str, Any]) -> dict[str, Any]:
    entry: dict[str, Any] = {"kind": column.kind, "name": column.name}
    entry |= {"rows": column.rows, "missing": column.missing}
    entry |= {name: getattr(column, name) for name in CORRELATIONS}
    if isinstance(column, CategoryReference):
        return entry | {"counts": dict(column.counts), "complete": column.complete}
    if isinstance(column, TimeReference):
        facts = {"low": column.low, "high": column.high, "lags": column.lags}
        counts = column.bin_counts.tolist()
        return entry | facts | {"cells": column.bins.to_json(), "cell_counts": counts}

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
        "infinite": column.infinite,
    }


def _read(entry: Mapping[str, Any], arrays: Mapping[str, Any]) -> ColumnReference:
    name, rows, missing = entry["name"], entry["rows"], entry["missing"]
    correlations = {key: entry.get(key, 0.0) for key in CORRELATIONS}
    if entry["kind"] == "category":
        return CategoryReference(
            name, rows, missing, entry["counts"], entry["complete"], **correlations
        )
    if entry["kind"] == "time":
        return _read_times(entry, correlations)
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
        entry.get("infinite"),
        **correlations,
    )


def _read_times(entry: Mapping[str, Any], correlations: Mapping[str, float]) -> TimeReference:
    return TimeReference(
        entry["name"],
        entry["rows"],
        entry["missing"],
        entry["low"],
        entry["high"],
        grid_from_json(entry["cells"]),
        np.asarray(entry["cell_counts"], dtype=np.int64),
        None if entry["lags"] is None else (entry["lags"][0], entry["lags"][1]),
        **correlations,
    )
