"""How often a shadow decides otherwise than the live version, for the same rows."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from pilothouse.deployments.analysis.confidence_sequences import share
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

KIND = "disagreement"


@criteria.register(KIND)
class Disagreement:
    """Rows for which two versions give another class, or numbers further apart than is allowed."""

    title = "Disagreement"
    description = (
        "At most a share `limit` of the mirrored rows may get another class, or a number further "
        "apart than `spread` standard deviations of the live answers."
    )
    required = False
    parameters = (
        Parameter(
            "limit",
            "number",
            0.1,
            low=0.0,
            high=1.0,
            title="Share of rows",
            help="0.1 is one row in ten.",
        ),
        Parameter(
            "spread",
            "number",
            0.5,
            low=0.0,
            title="Standard deviations",
            help="Numbers that are closer count as the same.",
        ),
    )

    @staticmethod
    def compare(
        stable: VariantSample, candidate: VariantSample, params: Params, level: float
    ) -> CriterionResult:
        """Judged on the share of the candidate's mirrored rows; the stable sample is not used."""
        names = [c.name for c in task_of(candidate.signature).columns(candidate.signature)]
        name = next((n for n in names if n in candidate.mirrored), None)
        if name is None:
            return no_data(KIND, "no mirrored rows yet")
        live, own = candidate.mirrored[name], candidate.outputs[name]
        differ = _differ(live, own, params.number("spread"))
        limit, count = params.number("limit"), int(differ.sum())
        rate = share(count, len(differ), level)
        message = (
            f"{count:,} of {len(differ):,} mirrored rows are answered otherwise "
            f"({rate.estimate:.1%})"
        )
        return CriterionResult(
            KIND, decided(rate, limit), message, None, rate.estimate,
            finite(rate.low), finite(rate.high), limit,
        )  # fmt: skip

    @staticmethod
    def requests_needed(params: Params, level: float, today: RequestShares) -> int | None:
        """It depends on how often the versions disagree."""
        return None


def _differ(live: npt.NDArray[Any], own: npt.NDArray[Any], spread: float) -> npt.NDArray[np.bool_]:
    if live.dtype == np.float64 and own.dtype == np.float64:
        allowed: npt.NDArray[np.bool_] = np.abs(live - own) > spread * live.std()
        return allowed
    return np.array([str(a) != str(b) for a, b in zip(live, own, strict=True)])
