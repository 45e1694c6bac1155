"""Binary classification: one of two classes, decided by a threshold on a score."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar

from pilothouse.kit.errors import Invalid
from pilothouse.models.class_labels import (
    ClassLabels,
    check_classes,
    class_positions,
    matched_labels,
)
from pilothouse.models.signature import Signature
from pilothouse.models.target_facts import TargetFacts, two_class_problem
from pilothouse.models.tasks import (
    PREDICT,
    SCORE,
    Columns,
    DefaultGate,
    Estimator,
    GroupRate,
    MetricGoal,
    OutputColumn,
    Row,
    TaskExample,
    TaskMetric,
    tasks,
)

if TYPE_CHECKING:
    from pilothouse.models.metrics.expected_metrics import Estimate
    from pilothouse.models.metrics.weighted_metrics import Measures
    from pilothouse.models.tasks import Arrays, Floats

# A ranking is worse by itself where a strong input is fixed, so that slices are judged by the loss.
OF_LOG_LOSS = {"metric": "log_loss", "min_rows": 200, "shortfall": 0.35, "too_few": "passed"}
OF_ACCURACY = {"metric": "accuracy", "min_rows": 200, "shortfall": 0.25, "too_few": "passed"}


@tasks.register("binary")
class Binary(ClassLabels):
    """A score for the positive class, and the class that the threshold makes of it.

    A model that gives only labels has no score; one that gives margins has a score that is no
    probability.
    """

    title = "Binary classification"
    description = "One of two classes: a score for the positive class, and a threshold on it."
    estimator: ClassVar[Estimator] = "classifier"
    has_classes = True
    has_threshold = True
    default_levels: ClassVar[tuple[float, ...]] = ()
    metrics = (
        TaskMetric("roc_auc", "ROC AUC", "higher", tolerance=0.05, estimated=True),
        TaskMetric("average_precision", "Average precision", "higher"),
        TaskMetric("log_loss", "Log loss", "lower", tolerance=0.10, estimated=True),
        TaskMetric("brier", "Brier score", "lower", tolerance=0.03, estimated=True),
        TaskMetric("accuracy", "Accuracy", "higher", tolerance=0.05, estimated=True),
        TaskMetric("f1", "F1", "higher", estimated=True),
        TaskMetric("precision", "Precision", "higher", estimated=True),
        TaskMetric("recall", "Recall", "higher", estimated=True),
        TaskMetric(
            "calibration_error", "Calibration error", "lower", tolerance=0.05, is_calibration=True
        ),
    )

    group_rates = (
        GroupRate(
            "selection_rate",
            "Selection rate",
            needs_labels=False,
            has_ratio=True,
            criterion="Demographic parity difference",
        ),
        GroupRate(
            "true_positive_rate", "True positive rate", criterion="Equalised odds difference"
        ),
        GroupRate(
            "false_positive_rate",
            "False positive rate",
            criterion="Equalised odds difference",
            monitored=False,
        ),
    )
    example = TaskExample(
        Signature((), "churned", ("no", "yes"), "yes"),
        rows=([0.9, 0.1], [0.4, 0.6], [0.7, 0.3], [0.2, 0.8]),
        labels=("no", "no", "yes", "yes"),
    )

    @staticmethod
    def goal(signature: Signature) -> MetricGoal | None:
        """A fifth of the way from what guessing reaches, 0.5, to a perfect order."""
        return MetricGoal("roc_auc", 0.6)

    @staticmethod
    def default_gates(signature: Signature) -> tuple[DefaultGate, ...]:
        """Probabilities must be better than a coin; what a class alone cannot show is not asked.

        Another threshold trades precision for recall and moves the accuracy; F1 is watched in their
        place.
        """
        better = DefaultGate("baseline_beaten", {"against": "constant"})
        watched = DefaultGate("watched_metrics", {"without": "accuracy, precision, recall"})
        if signature.gives == "label":
            return better, watched, DefaultGate("worst_slice", OF_ACCURACY)
        coin = {"metric": "log_loss", "threshold": round(math.log(2), 4)}
        return (
            better,
            watched,
            DefaultGate("metric_threshold", coin),
            DefaultGate("calibration", {"error": 0.1}),
            DefaultGate("worst_slice", OF_LOG_LOSS),
        )

    @staticmethod
    def check(signature: Signature) -> None:
        """Raises Invalid unless there are two classes, one of them the positive one."""
        check_classes(signature, 2, 2)
        if signature.positive not in signature.classes:
            raise Invalid(f"the positive class {signature.positive!r} is none of the classes.")

    @staticmethod
    def suits_target(target: TargetFacts) -> bool:
        """Two different values."""
        return not two_class_problem(target)

    @staticmethod
    def target_problem(target: TargetFacts) -> str:
        """Anything but two different values."""
        return two_class_problem(target)

    @staticmethod
    def columns(signature: Signature) -> tuple[OutputColumn, ...]:
        """The score; the predicted class of a model that gives labels."""
        if signature.gives == "label":
            return (OutputColumn(PREDICT, "category", "Predicted class"),)
        if signature.gives == "value":
            return (OutputColumn(SCORE, "number", "Score"),)
        title = f"Probability of {signature.positive}"
        return (OutputColumn(SCORE, "number", title, low=0.0, high=1.0),)

    @staticmethod
    def sent_columns(signature: Signature) -> tuple[OutputColumn, ...]:
        """The score, or else the predicted class."""
        return Binary.columns(signature)

    @staticmethod
    def raw_rows(signature: Signature, columns: Mapping[str, Sequence[Any]]) -> list[Row]:
        """The probability of both classes, or the only value that the model gives."""
        if signature.gives == "label":
            return [[label] for label in columns[PREDICT]]
        if signature.gives == "value":
            return [[score] for score in columns[SCORE]]
        is_first = signature.classes.index(signature.positive) == 0
        scores = columns[SCORE]
        return [[score, 1 - score] if is_first else [1 - score, score] for score in scores]

    @staticmethod
    def decide(signature: Signature, rows: Sequence[Row]) -> Columns:
        """The positive class's probability of each row, or its label."""
        if signature.gives == "label":
            return {PREDICT: matched_labels(signature, [row[0] for row in rows])}
        if signature.gives == "value":
            return {SCORE: [row[0] for row in rows]}
        position = signature.classes.index(signature.positive)
        return {SCORE: [row[position] for row in rows]}

    @staticmethod
    def predictions(signature: Signature, columns: Mapping[str, Sequence[Any]]) -> list[Any]:
        """The positive class where the score reaches the threshold, else the other one."""
        if SCORE not in columns:
            return list(columns[PREDICT])
        positive, threshold = signature.positive, signature.threshold
        rest = [label for label in signature.classes if label != positive]
        other = rest[0] if rest else positive
        return [positive if score >= threshold else other for score in columns[SCORE]]

    @staticmethod
    def truth(signature: Signature, labels: Sequence[Any]) -> Floats:
        """1 for the positive class, 0 for the other, NaN where there is no label."""
        import numpy as np

        positions = class_positions(signature, labels)
        is_positive = positions == signature.classes.index(signature.positive)
        return np.where(np.isfinite(positions), is_positive.astype(np.float64), np.nan)

    @staticmethod
    def summary(signature: Signature, truth: Floats) -> dict[str, float]:
        """The share of the positive class."""
        return {f"Share of {signature.positive}": float(truth.mean())} if len(truth) else {}

    @staticmethod
    def compute_metrics(signature: Signature, columns: Arrays, truth: Floats) -> dict[str, float]:
        """Every metric; only those of predicted classes without a score."""
        import numpy as np

        from pilothouse.models.metrics import class_metrics as measure

        y = truth == 1
        if not 0 < int(y.sum()) < len(y):
            return {}

        called = _called_positive(signature, columns)
        hits, calls, positives = int((y & called).sum()), int(called.sum()), int(y.sum())
        metrics = {
            "accuracy": float(np.mean(called == y)),
            "f1": 2 * hits / (calls + positives),
            "precision": hits / calls if calls else 0.0,
            "recall": hits / positives,
        }
        if SCORE not in columns:
            return metrics

        score = np.asarray(columns[SCORE], dtype=np.float64)
        metrics["roc_auc"] = measure.roc_auc(y, score)
        metrics["average_precision"] = measure.average_precision(y, score)
        if signature.gives == "probability":
            metrics["log_loss"] = measure.binary_log_loss(y, score)
            metrics["brier"] = float(np.mean(np.square(score - y)))
            curve = measure.calibration(y, score)
            metrics["calibration_error"] = measure.calibration_error(curve)
        return metrics

    @staticmethod
    def documents(
        signature: Signature, columns: Arrays, truth: Floats, at: Sequence[int] | None = None
    ) -> dict[str, Any]:
        """The confusion matrix, and the curves of a score."""
        import numpy as np

        from pilothouse.models.metrics import class_metrics as measure

        y = truth == 1
        if not 0 < int(y.sum()) < len(y):
            return {}

        called = _called_positive(signature, columns).astype(np.int64)
        matrix = measure.confusion_matrix(y.astype(np.int64), called, 2)
        rest = [label for label in signature.classes if label != signature.positive]
        confusion: dict[str, Any] = {
            "labels": [str(rest[0]), str(signature.positive)],
            "matrix": matrix.tolist(),
        }
        if SCORE not in columns:
            return {"confusion.json": confusion}

        score = np.asarray(columns[SCORE], dtype=np.float64)
        curves: dict[str, Any] = {
            "curves/roc.json": measure.roc_document(y, score),
            "curves/pr.json": measure.pr_document(y, score),
        }
        if signature.gives == "probability":
            curves["curves/calibration.json"] = measure.calibration(y, score).to_json()
        return curves | {"confusion.json": confusion | {"threshold": signature.threshold}}

    @staticmethod
    def row_cost(signature: Signature, columns: Arrays, truth: Floats) -> Floats:
        """The squared error of a probability; 1 for a wrong class where there is none."""
        import numpy as np

        y = truth == 1
        if SCORE in columns and signature.gives == "probability":
            score = np.asarray(columns[SCORE], dtype=np.float64)
            return np.asarray(np.square(score - y), dtype=np.float64)
        return np.asarray(_called_positive(signature, columns) != y, dtype=np.float64)

    @staticmethod
    def measures(signature: Signature, columns: Arrays, truth: Floats) -> Measures:
        """Every metric, and some more of predicted classes that clients log."""
        import numpy as np

        from pilothouse.models.metrics import weighted_metrics as measure
        from pilothouse.models.metrics.class_metrics import row_binary_log_loss

        y = truth == 1
        of_classes = measure.two_class_measures(y, _called_positive(signature, columns))
        if SCORE not in columns:
            return of_classes

        score = np.asarray(columns[SCORE], dtype=np.float64)
        of_ranks: Measures = {
            "roc_auc": lambda: measure.RocAreas(y.astype(np.int64), [(y, score)]),
            "average_precision": lambda: measure.average_precision_of([(y, score)]),
        }
        if signature.gives != "probability":
            return {**of_ranks, **of_classes}
        return {
            **of_ranks,
            "log_loss": lambda: measure.mean_of(row_binary_log_loss(y, score)),
            "brier": lambda: measure.mean_of(np.square(score - y)),
            **of_classes,
            "calibration_error": lambda: measure.calibration_error_of(y, score),
        }

    @staticmethod
    def row_rates(signature: Signature, columns: Arrays, truth: Floats) -> dict[str, Floats]:
        """Whether each row is called positive: of all rows, of the positive and of the others."""
        import numpy as np

        called = np.asarray(_called_positive(signature, columns), dtype=np.float64)
        return {
            "selection_rate": called,
            "true_positive_rate": np.where(truth == 1, called, np.nan),
            "false_positive_rate": np.where(truth == 0, called, np.nan),
        }

    @staticmethod
    def class_scores(signature: Signature, columns: Arrays) -> Floats | None:
        """The score, as one column; None without one."""
        import numpy as np

        if SCORE not in columns:
            return None
        return np.asarray(columns[SCORE], dtype=np.float64)[:, None]

    @staticmethod
    def expected_metrics(
        signature: Signature, columns: Arrays, probabilities: Floats
    ) -> dict[str, Estimate]:
        """Metrics of the expected confusion matrix and of the score.

        Calibration error is none of them: that the scores are as calibrated as before is assumed.
        """
        import numpy as np

        from pilothouse.models.metrics import expected_metrics as expected
        from pilothouse.models.metrics.class_metrics import row_binary_log_loss

        score, chance = np.asarray(columns[SCORE], dtype=np.float64), probabilities[:, 1]
        called = np.asarray(_called_positive(signature, columns), dtype=np.bool_)
        metrics = expected.estimates_of_two_classes(called, chance)
        area = expected.estimated_roc_auc(score, chance)
        metrics |= {} if area is None else {"roc_auc": area}
        if signature.gives == "probability":
            yes = np.ones(len(score), dtype=np.bool_)
            losses = [row_binary_log_loss(y, score) for y in (~yes, yes)]
            squares = np.column_stack([np.square(score), np.square(score - 1)])
            metrics["log_loss"] = expected.estimated_mean(np.column_stack(losses), probabilities)
            metrics["brier"] = expected.estimated_mean(squares, probabilities)
        return metrics


def _called_positive(signature: Signature, columns: Arrays) -> Any:
    """Whether each row is called positive: by the threshold, or by its predicted class."""
    import numpy as np

    if SCORE in columns:
        return np.asarray(columns[SCORE], dtype=np.float64) >= signature.threshold
    positions = class_positions(signature, list(columns[PREDICT]))
    return positions == signature.classes.index(signature.positive)
