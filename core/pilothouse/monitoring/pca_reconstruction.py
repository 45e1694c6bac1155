"""Whether the columns of a window still belong together: how well few components rebuild its rows.

Components of the reference's columns are what the columns have in common. Rows whose columns belong
together in another way are rebuilt worse (or better), also where no column has changed by itself.
(NannyML's data reconstruction with PCA, which encodes and measures in the same way.)
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from pilothouse.comparison.statistics.time_blocks import block_codes
from pilothouse.monitoring.chance import Chance, of_deals
from pilothouse.monitoring.checks import (
    FEATURE_DRIFT,
    INSUFFICIENT,
    PCA_RECONSTRUCTION,
    Check,
    CheckLimits,
)
from pilothouse.monitoring.column_checks import ScoredCheck, judge_together
from pilothouse.monitoring.distances import Floats
from pilothouse.monitoring.domain_classifier import MIN_BLOCKS, needed_rows
from pilothouse.monitoring.kinds import Kind
from pilothouse.monitoring.monitor_config import MonitorConfig
from pilothouse.monitoring.window_rows import WindowRows

if TYPE_CHECKING:
    import pandas as pd

    from pilothouse.monitoring.reference_profile import ReferenceProfile

    Codes = npt.NDArray[np.int64]

LIMITS = CheckLimits(warn=0.15, fail=0.3)
METHOD = "PCA reconstruction error, in deviations of the reference's"
EXPLAINED = 0.65  # of the variance, by the components that are kept: NannyML's choice
MAX_ROWS = 5_000  # for the components, as many to measure, and of the window
DRAWS, SEED = 500, 20_130_301


@dataclass(frozen=True, eq=False)
class Components:
    """How rows are encoded, and the components of the reference (components x columns).

    A number is itself, a category its share of the reference's rows (0 for one that has none); a
    missing number is the mean, a missing category the most frequent one.
    """

    kinds: Mapping[str, Kind]
    shares: Mapping[str, Mapping[str, float]]
    fill: Floats
    mean: Floats
    scale: Floats
    directions: Floats

    def errors(self, features: pd.DataFrame) -> Floats:
        """The distance of every row from what the components rebuild of it."""
        x = (self._encoded(features) - self.mean) / self.scale
        rebuilt = x @ self.directions.T @ self.directions
        return np.asarray(np.linalg.norm(x - rebuilt, axis=1), dtype=np.float64)

    def _encoded(self, features: pd.DataFrame) -> Floats:
        x = encoded(features, self.kinds, self.shares)
        return np.where(np.isfinite(x), x, self.fill)


def encoded(
    features: pd.DataFrame, kinds: Mapping[str, Kind], shares: Mapping[str, Mapping[str, float]]
) -> Floats:
    """Rows as numbers (rows x columns); NaN where one is missing or cannot be read."""
    import pandas as pd

    columns = []
    for name, kind in kinds.items():
        if kind == "number":
            numbers = pd.to_numeric(features[name], errors="coerce")
            columns.append(numbers.to_numpy(dtype=np.float64, na_value=np.nan))
            continue
        texts = features[name].astype(object).map(str, na_action="ignore")
        values = texts.map(shares[name]).to_numpy(dtype=np.float64, na_value=np.nan)
        columns.append(np.where(texts.notna() & np.isnan(values), 0.0, values))
    return np.column_stack(columns)


def fit_components(features: pd.DataFrame, kinds: Mapping[str, Kind]) -> Components | None:
    """The components of some rows that explain 65 % of their variance; None without variance."""
    shares: dict[str, Mapping[str, float]] = {
        name: _shares(features[name]) for name, kind in kinds.items() if kind != "number"
    }
    x = encoded(features, kinds, shares)
    x = np.where(np.isfinite(x), x, np.nan)
    fill = np.array(
        [
            _mean(x[:, i]) if kind == "number" else max(shares[name].values(), default=0.0)
            for i, (name, kind) in enumerate(kinds.items())
        ]
    )
    x = np.where(np.isnan(x), fill, x)
    mean, deviation = x.mean(axis=0), x.std(axis=0)
    scale = np.where(deviation > 0, deviation, 1.0)
    z = (x - mean) / scale
    _, singular, directions = np.linalg.svd(z, full_matrices=False)
    variance = np.square(singular)
    if not variance.sum() > 0:
        return None
    count = int(np.searchsorted(variance.cumsum() / variance.sum(), EXPLAINED, side="right")) + 1
    return Components(kinds, shares, fill, mean, scale, directions[:count])


def _shares(values: pd.Series[Any]) -> dict[str, float]:
    """The share of each category among the rows that have one."""
    texts = values.astype(object).map(str, na_action="ignore")
    return {str(name): float(v) for name, v in texts.value_counts(normalize=True).items()}


def _mean(values: Floats) -> float:
    present = values[np.isfinite(values)]
    return float(present.mean()) if len(present) else 0.0


def reconstruction_check(
    reference: WindowRows,
    window: WindowRows,
    profile: ReferenceProfile,
    config: MonitorConfig,
) -> Check:
    """The check of all columns together; it informs and does not decide on a window.

    The components are those of one half of the reference, its error that of the other half.
    """
    kinds = {
        name: column.kind
        for name, column in profile.columns.items()
        if column.kind != "time" and name in reference.features and name in window.features
    }
    check = Check(
        FEATURE_DRIFT, PCA_RECONSTRUCTION, "", METHOD, INSUFFICIENT,
        warn=LIMITS.warn, threshold=LIMITS.fail, n_reference=len(reference), n_current=len(window),
    )  # fmt: skip
    rows, needed = min(len(reference) // 2, len(window)), needed_rows(config)
    if len(kinds) < 2:
        return replace(check, message="fewer than two columns to use")
    if rows < needed:
        message = f"{rows:,} rows (half of the reference's count); {needed:,} are needed"
        return replace(check, message=message)
    fitted, measured = _halves(reference)
    components = fit_components(fitted.features, kinds)
    if components is None:
        return replace(check, message="no column varies in the reference")
    length = profile.blocks.length_ms
    sides = [_errors(components, side, length) for side in (measured, _drawn(window, SEED))]
    if any(side.blocks < MIN_BLOCKS for side in sides):
        return replace(check, message=f"fewer than {MIN_BLOCKS} days or hours to tell apart")
    return _judged(check, sides[0], sides[1], config)


def _judged(
    check: Check, before: ErrorsOfRows, after: ErrorsOfRows, config: MonitorConfig
) -> Check:
    deviation = float(before.errors.std())
    if not deviation:
        return replace(check, message="every row of the reference is rebuilt alike")
    means = float(before.errors.mean()), float(after.errors.mean())
    message = f"error {means[1]:.3g}, in the reference {means[0]:.3g}"
    score = abs(means[1] - means[0]) / deviation
    scored = ScoredCheck(
        replace(check, score=score, message=message), LIMITS, _chance(before, after, deviation)
    )
    return judge_together([scored], config.false_discovery_rate)[0]


@dataclass(frozen=True, eq=False)
class ErrorsOfRows:
    """The errors of some rows, and the block of time of each; a block a row without times."""

    errors: Floats
    codes: Codes

    @property
    def blocks(self) -> int:
        """How many blocks there are."""
        return int(self.codes.max()) + 1


def _errors(components: Components, rows: WindowRows, block_ms: int) -> ErrorsOfRows:
    codes = np.arange(len(rows))
    if block_ms and rows.at is not None:
        codes = np.unique(block_codes(rows.at, block_ms), return_inverse=True)[1]
    return ErrorsOfRows(components.errors(rows.features), codes.astype(np.int64))


def _chance(before: ErrorsOfRows, after: ErrorsOfRows, deviation: float) -> Chance:
    """What the score is when nothing has changed, by a bootstrap of the reference's blocks.

    A draw has two sides with as many blocks as the reference and the window.
    """
    sums = np.bincount(before.codes, weights=before.errors)
    sizes = np.bincount(before.codes).astype(np.float64)
    rng = np.random.default_rng(SEED)
    even = np.full(len(sums), 1 / len(sums))

    def means(blocks: int) -> Floats:
        counts = rng.multinomial(blocks, even, DRAWS).astype(np.float64)
        return np.asarray((counts @ sums) / (counts @ sizes), dtype=np.float64)

    gaps = np.abs(means(after.blocks) - means(before.blocks)) / deviation
    return of_deals(gaps, "bootstrap")


def _halves(rows: WindowRows) -> tuple[WindowRows, WindowRows]:
    """Two disjoint parts of the rows, drawn at random, of at most `MAX_ROWS` each."""
    order = np.random.default_rng(SEED).permutation(len(rows))
    half = min(len(rows) // 2, MAX_ROWS)
    return _part(rows, np.sort(order[:half])), _part(rows, np.sort(order[half : 2 * half]))


def _drawn(rows: WindowRows, seed: int) -> WindowRows:
    if len(rows) <= MAX_ROWS:
        return rows
    return _part(
        rows, np.sort(np.random.default_rng(seed).choice(len(rows), MAX_ROWS, replace=False))
    )


def _part(rows: WindowRows, chosen: npt.NDArray[np.int64]) -> WindowRows:
    at = None if rows.at is None else rows.at[chosen]
    return WindowRows(rows.features.iloc[chosen], {}, rows.truth[chosen], at)
