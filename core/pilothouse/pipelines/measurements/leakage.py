"""What the held-out rows of a training have in common with the rows that it fitted."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from pilothouse.data import Data
from pilothouse.pipelines.measured_version import MeasuredVersion
from pilothouse.pipelines.measurements import MeasurementResult, measurement_kinds

if TYPE_CHECKING:
    from pilothouse.training.splits import Split
    from pilothouse.training.training_data import TrainingData


@measurement_kinds.register("leakage")
class LeakageMeasurement:
    """Both sides of the split, read again from the stored spec and data of the training."""

    title = "Leakage"
    description = (
        "Equal rows and entities on both sides of the split, inputs that give the target away, "
        "and the order of time."
    )

    @staticmethod
    def measure(version: MeasuredVersion, params: Mapping[str, Any]) -> MeasurementResult:
        """Shares of the held-out rows, of later training rows, and suspicious inputs."""
        from pilothouse.training.leaks import leaks

        data, spec = version.training, version.spec
        proxies = [vars(leak) for leak in leaks(version.store, Data(version.store).version(
            spec.dataset), spec)]  # fmt: skip
        figures = {
            "row_share": shared_rows(data),
            "entity_share": _entity_share(version, data, params["entity"]),
            "late_share": later_share(data),
            "proxies": proxies,
        }
        rows = f"{len(data.split.test):,} held-out rows and {len(data.split.train):,} fitted ones "
        return MeasurementResult(figures, f"{rows}of {data.dataset}")


def sides(data: TrainingData) -> tuple[Split, ...]:
    """The rows that were fitted on and those that were held out: once, or once for each fold."""
    return data.folds if data.by_folds else (data.split,)


def shared_rows(data: TrainingData) -> float:
    """The share of the held-out rows that equal a fitted one in every input and in the label."""
    import numpy as np
    import pandas as pd

    labels = data.y.reshape(len(data.frame), -1)[:, 0]
    rows = data.frame.reset_index(drop=True).assign(__label=labels)
    plain = rows.astype({name: str for name in rows if rows[name].dtype.kind not in "fiub"})
    digests = pd.util.hash_pandas_object(plain, index=False).to_numpy()
    shared = [np.isin(digests[side.test], digests[side.train]) for side in sides(data)]
    return float(np.concatenate(shared).mean())


def _entity_share(version: MeasuredVersion, data: TrainingData, entity: str) -> float:
    """The share of the held-out rows whose entity has fitted rows too; 0 without an entity."""
    import numpy as np

    if not entity:
        return 0.0
    column = Data(version.store).frame(data.dataset, [entity])[entity].iloc[data.origin]
    shared = [
        column.iloc[side.test].isin(column.iloc[side.train].dropna()).to_numpy()
        for side in sides(data)
    ]
    return float(np.concatenate(shared).mean())


def later_share(data: TrainingData) -> float | None:
    """The share of the fitted rows that are later than the first held-out one; None untimed."""
    import numpy as np

    if data.at is None:
        return None
    later = [data.at[side.train] > data.at[side.test].min() for side in sides(data)]
    return float(np.concatenate(later).mean())
