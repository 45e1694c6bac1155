"""One window's rows against the reference: every check, and the window's own profile.

Pure: values in, values out.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from pilothouse.monitoring.checks import (
    DRIFTED_SHARE,
    ERROR,
    FAIL,
    FEATURE_DRIFT,
    INSUFFICIENT,
    PERFORMANCE,
    PREDICTION_DRIFT,
    WARN,
    Check,
    CheckLimits,
    worst,
)
from pilothouse.monitoring.distances import Floats
from pilothouse.monitoring.drift import (
    CategoryPair,
    DriftTest,
    NotEvaluated,
    NumberPair,
    Pair,
    drift_tests,
)
from pilothouse.monitoring.monitor_config import MonitorConfig
from pilothouse.monitoring.performance import (
    MinimumRows,
    Performance,
    compute_performance,
    performance_checks,
    performance_status,
)
from pilothouse.monitoring.profiles import (
    ColumnReference,
    NumberReference,
    UnreadableProfile,
    category_window,
    number_window,
)
from pilothouse.monitoring.reference_profile import ReferenceProfile

if TYPE_CHECKING:
    import pandas as pd

SCORE = "score"


@dataclass(frozen=True)
class WindowRows:
    """The rows of a window: features by name, scores, and labels as 1, 0 or NaN."""

    features: pd.DataFrame
    score: Floats
    truth: Floats

    def __len__(self) -> int:
        return len(self.score)


@dataclass(frozen=True)
class Assessment:
    """Every check of one window, and the profile that its pages are drawn from."""

    checks: tuple[Check, ...]
    performance: Performance
    profile: Mapping[str, Any]
    mean_score: float | None

    @property
    def primaries(self) -> tuple[Check, ...]:
        """The deciding check of each feature."""
        return tuple(c for c in self.checks if c.signal == FEATURE_DRIFT and c.primary)

    @property
    def drifted(self) -> int:
        """How many features have drifted."""
        return sum(check.status == FAIL for check in self.primaries)

    @property
    def drift_status(self) -> str:
        """The status of features, scores and data quality: some drifted columns warn, many fail."""
        share = [check.status for check in self.checks if check.check == DRIFTED_SHARE]
        others = [c.status for c in self.checks if c.signal != PERFORMANCE and c.primary]
        softened = [WARN if status == FAIL else status for status in others]
        return worst([*softened, *share])

    @property
    def performance_status(self) -> str:
        """The status of the metrics on labelled rows."""
        return performance_status([c for c in self.checks if c.signal == PERFORMANCE])

    @property
    def status(self) -> str:
        """The worse of drift and performance."""
        return worst([self.drift_status, self.performance_status])


def assess(
    reference: ReferenceProfile, rows: WindowRows, config: MonitorConfig, threshold: float
) -> Assessment:
    """Assess a window. A column that cannot be read gives one check of status error."""
    checks: list[Check] = []
    columns: dict[str, Any] = {}
    for signal, column, pair in _columns(reference, rows):
        if isinstance(pair, str):
            checks.append(_fault(signal, column, pair, config, len(rows)))
            continue
        checks += column_checks(signal, column, pair, config)
        columns[f"{signal}/{column}"] = column_profile(pair)

    checks.append(_share(checks, config, reference.rows, len(rows)))
    performance = compute_performance(rows.score, rows.truth, threshold)
    needs = MinimumRows(config.min_labelled, config.min_coverage, config.tolerances)
    checks += performance_checks(performance, reference.metrics, needs, reference.rows)
    finite = rows.score[np.isfinite(rows.score)]

    return Assessment(
        checks=tuple(checks),
        performance=performance,
        profile={"columns": columns, "calibration": _calibration(performance)},
        mean_score=float(finite.mean()) if len(finite) else None,
    )


def _columns(
    reference: ReferenceProfile, rows: WindowRows
) -> Iterator[tuple[str, str, Pair | str]]:
    """Each monitored column with its pair of profiles, or with the reason why there is none."""
    import pandas as pd

    for name, fault in reference.faults.items():
        yield FEATURE_DRIFT, name, f"in the reference, {fault}"
    for name, column in reference.columns.items():
        if name in rows.features:
            yield FEATURE_DRIFT, name, _pair(column, rows.features[name])
        elif len(rows):
            yield FEATURE_DRIFT, name, "the window's rows have no such column"
        else:
            yield FEATURE_DRIFT, name, _pair(column, pd.Series(dtype=object))
    yield PREDICTION_DRIFT, SCORE, _pair(reference.score, pd.Series(rows.score))


def _pair(reference: ColumnReference, column: pd.Series[Any]) -> Pair | str:
    if not isinstance(reference, NumberReference):
        return CategoryPair(reference, category_window(reference, column))
    try:
        return NumberPair(reference, *number_window(reference, column))
    except UnreadableProfile as wrong:
        return str(wrong)


def column_checks(signal: str, column: str, pair: Pair, config: MonitorConfig) -> list[Check]:
    """The checks of a column by every drift test that takes its kind."""
    kind = pair.reference.kind
    return [
        _check(signal, column, name, test, pair, config)
        for name, test in drift_tests.items()
        if kind in test.kinds and (signal == FEATURE_DRIFT or test.signal == FEATURE_DRIFT)
    ]


def _check(
    signal: str, column: str, name: str, test: DriftTest, pair: Pair, config: MonitorConfig
) -> Check:
    limits = limits_of(name, test, config)
    missing = test.counts_missing
    n_reference = pair.reference.rows if missing else pair.reference.present
    n_current = pair.window.rows if missing else pair.window.present
    status, score, message = INSUFFICIENT, None, ""
    if min(n_reference, n_current) < max(config.min_rows, 1):
        message = f"{min(n_reference, n_current):,} rows; {config.min_rows:,} are needed"
    else:
        try:
            score = test.score(pair)
            status = limits.judge(score)
        except NotEvaluated as why:
            message = str(why)

    return Check(
        signal if test.signal == FEATURE_DRIFT else test.signal,
        name,
        column,
        test.title,
        status,
        limits.direction,
        score=score,
        warn=limits.warn,
        threshold=limits.fail,
        n_reference=n_reference,
        n_current=n_current,
        primary=config.primary.get(pair.reference.kind) == name,
        message=message,
    )


def limits_of(name: str, test: DriftTest, config: MonitorConfig) -> CheckLimits:
    """A test's limits, as the plan changed them."""
    own = config.limits.get(name, {})
    warn, fail = own.get("warn", test.limits.warn), own.get("fail", test.limits.fail)
    return CheckLimits(warn, fail, test.limits.direction)


