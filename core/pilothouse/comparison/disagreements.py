"""Rows that two runs decide differently at a threshold: how many, who is right, and which."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from pilothouse.comparison.predictions import Aligned

if TYPE_CHECKING:
    import pandas as pd

COLUMNS = ("run", "label", "rows", "flipped", "share", "right", "wrong", "to_positive")


def disagreements(aligned: Aligned, labels: Mapping[str, str], threshold: float) -> pd.DataFrame:
    """A row per run but the baseline, of `COLUMNS`.

    `right` counts flipped rows where the run is right and the baseline wrong, `wrong` the others.
    """
    import numpy as np
    import pandas as pd

    said, yes = aligned.scores >= threshold, aligned.y == 1
    rows = []
    for place, run in enumerate(aligned.runs[1:], start=1):
        flipped = said[place] != said[0]
        count = int(np.count_nonzero(flipped))
        right = int(np.count_nonzero(flipped & (said[place] == yes)))
        up = int(np.count_nonzero(flipped & said[place]))
        share = count / len(yes)
        rows.append((run, labels[run], len(yes), count, share, right, count - right, up))
    return pd.DataFrame(rows, columns=list(COLUMNS))


def disagreeing_rows(
    aligned: Aligned, features: pd.DataFrame, run: str, threshold: float
) -> pd.DataFrame:
    """The flipped rows of a run, farthest apart first.

    Columns: row (its place in the dataset version, or among the held-out rows), target, baseline
    and run (their scores), right (who is: run or baseline), then the features. `features` are the
    baseline's held-out rows in the order of its file.
    """
    import numpy as np

    ours, theirs = aligned.scores[0], aligned.scores[aligned.runs.index(run)]
    at = np.flatnonzero((ours >= threshold) != (theirs >= threshold))
    at = at[np.argsort(-np.abs(theirs[at] - ours[at]), kind="stable")]
    places = aligned.places[aligned.runs[0]][at]
    known = places if aligned.row is None else aligned.row[at]
    right = (theirs[at] >= threshold) == (aligned.y[at] == 1)
    frame = features.iloc[places].reset_index(drop=True)
    told = {
        "row": known,
        "target": aligned.y[at],
        "baseline": ours[at],
        "run": theirs[at],
        "right": np.where(right, "run", "baseline"),
    }
    clash = {name: f"{name} (feature)" for name in frame.columns if name in told}
    frame = frame.rename(columns=clash)
    for place, (name, values) in enumerate(told.items()):
        frame.insert(place, name, values)
    return frame
