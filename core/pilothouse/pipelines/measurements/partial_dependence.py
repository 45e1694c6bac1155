"""The mean answer on the held-out rows when an input has one value in all of them, by value."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pilothouse.explanations.dependence import MAX_ROWS, dependence, grid_of
from pilothouse.explanations.explained_output import all_values, explained_outputs
from pilothouse.explanations.held_out import plain_frame
from pilothouse.kit.errors import Conflict
from pilothouse.pipelines.measured_version import MeasuredVersion
from pilothouse.pipelines.measurements import MeasurementResult, measurement_kinds

MAX_COLUMNS, MAX_OUTPUTS = 30, 6


@measurement_kinds.register("partial_dependence")
class PartialDependenceMeasurement:
    """A sample of the held-out rows, with every value of an input's grid in turn."""

    title = "Partial dependence"
    description = "The mean answer when an input has one value in every row, for each value."

    @staticmethod
    def measure(version: MeasuredVersion, params: Mapping[str, Any]) -> MeasurementResult:
        """The means by value for each input, and single rows of the first output."""
        _, rows = version.sample(MAX_ROWS)
        signature = version.info.signature
        frame = plain_frame(signature, rows)
        fields = [f for f in signature.inputs if f.name in frame and f.type != "time"]
        chosen = [f for f in fields if f.name in (params["columns"] or frame.columns)]
        grids = {f.name: grid_of(frame[f.name], f) for f in chosen[:MAX_COLUMNS]}
        grids = {name: grid for name, grid in grids.items() if len(grid) > 1}
        outputs = explained_outputs(signature)[:MAX_OUTPUTS]
        if not grids or not outputs:
            raise Conflict("none of its inputs has two values to be compared")
        curves = []
        for number, (name, grid) in enumerate(grids.items()):
            version.report(number / len(grids), f"partial dependence on {name}")
            curves.append(
                dependence(
                    lambda f: all_values(signature, version.score(f), MAX_OUTPUTS),
                    frame, name, grid,
                ).to_json()
            )  # fmt: skip
        figures = {"outputs": [output.to_json() for output in outputs], "columns": curves}
        return MeasurementResult(figures, f"{len(frame):,} of {version.rows}")
