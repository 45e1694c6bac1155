"""The predictions of a window, joined with their labels. It runs in child processes."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, cast

import numpy as np
import numpy.typing as npt

from pilothouse.deployments.prediction_log import log
from pilothouse.models.signature import Signature
from pilothouse.models.tasks import task_of
from pilothouse.monitoring.distances import Floats
from pilothouse.monitoring.reference_profile import output_array, output_columns
from pilothouse.monitoring.window_rows import WindowRows
from pilothouse.monitoring.windows import Span
from pilothouse.storage import Store

if TYPE_CHECKING:
    import pandas as pd

LOGGED_AFTER = timedelta(minutes=5)  # rows are in the log that long after receipt at most
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


def received_until(frame: pd.DataFrame, began: datetime) -> datetime:
    """Until when a window includes all predictions and labels, by their time of receipt.

    That is the newest of its own, or a few minutes before it began to be read.
    """
    newest = [frame[name].max() for name in ("received_at", LABEL_AT) if len(frame)]
    instants: list[datetime] = [at.to_pydatetime() for at in newest if at is not None and at == at]
    return max([*instants, began - LOGGED_AFTER])


def by_version(frame: pd.DataFrame) -> list[tuple[str, int, pd.DataFrame]]:
    """The rows of each model version, the one that answered most first."""
    groups = []
    for key, rows in frame.groupby(["model", "version"], sort=True):
        model, version = cast("tuple[str, int]", key)
        groups.append((str(model), int(version), rows))
    return sorted(groups, key=lambda group: -len(group[2]))


def rows_of(frame: pd.DataFrame, signature: Signature, names: Sequence[str]) -> WindowRows:
    """Features under their names in the signature, outputs, labels, and event times."""
    by_column = {log.feature_column(name): name for name in names}
    present = [column for column in by_column if column in frame]
    logged = {c: log.output_column(c.name) for c in output_columns(signature)}
    outputs = {
        column.name: output_array(frame[name], column.kind)
        for column, name in logged.items()
        if name in frame
    }
    features = frame[present].rename(columns=by_column)
    return WindowRows(features, outputs, truth(frame[LABEL], signature), _times(frame))


def unexpected_columns(
    frame: pd.DataFrame, signature: Signature, keys: Collection[str] = ()
) -> tuple[str, ...]:
    """The logged columns with values that are neither an input nor of the log itself.

    Nor `keys`, by which features are looked up. Columns of other versions are there too, without a
    value in these rows.
    """
    if not signature.inputs:
        return ()
    inputs = {log.feature_column(name) for name in (*signature.names, *keys)}
    own = {*log.PREDICTION_COLUMNS, log.FEATURES_AT, LABEL, LABEL_AT, *inputs}
    others = [str(name) for name in frame if name not in own]
    of_the_log = (log.is_output_column, log.is_hashed_column)
    features = [name for name in others if not any(is_own(name) for is_own in of_the_log)]
    return tuple(name for name in features if frame[name].notna().any())


def _times(frame: pd.DataFrame) -> npt.NDArray[np.int64] | None:
    """Event times in milliseconds; None where the frame has none."""
    if "event_at" not in frame or not len(frame):
        return None
    times = frame["event_at"].astype("datetime64[ms, UTC]").astype(np.int64)
    return np.asarray(times, dtype=np.int64)


def truth(labels: pd.Series[Any], signature: Signature) -> Floats:
    """Labels as the task has them, NaN where none has come.

    Labels that repeat are read once each: reading one is Python, a window has very many.
    """
    import pandas as pd

    task = task_of(signature)
    try:
        codes, values = pd.factorize(labels)
    except TypeError:  # lists, which have no hash
        return task.truth(signature, labels.tolist())
    distinct = task.truth(signature, [*values, None])
    return np.asarray(distinct[codes], dtype=np.float64)


def content_digest(frame: pd.DataFrame, rows: WindowRows, *others: str) -> str:
    """A digest of all inputs of an evaluation: the same digest means the same results."""
    digest = hashlib.sha256("\n".join([*others, *frame["prediction_id"]]).encode())
    for name, values in rows.outputs.items():
        digest.update(name.encode())
        if values.dtype.kind == "f":
            digest.update(values.tobytes())
        else:
            digest.update("\n".join(map(str, values.tolist())).encode())
    digest.update(rows.truth.tobytes())
    return digest.hexdigest()
