"""Predictions of runs on their held-out rows, and the rows that several runs share.

A run keeps `reference.parquet`: its held-out rows with `__target` (the labels, or what the task
makes of them), `__<output>` for each output column of its task, and `__row`, the row's index in the
dataset version. `__group` and `__at` are the row's group and event time, where it has them. Two
runs whose held-out rows have the same digest are paired by `__row`; older runs have none and are
paired by order where that is certain.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cache
from typing import TYPE_CHECKING, Any, TypeVar

from pilothouse.comparison.curves import read_json
from pilothouse.comparison.run_tasks import decides, read_signature, task_difference
from pilothouse.experiments.details import RunInfo
from pilothouse.kit.errors import Invalid, PilothouseError
from pilothouse.models.answers import (
    AT,
    GROUP,
    HELD_OUT_TAG,
    OUTPUT_PREFIX,
    REFERENCE_PATH,
    REFERENCE_ROWS,
    ROW,
    SIGNATURE_PATH,
    TARGET,
)
from pilothouse.models.signature import Signature
from pilothouse.models.tasks import Task, class_of_code, task_of
from pilothouse.storage import Store

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt
    import pandas as pd
    import pyarrow as pa

    from pilothouse.models.metrics.weighted_metrics import Measures

    Floats = npt.NDArray[np.float64]
    Places = npt.NDArray[np.int64]
    Array = npt.NDArray[Any]

NO_OUTPUTS = (TARGET, ROW, AT)  # the group is one: tasks of groups read it there
MAX_CACHED = 32
K = TypeVar("K")
V = TypeVar("V")
# What a run that recorded no signature kept: a score for the class 1, as releases before did.
UNRECORDED = Signature((), classes=(0, 1), positive=1)
# By digest: content never changes.
_cache: dict[tuple[str, str, Signature], EvaluatedRows] = {}
_names: dict[tuple[str, str], list[str]] = {}
_lock = threading.Lock()


@dataclass(frozen=True, eq=False)
class EvaluatedRows:
    """Labelled rows: output columns by name, the labels as the task's truth, and their places.

    `places` are the indices of the rows in their file, `row_numbers` those in the dataset version.
    `at` is the event time in milliseconds. Both are None where they are not recorded.
    """

    columns: Mapping[str, Array]
    truth: Floats
    places: Places
    row_numbers: Places | None = None
    at: Places | None = None
    _falling: dict[str, Places] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.places)

    @property
    def groups(self) -> Array | None:
        """The group of each row; None where rows have none."""
        return self.columns.get(GROUP.removeprefix(OUTPUT_PREFIX))

    def take(self, rows: Places) -> EvaluatedRows:
        """The rows at these positions, in this order."""
        return EvaluatedRows(
            {name: values[rows] for name, values in self.columns.items()},
            self.truth[rows],
            self.places[rows],
            None if self.row_numbers is None else self.row_numbers[rows],
            None if self.at is None else self.at[rows],
        )

    def by_falling(self, column: str) -> Places:
        """The positions of rows by falling value of a column; sorted once for all thresholds."""
        import numpy as np

        if column not in self._falling:
            order = np.argsort(-self.columns[column], kind="stable").astype(np.int64)
            self._falling[column] = order
        return self._falling[column]


@dataclass(frozen=True, eq=False)
class RunPredictions:
    """A run's labelled rows with its predictions, its signature, and the file with its features.

    The threshold of the signature is the one that the run's own metrics were computed at. A run
    that recorded no signature has `UNRECORDED`.
    """

    run: str
    rows: EvaluatedRows
    signature: Signature
    digest: str
    is_recorded: bool = True

    @property
    def task(self) -> Task:
        """The task of the run's model."""
        return task_of(self.signature)

    @property
    def score_column(self) -> str:
        """The only output between 0 and 1 that a threshold decides on; empty without one."""
        columns = self.task.columns(self.signature)
        chances = [column.name for column in columns if (column.low, column.high) == (0, 1)]
        decides = self.task.has_threshold and len(chances) == 1 and self.rows.truth.ndim == 1
        return chances[0] if decides else ""

    @property
    def decides(self) -> bool:
        """Whether its predictions are classes or labels, so that a row can be right or wrong."""
        return decides(self.signature)

    def predicted(self) -> list[Any]:
        """What a person would call the prediction of each row."""
        columns = {name: values.tolist() for name, values in self.rows.columns.items()}
        return self.task.predictions(self.signature, columns)

    def row_cost(self) -> Floats:
        """What each row's prediction costs."""
        return self.task.row_cost(self.signature, self.rows.columns, self.rows.truth)

    def at_threshold(self, threshold: float | None) -> RunPredictions:
        """The same, decided at another threshold; as it is with None."""
        if threshold is None:
            return self
        return replace(self, signature=replace(self.signature, threshold=threshold))

    def take(self, rows: Places) -> RunPredictions:
        """The same for the rows at these positions."""
        return replace(self, rows=self.rows.take(rows))

    def measures(self) -> Measures:
        """The task's metrics on these rows, each computed once it is called, and kept."""
        made = self.task.measures(self.signature, self.rows.columns, self.rows.truth)
        return {key: cache(measure) for key, measure in made.items()}


