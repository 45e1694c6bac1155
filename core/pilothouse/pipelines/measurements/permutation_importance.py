"""How far a metric falls on the held-out rows when an input is shuffled."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pilothouse.explanations.held_out import plain_frame
from pilothouse.explanations.permuted_columns import MAX_ROWS, permuted_columns
from pilothouse.kit.errors import Conflict
from pilothouse.pipelines.measured_version import MeasuredVersion
from pilothouse.pipelines.measurements import MeasurementResult, measurement_kinds


@measurement_kinds.register("permutation_importance")
class PermutationImportanceMeasurement:
    """The inputs of a sample of the held-out rows, shuffled one at a time."""

    title = "Permutation importance"
    description = "How far a metric falls when the values of each input are shuffled among rows."

    @staticmethod
    def measure(version: MeasuredVersion, params: Mapping[str, Any]) -> MeasurementResult:
        """The metric as it is, and each input's falls, the largest first."""
        key = version.metric(params["metric"])
        sample, rows = version.sample(MAX_ROWS)
        frame, truth = plain_frame(version.info.signature, rows), sample.rows.truth
        value = version.value(key, version.score(frame), truth)
        if value != value:
            raise Conflict(f"its held-out rows do not allow {key}")
        sign = -version.loss(key, 1.0, 0.0)  # 1 of a metric that is better when it is higher
        falls = permuted_columns(
            lambda shuffled: sign * version.value(key, version.score(shuffled), truth),
            frame,
            list(frame.columns),
            report=lambda share: version.report(share, "shuffling inputs"),
        )
        columns = [
            {"column": item.column, "mean": item.mean, "std": item.std, "falls": list(item.falls)}
            for item in sorted(falls, key=lambda item: -item.mean)
        ]
        figures = {"metric": key, "value": value, "columns": columns}
        return MeasurementResult(figures, f"{len(frame):,} of {version.rows}")
