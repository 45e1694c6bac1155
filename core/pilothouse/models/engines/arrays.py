"""The library's own model, asked on arrays instead of frames."""

from __future__ import annotations

import warnings
from typing import Any

from pilothouse.models.columns import Columns
from pilothouse.models.engines import Compute, engines
from pilothouse.models.first_matrix import matrix_of, steps_of
from pilothouse.models.fitted_estimator import FittedEstimator


@engines.register("arrays")
class ArraysEngine:
    """For models of numbers that were fitted on frames, and for steps that numpy can compute."""

    title = "Library on arrays"
    description = (
        "The library's own model on an array of numbers: no frame is made for a request, and steps "
        "before the model that are known are computed by numpy."
    )
    order = 30
    tolerance = 1e-12  # the library's sums over rows in another layout may differ in the last bit
    is_steady = False

    @staticmethod
    def build(fitted: FittedEstimator) -> Compute | None:
        """None where the library is given arrays already, or needs names."""
        from pilothouse.models.numpy_steps import chain_of

        steps = steps_of(fitted.model)
        count = len(steps)
        start = matrix_of(steps, fitted)
        if start is None:
            return None
        before = chain_of(steps[:-1])
        is_known = before is not None and not before.is_sparse
        own = steps[-1] if is_known else fitted.model
        is_named = hasattr(fitted.model, "feature_names_in_")
        if len(steps) < count and not is_known:
            return None  # an encoder was taken off, and what follows it must follow it
        if not is_named and (len(steps) == 1 or not is_known):
            return None
        method = getattr(own, fitted.method)
        warnings.filterwarnings("ignore", message="X does not have valid feature names")

        def compute(columns: Columns) -> Any:
            rows = start(columns)
            return method(before.transform(rows) if before is not None and is_known else rows)

        return compute
