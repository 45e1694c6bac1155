"""The champion on the very rows that a new run held out, so that both are compared fairly.

The champion answers in a model process; the run's answers are stored with its rows. It runs in
child processes only.
"""

from __future__ import annotations

import io
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pilothouse.data import Data
from pilothouse.deployments.scoring import Report, answerable, score_frame
from pilothouse.experiments import Experiments
from pilothouse.kit.errors import Invalid
from pilothouse.models.answers import GROUP, REFERENCE_PATH, ROW, SIGNATURE_PATH, answer_arrays
from pilothouse.models.signature import Signature
from pilothouse.models.tasks import class_of_code, primary_metric, task_of
from pilothouse.pipelines.paired_interval import Answers, difference_interval
from pilothouse.registry.info import VersionInfo
from pilothouse.storage import Store

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt
    import pandas as pd

    Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class RivalComparison:
    """Metrics of a run and of the champion on the same rows; `metric` is the one that decides.

    `interval` is that of its difference, see `paired_interval`.
    """

    metric: str
    rows: int
    run: Mapping[str, float]
    champion: Mapping[str, float]
    interval: Mapping[str, Any] | None = None

    def to_json(self) -> dict[str, Any]:
        """The result of a step: the values of the metric that decides, and all metrics."""
        return {
            "rows": self.rows,
            "metric": self.metric,
            "challenger": self.run.get(self.metric),
            "champion": self.champion.get(self.metric),
            "metrics": {"challenger": dict(self.run), "champion": dict(self.champion)},
            "interval": dict(self.interval) if self.interval else None,
        }


def compare_with_champion(
    store: Store, run: str, champion: VersionInfo, report: Report, dataset: str = ""
) -> RivalComparison:
    """Both on the rows that the run held out, and that the champion can answer.

    `dataset` is the version that the run was trained on: its event times tell which rows depend on
    each other.

    Raises Invalid when the champion answers something else, or needs a column that these rows do
    not have.
    """
    from pilothouse.monitoring.reference_profile import held_out_rows

    own, rows = run_signature(store, run), _reference(store, run)
    other = champion.signature
    _check_comparable(champion, own, rows)
    rows = rows[answerable(other, rows)].reset_index(drop=True)
    if rows.empty:
        raise Invalid(f"{champion.ref} can answer none of the rows that the run held out.")

    held_out = held_out_rows(rows, own)
    scored = score_frame(store, champion, rows[list(other.names)], report)
    answers = answer_arrays(other, scored.columns)
    task, truth = task_of(own), _as_truth(held_out.truth, own, other)
    metric = primary_metric(task)
    interval = difference_interval(
        metric,
        Answers(other, answers, truth),
        Answers(own, held_out.outputs, held_out.truth),
        event_times(store, dataset, rows),
        rows[GROUP].to_numpy() if GROUP in rows else None,
    )
    return RivalComparison(
        metric=metric,
        rows=len(rows),
        run=task.compute_metrics(own, held_out.outputs, held_out.truth),
        champion=task_of(other).compute_metrics(other, answers, truth),
        interval=interval,
    )


def compare_evaluations(
    store: Store, challenger: str, champion: str, dataset: str
) -> dict[str, Any] | None:
    """The interval of the difference of two evaluations' runs on one dataset version.

    None when they answered other rows, or measure different things.
    """
    from pilothouse.monitoring.reference_profile import held_out_rows

    own, other = run_signature(store, challenger), run_signature(store, champion)
    rows, other_rows = _reference(store, challenger), _reference(store, champion)
    same = list(rows[ROW]) == list(other_rows[ROW])
    if not same or (other.task, set(other.classes)) != (own.task, set(own.classes)):
        return None
    judged, other_judged = held_out_rows(rows, own), held_out_rows(other_rows, other)
    return difference_interval(
        primary_metric(task_of(own)),
        Answers(other, other_judged.outputs, other_judged.truth),
        Answers(own, judged.outputs, judged.truth),
        event_times(store, dataset, rows),
        rows[GROUP].to_numpy() if GROUP in rows else None,
    )


def event_times(store: Store, dataset: str, rows: pd.DataFrame) -> npt.NDArray[np.int64] | None:
    """Event times in milliseconds of rows of a run's reference file; None where they have none."""
    if not dataset or ROW not in rows:
        return None
    data = Data(store)
    name = data.version(dataset).event_time
    if not name:
        return None
    column = data.frame(dataset, [name])[name].iloc[rows[ROW].to_numpy()]
    if column.isna().any():
        return None
    at: npt.NDArray[np.int64] = column.to_numpy(dtype="datetime64[ms]").astype("int64")
    return at


def _check_comparable(champion: VersionInfo, own: Signature, rows: pd.DataFrame) -> None:
    other = champion.signature
    if missing := [name for name in other.names if name not in rows]:
        raise Invalid(
            f"{champion.ref} needs {', '.join(missing)}, which the held-out rows do not have.",
            hint="Train on the same features, or evaluate both on another dataset version.",
        )
    if (other.task, set(other.classes)) != (own.task, set(own.classes)):
        raise Invalid(
            f"{champion.ref} answers something else than the run: they cannot be compared."
        )


def _as_truth(truth: Floats, own: Signature, other: Signature) -> Floats:
    """The labels as numbers of another signature, whose classes may have another order."""
    if own.classes == other.classes and own.positive == other.positive:
        return truth
    classes = class_of_code(own)
    labels = [classes.get(code) for code in truth.tolist()]
    return task_of(other).truth(other, labels)


def run_signature(store: Store, run: str) -> Signature:
    """The signature of a run's model. Raises NotFound."""
    return Signature.from_json(json.loads(Experiments(store).artifact(run, SIGNATURE_PATH)))


def _reference(store: Store, run: str) -> pd.DataFrame:
    import pandas as pd

    return pd.read_parquet(io.BytesIO(Experiments(store).artifact(run, REFERENCE_PATH)))
