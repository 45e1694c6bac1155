"""Criteria of a rollout: what of the candidate is compared with the stable version. One file each.

A criterion is pure: from two samples of the same time to an outcome. `failed` is said only when the
interval excludes what is allowed, `passed` only when it excludes more than that; else it is
`inconclusive`, and a person or more requests must decide.
"""

from __future__ import annotations

from typing import Protocol

from pilothouse.deployments.analysis.criterion_result import CriterionResult
from pilothouse.deployments.analysis.traffic_needed import RequestShares
from pilothouse.deployments.analysis.variant_samples import VariantSample
from pilothouse.kit.parameters import Parameter, Params
from pilothouse.kit.plugins import Plugins


class Criterion(Protocol):
    """One thing that two variants are compared by."""

    @property
    def title(self) -> str:
        """Its name for people: "Errors"."""
        ...

    @property
    def description(self) -> str:
        """What it compares and when it fails, in a sentence or two."""
        ...

    @property
    def required(self) -> bool:
        """Whether a rollout waits until it is decided; others count once they have data."""
        ...

    @property
    def parameters(self) -> tuple[Parameter, ...]:
        """Its parameters; `limit` is what is allowed."""
        ...

    def compare(
        self, stable: VariantSample, candidate: VariantSample, params: Params, level: float
    ) -> CriterionResult:
        """Compare the candidate with the stable version; wrong with at most probability `level`,
        however often it is looked at."""
        ...

    def requests_needed(self, params: Params, level: float, today: RequestShares) -> int | None:
        """About how many requests of each version it takes until an equal candidate passes.

        `today` is what becomes of requests now. None when that cannot be told beforehand.
        """
        ...


criteria: Plugins[Criterion] = Plugins(__name__, "criterion of a rollout")
