"""Rows that two runs classify differently at a threshold (prediction churn)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from pilothouse.comparison.predictions import AlignedPredictions

if TYPE_CHECKING:
    import pandas as pd

COLUMNS = ("run", "label", "rows", "flipped", "share", "right", "wrong", "to_positive")


def disagreements(
    aligned: AlignedPredictions, labels: Mapping[str, str], threshold: float
) -> pd.DataFrame:
    """One row of `COLUMNS` per run except the baseline.

    `right` counts flipped rows where the run is right and the baseline wrong, `wrong` the others.
    """
    import numpy as np
    import pandas as pd

    positive, yes = aligned.scores >= threshold, aligned.y == 1
    rows = []
    for index, run in enumerate(aligned.runs[1:], start=1):
        flipped = positive[index] != positive[0]
        count = int(np.count_nonzero(flipped))
        right = int(np.count_nonzero(flipped & (positive[index] == yes)))
        up = int(np.count_nonzero(flipped & positive[index]))
        share = count / len(yes)
        rows.append((run, labels[run], len(yes), count, share, right, count - right, up))

    return pd.DataFrame(rows, columns=list(COLUMNS))


def disagreeing_rows(
    aligned: AlignedPredictions, features: pd.DataFrame, run: str, threshold: float
) -> pd.DataFrame:
    """The rows that a run classifies differently from the baseline, largest difference first.

    Columns: row (its index in the dataset version, or among the held-out rows), target, baseline
    and run (their scores), right (which of them is right), then the features. `features` are the
    baseline's held-out rows in the order of its file.
    """
    import numpy as np

    baseline_scores, run_scores = aligned.scores[0], aligned.scores[aligned.runs.index(run)]
    at = np.flatnonzero((baseline_scores >= threshold) != (run_scores >= threshold))
    at = at[np.argsort(-np.abs(run_scores[at] - baseline_scores[at]), kind="stable")]
    places = aligned.positions[aligned.runs[0]][at]
    row_numbers = places if aligned.row_numbers is None else aligned.row_numbers[at]
    right = (run_scores[at] >= threshold) == (aligned.y[at] == 1)
    frame = features.iloc[places].reset_index(drop=True)
    added = {
        "row": row_numbers,
        "target": aligned.y[at],
        "baseline": baseline_scores[at],
        "run": run_scores[at],
        "right": np.where(right, "run", "baseline"),
    }
    clash = {name: f"{name} (feature)" for name in frame.columns if name in added}
    frame = frame.rename(columns=clash)

    for index, (name, values) in enumerate(added.items()):
        frame.insert(index, name, values)

    return frame
