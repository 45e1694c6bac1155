"""Rows on which two runs differ: decided differently, or predicted at another cost.

Where a task decides (a class, labels), a disagreement is a row that two runs decide differently
(prediction churn), and at most one of two classes is right. Where it predicts numbers, two runs
hardly ever agree: then a row counts for the run whose prediction costs less.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from pilothouse.comparison.predictions import AlignedPredictions, RunPredictions
from pilothouse.models.tasks import class_of_code

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt
    import pandas as pd

    Array = npt.NDArray[Any]
    Bools = npt.NDArray[np.bool_]

COLUMNS = ("run", "label", "rows", "flipped", "share", "right", "wrong", "to_positive")
EQUAL, RUN, BASELINE = "", "run", "baseline"


def disagreements(
    aligned: AlignedPredictions, labels: Mapping[str, str], threshold: float | None
) -> pd.DataFrame:
    """One row of `COLUMNS` per run except the baseline.

    `right` counts rows where the run is right, or costs less, and the baseline not; `wrong` the
    opposite. `to_positive` is missing where no threshold on a score decides.
    """
    import numpy as np
    import pandas as pd

    parts = [part.at_threshold(threshold) for part in aligned.predictions]
    decisions = [_decisions(part, parts[0]) for part in parts]
    rows = []
    for index, run in enumerate(aligned.runs[1:], start=1):
        flipped = _differ(decisions[index], decisions[0])
        better = _better(parts[index], parts[0], decisions[index], decisions[0])
        count, total = int(np.count_nonzero(flipped)), aligned.rows
        right, wrong = (int(np.count_nonzero(flipped & (better == side))) for side in (1, -1))
        up = None
        if parts[0].score_column:
            up = int(np.count_nonzero(flipped & (decisions[index] == 1)))
        rows.append((run, labels[run], total, count, count / total, right, wrong, up))

    return pd.DataFrame(rows, columns=list(COLUMNS))


def disagreeing_rows(
    aligned: AlignedPredictions, features: pd.DataFrame, run: str, threshold: float | None
) -> pd.DataFrame:
    """The rows on which a run differs from the baseline, largest difference first.

    Columns: row (its index in the dataset version, or among the held-out rows), target, baseline
    and run (their scores, or what they predict), right (which of them is right, or costs less),
    then the features. `features` are the baseline's rows in the order of its file.
    """
    import numpy as np

    baseline = aligned.predictions[0].at_threshold(threshold)
    other = aligned.predictions[aligned.runs.index(run)].at_threshold(threshold)
    decisions, baseline_decisions = (_decisions(part, baseline) for part in (other, baseline))
    at = np.flatnonzero(_differ(decisions, baseline_decisions))
    at = at[np.argsort(-_gap(other, baseline)[at], kind="stable")]
    better = _better(other, baseline, decisions, baseline_decisions)[at]
    own, base = other.take(at), baseline.take(at)

    added = {
        "row": aligned.positions[at] if base.rows.row_numbers is None else base.rows.row_numbers,
        "target": _targets(base),
        "baseline": _answers(base),
        "run": _answers(own),
        "right": np.select([better > 0, better < 0], [RUN, BASELINE], EQUAL),
    }
    frame = features.iloc[aligned.positions[at]].reset_index(drop=True)
    clash = {name: f"{name} (feature)" for name in frame.columns if name in added}
    frame = frame.rename(columns=clash)

    for index, (name, values) in enumerate(added.items()):
        frame.insert(index, name, values)

    return frame


def _decisions(part: RunPredictions, baseline: RunPredictions) -> Array:
    """The predictions as the baseline's truth, where it decides; else the outputs as they are.

    The classes of a run may have another order, so its own truth would have other numbers.
    """
    import numpy as np

    if part.decides:
        are_recorded = part.is_recorded and baseline.is_recorded
        signature = baseline.signature if are_recorded else part.signature
        return part.task.truth(signature, part.predicted())
    columns = [part.rows.columns[column.name] for column in part.task.columns(part.signature)]
    return np.column_stack(columns)


def _differ(decisions: Array, baseline: Array) -> Bools:
    import numpy as np

    different: Bools = np.asarray(decisions != baseline)
    return different if different.ndim == 1 else np.asarray(different.any(axis=1))


def _better(
    part: RunPredictions, baseline: RunPredictions, decisions: Array, baseline_decisions: Array
) -> Array:
    """1 where the run is right, or costs less, and the baseline not; -1 for the opposite; else 0.

    Of labels that apply or not, neither may be wholly right: then the cost decides.
    """
    import numpy as np

    if not part.decides or decisions.ndim > 1:
        return np.asarray(np.sign(baseline.row_cost() - part.row_cost()))
    right = ~_differ(decisions, baseline.rows.truth)
    baseline_right = ~_differ(baseline_decisions, baseline.rows.truth)
    return np.asarray(right.astype(int) - baseline_right.astype(int))


def _gap(part: RunPredictions, baseline: RunPredictions) -> Array:
    """How far two runs are apart on each row: in the score, else in what the rows cost."""
    import numpy as np

    column = part.score_column
    if column:
        return np.asarray(np.abs(part.rows.columns[column] - baseline.rows.columns[column]))
    return np.asarray(np.abs(part.row_cost() - baseline.row_cost()))


def _answers(part: RunPredictions) -> Any:
    """The score of each row where a threshold decides on it, else what is predicted, as text."""
    if part.score_column:
        return part.rows.columns[part.score_column]
    return [_plain(value) for value in part.predicted()]


def _targets(part: RunPredictions) -> Any:
    """The label of each row: 1 or 0 where a threshold decides, a class by its name, a number."""
    import numpy as np

    truth = part.rows.truth
    if part.score_column:
        return (truth == 1).astype(np.int8)
    if part.task.has_classes:
        names = class_of_code(part.signature)
        return [names.get(value, value) for value in truth.tolist()]
    if truth.ndim > 1:
        names_of = part.signature.output_names
        return [_plain([n for n, v in zip(names_of, row, strict=True) if v]) for row in truth]
    return truth


def _plain(value: Any) -> Any:
    """A list as one text: a table has a single value in a cell."""
    if not isinstance(value, list | tuple):
        return value
    return ", ".join(f"{part:g}" if isinstance(part, float) else str(part) for part in value)