@dataclass(frozen=True, eq=False)
class AlignedPredictions:
    """The rows that several runs share, in one order, the baseline first.

    `positions` are the indices of these rows among the baseline's. `left_out` has the reason for
    every run that could not be paired.
    """

    runs: tuple[str, ...]
    predictions: tuple[RunPredictions, ...]
    positions: Places
    left_out: Mapping[str, str]

    @property
    def rows(self) -> int:
        """How many rows the runs share."""
        return len(self.predictions[0].rows)


def predictions(store: Store, run: RunInfo) -> RunPredictions | None:
    """A run's predictions of its held-out rows; None when it kept none, or no labels with them.

    Raises Invalid when the file holds none, NotFound or Unavailable when its bytes are gone.
    """
    digest = next((file.digest for file in run.artifacts if file.path == REFERENCE_PATH), None)
    if digest is None:
        return None
    if TARGET not in _column_names(store, digest):
        return None  # the answers to rows without labels
    recorded = read_signature(store, run)
    signature = replace(recorded or UNRECORDED, threshold=own_threshold(store, run, recorded))
    rows = _load_rows(store, digest, signature, run.name)
    return RunPredictions(run.id, rows, signature, digest, recorded is not None)


def features(
    store: Store, run_predictions: RunPredictions, columns: Sequence[str] | None = None
) -> pd.DataFrame:
    """The features of a run's rows, or some of them, in the order of its rows."""
    import pyarrow.parquet as pq

    file = pq.ParquetFile(store.artifacts.local_path(run_predictions.digest))
    names = [name for name in file.schema_arrow.names if not name.startswith(OUTPUT_PREFIX)]
    chosen = names if columns is None else [name for name in columns if name in names]
    frame: pd.DataFrame = file.read(columns=chosen).to_pandas()
    return frame[chosen].iloc[run_predictions.rows.places].reset_index(drop=True)


def feature_names(store: Store, run_predictions: RunPredictions) -> list[str]:
    """The names of the features that are kept with the predictions."""
    names = _column_names(store, run_predictions.digest)
    return [name for name in names if not name.startswith(OUTPUT_PREFIX)]


def _column_names(store: Store, digest: str) -> list[str]:
    """The columns of a file; `TARGET` alone when it is no Parquet, which reading it says."""
    key = (store.artifacts.url, digest)
    names = _names.get(key)
    return _keep(_names, key, _read_names(store, digest)) if names is None else names


def _read_names(store: Store, digest: str) -> list[str]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        return list(pq.read_schema(store.artifacts.local_path(digest)).names)
    except (pa.ArrowException, ValueError):
        return [TARGET]


def _keep(cache_of: dict[K, V], key: K, value: V) -> V:
    """Put a value into a cache, in the place of the oldest when it is full."""
    with _lock:
        while len(cache_of) >= MAX_CACHED:
            cache_of.pop(next(iter(cache_of)))
        cache_of[key] = value
    return value


def own_threshold(store: Store, run: RunInfo, recorded: Signature | None = None) -> float:
    """The threshold that a run's own metrics were computed at; 0.5 when it recorded none.

    `recorded` is the signature of its model, when that has been read.
    """
    for path in ("confusion.json", *(() if recorded else (SIGNATURE_PATH,))):
        try:
            threshold = (read_json(store, run, path) or {}).get("threshold")
        except PilothouseError:
            continue
        if isinstance(threshold, (int, float)) and 0 <= threshold <= 1:
            return float(threshold)
    return recorded.threshold if recorded else UNRECORDED.threshold


