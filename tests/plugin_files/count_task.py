"""A task that is one file of another package: how often something happens."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar

from pilothouse.models.number_labels import NumberLabels, read_number
from pilothouse.models.signature import Signature
from pilothouse.models.target_facts import TargetFacts, number_problem
from pilothouse.models.tasks import (
    Columns,
    Estimator,
    MetricGoal,
    OutputColumn,
    Row,
    TaskExample,
    TaskMetric,
)

if TYPE_CHECKING:
    from pilothouse.models.metrics.weighted_metrics import Measures
    from pilothouse.models.tasks import Arrays, Floats

RATE = "rate"
LEAST = 1e-6  # a rate below it counts as this one: no count is impossible


class Counts(NumberLabels):
    """The expected number of events of each row; labels are whole numbers from 0."""

    title = "Counts"
    description = "How many events a row will see."
    estimator: ClassVar[Estimator] = "regressor"
    has_classes = False
    has_threshold = False
    default_levels: ClassVar[tuple[float, ...]] = ()
    metrics = (
        TaskMetric("poisson_deviance", "Poisson deviance", "lower", ".4g", 0.25, True),
        TaskMetric("zeros", "Rows without an event", "unknown", ".1%"),
    )
    example = TaskExample(
        Signature((), "calls", task="counts", gives="value"),
        rows=([0.5], [2.0], [3.5], [1.0]),
        labels=(0, 2, 4, 1),
    )

    @staticmethod
    @staticmethod
    def goal(signature: Signature) -> MetricGoal | None:
        """A deviance of two."""
        return MetricGoal("poisson_deviance", 2.0)

    def check(signature: Signature) -> None:
        """Any signature will do."""

    @staticmethod
    def suits_target(target: TargetFacts) -> bool:
        """Only where a person chooses it."""
        return False

    @staticmethod
    def target_problem(target: TargetFacts) -> str:
        """Anything but whole numbers."""
        problem = number_problem(target)
        return problem if problem or target.whole else "holds fractions; counts are needed"

    @staticmethod
    def columns(signature: Signature) -> tuple[OutputColumn, ...]:
        """The rate."""
        return (OutputColumn(RATE, "number", "Expected events", low=0.0),)

    @staticmethod
    def sent_columns(signature: Signature) -> tuple[OutputColumn, ...]:
        """The rate."""
        return Counts.columns(signature)

    @staticmethod
    def raw_rows(signature: Signature, columns: Mapping[str, Sequence[Any]]) -> list[Row]:
        """One value a row."""
        return [[value] for value in columns[RATE]]

    @staticmethod
    def decide(signature: Signature, rows: Sequence[Row]) -> Columns:
        """The only value of each row, never below 0."""
        return {RATE: [max(float(row[0]), LEAST) for row in rows]}

    @staticmethod
    def predictions(signature: Signature, columns: Mapping[str, Sequence[Any]]) -> list[Any]:
        """The rates."""
        return list(columns[RATE])

    @staticmethod
    def read_label(signature: Signature, value: Any) -> Any:
        """A whole number from 0."""
        number = read_number(value)
        return number if number is not None and number >= 0 and number.is_integer() else None

    @staticmethod
    def compute_metrics(signature: Signature, columns: Arrays, truth: Floats) -> dict[str, float]:
        """The deviance, and how many rows see nothing."""
        if not len(truth):
            return {}
        deviance = Counts.row_cost(signature, columns, truth)
        return {"poisson_deviance": float(deviance.mean()), "zeros": float((truth == 0).mean())}

    @staticmethod
    def documents(
        signature: Signature, columns: Arrays, truth: Floats, at: Sequence[int] | None = None
    ) -> dict[str, Any]:
        """How many events were expected and seen, by the number seen."""
        import numpy as np

        if not len(truth):
            return {}
        seen = np.unique(truth)
        expected = [float(np.asarray(columns[RATE])[truth == count].mean()) for count in seen]
        return {
            "evaluation/expected.json": {
                "type": "bars",
                "title": "Expected by seen events",
                "x": [f"{count:g}" for count in seen],
                "y": expected,
            }
        }

    @staticmethod
    def row_cost(signature: Signature, columns: Arrays, truth: Floats) -> Floats:
        """The Poisson deviance of each row (McCullagh and Nelder 1989, section 2.3)."""
        import numpy as np

        rate = np.asarray(columns[RATE], dtype=np.float64)
        share = np.log(np.where(truth > 0, truth, 1) / rate)
        return np.asarray(2 * (np.where(truth > 0, truth * share, 0) - (truth - rate)))

    @staticmethod
    def measures(signature: Signature, columns: Arrays, truth: Floats) -> Measures:
        """Both metrics."""
        from pilothouse.models.metrics.weighted_metrics import mean_of, share_of

        return {
            "poisson_deviance": lambda: mean_of(Counts.row_cost(signature, columns, truth)),
            "zeros": lambda: share_of(truth == 0),
        }
