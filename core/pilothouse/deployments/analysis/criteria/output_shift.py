"""Whether the candidate answers otherwise: the distribution of its first output."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from pilothouse.deployments.analysis.confidence_sequences import (
    AnytimeInterval,
    distribution_distance,
    share_difference,
)
from pilothouse.deployments.analysis.criteria import criteria
from pilothouse.deployments.analysis.criterion_result import (
    CriterionResult,
    decided,
    finite,
    no_data,
)
from pilothouse.deployments.analysis.traffic_needed import RequestShares, answers_for_distance
from pilothouse.deployments.analysis.variant_samples import VariantSample
from pilothouse.kit.parameters import Parameter, Params
from pilothouse.models.tasks import OutputColumn, task_of

KIND = "output_shift"


@criteria.register(KIND)
class OutputShift:
    """Distance of the answers' distributions: Kolmogorov and Smirnov's, or of classes the largest
    difference of a share."""

    title = "Shift of the outputs"
    description = (
        "The distributions of both versions' answers may be at most `limit` apart (0 to 1). "
        "Callers are split by chance, so a larger distance is the model's own."
    )
    required = False
    parameters = (
        Parameter(
            "limit",
            "number",
            0.3,
            low=0.0,
            high=1.0,
            title="May be apart by",
            help="0 for equal distributions, 1 for ones without a common value.",
        ),
    )

    @staticmethod
    def compare(
        stable: VariantSample, candidate: VariantSample, params: Params, level: float
    ) -> CriterionResult:
        """Judged on the distance with its band; of a class, on the difference of its share."""
        column = _first_output(stable, candidate)
        if column is None:
            return no_data(KIND, "no answers of both versions yet")
        before, after = (sample.outputs[column.name] for sample in (stable, candidate))
        limit = params.number("limit")
        if column.kind == "number":
            distance = distribution_distance(_numbers(before), _numbers(after), level)
            where = ""
        else:
            distance, where = _class_distance(before, after, level)
        message = (
            f"{column.title}: {distance.estimate:.3f} apart{where}, over {len(after):,} answers"
        )
        return CriterionResult(
            KIND, decided(distance, limit), message, None, distance.estimate,
            finite(distance.low), finite(distance.high), limit,
        )  # fmt: skip

    @staticmethod
    def requests_needed(params: Params, level: float, today: RequestShares) -> int | None:
        """As many as exclude the distance for numbers; classes take fewer."""
        return answers_for_distance(params.number("limit"), level)


def _first_output(stable: VariantSample, candidate: VariantSample) -> OutputColumn | None:
    """The most telling output that both have answered."""
    for column in task_of(candidate.signature).columns(candidate.signature):
        answers = [sample.outputs.get(column.name, ()) for sample in (stable, candidate)]
        if all(len(values) for values in answers):
            return column
    return None


def _numbers(values: npt.NDArray[Any]) -> npt.NDArray[np.float64]:
    numbers = values.astype(np.float64)
    return numbers[np.isfinite(numbers)]


def _class_distance(
    before: npt.NDArray[Any], after: npt.NDArray[Any], level: float
) -> tuple[AnytimeInterval, str]:
    """The largest difference of a class's share, the level divided among the classes."""
    classes = sorted({str(one) for one in before} | {str(one) for one in after})
    texts = [np.array([str(one) for one in values]) for values in (before, after)]
    widest, where = AnytimeInterval(0.0, 0.0, 0.0), ""
    for name in classes:
        counts = [(int((values == name).sum()), len(values)) for values in texts]
        change = share_difference(counts[0], counts[1], level / len(classes))
        size = AnytimeInterval(
            abs(change.estimate),
            max(change.low, -change.high, 0.0),
            max(abs(change.low), abs(change.high)),
        )
        if size.estimate >= widest.estimate:
            widest, where = size, f" (share of {name})"
    return widest, where
