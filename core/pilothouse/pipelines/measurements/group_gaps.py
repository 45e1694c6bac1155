"""Differences between groups of people on the held-out rows."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from pilothouse.comparison.group_differences import GroupGap, gap, group_means
from pilothouse.kit.errors import Conflict
from pilothouse.models.tasks import ComparesGroups
from pilothouse.pipelines.measured_version import MeasuredVersion
from pilothouse.pipelines.measurements import MeasurementResult, measurement_kinds

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

COST = "Mean cost difference"


@measurement_kinds.register("group_gaps")
class GroupGapsMeasurement:
    """Rates of the task by group; of a task without shares, what its rows cost."""

    title = "Groups compared"
    description = "The largest difference of each rate between two groups of each column."

    @staticmethod
    def measure(version: MeasuredVersion, params: Mapping[str, Any]) -> MeasurementResult:
        """Every gap with its two groups, and how many groups are too small."""
        names = [name.strip() for name in params["columns"].split(",") if name.strip()]
        frame, gaps, small = version.columns(names), [], 0
        for name in names:
            groups = frame[name].astype(object).where(frame[name].notna(), "missing").map(str)
            for title, values, scale in _rates(version):
                means, too_small = group_means(groups, values, params["min_rows"])
                small = max(small, too_small)
                difference = gap(title, name, means, scale)
                gaps += [difference] if isinstance(difference, GroupGap) else []
        if not gaps:
            raise Conflict(f"no column has two groups of {params['min_rows']} rows")
        figures = {"gaps": [gap_of_groups.to_json() for gap_of_groups in gaps], "too_small": small}
        return MeasurementResult(figures, version.rows)


def _rates(version: MeasuredVersion) -> Iterator[tuple[str, npt.NDArray[np.float64], float]]:
    """Title, what each row adds, and the scale of each rate."""
    rows, task = version.predictions.rows, version.task
    shares = []
    if isinstance(task, ComparesGroups):
        made = task.row_rates(version.info.signature, rows.columns, rows.truth)
        shares = [rate for rate in task.group_rates if rate.is_share]
        for rate in shares:
            yield rate.criterion or f"{rate.title} difference", made[rate.key], 1.0
    if not shares:
        cost = version.predictions.row_cost()
        yield COST, cost, float(cost.mean()) or 1.0
