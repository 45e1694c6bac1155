"""What each variant of a deployment did in the same span of time, read from the prediction log."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import orjson

from pilothouse.deployments.prediction_log import log
from pilothouse.models.signature import Signature
from pilothouse.models.tasks import task_of

if TYPE_CHECKING:
    import pandas as pd

ALONE = -2  # a request whose version was drawn for it alone
FIRST_REFUSED, FIRST_FAILED = 400, 500  # statuses: the caller's fault, ours


def _no_values() -> npt.NDArray[np.float64]:
    return np.empty(0)


@dataclass(frozen=True)
class VariantSample:
    """One variant: the status and milliseconds of each request, and its answers and labels by row.

    `outputs` are the logged output columns by name. `truth` are the labels as the task's numbers,
    NaN where there is none yet. `mirrored` are, of a shadow, the outputs that the live version
    gave for the same rows, and `mirrored_ms` the time that its process took for each request.
    `rewards` is one number for each rewarded prediction. `callers` is the place in the split of the
    caller of each request, NOT_DRAWN for one that named its version, ALONE for one that was drawn
    by itself.
    """

    version: int
    signature: Signature
    statuses: npt.NDArray[np.int64]
    latencies_ms: npt.NDArray[np.float64]
    outputs: Mapping[str, npt.NDArray[Any]] = field(default_factory=dict)
    truth: npt.NDArray[np.float64] = field(default_factory=_no_values)
    mirrored: Mapping[str, npt.NDArray[Any]] = field(default_factory=dict)
    mirrored_ms: npt.NDArray[np.float64] = field(default_factory=_no_values)
    rewards: npt.NDArray[np.float64] = field(default_factory=_no_values)
    callers: npt.NDArray[np.int64] | None = None

    @property
    def requests(self) -> int:
        """Every request, answered or not."""
        return len(self.statuses)

    @property
    def draws(self) -> int:
        """How often chance chose this version: once for each caller, and for each other request.

        All requests of a caller go to one version, so that requests are not split like callers.
        """
        if self.callers is None:
            return self.requests
        named = self.callers[self.callers >= 0]
        return int((self.callers == ALONE).sum()) + len(np.unique(named))

    @property
    def failures(self) -> int:
        """Requests that failed by a fault on this side."""
        return int((self.statuses >= FIRST_FAILED).sum())

    @property
    def refusals(self) -> int:
        """Requests that were refused as the caller's fault."""
        return self.requests - self.failures - int((self.statuses < FIRST_REFUSED).sum())

    @property
    def answered_ms(self) -> npt.NDArray[np.float64]:
        """The latencies of the requests that were answered."""
        return self.latencies_ms[self.statuses < FIRST_REFUSED]


def read_samples(
    workspace: Path,
    deployment: str,
    signatures: Mapping[int, Signature],
    since: datetime,
    until: datetime,
) -> dict[int, VariantSample]:
    """The samples of some versions over requests received in since <= received_at < until."""
    requests = log.requests(workspace, deployment, since, until)
    predictions = _predictions(workspace, deployment, signatures, since, until)
    labels = log.labels(workspace, deployment, ids=predictions["prediction_id"])
    by_id = dict(zip(labels["prediction_id"], labels["label"], strict=True))
    return {
        version: _sample(
            version,
            signature,
            requests[requests["version"] == version],
            predictions[predictions["version"] == version],
            by_id,
        )
        for version, signature in signatures.items()
    }


def _predictions(
    workspace: Path,
    deployment: str,
    signatures: Mapping[int, Signature],
    since: datetime,
    until: datetime,
) -> pd.DataFrame:
    """The outputs of predictions that were received in a span, the first of each id."""
    import pandas as pd

    outputs = {name for one in signatures.values() for name in log.output_columns(one).values()}
    columns = ["prediction_id", "version", "received_at", *sorted(outputs)]
    query = log.LogQuery(columns=columns, received=(since, until))
    table = log.union(workspace, deployment, log.PREDICTIONS, query)
    if table is None:
        return pd.DataFrame(columns=columns)
    frame: pd.DataFrame = table.to_pandas()
    frame = frame[(frame["received_at"] >= since) & (frame["received_at"] < until)]
    return frame.sort_values("received_at", kind="stable").drop_duplicates("prediction_id")


def _sample(
    version: int,
    signature: Signature,
    requests: pd.DataFrame,
    predictions: pd.DataFrame,
    labels: Mapping[str, Any],
) -> VariantSample:
    columns = log.output_columns(signature)
    return VariantSample(
        version=version,
        signature=signature,
        statuses=requests["status"].to_numpy(dtype=np.int64),
        latencies_ms=requests["latency_ms"].to_numpy(dtype=np.float64),
        outputs={
            name: predictions[column].to_numpy()
            for name, column in columns.items()
            if column in predictions
        },
        truth=_truth(signature, [labels.get(one) for one in predictions["prediction_id"]]),
        callers=_callers(requests),
    )


def _callers(requests: pd.DataFrame) -> npt.NDArray[np.int64] | None:
    if "caller" not in requests:
        return None
    return requests["caller"].fillna(ALONE).to_numpy(dtype=np.int64)


def _truth(signature: Signature, labels: list[Any]) -> npt.NDArray[np.float64]:
    task = task_of(signature)
    if not task.metrics:
        return np.full(len(labels), np.nan)
    read = [None if label is None else task.read_label(signature, label) for label in labels]
    return task.truth(signature, read)


def read_shadow(path: Path, signature: Signature, version: int) -> VariantSample:
    """What a shadow answered, from the file of its rollout; a torn last line is left out."""
    lines = [line for line in _lines(path) if line.get("version") == version]
    task = task_of(signature)
    answered = [line for line in lines if line["status"] < FIRST_REFUSED]

    def column(key: str, name: str) -> npt.NDArray[Any]:
        parts = [np.asarray(line[key][name], dtype=object) for line in answered]
        values = np.concatenate(parts) if parts else np.empty(0, dtype=object)
        return _as_numbers(values)

    names = [c.name for c in task.columns(signature)] if answered else []
    shared = [n for n in names if all(n in line["out"] and n in line["live"] for line in answered)]
    return VariantSample(
        version=version,
        signature=signature,
        statuses=np.array([line["status"] for line in lines], dtype=np.int64),
        latencies_ms=np.array([line["ms"] for line in lines], dtype=np.float64),
        outputs={name: column("out", name) for name in shared},
        mirrored={name: column("live", name) for name in shared},
        mirrored_ms=np.array([x["live_ms"] for x in lines if "live_ms" in x], dtype=np.float64),
    )


def _lines(path: Path) -> list[dict[str, Any]]:
    if not path.exists():
        return []
    lines = []
    for raw in path.read_bytes().splitlines():
        try:
            lines.append(orjson.loads(raw))
        except orjson.JSONDecodeError:
            continue  # the line that is being written, or that a kill cut off
    return lines


def _as_numbers(values: npt.NDArray[Any]) -> npt.NDArray[Any]:
    is_number = all(isinstance(v, int | float) and not isinstance(v, bool) for v in values)
    return values.astype(np.float64) if is_number else values
