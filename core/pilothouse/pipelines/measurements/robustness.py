"""The metric on held-out rows whose values are noisy, missing or shifted."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from pilothouse.kit.errors import Conflict
from pilothouse.models.signature import Signature
from pilothouse.pipelines.measured_version import MeasuredVersion
from pilothouse.pipelines.measurements import MeasurementResult, measurement_kinds

if TYPE_CHECKING:
    import pandas as pd

MAX_ROWS = 1_000
MAX_SHIFTED = 10  # columns, one at a time
SEED = 0


@measurement_kinds.register("robustness")
class RobustnessMeasurement:
    """Changed copies of a sample of the held-out rows, answered by a model process."""

    title = "Robustness"
    description = "The metric when inputs are noisy, missing or shifted, in a model process."

    @staticmethod
    def measure(version: MeasuredVersion, params: Mapping[str, Any]) -> MeasurementResult:
        """The metric without and with each change, and its fall."""
        key = version.metric(params["metric"])
        sample, frame = version.sample(MAX_ROWS)
        truth = sample.rows.truth
        clean = version.value(key, version.score(frame), truth)
        changes = []
        for title, changed in perturbed(frame, version.info.signature, params):
            value = version.value(key, version.score(changed), truth)
            fall = version.loss(key, value, clean)
            if value == value:  # NaN: the rows do not allow the metric
                changes.append({"title": title, "value": value, "fall": fall})
        if not changes or clean != clean:
            raise Conflict("none of its inputs can be changed")
        rows = f"{len(frame):,} of {version.rows}"
        return MeasurementResult({"metric": key, "value": clean, "changes": changes}, rows)


def perturbed(
    frame: pd.DataFrame, signature: Signature, params: Mapping[str, Any]
) -> Iterator[tuple[str, pd.DataFrame]]:
    """Changed copies of rows with what was changed. Seeded, so that they are the same each time."""
    import numpy as np
    import pandas as pd

    rng = np.random.default_rng(SEED)
    fields = [field for field in signature.inputs if field.name in frame]
    numbers = [f for f in fields if f.type in ("number", "integer")]
    numbers = [f for f in numbers if pd.api.types.is_numeric_dtype(frame[f.name])]

    def moved(field: Any, by: Any) -> Any:
        values = frame[field.name].astype(float)
        changed = values + by * (float(values.std()) or 0.0)
        return changed.round() if field.type == "integer" else changed

    if numbers and params["noise"]:
        noisy = {f.name: moved(f, params["noise"] * rng.normal(size=len(frame))) for f in numbers}
        yield "noise on every number", frame.assign(**noisy)
    optional = [f.name for f in fields if f.takes_missing]
    if optional and params["missing"]:
        gone = {name: frame[name].astype(object).mask(rng.random(len(frame)) < params["missing"])
                for name in optional}  # fmt: skip
        yield f"{params['missing']:.0%} of the values missing", frame.assign(
            **{name: column.astype(frame[name].dtype) if frame[name].dtype.kind in "fM" else column
               for name, column in gone.items()}
        )  # fmt: skip
    if params["shift"]:
        for field in numbers[:MAX_SHIFTED]:
            shifted = frame.assign(**{field.name: moved(field, params["shift"])})
            yield f"{field.name} shifted", shifted
