"""What runs said of their held-out rows, and which of these rows several runs share.

A run keeps `reference.parquet`: its held-out rows with `__target` (1 or 0), `__score`, and
`__row`, the row's place in the dataset version. Two runs whose held-out rows have one digest are
paired by `__row`; older runs have none, and are paired by order where that is certain.
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
OWN = (TARGET, SCORE, ROW)
REFERENCE_ROWS = 50_000  # of more, training keeps as many, drawn with the run's seed
MIDDLE = 0.5
MAX_CACHED = 32
_kept: dict[tuple[str, str], Scored] = {}  # what a digest names never changes
_lock = threading.Lock()


@dataclass(frozen=True, eq=False)
class Scored:
    """Rows with what was true (1 or 0), what was said, and their places where these are known."""

    y: Labels
    score: Floats
    row: Places | None

    @cached_property
    def falling(self) -> Places:
        """The rows by falling score: sorted once, however often a threshold moves."""
        import numpy as np

        return np.argsort(-self.score, kind="stable").astype(np.int64)


@dataclass(frozen=True, eq=False)
class Predictions:
    """A run's scored rows, its own threshold, and the file that holds its features too."""

    run: str
    scored: Scored
    threshold: float
    digest: str


@dataclass(frozen=True, eq=False)
class Aligned:
    """The rows that several runs share, in one order; `scores` has a line per run.

    `places` has, for each run, where these rows are among its own. `left_out` says of every other
    run why its rows are not among them.
    """

    runs: tuple[str, ...]
    y: Labels
    scores: Floats
    thresholds: tuple[float, ...]
    row: Places | None
    places: Mapping[str, Places]
    left_out: Mapping[str, str]


def predictions(store: Store, run: RunInfo) -> Predictions | None:
    """What a run said of its held-out rows; None when it kept nothing.

    Raises Invalid when the file holds no scores, NotFound or Unavailable when its bytes are gone.
    """
    digest = next((file.digest for file in run.artifacts if file.path == PATH), None)
    if digest is None:
        return None
    return Predictions(run.id, _scored(store, digest, run.name), own_threshold(store, run), digest)


def features(
    store: Store, found: Predictions, columns: Sequence[str] | None = None
) -> pd.DataFrame:
    """The features of a run's held-out rows, or some of them, in the file's order."""
    import pyarrow.parquet as pq

    file = pq.ParquetFile(store.artifacts.local_path(found.digest))
    names = [name for name in file.schema_arrow.names if name not in OWN]
    chosen = names if columns is None else [name for name in columns if name in names]
    frame: pd.DataFrame = file.read(columns=chosen).to_pandas()
    return frame[chosen]


def feature_names(store: Store, found: Predictions) -> list[str]:
    """The names of the features that are kept with the scores."""
    import pyarrow.parquet as pq

    names = pq.read_schema(store.artifacts.local_path(found.digest)).names
    return [name for name in names if name not in OWN]


def own_threshold(store: Store, run: RunInfo) -> float:
    """The threshold that a run's own figures were measured at."""
    for path in ("confusion.json", "model/signature.json"):
        try:
            told = (read_json(store, run, path) or {}).get("threshold")
        except PilothouseError:
            continue
        if isinstance(told, (int, float)) and 0 <= told <= 1:
            return float(told)
    return MIDDLE


def _scored(store: Store, digest: str, name: str) -> Scored:
    key = (store.artifacts.url, digest)
    found = _kept.get(key)
    if found is None:
        found = _read(store, digest, name)
        with _lock:
            while len(_kept) >= MAX_CACHED:
                _kept.pop(next(iter(_kept)))
            _kept[key] = found
    return found


def _read(store: Store, digest: str, name: str) -> Scored:
    import numpy as np
    import pyarrow as pa
    import pyarrow.parquet as pq

    path = store.artifacts.local_path(digest)
    try:
        file = pq.ParquetFile(path)
        names = file.schema_arrow.names
        table = file.read(columns=[each for each in OWN if each in names])
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
    return Scored(y, score, row)