def _fault(signal: str, column: str, message: str, config: MonitorConfig, rows: int) -> Check:
    name = config.primary["number"]
    return Check(
        signal, name, column, drift_tests.get(name).title, ERROR,
        n_current=rows, primary=True, message=message,
    )  # fmt: skip


def _share(checks: list[Check], config: MonitorConfig, n_reference: int, n_current: int) -> Check:
    """The share of features that have drifted, of those that could be judged."""
    primaries = [c for c in checks if c.signal == FEATURE_DRIFT and c.primary]
    judged = [c for c in primaries if c.score is not None]
    limits = CheckLimits(config.drifted_share / 2, config.drifted_share)
    score = sum(c.status == FAIL for c in judged) / len(judged) if judged else None

    return Check(
        FEATURE_DRIFT,
        DRIFTED_SHARE,
        "",
        "features over their limit, of those judged",
        INSUFFICIENT if score is None else limits.judge(score),
        score=score,
        warn=limits.warn,
        threshold=limits.fail,
        n_reference=n_reference,
        n_current=n_current,
        message="" if judged else "no feature could be judged",
    )


def column_profile(pair: Pair) -> dict[str, Any]:
    """What a page needs to draw a column: both rows of counts in the same cells, and the means."""
    reference, window = pair.reference, pair.window
    before, after = pair.bin_counts
    facts: dict[str, Any] = {
        "kind": reference.kind,
        "reference": before.tolist(),
        "current": after.tolist(),
        "missing": {
            "reference": [reference.missing, reference.rows],
            "current": [window.missing, window.rows],
        },
    }
    if isinstance(pair, NumberPair):
        labels = list(pair.reference.bins.labels)
        means = {"reference": pair.reference.mean, "current": pair.window.mean}
        cuts = pair.reference.bins.cuts.tolist()
        spread = {"tenths": pair.window.decile_counts.tolist(), "spread": pair.window.sum_sq_dev}
        return facts | {"labels": labels, "cuts": cuts, "mean": means} | spread

    return facts | {"labels": list({**pair.reference.counts, **pair.window.counts})}


def _calibration(performance: Performance) -> dict[str, list[float]] | None:
    curve = performance.calibration
    if curve is None:
        return None
    return {
        "predicted": list(curve.predicted),
        "observed": list(curve.observed),
        "count": list(curve.count),
    }
