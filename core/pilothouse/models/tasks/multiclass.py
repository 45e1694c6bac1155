"""Multiclass classification: one of three or more classes."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar

from pilothouse.models.class_labels import (
    ClassLabels,
    check_classes,
    class_positions,
    matched_labels,
)
from pilothouse.models.signature import Signature
from pilothouse.models.target_facts import TargetFacts, class_problem, holds_classes
from pilothouse.models.tasks import (
    CONFIDENCE,
    MAX_CLASS_COLUMNS,
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
    probability_column,
    rows_of,
    tasks,
)

if TYPE_CHECKING:
    from pilothouse.models.metrics.expected_metrics import Estimate
    from pilothouse.models.metrics.weighted_metrics import Measures
    from pilothouse.models.tasks import Arrays, Floats

MAX_MATRIX = 50  # classes of a confusion matrix that a person can read
TOP_K = 5

# Classes that are absent from a slice lower its F1, so that slices are judged by the accuracy.
OF_ACCURACY = {"metric": "accuracy", "min_rows": 200, "shortfall": 0.25, "too_few": "passed"}


@tasks.register("multiclass")
class Multiclass(ClassLabels):
    """The predicted class and, where the model gives probabilities, one of each class."""

    title = "Multiclass classification"
    description = "One of three or more classes, with a probability of each where the model has it."
    estimator: ClassVar[Estimator] = "classifier"
    has_classes = True
    has_threshold = False
    default_levels: ClassVar[tuple[float, ...]] = ()
    metrics = (
        TaskMetric("f1_macro", "F1 (macro)", "higher", tolerance=0.05, estimated=True),
        TaskMetric("accuracy", "Accuracy", "higher", tolerance=0.05, estimated=True),
        TaskMetric(
            "balanced_accuracy", "Balanced accuracy", "higher", tolerance=0.05, estimated=True
        ),
        TaskMetric("f1_weighted", "F1 (weighted)", "higher", estimated=True),
        TaskMetric("log_loss", "Log loss", "lower", tolerance=0.25, relative=True, estimated=True),
        TaskMetric(
            "roc_auc_ovr", "ROC AUC (one against rest)", "higher", tolerance=0.05, estimated=True
        ),
        TaskMetric("top_2_accuracy", "Top 2 accuracy", "higher", estimated=True),
        TaskMetric(
            "calibration_error", "Calibration error", "lower", tolerance=0.05, is_calibration=True
        ),
    )

    group_rates = (GroupRate("accuracy", "Accuracy", criterion="Accuracy difference"),)
    example = TaskExample(
        Signature((), "kind", ("a", "b", "c"), task="multiclass"),
        rows=([0.8, 0.1, 0.1], [0.2, 0.5, 0.3], [0.1, 0.6, 0.3], [0.3, 0.3, 0.4]),
        labels=("a", "b", "c", "c"),
    )

    @staticmethod
    def goal(signature: Signature) -> MetricGoal | None:
        """A fifth of the way from what guessing reaches, 1/k of k classes, to every row right."""
        if not signature.classes:
            return None
        guessed = 1 / len(signature.classes)
        return MetricGoal("balanced_accuracy", round(guessed + 0.2 * (1 - guessed), 2))

    @staticmethod
    def default_gates(signature: Signature) -> tuple[DefaultGate, ...]:
        """Probabilities must be better than guessing; a class alone does not show it."""
        better = DefaultGate("baseline_beaten", {"against": "constant"})
        slices = DefaultGate("worst_slice", OF_ACCURACY)
        if signature.gives == "label" or not signature.classes:
            return better, slices
        guess = {"metric": "log_loss", "threshold": round(math.log(len(signature.classes)), 4)}
        calibration = DefaultGate("calibration", {"error": 0.15})
        return better, DefaultGate("metric_threshold", guess), calibration, slices

    @staticmethod
    def check(signature: Signature) -> None:
        """Raises Invalid unless there are at least two classes."""
        check_classes(signature, 2)

    @staticmethod
    def suits_target(target: TargetFacts) -> bool:
        """Three or more classes: texts that repeat, or a few whole numbers that do."""
        return target.distinct > 2 and holds_classes(target)

    @staticmethod
    def target_problem(target: TargetFacts) -> str:
        """Times, fewer than two values, and so many that they cannot be classes."""
        return class_problem(target)

    @staticmethod
    def columns(signature: Signature) -> tuple[OutputColumn, ...]:
        """The predicted class, its probability, and that of every class when these are few."""
        predicted = OutputColumn(PREDICT, "category", "Predicted class")
        if signature.gives != "probability":
            return (predicted,)
        confidence = OutputColumn(CONFIDENCE, "number", "Confidence", low=0.0, high=1.0)
        if len(signature.classes) > MAX_CLASS_COLUMNS:
            return (predicted, confidence)
        return (predicted, confidence, *map(_probability, signature.classes))

    @staticmethod
    def sent_columns(signature: Signature) -> tuple[OutputColumn, ...]:
        """The probability of every class, or else the predicted class."""
        if signature.gives != "probability":
            return Multiclass.columns(signature)
        return tuple(map(_probability, signature.classes))

    @staticmethod
    def raw_rows(signature: Signature, columns: Mapping[str, Sequence[Any]]) -> list[Row]:
        """One probability per class, or the predicted class."""
        names = [column.name for column in Multiclass.sent_columns(signature)]
        return rows_of(columns, names)

    @staticmethod
    def decide(signature: Signature, rows: Sequence[Row]) -> Columns:
        """The most probable class (of equals the first), its probability, and every probability."""
        if signature.gives != "probability":
            return {PREDICT: matched_labels(signature, [row[0] for row in rows])}
        classes = signature.classes
        confidence = [max(row) for row in rows]
        best = [row.index(top) for row, top in zip(rows, confidence, strict=True)]
        columns = {PREDICT: [classes[index] for index in best], CONFIDENCE: confidence}
        for index, label in enumerate(classes):
            columns[probability_column(label)] = [row[index] for row in rows]
        return columns

    @staticmethod
    def predictions(signature: Signature, columns: Mapping[str, Sequence[Any]]) -> list[Any]:
        """The predicted classes."""
        return list(columns[PREDICT])

    @staticmethod
    def truth(signature: Signature, labels: Sequence[Any]) -> Floats:
        """The position of each label's class in the signature."""
        return class_positions(signature, labels)

    @staticmethod
    def summary(signature: Signature, truth: Floats) -> dict[str, float]:
        """The share of each class, at most of the first few."""
        if not len(truth):
            return {}
        shares = [(label, float((truth == k).mean())) for k, label in enumerate(signature.classes)]
        return {f"Share of {label}": share for label, share in shares[:MAX_CLASS_COLUMNS]}

    @staticmethod
    def compute_metrics(signature: Signature, columns: Arrays, truth: Floats) -> dict[str, float]:
        """Every metric; those of probabilities only where each class has one."""
        import numpy as np

        from pilothouse.models.metrics import class_metrics as measure

        y = truth.astype(np.int64)
        if not len(y):
            return {}

        predicted = _predicted(signature, columns)
        metrics = measure.label_metrics(y, predicted, len(signature.classes))
        probabilities = _probabilities(signature, columns)
        if probabilities is not None:
            metrics["log_loss"] = measure.log_loss(y, probabilities)
            metrics["top_2_accuracy"] = measure.top_k_accuracy(y, probabilities, 2)
            one_vs_rest = measure.roc_auc_one_vs_rest(y, probabilities)
            metrics |= {} if one_vs_rest is None else {"roc_auc_ovr": one_vs_rest}
        if CONFIDENCE in columns:
            confidence = np.asarray(columns[CONFIDENCE], dtype=np.float64)
            curve = measure.calibration(predicted == y, confidence)
            metrics["calibration_error"] = measure.calibration_error(curve)
        return metrics

    @staticmethod
    def documents(
        signature: Signature, columns: Arrays, truth: Floats, at: Sequence[int] | None = None
    ) -> dict[str, Any]:
        """The confusion matrix, a table of classes, top-k accuracy, calibration of confidence."""
        import numpy as np

        from pilothouse.models.metrics import class_metrics as measure

        y = truth.astype(np.int64)
        if not len(y):
            return {}

        names = [str(label) for label in signature.classes]
        predicted = _predicted(signature, columns)
        matrix = measure.confusion_matrix(y, predicted, len(names))
        documents: dict[str, Any] = {"evaluation/per_class.json": _class_table(names, matrix)}
        if len(names) <= MAX_MATRIX:
            documents["confusion.json"] = {"labels": names, "matrix": matrix.tolist()}
        if CONFIDENCE in columns:
            confidence = np.asarray(columns[CONFIDENCE], dtype=np.float64)
            curve = measure.calibration(predicted == y, confidence)
            documents["curves/calibration.json"] = curve.to_json()

        probabilities = _probabilities(signature, columns)
        if probabilities is not None:
            documents["evaluation/top_k.json"] = _top_k(y, probabilities)
            documents |= _one_vs_rest(names, y, probabilities)
        return documents

    @staticmethod
    def row_cost(signature: Signature, columns: Arrays, truth: Floats) -> Floats:
        """The negative log of the class's probability; 1 for a wrong class where there is none."""
        import numpy as np

        from pilothouse.models.metrics import class_metrics as measure

        y = truth.astype(np.int64)
        probabilities = _probabilities(signature, columns)
        if probabilities is not None:
            return measure.row_log_loss(y, probabilities)
        return np.asarray(_predicted(signature, columns) != y, dtype=np.float64)

    @staticmethod
    def measures(signature: Signature, columns: Arrays, truth: Floats) -> Measures:
        """Every metric; those of probabilities only where each class has one."""
        import numpy as np

        from pilothouse.models.metrics import weighted_metrics as measure

        y, predicted = truth.astype(np.int64), _predicted(signature, columns)
        of_classes = measure.class_measures(y, predicted, len(signature.classes))
        probabilities = _probabilities(signature, columns)
        of_chances = {} if probabilities is None else _probability_measures(y, probabilities)
        if CONFIDENCE not in columns:
            return {**of_classes, **of_chances}
        confidence = np.asarray(columns[CONFIDENCE], dtype=np.float64)
        return {
            **of_classes,
            **of_chances,
            "calibration_error": lambda: measure.calibration_error_of(predicted == y, confidence),
        }

    @staticmethod
    def row_rates(signature: Signature, columns: Arrays, truth: Floats) -> dict[str, Floats]:
        """Whether each labelled row is called by its class."""
        import numpy as np

        right = (_predicted(signature, columns) == truth).astype(np.float64)
        return {"accuracy": np.where(np.isfinite(truth), right, np.nan)}

    @staticmethod
    def class_scores(signature: Signature, columns: Arrays) -> Floats | None:
        """The probability of each class; None when a class has none."""
        probabilities: Floats | None = _probabilities(signature, columns)
        return probabilities

    @staticmethod
    def expected_metrics(
        signature: Signature, columns: Arrays, probabilities: Floats
    ) -> dict[str, Estimate]:
        """Metrics of the expected confusion matrix and of the scores.

        Calibration error is none of them: that the scores are as calibrated as before is assumed.
        """
        import numpy as np

        from pilothouse.models.metrics import expected_metrics as expected
        from pilothouse.models.metrics.class_metrics import row_log_loss

        rows, classes = probabilities.shape
        scores = _probabilities(signature, columns)
        metrics = expected.estimates_of_classes(_predicted(signature, columns), probabilities)
        losses = [row_log_loss(np.full(rows, k), scores) for k in range(classes)]
        metrics["log_loss"] = expected.estimated_mean(np.column_stack(losses), probabilities)
        among = np.argsort(-scores, axis=1, kind="stable")[:, :2]
        chances = np.take_along_axis(probabilities, among, axis=1).sum(axis=1)
        metrics["top_2_accuracy"] = expected.estimated_share(chances)
        area = expected.estimated_mean_roc_auc(scores, probabilities)
        return metrics if area is None else metrics | {"roc_auc_ovr": area}


