"""Multilabel classification: each of several labels applies or not."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar

from pilothouse.kit.errors import Invalid
from pilothouse.models.signature import OutputField, Signature
from pilothouse.models.target_facts import TargetFacts
from pilothouse.models.tasks import (
    MAX_CLASS_COLUMNS,
    Columns,
    Estimator,
    MetricGoal,
    OutputColumn,
    Row,
    TaskExample,
    TaskMetric,
    probability_column,
    rows_of,
    tasks,
)

if TYPE_CHECKING:
    from pilothouse.models.metrics.weighted_metrics import Measures
    from pilothouse.models.tasks import Arrays, Floats

COUNT = "labels"
SEPARATORS = ";|,"


@tasks.register("multilabel")
class Multilabel:
    """One number per label; a label applies where it reaches the threshold.

    `signature.outputs` name the labels. A label from outside is a list of names, a JSON list, or a
    text of names separated by `;`, `|` or `,`; an empty one means that none applies.
    """

    title = "Multilabel classification"
    description = "Several labels, each of which applies or not."
    estimator: ClassVar[Estimator] = ""
    has_classes = False
    has_threshold = True
    default_levels: ClassVar[tuple[float, ...]] = ()
    metrics = (
        TaskMetric("f1_micro", "F1 (micro)", "higher", tolerance=0.05),
        TaskMetric("f1_macro", "F1 (macro)", "higher", tolerance=0.05),
        TaskMetric("hamming_loss", "Hamming loss", "lower", tolerance=0.25, relative=True),
        TaskMetric("jaccard", "Jaccard similarity", "higher", tolerance=0.05),
        TaskMetric("accuracy", "All labels right", "higher"),
        TaskMetric("average_precision", "Average precision", "higher"),
    )

    example = TaskExample(
        Signature(
            (), "topics", task="multilabel", outputs=(OutputField("sport"), OutputField("news"))
        ),
        rows=([0.9, 0.2], [0.4, 0.6], [0.7, 0.8], [0.1, 0.3]),
        labels=("sport", "news", "sport;news", "news"),
    )

    @staticmethod
    def goal(signature: Signature) -> MetricGoal | None:
        """There is none: no figure of one data set says what is good on another."""
        return None

    @staticmethod
    def check(signature: Signature) -> None:
        """Raises Invalid unless the labels have different names."""
        names = signature.output_names
        if not names or len(set(names)) != len(names):
            raise Invalid(
                "the signature needs the names of its labels, each once.",
                fields={"outputs": "needed, each once"},
            )

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
        """How many labels apply, and each label's number when these are few."""
        count = OutputColumn(COUNT, "number", "Labels that apply", low=0.0)
        names = signature.output_names
        if len(names) > MAX_CLASS_COLUMNS:
            return (count,)
        return (count, *map(_probability, names))

    @staticmethod
    def sent_columns(signature: Signature) -> tuple[OutputColumn, ...]:
        """Each label's number."""
        return tuple(map(_probability, signature.output_names))

    @staticmethod
    def raw_rows(signature: Signature, columns: Mapping[str, Sequence[Any]]) -> list[Row]:
        """One number per label."""
        return rows_of(columns, [probability_column(n) for n in signature.output_names])

    @staticmethod
    def decide(signature: Signature, rows: Sequence[Row]) -> Columns:
        """Each label's number (1 or 0 of a model that gives labels), and how many apply."""
        columns: Columns = {
            COUNT: [sum(float(v) >= signature.threshold for v in row) for row in rows]
        }
        for index, name in enumerate(signature.output_names):
            columns[probability_column(name)] = [float(row[index]) for row in rows]
        return columns

    @staticmethod
    def predictions(signature: Signature, columns: Mapping[str, Sequence[Any]]) -> list[Any]:
        """The list of labels that apply."""
        names = signature.output_names
        values = [columns[probability_column(name)] for name in names]
        return [
            [name for name, v in zip(names, row, strict=True) if v >= signature.threshold]
            for row in zip(*values, strict=True)
        ]

    @staticmethod
    def read_label(signature: Signature, value: Any) -> Any:
        """The labels that apply as one text, in the signature's order; None for unknown names."""
        names = _listed(value)
        if names is None or any(name not in signature.output_names for name in names):
            return None
        return ";".join(name for name in signature.output_names if name in names)

    @staticmethod
    def label_hint(signature: Signature) -> str:
        """A list of names."""
        return f"a list of {', '.join(signature.output_names[:10])}"

    @staticmethod
    def truth(signature: Signature, labels: Sequence[Any]) -> Floats:
        """One column per label, 1 where it applies; a row of NaN where nothing is known."""
        import numpy as np

        names = signature.output_names
        truth = np.full((len(labels), len(names)), np.nan)
        for row, value in enumerate(labels):
            applied = _listed(value)
            if applied is not None and all(name in names for name in applied):
                truth[row] = [float(name in applied) for name in names]
        return truth

    @staticmethod
    def summary(signature: Signature, truth: Floats) -> dict[str, float]:
        """How many labels apply on average."""
        return {"Labels per row": float(truth.sum(axis=1).mean())} if len(truth) else {}

    @staticmethod
    def compute_metrics(signature: Signature, columns: Arrays, truth: Floats) -> dict[str, float]:
        """Every metric; a ratio without a denominator counts as 0."""
        import numpy as np

        from pilothouse.models.metrics import class_metrics as measure

        if not len(truth):
            return {}
        y, score = truth == 1, _scores(signature, columns)
        called = score >= signature.threshold
        hits, union = (y & called).sum(axis=1), (y | called).sum(axis=1)
        per_label = _f1(y, called)
        metrics = {
            "f1_micro": float(2 * hits.sum() / max(y.sum() + called.sum(), 1)),
            "f1_macro": float(per_label.mean()),
            "hamming_loss": float(np.mean(y != called)),
            "jaccard": float(np.mean(np.where(union > 0, hits / np.maximum(union, 1), 1.0))),
            "accuracy": float(np.mean((y == called).all(axis=1))),
        }
        occurring = [k for k in range(y.shape[1]) if y[:, k].any()]
        if signature.gives == "probability" and occurring:
            precisions = [measure.average_precision(y[:, k], score[:, k]) for k in occurring]
            metrics["average_precision"] = float(np.mean(precisions))
        return metrics

    @staticmethod
    def documents(
        signature: Signature, columns: Arrays, truth: Floats, at: Sequence[int] | None = None
    ) -> dict[str, Any]:
        """A table of the labels."""
        if not len(truth):
            return {}
        y, called = truth == 1, _scores(signature, columns) >= signature.threshold
        return {
            "evaluation/per_label.json": {
                "type": "table",
                "title": "Each label",
                "columns": {
                    "Label": list(signature.output_names),
                    "Rows": y.sum(axis=0).tolist(),
                    "Predicted": called.sum(axis=0).tolist(),
                    "F1": _f1(y, called).tolist(),
                },
            }
        }

    @staticmethod
    def row_cost(signature: Signature, columns: Arrays, truth: Floats) -> Floats:
        """The share of labels that are wrong."""
        import numpy as np

        called = _scores(signature, columns) >= signature.threshold
        return np.asarray(np.mean((truth == 1) != called, axis=1), dtype=np.float64)

    @staticmethod
    def measures(signature: Signature, columns: Arrays, truth: Floats) -> Measures:
        """Every metric, where each label has its number."""
        import numpy as np

        from pilothouse.models.metrics import weighted_metrics as measure

        names = [probability_column(name) for name in signature.output_names]
        if any(name not in columns for name in names):
            return {}
        y, score = truth == 1, _scores(signature, columns)
        called = score >= signature.threshold
        hits, union = (y & called).sum(axis=1), (y | called).sum(axis=1)
        total = y.sum(axis=1) + called.sum(axis=1)
        of_labels: Measures = {
            "f1_micro": lambda: measure.sums_of(
                lambda hit, both: measure.divided(2 * hit, both), hits, total
            ),
            "f1_macro": lambda: measure.RowSums(
                np.hstack([y & called, y.astype(int) + called]).astype(np.float64), _mean_f1
            ),
            "hamming_loss": lambda: measure.mean_of((y != called).mean(axis=1)),
            "jaccard": lambda: measure.mean_of(measure.divided(hits, union, 1.0)),
            "accuracy": lambda: measure.share_of((y == called).all(axis=1)),
        }
        occurring = [(y[:, k], score[:, k]) for k in range(len(names)) if y[:, k].any()]
        if signature.gives != "probability" or not occurring:
            return of_labels
        return {**of_labels, "average_precision": lambda: measure.average_precision_of(occurring)}


