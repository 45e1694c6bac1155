"""Unspecified: any outputs. They are served, logged and watched for drift, but not measured."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar

from pilothouse.models.signature import OutputField, Signature
from pilothouse.models.target_facts import TargetFacts
from pilothouse.models.tasks import (
    Columns,
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

MAX_COLUMNS = 50
NUMBERS = ("number", "integer")


@tasks.register("unspecified")
class Unspecified:
    """The columns that the signature names, as the model gives them."""

    title = "Not specified"
    description = "Any outputs: served, logged and watched for drift, without metrics."
    estimator: ClassVar[Estimator] = ""
    has_classes = False
    has_threshold = False
    default_levels: ClassVar[tuple[float, ...]] = ()
    metrics: ClassVar[tuple[TaskMetric, ...]] = ()

    example = TaskExample(
        Signature((), task="unspecified", gives="value", outputs=(OutputField("distance"),)),
        rows=([0.3], [1.2], [-0.5], [0.9]),
        labels=(0.0, 2.0, 1.0, 0.0),
    )

    @staticmethod
    def goal(signature: Signature) -> MetricGoal | None:
        """There is none: no figure of one data set says what is good on another."""
        return None

    @staticmethod
    def check(signature: Signature) -> None:
        """Any signature will do."""

    @staticmethod
    def suits_target(target: TargetFacts) -> bool:
        """Never: training does not fit it."""
        return False

    @staticmethod
    def target_problem(target: TargetFacts) -> str:
        """Training does not fit it."""
        return "cannot be trained for this task here"

    @staticmethod
    def columns(signature: Signature) -> tuple[OutputColumn, ...]:
        """The first outputs that are numbers or categories."""
        return tuple(
            OutputColumn(
                output.name, "number" if output.type in NUMBERS else "category", output.name
            )
            for output in signature.outputs[:MAX_COLUMNS]
        )

    @staticmethod
    def sent_columns(signature: Signature) -> tuple[OutputColumn, ...]:
        """The outputs that are logged."""
        return Unspecified.columns(signature)

    @staticmethod
    def raw_rows(signature: Signature, columns: Mapping[str, Sequence[Any]]) -> list[Row]:
        """One value per output; None for those beyond the logged ones."""
        absent = [None] * len(next(iter(columns.values()), []))
        return rows_of({n: columns.get(n, absent) for n in signature.output_names},
                       signature.output_names)  # fmt: skip

    @staticmethod
    def decide(signature: Signature, rows: Sequence[Row]) -> Columns:
        """One column per output."""
        return {
            name: [row[index] for row in rows] for index, name in enumerate(signature.output_names)
        }

    @staticmethod
    def predictions(signature: Signature, columns: Mapping[str, Sequence[Any]]) -> list[Any]:
        """The only output of each row, or an object of several."""
        names = signature.output_names
        if len(names) == 1:
            return list(columns[names[0]])
        parts = [columns[name] for name in names]
        return [dict(zip(names, row, strict=True)) for row in zip(*parts, strict=True)]

    @staticmethod
    def read_label(signature: Signature, value: Any) -> Any:
        """Any plain value."""
        plain = value.item() if hasattr(value, "item") else value
        return plain if isinstance(plain, str | int | float) else None

    @staticmethod
    def label_hint(signature: Signature) -> str:
        """Any plain value."""
        return "a number, a text or a boolean"

    @staticmethod
    def truth(signature: Signature, labels: Sequence[Any]) -> Floats:
        """Labels cannot be compared with the outputs: NaN."""
        import numpy as np

        return np.full(len(labels), np.nan)

    @staticmethod
    def summary(signature: Signature, truth: Floats) -> dict[str, float]:
        """Nothing."""
        return {}

    @staticmethod
    def compute_metrics(signature: Signature, columns: Arrays, truth: Floats) -> dict[str, float]:
        """Nothing."""
        return {}

    @staticmethod
    def documents(
        signature: Signature, columns: Arrays, truth: Floats, at: Sequence[int] | None = None
    ) -> dict[str, Any]:
        """Nothing."""
        return {}

    @staticmethod
    def row_cost(signature: Signature, columns: Arrays, truth: Floats) -> Floats:
        """NaN: no answer is better than another."""
        import numpy as np

        return np.full(len(truth), np.nan)

    @staticmethod
    def measures(signature: Signature, columns: Arrays, truth: Floats) -> Measures:
        """Nothing."""
        return {}