def _probability(label: Any) -> OutputColumn:
    name = probability_column(label)
    return OutputColumn(name, "number", f"Probability of {label}", low=0.0, high=1.0)


def _predicted(signature: Signature, columns: Arrays) -> Any:
    """The position of each predicted class; an unknown one counts as the first class."""
    import numpy as np

    positions = class_positions(signature, list(columns[PREDICT]))
    return np.nan_to_num(positions).astype(np.int64)


def _probabilities(signature: Signature, columns: Arrays) -> Any:
    """One column per class, or None when a class has none."""
    import numpy as np

    names = [probability_column(label) for label in signature.classes]
    if any(name not in columns for name in names):
        return None
    return np.column_stack([np.asarray(columns[name], dtype=np.float64) for name in names])


def _probability_measures(y: Any, probabilities: Any) -> Measures:
    """The metrics of one probability per class."""
    from pilothouse.models.metrics import class_metrics
    from pilothouse.models.metrics import weighted_metrics as measures

    classes = range(probabilities.shape[1])
    return {
        "log_loss": lambda: measures.mean_of(class_metrics.row_log_loss(y, probabilities)),
        "top_2_accuracy": lambda: measures.share_of(class_metrics.among_top_k(y, probabilities, 2)),
        "roc_auc_ovr": lambda: measures.RocAreas(
            y, [(y == k, probabilities[:, k]) for k in classes]
        ),
    }


