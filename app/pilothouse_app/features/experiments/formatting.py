"""Display helpers of runs: titles, the order of metrics, and stored files as frames for charts."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

import pandas as pd

from pilothouse.experiments.metrics.kinds import METRICS, metric_kind
from pilothouse.experiments.metrics.leading import leading_metrics, primary_metrics
from pilothouse.experiments.run_table import default_columns
from pilothouse.kit.errors import NotFound
from pilothouse.training.trainers import trainers
from pilothouse_app.components.diff import readable
from pilothouse_app.components.formats import title
from pilothouse_app.components.table import bar_column, number_column, text_column
from pilothouse_app.features.experiments.metric_definitions import metric_kinds

if TYPE_CHECKING:
    from pilothouse.experiments.details import RunInfo
    from pilothouse.workspace import Workspace

# Primary metrics that are better when higher are shares: as bars up to 1 they compare at a glance.
BAR_METRICS = {key for key in primary_metrics() if metric_kind(key).direction == "higher"}


def metric_title(key: str) -> str:
    """The title of a metric."""
    return metric_kinds().of(key).title


def metric_value(key: str, value: float) -> str:
    """A metric's value in its own format."""
    return metric_kinds().of(key).format_value(value)


def message_text(message: str) -> str:
    """A stored message with the keys of metrics replaced by their titles."""
    return readable(message, METRICS)


def trainer_title(name: str) -> str:
    """A trainer's title; of one that is not installed, its name as words."""
    return trainers.get(name).title if name in trainers.names() else title(name)


def main_metrics(keys: Sequence[str], most: int = 3) -> list[str]:
    """The metrics to show by default: those of the likeliest task first."""
    return list(dict.fromkeys([*leading_metrics(keys), *keys]))[:most]


def order_metrics(keys: Iterable[str]) -> list[str]:
    """All metrics in the core's order: those of the task first, costs such as seconds last."""
    return default_columns.order_metrics(list(keys), metric_kinds())


def column_config(name: str) -> Any:
    """The look of a run table's `metrics.<key>` or `params.<key>` column."""
    kind, _, key = name.partition(".")
    if kind == "params":
        return text_column(key, width=110)
    if key in BAR_METRICS:
        return bar_column(metric_title(key), 0.0, 1.0, width=124)
    return number_column(metric_title(key), _digits(metric_kinds().of(key).format), width=118)


def display_frame(frame: pd.DataFrame) -> pd.DataFrame:
    """The frame with trainers by their names and parameters as text, as a table shows them."""
    params = [name for name in frame.columns if name.startswith("params.")]
    texts = {name: [_text(value) for value in frame[name]] for name in params}
    return frame.assign(**texts, trainer=[trainer_title(name or "") for name in frame["trainer"]])


def json_frame(ws: Workspace, run: RunInfo, path: str) -> pd.DataFrame | None:
    """A stored JSON file of columns as a frame, or None when the run has none."""
    columns = json_file(ws, run, path)
    return None if columns is None else pd.DataFrame(columns)


def json_file(ws: Workspace, run: RunInfo, path: str) -> Any:
    """A stored JSON file, or None when the run has none."""
    if not run.has_artifact(path):
        return None
    try:
        return json.loads(ws.experiments.artifact(run.id, path))
    except NotFound:
        return None


def by_label(frame: pd.DataFrame, labels: Sequence[str]) -> dict[str, pd.DataFrame]:
    """The rows of each run, every run in its place even when it has none."""
    return {label: frame[frame["label"] == label] for label in labels}


def _digits(spec: str) -> int:
    return int("".join(filter(str.isdigit, spec)) or 4)


def _text(value: Any) -> str:
    return "" if value is None or value != value else str(value)
