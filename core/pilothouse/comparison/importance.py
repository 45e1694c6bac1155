"""Which parameters a metric depends on over many runs: permutation importance of a random forest.

Breiman, Random forests, Machine Learning 45 (2001): the importance of a parameter is the increase
of the forest's error when its values are shuffled among the runs. The out-of-bag R2, computed on
runs that a tree was not fitted on, says how well the forest fits; without a fit, importances mean
nothing.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sqlmodel import Session

from pilothouse.experiments.run_table import rows
from pilothouse.experiments.run_table.filters import RunFilter
from pilothouse.experiments.tables import FINISHED
from pilothouse.storage import Store

if TYPE_CHECKING:
    import pandas as pd

MIN_RUNS = 8
MAX_RUNS = 1_000
MAX_PARAMS = 40
TREES = 100
REPEATS = 5
WEAK_FIT, FAIR_FIT = 0.2, 0.6
SEED = 20_130_301
COLUMNS = ("param", "importance", "std", "correlation", "values")


@dataclass(frozen=True, eq=False)
class ParamImportance:
    """The importance of each parameter for a metric, largest first, in a frame of `COLUMNS`.

    `correlation` is Spearman's, NaN for parameters that are texts. `fit` is the out-of-bag R2 of
    the forest, NaN without one; `message` says how far the frame can be trusted.
    """

    metric: str
    runs: int
    fit: float
    frame: pd.DataFrame
    message: str


def param_importance(
    session: Session, store: Store, metric: str, filter: RunFilter | None = None
) -> ParamImportance:
    """The importance of parameters for the last value of a metric, over the newest runs."""
    columns = f"metrics.{metric}"
    runs = rows.runs(session, store.now(), filter or RunFilter(statuses=(FINISHED,)), size=MAX_RUNS)
    if columns not in runs:
        return _no_importance(metric, 0)
    runs = runs[runs[columns].notna() & (runs["status"] == FINISHED)]
    return importance_of_frame(runs, metric)


def importance_of_frame(runs: pd.DataFrame, metric: str) -> ParamImportance:
    """The importance within a frame of `params.<key>` columns, trainer, and the metric."""
    inputs = _inputs(runs)
    if len(runs) < MIN_RUNS or inputs.empty:
        return _no_importance(metric, len(runs), inputs)
    y = runs[f"metrics.{metric}"].to_numpy(dtype=float)
    if y.min() == y.max():
        return _no_importance(metric, len(runs), inputs, "every run has the same value")
    fit, importances, spreads = _fit_forest(inputs, y)
    frame = _frame(inputs, y, importances, spreads)
    return ParamImportance(
        metric, len(runs), fit, frame, _fit_message(fit, len(runs), len(inputs.columns))
    )


def _no_importance(
    metric: str, runs: int, inputs: pd.DataFrame | None = None, why: str = ""
) -> ParamImportance:
    import pandas as pd

    empty = pd.DataFrame(columns=list(COLUMNS))
    if not why and inputs is not None and inputs.empty and runs >= MIN_RUNS:
        why = "no parameter differs between them"
    if not why:
        why = f"at least {MIN_RUNS} finished runs with the metric are needed"
    return ParamImportance(metric, runs, math.nan, empty, f"{runs:,} runs: {why}.")


def _inputs(runs: pd.DataFrame) -> pd.DataFrame:
    """The inputs that differ between the runs: parameters, and the trainer."""
    names = [name for name in runs.columns if name.startswith("params.")]
    chosen = runs[[*(["trainer"] if "trainer" in runs else []), *names]]
    renamed = chosen.rename(columns=lambda name: name.removeprefix("params."))
    differing = [name for name in renamed.columns if _distinct(renamed[name]) > 1]
    return renamed[differing[:MAX_PARAMS]]


def _text(value: Any) -> str | None:
    return None if value is None or value != value else str(value)


def _fit_forest(inputs: pd.DataFrame, y: Any) -> tuple[float, Any, Any]:
    import warnings

    from sklearn.ensemble import RandomForestRegressor
    from sklearn.inspection import permutation_importance

    x = _encode(inputs)
    forest = RandomForestRegressor(TREES, oob_score=True, random_state=SEED, min_samples_leaf=2)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Some inputs do not have OOB scores")
        forest.fit(x, y)
    importance = permutation_importance(forest, x, y, n_repeats=REPEATS, random_state=SEED)
    return float(forest.oob_score_), importance.importances_mean, importance.importances_std


def _encode(inputs: pd.DataFrame) -> Any:
    """Numbers as they are, missing ones below the smallest; texts as codes of their sorted order.

    A forest splits on order alone, so neither scaling nor one-hot encoding is needed.
    """
    import numpy as np
    import pandas as pd

    columns = []
    for name in inputs.columns:
        numbers = pd.to_numeric(inputs[name], errors="coerce")
        if numbers.notna().sum() == inputs[name].notna().sum():
            least = numbers.min() if numbers.notna().any() else 0.0
            columns.append(numbers.fillna(least - 1).to_numpy(dtype=float))
        else:
            columns.append(pd.Categorical([_text(value) for value in inputs[name]]).codes)
    return np.column_stack(columns).astype(float)


def _frame(inputs: pd.DataFrame, y: Any, importances: Any, spreads: Any) -> pd.DataFrame:
    import pandas as pd

    rows = [
        (
            name,
            float(mean),
            float(spread),
            _correlation(inputs[name], y),
            _distinct(inputs[name]),
        )
        for name, mean, spread in zip(inputs.columns, importances, spreads, strict=True)
    ]
    frame = pd.DataFrame(rows, columns=list(COLUMNS))
    return frame.sort_values("importance", ascending=False, kind="stable", ignore_index=True)


def _distinct(column: pd.Series[Any]) -> int:
    return len({_text(value) for value in column})


def _correlation(column: pd.Series[Any], y: Any) -> float:
    """Spearman's rank correlation; NaN for texts and for a number that never changes."""
    import numpy as np
    import pandas as pd

    from pilothouse.comparison.statistics.delong import midranks

    numbers = pd.to_numeric(column, errors="coerce").to_numpy(dtype=float)
    there = ~np.isnan(numbers)
    if there.sum() < column.notna().sum() or len(np.unique(numbers[there])) < 2:
        return math.nan
    a, b = midranks(numbers[there]), midranks(y[there])
    return float(np.corrcoef(a, b)[0, 1]) if b.min() < b.max() else math.nan


def _fit_message(fit: float, runs: int, params: int) -> str:
    summary = f"{runs:,} runs, {params} parameters that differ, out-of-bag R² {fit:.2f}"
    if fit < WEAK_FIT:
        return f"{summary}: the parameters do not explain the metric, so the order means little."
    if fit < FAIR_FIT or runs < 4 * params:
        return f"{summary}: a hint, not a proof."
    return f"{summary}: the parameters explain most of the metric."
