"""The slice of the held-out rows that falls farthest behind all of them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pilothouse.comparison.slices import slices
from pilothouse.experiments.metrics.kinds import metric_kind
from pilothouse.pipelines.measured_version import MeasuredVersion
from pilothouse.pipelines.measurements import MeasurementResult, measurement_kinds


@measurement_kinds.register("worst_slice")
class WorstSliceMeasurement:
    """Values and ranges of every input, as a comparison of runs slices them."""

    title = "Worst slice"
    description = "The metric on every value or range of every input, and where it is worst."

    @staticmethod
    def measure(version: MeasuredVersion, params: Mapping[str, Any]) -> MeasurementResult:
        """The worst slice: column, segment, rows, value and shortfall; nothing without slices."""
        key, run = version.metric(params["metric"]), version.run.id
        kind = metric_kind(key, version.info.signature.task)
        report = slices(
            {run: version.predictions}, {run: version.features}, {run: ""}, kind, params["min_rows"]
        )
        judged = report.frame.dropna(subset=["shortfall"])
        if judged.empty:
            return MeasurementResult({"metric": key, "slices": 0}, version.rows)
        worst = judged.loc[judged["shortfall"].idxmax()]
        figures = {name: float(worst[name]) for name in ("value", "overall", "shortfall")}
        about = {name: str(worst[name]) for name in ("column", "segment")}
        counts = {"count": int(worst["rows"]), "slices": len(judged)}
        return MeasurementResult({"metric": key, **about, **figures, **counts}, version.rows)
