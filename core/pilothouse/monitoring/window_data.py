"""The predictions of a window, joined with their labels. It runs in child processes."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any, cast

import numpy as np

from pilothouse.deployments.prediction_log import log
from pilothouse.models.signature import Signature
from pilothouse.monitoring.assessment import WindowRows
from pilothouse.monitoring.distances import Floats
from pilothouse.monitoring.windows import Span
from pilothouse.storage import Store

if TYPE_CHECKING:
    import pandas as pd

LABEL = "__label"
LABEL_AT = "__label_received_at"


def observe(store: Store, deployment: str, span: Span) -> pd.DataFrame:
    """The predictions of a window by event time, with `__label` where one has come, and when.

    Labels are joined by id, whatever date they carry.
    """
    frame = log.predictions(store.folder, deployment, span.start, span.end)
    if not len(frame):
        return frame.assign(**{LABEL: None, LABEL_AT: None})
    labels = log.labels(store.folder, deployment, ids=frame["prediction_id"])
    by_id = labels.set_index("prediction_id")
    columns = {LABEL: by_id["label"], LABEL_AT: by_id["received_at"]}
    return frame.assign(**{n: frame["prediction_id"].map(part) for n, part in columns.items()})


def received_until(frame: pd.DataFrame) -> datetime | None:
    """When the newest of a window's predictions and labels was received."""
    newest = [frame[name].max() for name in ("received_at", LABEL_AT) if len(frame)]
    instants = [at.to_pydatetime() for at in newest if at is not None and at == at]
    return max(instants, default=None)


def by_version(frame: pd.DataFrame) -> list[tuple[str, int, pd.DataFrame]]:
    """The rows of each model version, the one that answered most first."""
    groups = []
    for key, rows in frame.groupby(["model", "version"], sort=True):
        model, version = cast("tuple[str, int]", key)
        groups.append((str(model), int(version), rows))
    return sorted(groups, key=lambda group: -len(group[2]))


def rows_of(frame: pd.DataFrame, signature: Signature, names: Sequence[str]) -> WindowRows:
    """Features under their names in the signature, scores, and labels as 1, 0 or NaN."""
    by_column = {log.feature_column(name): name for name in names}
    present = [column for column in by_column if column in frame]
    score = np.full(len(frame), np.nan)
    if "score" in frame:  # the log of an empty window has no output columns
        score = frame["score"].to_numpy(dtype=np.float64, na_value=np.nan)
    return WindowRows(
        frame[present].rename(columns=by_column), score, truth(frame[LABEL], signature)
    )


def truth(labels: pd.Series[Any], signature: Signature) -> Floats:
    """1 for the positive class, 0 for the other, NaN where no label has come."""
    import pandas as pd

    codes, values = pd.factorize(labels)
    classes = [signature.match_label(label) for label in values]
    truths = [np.nan if c is None else float(c == signature.positive) for c in classes]
    return np.asarray(np.array([*truths, np.nan])[codes], dtype=np.float64)


def content_digest(frame: pd.DataFrame, rows: WindowRows, *others: str) -> str:
    """A digest of all inputs of an evaluation: the same digest means the same results."""
    digest = hashlib.sha256("\n".join([*others, *frame["prediction_id"]]).encode())
    digest.update(rows.score.tobytes())
    digest.update(rows.truth.tobytes())
    return digest.hexdigest()
