"""Columns that tell the target although a model could not know them when it predicts.

Each column is examined alone, on a sample: a column that almost gives the target is more often a
trace of it than a discovery. What is reported is a suspicion with its figure; a person decides.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from pilothouse.data import versions
from pilothouse.data.info import DatasetVersionInfo
from pilothouse.models.signature import FieldType
from pilothouse.storage import Store
from pilothouse.training.features import column_uses
from pilothouse.training.spec import TrainingSpec
from pilothouse.training.splits import thin
from pilothouse.training.target import Floats, TargetColumn, read_target
from pilothouse.training.training_data import TrainingTable, read_training_table

if TYPE_CHECKING:
    import pandas as pd

Codes = npt.NDArray[np.int64]

MAX_ROWS = 20_000
MIN_ROWS = 50  # fewer rows agree by chance
MAX_VALUES = 256  # a column of more different numbers is cut into bins
BINS = 128
CLASS_SHARE = 0.95  # of the errors of always guessing the most frequent class, avoided
NUMBER_SHARE = 0.98  # of the variance, explained
COPY_SHARE = 1 - 1e-9
LATER_SHARE = 0.5  # of the rows with a time, that have it after their event
MIN_PRESENT = 0.2  # of the rows have a value; a copy in fewer of them gives away little


@dataclass(frozen=True)
class LeakWarning:
    """A column that may give the target away, and why, as a sentence without its full stop.

    `figure` is the share that the reason names, 0 to 1.
    """

    column: str
    reason: str
    figure: float


def leaks(store: Store, version: DatasetVersionInfo, spec: TrainingSpec) -> list[LeakWarning]:
    """The suspicious ones of the columns that a training would use, in the order of the data.

    Raises Invalid when the target or a feature does not fit, as the training would.
    """
    time_name = spec.time_column or version.event_time
    names = _feature_names(store, version, spec, time_name)
    fields = dict.fromkeys([spec.target, *([time_name] if time_name else []), *names])
    table = read_training_table(store, version.ref, list(fields))
    target = _target(table, spec)
    sample = thin(len(target.rows), MAX_ROWS, spec.seed)
    if len(sample) < MIN_ROWS:
        return []

    frame = table.frame.iloc[target.rows[sample]]
    check = _Check(frame, target, sample, time_name)
    suspicions = (check.suspicion(name, table.types[name]) for name in names)
    return [suspicion for suspicion in suspicions if suspicion is not None]


def _feature_names(
    store: Store, version: DatasetVersionInfo, spec: TrainingSpec, time_name: str | None
) -> list[str]:
    with store.read() as session:
        profile = versions.column_profiles(versions.row(session, version.ref))
    uses = column_uses(profile, spec.target, time_name, spec.features)
    return [use.column for use in uses if use.used]


def _target(table: TrainingTable, spec: TrainingSpec) -> TargetColumn:
    plain = replace(spec, split="random", folds=0, trials=0, trainer="dummy", params={})
    boolean_words = table.boolean_words.get(spec.target)
    return read_target(table.frame[spec.target], table.types[spec.target], boolean_words, plain)


class _Check:
    """The examination of columns, one after the other, on the same rows."""

    def __init__(
        self, frame: pd.DataFrame, target: TargetColumn, sample: Any, time_name: str | None
    ) -> None:
        self._frame = frame
        self._codes = None if target.codes is None else target.codes[sample]
        self._numbers = target.truth[sample]
        self._time_name = time_name
        order = np.random.default_rng(0).permutation(len(sample))
        self._half, self._other = order[::2], order[1::2]

    def suspicion(self, name: str, kind: FieldType) -> LeakWarning | None:
        """The strongest reason against a column."""
        groups, missing = _groups(self._frame[name], kind, self._half)
        reasons = itertools.chain(
            self._class_reasons(groups, missing),
            self._number_reasons(name, kind, groups, missing),
            self._time_reasons(name, kind),
        )
        for figure, reason in reasons:
            return LeakWarning(name, reason, figure)
        return None

    def _class_reasons(
        self, groups: Codes, missing: npt.NDArray[np.bool_]
    ) -> Iterator[tuple[float, str]]:
        if self._codes is None:
            return
        if _is_one_to_one(groups, self._codes, missing):
            yield _copy(missing)
        right, most = _share_right(groups, self._codes, self._half, self._other)
        if most < 1 and 1 - (1 - right) / (1 - most) >= CLASS_SHARE:
            yield (
                right,
                f"it alone tells the class of {right:.1%} of the rows; "
                f"{most:.1%} are of the most frequent class",
            )

    def _number_reasons(
        self, name: str, kind: FieldType, groups: Codes, missing: npt.NDArray[np.bool_]
    ) -> Iterator[tuple[float, str]]:
        if self._codes is not None:
            return
        explained = _explained_by_groups(groups, self._numbers, self._half, self._other)
        if kind != "string" and 1 - missing.mean() >= MIN_PRESENT:
            values = _as_numbers(self._frame[name], kind)
            linear = _squared_correlation(values, self._numbers)
            if linear >= COPY_SHARE:
                yield _copy(missing)
            # Groups blur a long tail; a curve that only rises is measured by its ranks.
            ranks = _squared_correlation(_ranks(values), _ranks(self._numbers))
            if not missing.any():
                explained = max(explained, linear, ranks)
        if explained >= NUMBER_SHARE:
            yield explained, f"it alone explains {explained:.1%} of the target's variance"

    def _time_reasons(self, name: str, kind: FieldType) -> Iterator[tuple[float, str]]:
        if kind != "time" or not self._time_name or name == self._time_name:
            return
        if self._frame[self._time_name].dtype.kind != "M":
            return
        later = (self._frame[name] > self._frame[self._time_name])[self._frame[name].notna()]
        share = float(later.mean()) if len(later) else 0.0
        if share >= LATER_SHARE:
            yield (
                share,
                f"it is after the time of the event in {share:.1%} of the rows, "
                "so it may not be known when a prediction is made",
            )


def _copy(missing: npt.NDArray[np.bool_]) -> tuple[float, str]:
    share = 1 - float(missing.mean())
    return share, f"it is a copy of the target, in {share:.1%} of the rows"


def _groups(
    column: pd.Series[Any], kind: FieldType, half: Any
) -> tuple[Codes, npt.NDArray[np.bool_]]:
    """A group for each row, of equal values or of near ones, and where the value is missing.

    Missing values are a group of their own: that a value is there may tell the target.
    """
    import pandas as pd

    codes, uniques = pd.factorize(column)
    missing = codes < 0
    if kind in ("number", "integer", "time") and len(uniques) > MAX_VALUES:
        values = _as_numbers(column, kind)
        missing = ~np.isfinite(values)
        present = values[half][~missing[half]]
        edges = np.unique(np.quantile(present, np.linspace(0, 1, BINS + 1)[1:-1]))
        codes = np.searchsorted(edges, values, side="right")
    groups = np.where(missing, codes.max(initial=0) + 1, codes).astype(np.int64)
    return groups, missing


def _as_numbers(column: pd.Series[Any], kind: FieldType) -> Floats:
    """The values as floats, NaN where one is missing or infinite."""
    if kind == "time":
        instants = column.to_numpy(dtype="datetime64[ms]")
        return np.where(np.isnat(instants), np.nan, instants.astype(np.int64).astype(np.float64))
    values = np.asarray(column.to_numpy(dtype=np.float64, na_value=np.nan))
    return np.where(np.isfinite(values), values, np.nan)


def _is_one_to_one(groups: Codes, codes: Codes, missing: npt.NDArray[np.bool_]) -> bool:
    """Whether each value goes with one class and each class with one value, where there is one."""
    if 1 - missing.mean() < MIN_PRESENT:
        return False
    pairs = np.unique(np.stack([groups[~missing], codes[~missing]]), axis=1)
    values, classes = (len(np.unique(part)) for part in pairs)
    return bool(pairs.shape[1] == values == classes == len(np.unique(codes)))


def _share_right(groups: Codes, codes: Codes, half: Any, other: Any) -> tuple[float, float]:
    """The share of the other half that its group's most frequent class, and that of all, gets."""
    counts = np.zeros((int(groups.max()) + 1, int(codes.max()) + 1))
    np.add.at(counts, (groups[half], codes[half]), 1)
    usual = int(counts.sum(axis=0).argmax())
    guess = np.where(counts.sum(axis=1) > 0, counts.argmax(axis=1), usual)
    return float((guess[groups[other]] == codes[other]).mean()), float(
        (codes[other] == usual).mean()
    )


def _explained_by_groups(groups: Codes, numbers: Floats, half: Any, other: Any) -> float:
    """R² on the other half of predicting the mean of each group."""
    size = int(groups.max()) + 1
    sums = np.bincount(groups[half], numbers[half], size)
    rows = np.bincount(groups[half], minlength=size)
    mean = numbers[half].mean()
    predicted = np.where(rows > 0, sums / np.maximum(rows, 1), mean)[groups[other]]
    spread = float(((numbers[other] - numbers[other].mean()) ** 2).sum())
    return 1 - float(((numbers[other] - predicted) ** 2).sum()) / spread if spread else 0.0


def _squared_correlation(left: Floats, right: Floats) -> float:
    """Pearson's r², on the rows where both have a value."""
    both = np.isfinite(left) & np.isfinite(right)
    if both.sum() < MIN_ROWS or np.ptp(left[both]) == 0 or np.ptp(right[both]) == 0:
        return 0.0
    return float(np.corrcoef(left[both], right[both])[0, 1] ** 2)


def _ranks(values: Floats) -> Floats:
    import pandas as pd

    return np.asarray(pd.Series(values).rank().to_numpy(np.float64))
