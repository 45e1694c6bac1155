"""Quantile and interval regression: a number for each of several levels."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar

from pilothouse.kit.errors import Invalid
from pilothouse.models.evaluation_charts import in_unit, predicted_against_actual
from pilothouse.models.number_labels import NumberLabels
from pilothouse.models.signature import Signature
from pilothouse.models.target_facts import TargetFacts, number_problem
from pilothouse.models.tasks import (
    Columns,
    DefaultGate,
    Estimator,
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

WIDTH = "width"

SLICES = {"min_rows": 200, "shortfall": 1.0, "too_few": "passed"}


@tasks.register("quantile")
class Quantile(NumberLabels):
    """One number per level, the levels rising; the outermost two are the interval."""

    title = "Quantile regression"
    description = "A number for each quantile level; the outermost two make an interval."
    estimator: ClassVar[Estimator] = "quantiles"
    has_classes = False
    has_threshold = False
    default_levels: ClassVar[tuple[float, ...]] = (0.1, 0.5, 0.9)
    metrics = (
        TaskMetric("pinball", "Pinball loss", "lower", ".4g", 0.25, True, True, estimated=True),
        TaskMetric("coverage", "Coverage of the interval", "higher", ".1%", 0.1),
        TaskMetric("coverage_gap", "Coverage off nominal", "lower", ".1%", is_calibration=True),
        TaskMetric("width", "Mean width of the interval", "lower", ".4g", in_target_unit=True),
        TaskMetric("interval_score", "Interval score", "lower", ".4g", 0.25, True, True),
        TaskMetric("mae", "Mean absolute error of the median", "lower", ".4g", 0.25, True, True),
        TaskMetric("crossings", "Rows with crossing quantiles", "lower", ".1%"),
    )

    example = TaskExample(
        Signature((), "price", task="quantile", gives="value", levels=(0.1, 0.5, 0.9)),
        rows=([8.0, 10.0, 13.0], [9.0, 12.5, 14.0], [7.0, 9.0, 11.0], [15.0, 20.0, 22.0]),
        labels=(11.0, 12.0, 9.5, 14.0),
    )

    @staticmethod
    def goal(signature: Signature) -> MetricGoal | None:
        """There is none: no figure of one data set says what is good on another."""
        return None

    @staticmethod
    def default_gates(signature: Signature) -> tuple[DefaultGate, ...]:
        """The interval must hold about as many values as it says."""
        better = DefaultGate("baseline_beaten", {"against": "constant"})
        slices = DefaultGate("worst_slice", SLICES)
        return better, DefaultGate("calibration", {"error": 0.15}), slices

    @staticmethod
    def check(signature: Signature) -> None:
        """Raises Invalid unless there are levels between 0 and 1, rising."""
        levels = signature.levels
        if not levels or any(not 0 < level < 1 for level in levels):
            raise Invalid(
                "the signature needs quantile levels between 0 and 1.",
                fields={"levels": "needed, between 0 and 1"},
            )
        if list(levels) != sorted(set(levels)):
            raise Invalid("the quantile levels must rise.", fields={"levels": "must rise"})

    @staticmethod
    def suits_target(target: TargetFacts) -> bool:
        """Never: a person chooses it."""
        return False

    @staticmethod
    def target_problem(target: TargetFacts) -> str:
        """Anything but numbers that vary."""
        return number_problem(target)

    @staticmethod
    def columns(signature: Signature) -> tuple[OutputColumn, ...]:
        """Each quantile, and the width of the interval."""
        unit = signature.unit
        quantiles = tuple(
            OutputColumn(_column(level), "number", f"Quantile {level:g}", unit)
            for level in signature.levels
        )
        if len(quantiles) < 2:
            return quantiles
        return (*quantiles, OutputColumn(WIDTH, "number", "Width of the interval", unit))

    @staticmethod
    def sent_columns(signature: Signature) -> tuple[OutputColumn, ...]:
        """Each quantile."""
        return Quantile.columns(signature)[: len(signature.levels)]

    @staticmethod
    def raw_rows(signature: Signature, columns: Mapping[str, Sequence[Any]]) -> list[Row]:
        """One value per level."""
        return rows_of(columns, [_column(level) for level in signature.levels])

    @staticmethod
    def decide(signature: Signature, rows: Sequence[Row]) -> Columns:
        """The quantiles and the width of the interval."""
        columns: Columns = {
            _column(level): [row[index] for row in rows]
            for index, level in enumerate(signature.levels)
        }
        if len(signature.levels) > 1:
            last = len(signature.levels) - 1
            columns[WIDTH] = [row[last] - row[0] for row in rows]
        return columns

    @staticmethod
    def predictions(signature: Signature, columns: Mapping[str, Sequence[Any]]) -> list[Any]:
        """One number per level, as a list; a plain number when there is one level."""
        parts = [columns[_column(level)] for level in signature.levels]
        return (
            list(parts[0]) if len(parts) == 1 else [list(row) for row in zip(*parts, strict=True)]
        )

    @staticmethod
    def compute_metrics(signature: Signature, columns: Arrays, truth: Floats) -> dict[str, float]:
        """Every metric that the levels allow."""
        from pilothouse.models.metrics.number_metrics import quantile_metrics

        if not len(truth):
            return {}
        return quantile_metrics(truth, _quantiles(signature, columns), signature.levels)

    @staticmethod
    def documents(
        signature: Signature, columns: Arrays, truth: Floats, at: Sequence[int] | None = None
    ) -> dict[str, Any]:
        """Coverage by decile, how often each quantile is reached, the middle one against actual."""
        if not len(truth):
            return {}
        quantiles, unit = _quantiles(signature, columns), signature.unit
        middle = quantiles[:, quantiles.shape[1] // 2]
        documents = {
            "evaluation/levels.json": _reliability(signature.levels, quantiles, truth),
            "evaluation/predicted_actual.json": predicted_against_actual(truth, middle, unit),
        }
        if len(signature.levels) > 1:
            documents["evaluation/coverage_by_decile.json"] = _coverage(quantiles, truth, unit)
        return documents

    @staticmethod
    def row_cost(signature: Signature, columns: Arrays, truth: Floats) -> Floats:
        """The mean pinball loss over the levels."""
        import numpy as np

        from pilothouse.models.metrics.number_metrics import pinball

        quantiles = _quantiles(signature, columns)
        losses = [pinball(truth, quantiles[:, k], lv) for k, lv in enumerate(signature.levels)]
        return np.asarray(np.mean(losses, axis=0), dtype=np.float64)

    @staticmethod
    def measures(signature: Signature, columns: Arrays, truth: Floats) -> Measures:
        """Every metric that the levels allow."""
        from pilothouse.models.metrics.number_metrics import quantile_measures

        return quantile_measures(truth, _quantiles(signature, columns), signature.levels)

    @staticmethod
    def row_losses(signature: Signature, columns: Arrays, truth: Floats) -> Floats:
        """The mean pinball loss over the levels."""
        return Quantile.row_cost(signature, columns, truth)[:, None]

    @staticmethod
    def loss_metrics(signature: Signature, means: Floats) -> dict[str, float]:
        """The mean pinball loss."""
        return {"pinball": float(means[0])}


def _column(level: float) -> str:
    return f"q.{level:g}"


def _quantiles(signature: Signature, columns: Arrays) -> Floats:
    import numpy as np

    parts = [np.asarray(columns[_column(level)], np.float64) for level in signature.levels]
    return np.column_stack(parts)


def _reliability(levels: tuple[float, ...], quantiles: Floats, y: Floats) -> dict[str, Any]:
    """The share of rows at or below each quantile, which should be its level."""
    observed = [float((y <= quantiles[:, k]).mean()) for k in range(len(levels))]
    return {
        "type": "line",
        "title": "Reliability of the levels",
        "x_title": "Level",
        "y_title": "Rows at or below the quantile",
        "lines": [{"name": "Observed", "x": list(levels), "y": observed}],
        "diagonal": True,
    }


def _coverage(quantiles: Floats, y: Floats, unit: str) -> dict[str, Any]:
    """The coverage of the interval in each tenth of the rows by the middle of the interval."""
    import numpy as np

    from pilothouse.models.metrics.number_metrics import by_decile

    low, high = quantiles[:, 0], quantiles[:, -1]
    inside = ((y >= low) & (y <= high)).astype(np.float64)
    centre, coverage, rows = by_decile((low + high) / 2, inside)
    return {
        "type": "bars",
        "title": "Coverage by decile",
        "x_title": in_unit("Mean middle of the interval", unit),
        "y_title": "Rows inside the interval",
        "x": [f"{value:.4g}" for value in centre],
        "y": coverage,
        "rows": rows,
    }
