"""The labelled history of a deployment, with what was known at each instant.

It runs in child processes only.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from pilothouse.deployments import Deployments
from pilothouse.deployments.prediction_log import log
from pilothouse.kit.clock import from_ms, to_ms
from pilothouse.kit.errors import Invalid
from pilothouse.models.answers import answer_arrays
from pilothouse.models.tasks import task_of
from pilothouse.monitoring import Monitoring
from pilothouse.monitoring.counted_windows import CountedWindows
from pilothouse.monitoring.windows import Span, WindowScheme, scheme_text
from pilothouse.pipelines.retraining import as_trained
from pilothouse.pipelines.retraining_proposal import EVENT_TIME
from pilothouse.registry import Registry
from pilothouse.registry.info import VersionInfo
from pilothouse.storage import Store

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt
    import pandas as pd

    from pilothouse.deployments.scoring import Report
    from pilothouse.models.answers import Outputs
    from pilothouse.monitoring.monitor_config import MonitorConfig

    Integers = npt.NDArray[np.int64]

NEVER_MS = 2**62  # when a label that has not come is known
MIN_WINDOWS = 3


@dataclass(frozen=True, eq=False)
class LabelledHistory:
    """A deployment's predictions by event time, and the answers of the first version to each.

    `frame` has the inputs as they were trained on, the target as the task reads labels (missing
    where none has come) and the event time. `at` are event times, and from the instants
    `labelled_at` on labels are known, both in milliseconds. `windows` are those of its monitor.
    """

    deployment: str
    first: VersionInfo
    config: MonitorConfig
    frame: pd.DataFrame
    outputs: Outputs
    at: Integers
    labelled_at: Integers
    windows: tuple[Span, ...]

    def rows_of(self, span: Span) -> slice:
        """The positions of the rows in a span of event time."""
        import numpy as np

        start, end = span.in_ms
        return slice(int(np.searchsorted(self.at, start)), int(np.searchsorted(self.at, end)))

    def learnable(self, start: datetime | None, now: datetime) -> Integers:
        """The positions of rows from `start` to `now` whose label was known at `now`."""
        import numpy as np

        is_known = (self.at < to_ms(now)) & (self.labelled_at <= to_ms(now))
        if start is not None:
            is_known &= self.at >= to_ms(start)
        return np.flatnonzero(is_known).astype(np.int64)

    def count(self, start: datetime | None, now: datetime) -> int:
        """How many rows there are from `start` to `now`, labelled or not."""
        import numpy as np

        low = 0 if start is None else int(np.searchsorted(self.at, to_ms(start)))
        return int(np.searchsorted(self.at, to_ms(now))) - low


def read_history(store: Store, deployment: str, report: Report) -> LabelledHistory:
    """Every prediction of a deployment, its label and when it was known.

    A label is known from the instant that was sent with it, which is when it was received unless
    the client said otherwise. What another version answered is scored again with the first one, in
    a model process. Raises Invalid when there is too little to replay.
    """
    import pandas as pd

    served = Deployments(store).deployment(deployment)
    rows = Deployments(store).predictions(deployment)
    rows = rows.sort_values([EVENT_TIME, "prediction_id"], kind="stable").reset_index(drop=True)
    if rows.empty:
        raise Invalid(f"{deployment!r} has no predictions to replay.")
    first = Registry(store).version(served.model, int(rows["version"].iloc[0]))
    signature, task = first.signature, task_of(first.signature)

    labels = Deployments(store).labels(deployment).set_index("prediction_id")
    codes, spellings = pd.factorize(rows["prediction_id"].map(labels["label"]))
    meanings = pd.Series([*(task.read_label(signature, value) for value in spellings), None])
    named = {log.feature_column(name): name for name in signature.names}
    frame = as_trained(rows[list(named)].rename(columns=named), signature)
    frame[EVENT_TIME] = rows[EVENT_TIME]
    frame[signature.target] = meanings.iloc[codes].infer_objects().to_numpy()
    known_at = rows["prediction_id"].map(labels["label_at"])
    labelled_at = _milliseconds(known_at)
    labelled_at[(known_at.isna() | frame[signature.target].isna()).to_numpy()] = NEVER_MS

    config = Monitoring(store).monitor_info(deployment).config
    at = _milliseconds(rows[EVENT_TIME])
    windows = _windows(config.scheme, at)
    if len(windows) < MIN_WINDOWS:
        raise Invalid(
            f"{deployment!r} has {len(windows)} windows of {scheme_text(config.scheme)}; a "
            f"backtest needs {MIN_WINDOWS}."
        )
    outputs = _first_answers(store, first, rows, frame, report)
    return LabelledHistory(deployment, first, config, frame, outputs, at, labelled_at, windows)


def _windows(scheme: WindowScheme, at: Integers) -> tuple[Span, ...]:
    """The windows of sorted event times, without overlap."""
    if scheme.is_counted:
        return CountedWindows(scheme.length).extended(at[:0], at).windows
    return scheme.disjoint.windows_between(from_ms(int(at[0])), from_ms(int(at[-1])))


def _milliseconds(times: pd.Series[Any]) -> Integers:
    """Milliseconds since the epoch, as an array of its own."""
    import numpy as np

    return np.array(times.astype("datetime64[ms, UTC]").astype("int64"), dtype=np.int64)


def _first_answers(
    store: Store, first: VersionInfo, rows: pd.DataFrame, frame: pd.DataFrame, report: Report
) -> Outputs:
    """What the first version answered, or would have: of its own rows the log has it."""
    from pilothouse.deployments.scoring import score_frame

    signature = first.signature
    columns = {c.name: log.output_column(c.name) for c in task_of(signature).columns(signature)}
    logged: Mapping[str, Any] = {name: rows[column].tolist() for name, column in columns.items()}
    outputs = answer_arrays(signature, logged)
    others = (rows["version"] != first.version).to_numpy()
    if others.any():
        inputs = frame.loc[others, list(signature.names)].reset_index(drop=True)
        scored = score_frame(store, first, inputs, report)
        answers = answer_arrays(signature, scored.columns)
        for name, values in outputs.items():
            values[others] = answers[name]
    return outputs