def _load_rows(store: Store, digest: str, signature: Signature, name: str) -> EvaluatedRows:
    key = (store.artifacts.url, digest, replace(signature, inputs=(), threshold=0.5))
    rows = _cache.get(key)
    return _keep(_cache, key, _read_rows(store, digest, signature, name)) if rows is None else rows


def _read_rows(store: Store, digest: str, signature: Signature, name: str) -> EvaluatedRows:
    import numpy as np
    import pyarrow as pa
    import pyarrow.parquet as pq

    logged = task_of(signature).columns(signature)
    try:
        file = pq.ParquetFile(store.artifacts.local_path(digest))
        own = [column for column in file.schema_arrow.names if column.startswith(OUTPUT_PREFIX)]
        table = file.read(columns=own)
        truth = _truth(table, signature)
        columns = {
            column.removeprefix(OUTPUT_PREFIX): _array(table[column])
            for column in own
            if column not in NO_OUTPUTS
        }
        for output in logged:
            kind = np.float64 if output.kind == "number" else object
            columns[output.name] = np.asarray(columns[output.name], dtype=kind)
    except (pa.ArrowException, KeyError, ValueError, TypeError) as wrong:
        needed = ", ".join(f"{OUTPUT_PREFIX}{output.name}" for output in logged)
        raise Invalid(
            f"the file {REFERENCE_PATH} of run {name!r} holds no predictions of its task.",
            hint=f"It needs the columns {TARGET} and {needed}.",
        ) from wrong

    if any(_is_missing(columns[output.name]).any() for output in logged):
        raise Invalid(f"the file {REFERENCE_PATH} of run {name!r} has rows without a prediction.")
    labelled = np.flatnonzero(np.isfinite(truth if truth.ndim == 1 else truth[:, 0]))
    if not len(labelled):
        raise Invalid(f"the file {REFERENCE_PATH} of run {name!r} has no rows with a label.")
    everything = EvaluatedRows(
        columns, truth, np.arange(len(truth)), _whole(table, ROW), _whole(table, AT)
    )
    return everything if len(labelled) == len(truth) else everything.take(labelled)


def _truth(table: pa.Table, signature: Signature) -> Floats:
    """The labels as the task has them: `__target` is numbers already, or labels."""
    import numpy as np
    import pyarrow as pa

    target = table[TARGET]
    if pa.types.is_integer(target.type) or pa.types.is_floating(target.type):
        return np.asarray(target.to_pandas(), dtype=np.float64)
    if pa.types.is_list(target.type) and pa.types.is_floating(target.type.value_type):
        return np.array(target.to_pylist(), dtype=np.float64)
    return task_of(signature).truth(signature, target.to_pylist())


def _array(column: pa.ChunkedArray) -> Array:
    import numpy as np
    import pyarrow as pa

    if pa.types.is_integer(column.type) or pa.types.is_floating(column.type):
        return np.asarray(column.to_pandas())
    values = np.empty(len(column), dtype=object)
    values[:] = column.to_pylist()
    return values


def _whole(table: pa.Table, name: str) -> Places | None:
    import numpy as np

    if name not in table.column_names:
        return None
    return np.asarray(table[name].to_pandas(), dtype=np.int64)


def _is_missing(values: Array) -> Array:
    import numpy as np

    if values.dtype == object:
        return np.array([value is None for value in values], dtype=bool)
    return ~np.isfinite(values)


def align(
    runs: Sequence[RunInfo], by_run: Mapping[str, RunPredictions], labels: Mapping[str, str]
) -> AlignedPredictions | None:
    """The rows that the first run shares with others; None when it has no predictions itself."""

    baseline = runs[0]
    baseline_predictions = by_run.get(baseline.id)
    if baseline_predictions is None:
        return None

    paired: dict[str, RunPredictions] = {baseline.id: baseline_predictions}
    left_out: dict[str, str] = {}
    for run in runs[1:]:
        run_predictions = by_run.get(run.id)
        why = _unpairable_reason(
            run, baseline, run_predictions, baseline_predictions, labels[run.id]
        )
        if why:
            left_out[run.id] = why
        elif run_predictions is not None:
            paired[run.id] = run_predictions

    positions = _shared_positions(baseline.id, paired)
    taken = {run: paired[run].take(positions[run]) for run in paired}

    for id in list(taken)[1:]:
        other = _different_labels(taken[id], taken[baseline.id])
        if other:
            left_out[id] = f"the labels differ on {other:,} of the rows of {labels[id]}."
            del taken[id]

    return AlignedPredictions(tuple(taken), tuple(taken.values()), positions[baseline.id], left_out)


