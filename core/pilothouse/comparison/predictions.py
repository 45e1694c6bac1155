"""Predictions of runs on their held-out rows, and the rows that several runs share.

A run keeps `reference.parquet`: its held-out rows with `__target` (1 or 0), `__score`, and
`__row`, the row's index in the dataset version. Two runs whose held-out rows have the same digest
are paired by `__row`; older runs have none and are paired by order where that is certain.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from pilothouse.comparison.curves import read_json
from pilothouse.experiments.details import RunInfo
from pilothouse.kit.errors import Invalid, PilothouseError
from pilothouse.storage import Store

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt
    import pandas as pd

    Floats = npt.NDArray[np.float64]
    Labels = npt.NDArray[np.int8]
    Places = npt.NDArray[np.int64]

PATH = "reference.parquet"
HELD_OUT = "training.held_out"
TARGET, SCORE, ROW = "__target", "__score", "__row"
OWN_COLUMNS = (TARGET, SCORE, ROW)
REFERENCE_ROWS = 50_000  # of more, training keeps as many, drawn with the run's seed
DEFAULT_THRESHOLD = 0.5
MAX_CACHED = 32
_cache: dict[tuple[str, str], ScoredRows] = {}  # by digest: content never changes
_lock = threading.Lock()


@dataclass(frozen=True, eq=False)
class ScoredRows:
    """Rows with their label (1 or 0), their score, and their row number where it is recorded."""

    y: Labels
    score: Floats
    row_numbers: Places | None

    @cached_property
    def by_falling_score(self) -> Places:
        """The indices of rows by falling score; sorted once for all thresholds."""
        import numpy as np

        return np.argsort(-self.score, kind="stable").astype(np.int64)


@dataclass(frozen=True, eq=False)
class RunPredictions:
    """A run's scored rows, its own threshold, and the file that holds its features too."""

    run: str
    scored: ScoredRows
    threshold: float
    digest: str


@dataclass(frozen=True, eq=False)
class AlignedPredictions:
    """The rows that several runs share, in one order; `scores` has one row per run.

    `positions` has, for each run, the indices of these rows among its own. `left_out` has the
    reason for every run that could not be paired.
    """

    runs: tuple[str, ...]
    y: Labels
    scores: Floats
    thresholds: tuple[float, ...]
    row_numbers: Places | None
    positions: Mapping[str, Places]
    left_out: Mapping[str, str]


def predictions(store: Store, run: RunInfo) -> RunPredictions | None:
    """A run's predictions of its held-out rows; None when it kept none.

    Raises Invalid when the file holds no scores, NotFound or Unavailable when its bytes are gone.
    """
    digest = next((file.digest for file in run.artifacts if file.path == PATH), None)
    if digest is None:
        return None
    return RunPredictions(
        run.id, _load_scores(store, digest, run.name), own_threshold(store, run), digest
    )


def features(
    store: Store, run_predictions: RunPredictions, columns: Sequence[str] | None = None
) -> pd.DataFrame:
    """The features of a run's held-out rows, or some of them, in the file's order."""
    import pyarrow.parquet as pq

    file = pq.ParquetFile(store.artifacts.local_path(run_predictions.digest))
    names = [name for name in file.schema_arrow.names if name not in OWN_COLUMNS]
    chosen = names if columns is None else [name for name in columns if name in names]
    frame: pd.DataFrame = file.read(columns=chosen).to_pandas()
    return frame[chosen]


def feature_names(store: Store, run_predictions: RunPredictions) -> list[str]:
    """The names of the features that are kept with the scores."""
    import pyarrow.parquet as pq

    names = pq.read_schema(store.artifacts.local_path(run_predictions.digest)).names
    return [name for name in names if name not in OWN_COLUMNS]


def own_threshold(store: Store, run: RunInfo) -> float:
    """The threshold that a run's own metrics were computed at; 0.5 when it recorded none."""
    for path in ("confusion.json", "model/signature.json"):
        try:
            threshold = (read_json(store, run, path) or {}).get("threshold")
        except PilothouseError:
            continue
        if isinstance(threshold, (int, float)) and 0 <= threshold <= 1:
            return float(threshold)
    return DEFAULT_THRESHOLD


def _load_scores(store: Store, digest: str, name: str) -> ScoredRows:
    key = (store.artifacts.url, digest)
    scored = _cache.get(key)
    if scored is None:
        scored = _read_scores(store, digest, name)
        with _lock:
            while len(_cache) >= MAX_CACHED:
                _cache.pop(next(iter(_cache)))
            _cache[key] = scored
    return scored


