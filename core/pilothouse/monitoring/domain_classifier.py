"""Whether a classifier can tell a window's rows from the reference's: a change of columns together.

Columns may each look as before and still belong together in another way. A classifier that is asked
where a row is from has an area under the ROC curve of .5 when nothing has changed, whatever the
columns. (Lopez-Paz and Oquab, Revisiting classifier two-sample tests, ICLR 2017.)
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from pilothouse.comparison.statistics.delong import placements
from pilothouse.comparison.statistics.time_blocks import block_codes
from pilothouse.monitoring.checks import (
    DOMAIN_CLASSIFIER,
    FEATURE_DRIFT,
    INSUFFICIENT,
    Check,
    CheckLimits,
)
from pilothouse.monitoring.column_checks import ScoredCheck, judge_together
from pilothouse.monitoring.distances import Floats
from pilothouse.monitoring.kinds import Kind
from pilothouse.monitoring.monitor_config import MonitorConfig
from pilothouse.monitoring.window_rows import WindowRows

if TYPE_CHECKING:
    import pandas as pd

    from pilothouse.monitoring.reference_profile import ReferenceProfile

LIMITS = CheckLimits(warn=0.55, fail=0.65)
MAX_ROWS = 5_000  # of either side, drawn at random
FOLDS, TREES, LEAVES, SEED = 3, 40, 15, 20_130_301
MIN_BLOCKS = 2 * FOLDS
METHOD = "ROC AUC of a classifier of reference and window, out of fold"


@dataclass(frozen=True)
class NormalChance:
    """A score that is normal around `mean` when nothing has changed."""

    mean: float
    error: float
    method: str = "DeLong"

    def p_value(self, score: float) -> float:
        """The upper tail of the normal distribution."""
        from scipy.special import ndtr

        if not self.error:  # of rows that are told apart without a fault
            return float(score <= self.mean)
        return float(ndtr(-(score - self.mean) / self.error))

    def limit(self, level: float) -> float:
        """The quantile of the normal distribution."""
        from scipy.special import ndtri

        return self.mean - float(ndtri(level)) * self.error


@dataclass(frozen=True)
class Separation:
    """How well rows of two sides are told apart, with its standard error."""

    area: float
    error: float


def domain_check(
    reference: WindowRows,
    window: WindowRows,
    profile: ReferenceProfile,
    config: MonitorConfig,
) -> Check:
    """The check of all columns together; it informs and does not decide on a window.

    The columns are those of the reference's profile that both sides have, without times. Rows of
    one block of time are never in both parts of a fold: else a day would be told by its weather.
    """
    kinds = {
        name: column.kind
        for name, column in profile.columns.items()
        if column.kind != "time" and name in reference.features and name in window.features
    }
    rows = min(len(reference), len(window))
    check = Check(
        FEATURE_DRIFT, DOMAIN_CLASSIFIER, "", METHOD, INSUFFICIENT,
        warn=LIMITS.warn, threshold=LIMITS.fail, n_reference=len(reference), n_current=len(window),
    )  # fmt: skip
    if rows < needed_rows(config) or not kinds:
        message = f"{rows:,} rows; {config.min_rows:,} are needed" if kinds else "no column to use"
        return replace(check, message=message)
    sides = [
        _side(part, profile.blocks.length_ms, SEED + index)
        for index, part in enumerate((reference, window))
    ]
    if any(side.blocks < MIN_BLOCKS for side in sides):
        return replace(check, message=f"fewer than {MIN_BLOCKS} days or hours to tell apart")
    separation = separate(sides[0], sides[1], kinds)
    scored = ScoredCheck(
        replace(check, score=separation.area), LIMITS, NormalChance(0.5, separation.error)
    )
    return judge_together([scored], config.false_discovery_rate)[0]


def needed_rows(config: MonitorConfig) -> int:
    """How many rows either side must have."""
    return max(config.min_rows, 10 * FOLDS)


@dataclass(frozen=True)
class ComparedRows:
    """Rows of one side, drawn at random, and the block of each; one block a row without times."""

    features: pd.DataFrame
    codes: npt.NDArray[np.int64]

    @property
    def blocks(self) -> int:
        """How many blocks there are."""
        return len(np.unique(self.codes))


def _side(rows: WindowRows, block_ms: int, seed: int) -> ComparedRows:
    count = len(rows)
    chosen = np.arange(count)
    if count > MAX_ROWS:
        chosen = np.sort(np.random.default_rng(seed).choice(count, MAX_ROWS, replace=False))
    codes = chosen.astype(np.int64)
    if block_ms and rows.at is not None:
        codes = block_codes(rows.at[chosen], block_ms)
    return ComparedRows(rows.features.iloc[chosen], codes)


def separate(
    reference: ComparedRows, window: ComparedRows, kinds: Mapping[str, Kind]
) -> Separation:
    """The area under the ROC curve of rows that a fold's classifier has not learned from.

    It is the mean over folds; its error is that of sums over blocks.
    """
    from sklearn.ensemble import HistGradientBoostingClassifier

    x = _encoded(reference.features, window.features, kinds)
    y = np.repeat([0, 1], [len(reference.codes), len(window.codes)])
    folds = np.concatenate([_folds(reference.codes, 0), _folds(window.codes, 1)])
    blocks = np.concatenate([reference.codes, window.codes + reference.codes.max() + 1])
    areas, parts = [], np.zeros(len(y))
    for fold in range(FOLDS):
        held = folds == fold
        model = HistGradientBoostingClassifier(
            max_iter=TREES, max_leaf_nodes=LEAVES, early_stopping=False, random_state=SEED
        )
        model.fit(x[~held], y[~held])
        area, parts[held] = _parts(y[held], model.predict_proba(x[held])[:, 1])
        areas.append(area)
    sums = np.bincount(np.unique(blocks, return_inverse=True)[1], weights=parts / FOLDS)
    count = len(sums)
    return Separation(
        float(np.mean(areas)), float(np.sqrt(np.square(sums).sum() * count / (count - 1)))
    )


def _folds(codes: npt.NDArray[np.int64], seed: int) -> npt.NDArray[np.int64]:
    """The fold of each row: whole blocks, in a shuffled order."""
    _, block = np.unique(codes, return_inverse=True)
    count = int(block.max()) + 1
    return np.random.default_rng(SEED + seed).permutation(count)[block] % FOLDS


def _parts(y: npt.NDArray[np.int64], score: Floats) -> tuple[float, Floats]:
    """The area, and each row's part of its error: its placement less the mean, over its side."""
    above, below = placements(y == 1, score)
    area = float(above.mean())
    parts = np.empty(len(score))
    parts[y == 1] = (above - area) / len(above)
    parts[y == 0] = (below - area) / len(below)
    return area, parts


def _encoded(reference: pd.DataFrame, window: pd.DataFrame, kinds: Mapping[str, Kind]) -> Floats:
    """Numbers as they are, categories as numbers by frequency in both; NaN where one is missing."""
    import pandas as pd

    columns = []
    for name, kind in kinds.items():
        values = pd.concat([reference[name], window[name]], ignore_index=True)
        if kind == "number":
            numbers = pd.to_numeric(values, errors="coerce").to_numpy(np.float64, na_value=np.nan)
            columns.append(np.where(np.isfinite(numbers), numbers, np.nan))
            continue
        texts = values.astype(object).map(str, na_action="ignore")
        codes = texts.map({text: code for code, text in enumerate(texts.value_counts().index)})
        columns.append(codes.to_numpy(np.float64, na_value=np.nan))
    return np.column_stack(columns)
