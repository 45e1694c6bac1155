"""Curves from files of runs, overlaid: ROC, precision-recall, calibration, importance."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pilothouse.experiments.details import RunInfo
from pilothouse.kit.errors import Invalid
from pilothouse.storage import Store

if TYPE_CHECKING:
    import pandas as pd

MAX_POINTS = 400


@dataclass(frozen=True)
class CurveFile:
    """A kind of curve: the file of a run that holds it, and its text and number columns."""

    name: str
    path: str
    number_columns: tuple[str, ...]
    text_columns: tuple[str, ...] = ()

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns in order."""
        return (*self.text_columns, *self.number_columns)


CURVE_FILES = (
    CurveFile("roc", "curves/roc.json", ("fpr", "tpr", "threshold")),
    CurveFile("pr", "curves/pr.json", ("recall", "precision", "threshold")),
    CurveFile("calibration", "curves/calibration.json", ("predicted", "observed", "count")),
    CurveFile("importance", "importance.json", ("importance", "std"), text_columns=("column",)),
)


def overlay(
    store: Store, runs: Sequence[RunInfo], labels: Mapping[str, str], curve: CurveFile
) -> pd.DataFrame:
    """One curve of every run that has it, as rows of run, label and the curve's columns.

    Each is thinned to at most `MAX_POINTS`, ends kept. Raises Invalid when a file is no such
    curve, NotFound or Unavailable when its bytes are gone or damaged.
    """
    import pandas as pd

    frames = [_frame(store, run, labels[run.id], curve) for run in runs if _has_file(run, curve)]
    if frames:
        return pd.concat(frames, ignore_index=True)
    return pd.DataFrame(columns=["run", "label", *curve.columns])


def read_json(store: Store, run: RunInfo, path: str) -> dict[str, Any] | None:
    """A run's JSON file, None when it has none. Raises Invalid when it is not a JSON object."""
    digest = next((file.digest for file in run.artifacts if file.path == path), None)
    if digest is None:
        return None
    try:
        value = json.loads(store.artifacts.read(digest))
    except ValueError as wrong:
        raise Invalid(f"the file {path} of run {run.name!r} is not valid JSON: {wrong}.") from wrong
    if not isinstance(value, dict):
        raise Invalid(f"the file {path} of run {run.name!r} is not a JSON object.")
    return value


def _has_file(run: RunInfo, curve: CurveFile) -> bool:
    return run.has_artifact(curve.path)


def _frame(store: Store, run: RunInfo, label: str, curve: CurveFile) -> pd.DataFrame:
    import pandas as pd

    value = read_json(store, run, curve.path) or {}
    try:
        texts = {name: pd.Series(value[name], dtype="object") for name in curve.text_columns}
        numbers = {name: pd.Series(value[name], dtype="float64") for name in curve.number_columns}
        frame = pd.DataFrame({"run": run.id, "label": label} | texts | numbers)
    except (KeyError, TypeError, ValueError) as wrong:
        raise Invalid(
            f"the file {curve.path} of run {run.name!r} is not a {curve.name} curve.",
            hint=f"It needs lists of one length: {', '.join(curve.columns)}.",
        ) from wrong

    return _thin(frame)


def _thin(frame: pd.DataFrame) -> pd.DataFrame:
    import numpy as np

    if len(frame) <= MAX_POINTS:
        return frame
    places = np.linspace(0, len(frame) - 1, MAX_POINTS).round().astype(int)
    return frame.iloc[np.unique(places)].reset_index(drop=True)
