"""What the answers cost once the labels are there."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from pilothouse.deployments.analysis.confidence_sequences import mean_difference
from pilothouse.deployments.analysis.criteria import criteria
from pilothouse.deployments.analysis.criterion_result import (
    CriterionResult,
    decided,
    finite,
    no_data,
)
from pilothouse.deployments.analysis.traffic_needed import RequestShares
from pilothouse.deployments.analysis.variant_samples import VariantSample
from pilothouse.kit.parameters import Parameter, Params
from pilothouse.models.tasks import task_of

KIND = "realised_loss"


@criteria.register(KIND)
class RealisedLoss:
    """The mean of what a row costs by its task, such as its squared error."""

    title = "Loss with labels"
    description = (
        "The mean loss of labelled rows may be at most a share `limit` above the stable version's."
    )
    required = False
    parameters = (
        Parameter(
            "limit", "number", 0.1, low=0.0, title="May rise by",
            help="As a share of the stable version's loss.",
        ),
    )  # fmt: skip

    @staticmethod
    def compare(
        stable: VariantSample, candidate: VariantSample, params: Params, level: float
    ) -> CriterionResult:
        """Judged on the difference of the mean losses."""
        before, after = _losses(stable), _losses(candidate)
        if not len(before) or not len(after):
            return no_data(KIND, "no labels of both versions yet")
        rise = mean_difference(before, after, level)
        limit = params.number("limit") * float(before.mean())
        message = (
            f"mean loss {after.mean():.4g} over {len(after):,} labelled rows; "
            f"{before.mean():.4g} with the stable version, and {before.mean() + limit:.4g} allowed"
        )
        return CriterionResult(
            KIND, decided(rise, limit), message, float(before.mean()), float(after.mean()),
            finite(rise.low), finite(rise.high), limit,
        )  # fmt: skip

    @staticmethod
    def requests_needed(params: Params, level: float, today: RequestShares) -> int | None:
        """It depends on when labels come and how much losses differ."""
        return None


def _losses(sample: VariantSample) -> npt.NDArray[np.float64]:
    """The loss of each labelled row."""
    truth = sample.truth
    if not len(truth) or not sample.outputs:
        return np.empty(0)
    labelled = np.isfinite(truth) if truth.ndim == 1 else np.isfinite(truth).all(axis=1)
    if not labelled.any():
        return np.empty(0)
    outputs = {name: values[labelled] for name, values in sample.outputs.items()}
    task = task_of(sample.signature)
    return task.row_cost(sample.signature, outputs, truth[labelled])
