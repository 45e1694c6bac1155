"""Regression: a number."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar

from pilothouse.models.evaluation_charts import (
    error_by_decile,
    error_over_time,
    predicted_against_actual,
    residual_histogram,
)
from pilothouse.models.number_labels import NumberLabels
from pilothouse.models.signature import Signature
from pilothouse.models.target_facts import TargetFacts, holds_measurements, number_problem
from pilothouse.models.tasks import (
    PREDICT,
    Columns,
    DefaultGate,
    Estimator,
    GroupRate,
    MetricGoal,
    OutputColumn,
    Row,
    TaskExample,
    TaskMetric,
    rows_of,
    tasks,
)

if TYPE_CHECKING:
    from pilothouse.models.metrics.weighted_metrics import Measures
    from pilothouse.models.tasks import Arrays, Floats

SLICES = {"min_rows": 200, "shortfall": 1.0, "too_few": "passed"}


@tasks.register("regression")
class Regression(NumberLabels):
    """One predicted number a row, in the unit of the target."""

    title = "Regression"
    description = "A number, in the unit of the target."
    estimator: ClassVar[Estimator] = "regressor"
    has_classes = False
    has_threshold = False
    default_levels: ClassVar[tuple[float, ...]] = ()
    metrics = (
        TaskMetric("mae", "Mean absolute error", "lower", ".4g", 0.25, True, True, estimated=True),
        TaskMetric(
            "rmse", "Root mean squared error", "lower", ".4g", 0.25, True, True, estimated=True
        ),
        TaskMetric("r2", "R²", "higher", tolerance=0.1),
        TaskMetric("median_ae", "Median absolute error", "lower", ".4g", 0.25, True, True),
        TaskMetric("mape", "Mean absolute percentage error", "lower", ".2%"),
        TaskMetric("max_error", "Largest error", "lower", ".4g", in_target_unit=True),
        TaskMetric("mean_error", "Mean error (bias)", "unknown", ".4g", in_target_unit=True),
    )

    group_rates = (GroupRate("mean_error", "Mean error", is_share=False),)
    example = TaskExample(
        Signature((), "price", task="regression", gives="value", unit="USD"),
        rows=([10.0], [12.5], [9.0], [20.0]),
        labels=(11.0, 12.0, 9.5, 16.0),
    )

    @staticmethod
    def goal(signature: Signature) -> MetricGoal | None:
        """To be no worse than the mean of the target."""
        return MetricGoal("r2", 0.0)

    @staticmethod
    def default_gates(signature: Signature) -> tuple[DefaultGate, ...]:
        """Errors grow with the target in honest data: a slice may have twice that of all rows."""
        better = DefaultGate("baseline_beaten", {"against": "constant"})
        return better, DefaultGate("worst_slice", SLICES)

    @staticmethod
    def check(signature: Signature) -> None:
        """Any signature will do."""

    @staticmethod
    def suits_target(target: TargetFacts) -> bool:
        """Numbers that are not a few classes."""
        return holds_measurements(target)

    @staticmethod
    def target_problem(target: TargetFacts) -> str:
        """Anything but numbers that vary."""
        return number_problem(target)

    @staticmethod
    def columns(signature: Signature) -> tuple[OutputColumn, ...]:
        """The predicted number."""
        title = f"Predicted {signature.target}" if signature.target else "Prediction"
        return (OutputColumn(PREDICT, "number", title, signature.unit),)

    @staticmethod
    def sent_columns(signature: Signature) -> tuple[OutputColumn, ...]:
        """The predicted number."""
        return Regression.columns(signature)

    @staticmethod
    def raw_rows(signature: Signature, columns: Mapping[str, Sequence[Any]]) -> list[Row]:
        """One value a row."""
        return rows_of(columns, [PREDICT])

    @staticmethod
    def decide(signature: Signature, rows: Sequence[Row]) -> Columns:
        """The only value of each row."""
        return {PREDICT: [row[0] for row in rows]}

    @staticmethod
    def predictions(signature: Signature, columns: Mapping[str, Sequence[Any]]) -> list[Any]:
        """The predicted numbers."""
        return list(columns[PREDICT])

    @staticmethod
    def compute_metrics(signature: Signature, columns: Arrays, truth: Floats) -> dict[str, float]:
        """Every metric that the rows allow."""
        from pilothouse.models.metrics.number_metrics import regression_metrics

        return regression_metrics(truth, _predicted(columns)) if len(truth) else {}

    @staticmethod
    def documents(
        signature: Signature, columns: Arrays, truth: Floats, at: Sequence[int] | None = None
    ) -> dict[str, Any]:
        """Residuals, predicted against actual, error by decile and, with times, over time."""
        if not len(truth):
            return {}
        predicted, unit = _predicted(columns), signature.unit
        documents = {
            "evaluation/predicted_actual.json": predicted_against_actual(truth, predicted, unit),
            "evaluation/residuals.json": residual_histogram(predicted - truth, unit),
            "evaluation/error_by_decile.json": error_by_decile(truth, predicted, unit),
        }
        if at is not None:
            documents["evaluation/error_over_time.json"] = error_over_time(
                truth, predicted, at, unit
            )
        return documents

    @staticmethod
    def row_cost(signature: Signature, columns: Arrays, truth: Floats) -> Floats:
        """The absolute error."""
        import numpy as np

        return np.asarray(np.abs(_predicted(columns) - truth), dtype=np.float64)

    @staticmethod
    def measures(signature: Signature, columns: Arrays, truth: Floats) -> Measures:
        """Every metric; the largest error has no test."""
        from pilothouse.models.metrics.number_metrics import regression_measures

        return regression_measures(truth, _predicted(columns))

    @staticmethod
    def row_rates(signature: Signature, columns: Arrays, truth: Floats) -> dict[str, Floats]:
        """The error of each row: above 0 where the prediction is too high."""
        return {"mean_error": _predicted(columns) - truth}

    @staticmethod
    def row_losses(signature: Signature, columns: Arrays, truth: Floats) -> Floats:
        """The absolute and the squared error."""
        import numpy as np

        error = _predicted(columns) - truth
        return np.column_stack([np.abs(error), np.square(error)])

    @staticmethod
    def loss_metrics(signature: Signature, means: Floats) -> dict[str, float]:
        """The mean absolute error, and the root of the mean squared one."""
        return {"mae": float(means[0]), "rmse": float(means[1]) ** 0.5}


def _predicted(columns: Arrays) -> Floats:
    import numpy as np

    return np.asarray(columns[PREDICT], dtype=np.float64)