def _read_scores(store: Store, digest: str, name: str) -> ScoredRows:
    import numpy as np
    import pyarrow as pa
    import pyarrow.parquet as pq

    path = store.artifacts.local_path(digest)
    try:
        file = pq.ParquetFile(path)
        names = file.schema_arrow.names
        table = file.read(columns=[column for column in OWN_COLUMNS if column in names])
        score = np.asarray(table[SCORE], dtype=np.float64)
        y = (np.asarray(table[TARGET]) == 1).astype(np.int8)
    except (pa.ArrowException, KeyError, ValueError, TypeError) as wrong:
        raise Invalid(
            f"the file {PATH} of run {name!r} holds no scores.",
            hint=f"It needs the columns {TARGET} (1 or 0) and {SCORE} (a number).",
        ) from wrong

    if not len(y) or not np.isfinite(score).all():
        raise Invalid(f"the file {PATH} of run {name!r} has no rows, or rows without a score.")

    row = np.asarray(table[ROW], dtype=np.int64) if ROW in names else None
    return ScoredRows(y, score, row)


def align(
    runs: Sequence[RunInfo], by_run: Mapping[str, RunPredictions], labels: Mapping[str, str]
) -> AlignedPredictions | None:
    """The rows that the first run shares with others; None when it has no predictions itself."""
    import numpy as np

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
    scored = {run: run_predictions.scored for run, run_predictions in paired.items()}
    y = scored[baseline.id].y[positions[baseline.id]]

    for id in list(paired)[1:]:
        other = int(np.count_nonzero(scored[id].y[positions[id]] != y))
        if other:
            left_out[id] = f"the labels differ on {other:,} of the rows of {labels[id]}."
            del paired[id]

    row = baseline_predictions.scored.row_numbers
    return AlignedPredictions(
        runs=tuple(paired),
        y=y,
        scores=np.stack([scored[run].score[positions[run]] for run in paired]),
        thresholds=tuple(run_predictions.threshold for run_predictions in paired.values()),
        row_numbers=None if row is None else row[positions[baseline.id]],
        positions={run: positions[run] for run in paired},
        left_out=left_out,
    )


def _unpairable_reason(
    run: RunInfo,
    baseline: RunInfo,
    candidate: RunPredictions | None,
    reference: RunPredictions,
    label: str,
) -> str:
    if candidate is None:
        return f"{label} kept no predictions of its held-out rows."

    digest, baseline_digest = run.tags.get(HELD_OUT, ""), baseline.tags.get(HELD_OUT, "")
    if not digest or not baseline_digest:
        silent = label if not digest else "the baseline"
        return f"{silent} does not say which rows were held out, so its rows cannot be paired."
    if digest != baseline_digest:
        return f"{label} was judged on other rows than the baseline."
    if candidate.scored.row_numbers is not None and reference.scored.row_numbers is not None:
        shared = len(_matching_positions(reference.scored, candidate.scored)[0])
        few = shared < len(reference.scored.y) / 2
        return f"{label} kept only {shared:,} of the baseline's rows." if few else ""

    return _order_mismatch(run, baseline, candidate, reference, label)


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
    count = len(candidate.scored.y)
    if count != len(reference.scored.y):
        return f"{label} kept {count:,} rows without their places, the baseline another number."
    if count >= REFERENCE_ROWS and run.seed != baseline.seed:
        return f"{label} kept a part of its rows without their places, drawn with another seed."
    return ""


def _matching_positions(reference: ScoredRows, candidate: ScoredRows) -> tuple[Places, Places]:
    """The indices of the shared rows in the reference, rising, and in the candidate."""
    import numpy as np

    if (
        reference.row_numbers is None or candidate.row_numbers is None
    ):  # known to be the same rows in the same order
        everywhere = np.arange(len(reference.y))
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
        run: _matching_positions(paired[baseline].scored, run_predictions.scored)
        for run, run_predictions in paired.items()
    }
    shared = np.arange(len(paired[baseline].scored.y))
    for at_baseline, _ in pairs.values():
        shared = np.intersect1d(shared, at_baseline, assume_unique=True)

    return {
        run: at_run[np.searchsorted(at_baseline, shared)]
        for run, (at_baseline, at_run) in pairs.items()
    }
