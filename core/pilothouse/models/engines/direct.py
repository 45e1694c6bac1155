"""The arithmetic of scikit-learn's models, without the checks that it makes for every call."""

from __future__ import annotations

from typing import Any, cast

from pilothouse.models.columns import Columns, Lists
from pilothouse.models.engines import Compute, engines
from pilothouse.models.first_matrix import matrix_of, steps_of
from pilothouse.models.fitted_estimator import FittedEstimator


@engines.register("direct")
class DirectEngine:
    """Known steps by numpy, trees by their own compiled code, other models asked on arrays."""

    title = "Direct arithmetic"
    description = (
        "What the steps and the model learnt, computed by numpy and the library's compiled trees "
        "in the library's own order, without its checks of the input at every step."
    )
    order = 20
    tolerance = 1e-12
    is_steady = True

    @staticmethod
    def build(fitted: FittedEstimator) -> Compute | None:
        """For pipelines whose steps are known; rows that the library checks are left to it."""
        import numpy as np

        from pilothouse.models.numpy_models import model_of
        from pilothouse.models.numpy_steps import chain_of

        steps = steps_of(fitted.model)
        start = matrix_of(steps, fitted)
        before = chain_of(steps[:-1])
        if start is None or before is None:
            return None
        model = model_of(steps[-1], fitted.method, is_sparse=before.is_sparse)
        if model is None:
            return None
        transform, answer, takes_missing = before.transform, model.answer, model.takes_missing
        library = getattr(fitted.model, fitted.method)

        def compute(columns: Columns) -> Any:
            rows = transform(start(columns))
            if not takes_missing and not np.isfinite(rows).all():
                return library(
                    fitted.inputs(cast(Lists, columns))
                )  # which says what is wrong, or answers
            return answer(rows)

        return compute
