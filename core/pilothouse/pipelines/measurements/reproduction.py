"""The training of a version, run again from its stored spec and data."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pilothouse.kit.errors import Conflict
from pilothouse.pipelines.measured_version import MeasuredVersion
from pilothouse.pipelines.measurements import MeasurementResult, measurement_kinds


@measurement_kinds.register("reproduction")
class ReproductionMeasurement:
    """It leaves no run: only the metric is compared."""

    title = "Training run again"
    description = "The metric of the same training, run again on the same data."

    @staticmethod
    def measure(version: MeasuredVersion, params: Mapping[str, Any]) -> MeasurementResult:
        """The metric as it was recorded, and that of the training now."""
        from pilothouse.training.candidate import fit_candidate

        key, recorded = version.metric(params["metric"]), version.info.metrics
        data = version.training
        again = fit_candidate(data, version.spec.params, lambda phase: version.report(
            phase.start, phase.message)).metrics  # fmt: skip
        if key not in recorded or key not in again:
            raise Conflict(f"its training did not record {key}")
        figures = {"metric": key, "recorded": recorded[key], "again": again[key]}
        return MeasurementResult(
            figures, f"{len(data.split.test):,} held-out rows of {data.dataset}"
        )