def _probability(name: str) -> OutputColumn:
    column = probability_column(name)
    return OutputColumn(column, "number", f"Probability of {name}", low=0.0, high=1.0)


def _listed(value: Any) -> list[str] | None:
    """The names in a list, a JSON list or a separated text; None for anything else."""
    plain = value.tolist() if hasattr(value, "tolist") else value
    if isinstance(plain, str) and plain.strip().startswith("["):
        try:
            plain = json.loads(plain)
        except ValueError:
            return None
    if isinstance(plain, str):
        separator = next((mark for mark in SEPARATORS if mark in plain), ";")
        return [name.strip() for name in plain.split(separator) if name.strip()]
    if isinstance(plain, list | tuple):
        return [str(name) for name in plain]
    return None


def _scores(signature: Signature, columns: Arrays) -> Any:
    import numpy as np

    names = [probability_column(name) for name in signature.output_names]
    return np.column_stack([np.asarray(columns[name], np.float64) for name in names])


def _mean_f1(means: Any) -> Any:
    """The mean over labels of hits and of rows with the label, twice counted where both have it."""
    import numpy as np

    from pilothouse.models.metrics.weighted_metrics import divided

    hits, both = np.split(means, 2, axis=1)
    return divided(2 * hits, both).mean(axis=1)


def _f1(y: Any, called: Any) -> Any:
    """F1 of each label; 0 where it neither applies nor is predicted."""
    import numpy as np

    hits, total = (y & called).sum(axis=0), y.sum(axis=0) + called.sum(axis=0)
    return np.where(total > 0, 2 * hits / np.maximum(total, 1), 0.0)