def _class_table(names: list[str], matrix: Any) -> dict[str, Any]:
    from pilothouse.models.metrics import class_metrics as measure

    scores = measure.class_scores(matrix)
    return {
        "type": "table",
        "title": "Each class",
        "columns": {
            "Class": names,
            "Rows": scores.support.astype(int).tolist(),
            "Precision": scores.precision.tolist(),
            "Recall": scores.recall.tolist(),
            "F1": scores.f1.tolist(),
        },
    }


def _top_k(y: Any, probabilities: Any) -> dict[str, Any]:
    from pilothouse.models.metrics import class_metrics as measure

    ks = list(range(1, min(TOP_K, probabilities.shape[1]) + 1))
    accuracy = [measure.top_k_accuracy(y, probabilities, k) for k in ks]
    return {
        "type": "line",
        "title": "Top-k accuracy",
        "x_title": "k",
        "y_title": "Rows whose class is among the k most probable",
        "lines": [{"name": "", "x": ks, "y": accuracy}],
    }


def _one_vs_rest(names: list[str], y: Any, probabilities: Any) -> dict[str, Any]:
    """ROC and precision-recall curves of each class that has rows on both sides, of a few."""
    from pilothouse.models.metrics import class_metrics as measure

    occurring = [k for k in range(len(names)) if 0 < (y == k).sum() < len(y)]
    if len(names) > MAX_CLASS_COLUMNS or not occurring:
        return {}
    roc = [(names[k], measure.roc_document(y == k, probabilities[:, k], 60)) for k in occurring]
    pr = [(names[k], measure.pr_document(y == k, probabilities[:, k], 60)) for k in occurring]
    return {
        "evaluation/roc_by_class.json": {
            "type": "line",
            "title": "ROC of each class against the others",
            "x_title": "False positive rate",
            "y_title": "True positive rate",
            "lines": [{"name": name, "x": c["fpr"], "y": c["tpr"]} for name, c in roc],
        },
        "evaluation/pr_by_class.json": {
            "type": "line",
            "title": "Precision and recall of each class",
            "x_title": "Recall",
            "y_title": "Precision",
            "lines": [{"name": name, "x": c["recall"], "y": c["precision"]} for name, c in pr],
        },
    }
