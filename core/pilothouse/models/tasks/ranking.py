"""Ranking: a score by which the rows of one group are put in order."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar

from pilothouse.models.number_labels import numbers, read_number
from pilothouse.models.signature import Signature
from pilothouse.models.target_facts import TargetFacts
from pilothouse.models.tasks import (
    SCORE,
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

GROUP = "group"  # the column of group ids that evaluation adds to the outputs
TOP = 10


@tasks.register("ranking")
class Ranking:
    """A score; labels are grades of relevance, from 0.

    Where rows have a group (a query, a session), metrics are means over the groups; without one
    all rows are one group.
    """

    title = "Ranking"
    description = "A score by which the rows of a group are put in order; labels are relevance."
    estimator: ClassVar[Estimator] = ""
    has_classes = False
    has_threshold = False
    default_levels: ClassVar[tuple[float, ...]] = ()
    metrics = (
        TaskMetric("ndcg", "NDCG at 10", "higher", tolerance=0.05),
        TaskMetric("map", "Mean average precision", "higher", tolerance=0.05),
        TaskMetric("mrr", "Mean reciprocal rank", "higher", tolerance=0.05),
    )

    example = TaskExample(
        Signature((), "relevance", task="ranking", gives="value"),
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
        """The score."""
        return (OutputColumn(SCORE, "number", "Score", signature.unit),)

    @staticmethod
    def sent_columns(signature: Signature) -> tuple[OutputColumn, ...]:
        """The score."""
        return Ranking.columns(signature)

    @staticmethod
    def raw_rows(signature: Signature, columns: Mapping[str, Sequence[Any]]) -> list[Row]:
        """One value a row."""
        return rows_of(columns, [SCORE])

    @staticmethod
    def decide(signature: Signature, rows: Sequence[Row]) -> Columns:
        """The only value of each row."""
        return {SCORE: [row[0] for row in rows]}

    @staticmethod
    def predictions(signature: Signature, columns: Mapping[str, Sequence[Any]]) -> list[Any]:
        """The scores."""
        return list(columns[SCORE])

    @staticmethod
    def read_label(signature: Signature, value: Any) -> Any:
        """The relevance that a label is: a number from 0; None when it is none."""
        grade = read_number(value)
        return grade if grade is not None and grade >= 0 else None

    @staticmethod
    def label_hint(signature: Signature) -> str:
        """A label is a number from 0."""
        return "a number from 0"

    @staticmethod
    def truth(signature: Signature, labels: Sequence[Any]) -> Floats:
        """The relevance."""
        import numpy as np

        grades = numbers(labels)
        return np.where(grades >= 0, grades, np.nan)

    @staticmethod
    def summary(signature: Signature, truth: Floats) -> dict[str, float]:
        """The mean relevance."""
        return {"Mean relevance": float(truth.mean())} if len(truth) else {}

    @staticmethod
    def compute_metrics(signature: Signature, columns: Arrays, truth: Floats) -> dict[str, float]:
        """Means over the groups that have anything relevant."""
        import numpy as np

        results = [_group_metrics(score, y) for score, y in _groups(columns, truth)]
        present = [result for result in results if result is not None]
        if not present:
            return {}
        means = np.mean(present, axis=0)
        return dict(zip(("ndcg", "map", "mrr"), map(float, means), strict=True))

    @staticmethod
    def documents(
        signature: Signature, columns: Arrays, truth: Floats, at: Sequence[int] | None = None
    ) -> dict[str, Any]:
        """NDCG by the size of the group."""
        sizes: dict[int, list[float]] = {}
        for score, y in _groups(columns, truth):
            result = _group_metrics(score, y)
            if result is not None:
                sizes.setdefault(len(y), []).append(result[0])
        if not sizes:
            return {}
        ordered = sorted(sizes)[:50]
        return {
            "evaluation/ndcg_by_group_size.json": {
                "type": "bars",
                "title": "NDCG by rows of the group",
                "x_title": "Rows of the group",
                "y_title": "NDCG at 10",
                "x": [str(size) for size in ordered],
                "y": [sum(sizes[size]) / len(sizes[size]) for size in ordered],
                "rows": [len(sizes[size]) for size in ordered],
            }
        }

    @staticmethod
    def row_cost(signature: Signature, columns: Arrays, truth: Floats) -> Floats:
        """The relevance that a row's place in the order leaves unused, of its ideal place."""
        import numpy as np

        score = np.asarray(columns[SCORE], dtype=np.float64)
        cost = np.zeros(len(truth))
        for rows in _group_rows(columns, len(truth)):
            gain = np.exp2(truth[rows]) - 1
            rank = np.argsort(np.argsort(-score[rows], kind="stable"), kind="stable")
            ideal = np.argsort(np.argsort(-truth[rows], kind="stable"), kind="stable")
            cost[rows] = gain * (1 / np.log2(ideal + 2) - 1 / np.log2(rank + 2))
        return cost

    @staticmethod
    def measures(signature: Signature, columns: Arrays, truth: Floats) -> Measures:
        """Means over the groups that have anything relevant; a group is what is resampled."""
        import numpy as np

        from pilothouse.models.metrics.weighted_metrics import mean_of

        results = [_group_metrics(score, y) for score, y in _groups(columns, truth)]
        present = np.array([result for result in results if result is not None])
        if not len(present):
            return {}
        return {
            "ndcg": lambda: mean_of(present[:, 0], "groups"),
            "map": lambda: mean_of(present[:, 1], "groups"),
            "mrr": lambda: mean_of(present[:, 2], "groups"),
        }


def _groups(columns: Arrays, truth: Floats) -> list[tuple[Floats, Floats]]:
    import numpy as np

    score = np.asarray(columns[SCORE], dtype=np.float64)
    return [(score[rows], truth[rows]) for rows in _group_rows(columns, len(truth))]


def _group_rows(columns: Arrays, count: int) -> list[Any]:
    """The positions of the rows of each group."""
    import numpy as np

    if GROUP not in columns:
        return [np.arange(count)] if count else []
    _, inverse = np.unique(np.asarray(columns[GROUP]).astype(str), return_inverse=True)
    order = np.argsort(inverse, kind="stable")
    return np.split(order, np.flatnonzero(np.diff(inverse[order])) + 1)


def _group_metrics(score: Floats, y: Floats) -> tuple[float, float, float] | None:
    """NDCG at 10 (Järvelin and Kekäläinen 2002, gain 2^y - 1), average precision and reciprocal
    rank; None when nothing is relevant."""
    import numpy as np

    if not (y > 0).any():
        return None
    ranked = y[np.argsort(-score, kind="stable")]
    discount = 1 / np.log2(np.arange(min(TOP, len(y))) + 2)
    gain = ((np.exp2(ranked[:TOP]) - 1) * discount).sum()
    ideal = ((np.exp2(np.sort(y)[::-1][:TOP]) - 1) * discount).sum()
    hits = ranked > 0
    precision = np.cumsum(hits) / np.arange(1, len(hits) + 1)
    return float(gain / ideal), float(precision[hits].mean()), float(1 / (np.argmax(hits) + 1))