def align(
    runs: Sequence[RunInfo], found: Mapping[str, Predictions], labels: Mapping[str, str]
) -> Aligned | None:
    """The rows that the first run shares with others; None when it has no predictions itself."""
    import numpy as np

    baseline = runs[0]
    ours = found.get(baseline.id)
    if ours is None:
        return None
    paired: dict[str, Predictions] = {baseline.id: ours}
    left_out: dict[str, str] = {}
    for run in runs[1:]:
        theirs = found.get(run.id)
        why = _why_not(run, baseline, theirs, ours, labels[run.id])
        if why:
            left_out[run.id] = why
        elif theirs is not None:
            paired[run.id] = theirs
    places = _places(baseline.id, paired)
    kept = {run: each.scored for run, each in paired.items()}
    y = kept[baseline.id].y[places[baseline.id]]
    for id in list(paired)[1:]:
        other = int(np.count_nonzero(kept[id].y[places[id]] != y))
        if other:
            left_out[id] = f"what was true differs on {other:,} of the rows of {labels[id]}."
            del paired[id]
    row = ours.scored.row
    return Aligned(
        runs=tuple(paired),
        y=y,
        scores=np.stack([kept[run].score[places[run]] for run in paired]),
        thresholds=tuple(each.threshold for each in paired.values()),
        row=None if row is None else row[places[baseline.id]],
        places={run: places[run] for run in paired},
        left_out=left_out,
    )


def _why_not(
    run: RunInfo, baseline: RunInfo, theirs: Predictions | None, ours: Predictions, label: str
) -> str:
    if theirs is None:
        return f"{label} kept no predictions of its held-out rows."
    digest, known = run.tags.get(HELD_OUT, ""), baseline.tags.get(HELD_OUT, "")
    if not digest or not known:
        silent = label if not digest else "the baseline"
        return f"{silent} does not say which rows were held out, so its rows cannot be paired."
    if digest != known:
        return f"{label} was judged on other rows than the baseline."
    if theirs.scored.row is not None and ours.scored.row is not None:
        shared = len(_pairs(ours.scored, theirs.scored)[0])
        few = shared < len(ours.scored.y) / 2
        return f"{label} kept only {shared:,} of the baseline's rows." if few else ""
    return _by_order(run, baseline, theirs, ours, label)


def _by_order(
    run: RunInfo, baseline: RunInfo, theirs: Predictions, ours: Predictions, label: str
) -> str:
    """Rows without a place: both kept all of the same rows, or drew them with the same seed."""
    count = len(theirs.scored.y)
    if count != len(ours.scored.y):
        return f"{label} kept {count:,} rows without their places, the baseline another number."
    if count >= REFERENCE_ROWS and run.seed != baseline.seed:
        return f"{label} kept a part of its rows without their places, drawn with another seed."
    return ""


def _pairs(ours: Scored, theirs: Scored) -> tuple[Places, Places]:
    """Where the rows that both have are in ours, rising, and where in theirs."""
    import numpy as np

    if ours.row is None or theirs.row is None:  # known to be the same rows in the same order
        everywhere = np.arange(len(ours.y))
        return everywhere, everywhere
    order = np.argsort(theirs.row, kind="stable")
    at = np.searchsorted(theirs.row, ours.row, sorter=order)
    at = order[np.minimum(at, len(order) - 1)]
    same = theirs.row[at] == ours.row
    return np.flatnonzero(same), at[same]


def _places(baseline: str, paired: Mapping[str, Predictions]) -> dict[str, Places]:
    """Where the rows that all have are in each run."""
    import numpy as np

    pairs = {run: _pairs(paired[baseline].scored, each.scored) for run, each in paired.items()}
    shared = np.arange(len(paired[baseline].scored.y))
    for ours, _ in pairs.values():
        shared = np.intersect1d(shared, ours, assume_unique=True)
    return {run: theirs[np.searchsorted(ours, shared)] for run, (ours, theirs) in pairs.items()}