def _different_labels(candidate: RunPredictions, reference: RunPredictions) -> int:
    """On how many rows the labels differ, whatever the order of the classes."""
    import numpy as np

    truth = candidate.rows.truth
    is_recorded = candidate.is_recorded and reference.is_recorded
    if is_recorded and candidate.task.has_classes and len(truth):
        classes = class_of_code(candidate.signature)
        codes = candidate.task.truth(reference.signature, list(classes.values())).tolist()
        code_in_reference = dict(zip(classes, codes, strict=True))
        truth = np.array([code_in_reference.get(code, np.nan) for code in truth.tolist()])
    different = truth != reference.rows.truth
    return int(np.count_nonzero(different if different.ndim == 1 else different.any(axis=1)))


def _unpairable_reason(
    run: RunInfo,
    baseline: RunInfo,
    candidate: RunPredictions | None,
    reference: RunPredictions,
    label: str,
) -> str:
    if candidate is None:
        return f"{label} kept no predictions of its held-out rows."
    other = difference(candidate, reference)
    if other:
        return f"{label} {other}."

    digest, baseline_digest = run.tags.get(HELD_OUT_TAG, ""), baseline.tags.get(HELD_OUT_TAG, "")
    if not digest or not baseline_digest:
        silent = label if not digest else "the baseline"
        return f"{silent} does not say which rows were held out, so its rows cannot be paired."
    if digest != baseline_digest:
        return f"{label} was judged on other rows than the baseline."
    if candidate.rows.row_numbers is not None and reference.rows.row_numbers is not None:
        shared = len(_matching_positions(reference.rows, candidate.rows)[0])
        few = shared < len(reference.rows) / 2
        return f"{label} kept only {shared:,} of the baseline's rows." if few else ""

    return _order_mismatch(run, baseline, candidate, reference, label)


def difference(candidate: RunPredictions, reference: RunPredictions) -> str:
    """How a run differs in what it predicts; of a run without a signature only the task counts."""
    own, other = candidate.signature, reference.signature
    if not (candidate.is_recorded and reference.is_recorded):
        own, other = replace(UNRECORDED, task=own.task), replace(UNRECORDED, task=other.task)
    return task_difference(own, other)


def _order_mismatch(
    run: RunInfo,
    baseline: RunInfo,
    candidate: RunPredictions,
    reference: RunPredictions,
    label: str,
) -> str:
    """Why rows without numbers cannot be paired by their order; empty when they can.

    The order is the same when both kept all rows, or sampled them with the same seed.
    """
    count = len(candidate.rows)
    if count != len(reference.rows):
        return f"{label} kept {count:,} rows without their places, the baseline another number."
    if count >= REFERENCE_ROWS and run.seed != baseline.seed:
        return f"{label} kept a part of its rows without their places, drawn with another seed."
    return ""


def _matching_positions(
    reference: EvaluatedRows, candidate: EvaluatedRows
) -> tuple[Places, Places]:
    """The indices of the shared rows in the reference, rising, and in the candidate."""
    import numpy as np

    if (
        reference.row_numbers is None or candidate.row_numbers is None
    ):  # known to be the same rows in the same order
        everywhere = np.arange(len(reference))
        return everywhere, everywhere
    order = np.argsort(candidate.row_numbers, kind="stable")
    at = np.searchsorted(candidate.row_numbers, reference.row_numbers, sorter=order)
    at = order[np.minimum(at, len(order) - 1)]
    same = candidate.row_numbers[at] == reference.row_numbers
    return np.flatnonzero(same), at[same]


def _shared_positions(baseline: str, paired: Mapping[str, RunPredictions]) -> dict[str, Places]:
    """For each run, the indices of the rows that all runs have."""
    import numpy as np

    pairs = {
        run: _matching_positions(paired[baseline].rows, run_predictions.rows)
        for run, run_predictions in paired.items()
    }
    shared = np.arange(len(paired[baseline].rows))
    for at_baseline, _ in pairs.values():
        shared = np.intersect1d(shared, at_baseline, assume_unique=True)

    return {
        run: at_run[np.searchsorted(at_baseline, shared)]
        for run, (at_baseline, at_run) in pairs.items()
    }
