"""Tasks: what a model's answer means, how it is measured, and how it is drawn. One file a task.

The light half of a task (`columns`, `decide`, `predictions`, `read_label`) uses the standard
library only: the gateway and every model process import it. The other half imports numpy inside
its functions and runs in child processes. Rooms and screens never ask which task a model has:
they use what its task offers.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, Protocol, runtime_checkable

from pilothouse.kit.plugins import Plugins
from pilothouse.models.signature import Label, Signature
from pilothouse.models.target_facts import TargetFacts

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from pilothouse.models.metrics.expected_metrics import Estimate
    from pilothouse.models.metrics.weighted_metrics import Measures

    Floats = npt.NDArray[np.float64]
    Arrays = Mapping[str, npt.NDArray[Any]]

Row = list[Any]
Columns = dict[str, list[Any]]
ColumnKind = Literal["number", "category"]
MetricDirection = Literal["higher", "lower", "unknown"]
Estimator = Literal["classifier", "regressor", "quantiles", ""]

SCORE, PREDICT, CONFIDENCE, PROBABILITY = "score", "predict", "confidence", "p."
MAX_CLASS_COLUMNS = 20  # of more classes, the probability of each is answered but not logged


@dataclass(frozen=True)
class OutputColumn:
    """One column of a model's answer, as it is logged, watched for drift and drawn.

    `low` and `high` are the ends of its axis where these are fixed.
    """

    name: str
    kind: ColumnKind
    title: str
    unit: str = ""
    low: float | None = None
    high: float | None = None


@dataclass(frozen=True)
class TaskMetric:
    """A metric of a task: its key, how it is called and written, and which way is better.

    `tolerance` is how much worse than the reference a window may be: a share of the reference's
    value when `relative`, else a difference. Only metrics with a tolerance are monitored.
    `in_target_unit` metrics carry the unit of the target, `estimated` ones are estimated while
    there are no labels. The one with `is_calibration` says how far probabilities or intervals are
    from what they say.
    """

    key: str
    title: str
    direction: MetricDirection
    format: str = ".4f"
    tolerance: float | None = None
    relative: bool = False
    in_target_unit: bool = False
    estimated: bool = False
    is_calibration: bool = False


@dataclass(frozen=True)
class GroupRate:
    """A rate by which groups of rows are compared: the mean of what each row adds.

    `needs_labels` says that rows without a label add nothing, `has_ratio` that the ratio of two
    groups means something too, as that of two shares does. `is_share` rates are counted in points,
    others in standard deviations.
    """

    key: str
    title: str
    needs_labels: bool = True
    has_ratio: bool = False
    is_share: bool = True
    criterion: str = ""
    monitored: bool = True


@dataclass(frozen=True)
class MetricGoal:
    """A metric and the worst value that a version needs by default before a gated stage."""

    metric: str
    threshold: float


@dataclass(frozen=True)
class DefaultGate:
    """A gate that a task brings before production, by name, with the parameters that it sets."""

    gate: str
    params: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class TaskExample:
    """A few rows of a model with that task: for the contract test and for the docs.

    `rows` are raw, as a model process answers them; `labels` are as people send them.
    """

    signature: Signature
    rows: Sequence[Row]
    labels: Sequence[Any]


class Task(Protocol):
    """What a model's answer means. Every method is pure.

    `columns` in the methods below are the output columns by name, `truth` the labels as numbers
    (NaN where a label is missing), as `truth` makes them.
    """

    @property
    def title(self) -> str:
        """Its name for people: "Regression"."""
        ...

    @property
    def description(self) -> str:
        """What the model answers, in a sentence or two."""
        ...

    @property
    def estimator(self) -> Estimator:
        """Which kind of estimator training fits for it; "" when training cannot."""
        ...

    @property
    def has_classes(self) -> bool:
        """Whether its labels are classes that the signature lists."""
        ...

    @property
    def has_threshold(self) -> bool:
        """Whether a threshold on a score decides, so that it can be chosen."""
        ...

    @property
    def default_levels(self) -> tuple[float, ...]:
        """The quantile levels that training fits by default; none when it has no levels."""
        ...

    @property
    def metrics(self) -> tuple[TaskMetric, ...]:
        """Its metrics, the primary one first; none when labels cannot be compared with answers."""
        ...

    @property
    def example(self) -> TaskExample:
        """A few rows that can be measured: some right, some wrong."""
        ...

    def goal(self, signature: Signature) -> MetricGoal | None:
        """What the default gates ask of a version; None when there is nothing to ask."""
        ...

    def check(self, signature: Signature) -> None:
        """Raises Invalid when the signature lacks something that the task needs."""
        ...

    def suits_target(self, target: TargetFacts) -> bool:
        """Whether such a target has this task unless a person chooses another one."""
        ...

    def target_problem(self, target: TargetFacts) -> str:
        """Why training cannot predict such a target, to follow its name; "" when it can."""
        ...

    def columns(self, signature: Signature) -> tuple[OutputColumn, ...]:
        """The columns that are logged and monitored, the most telling one first."""
        ...

    def sent_columns(self, signature: Signature) -> tuple[OutputColumn, ...]:
        """The columns that somebody who predicted elsewhere sends: those that `raw_rows` needs."""
        ...

    def raw_rows(self, signature: Signature, columns: Mapping[str, Sequence[Any]]) -> list[Row]:
        """The raw rows that `decide` would make these sent columns of."""
        ...

    def decide(self, signature: Signature, rows: Sequence[Row]) -> Columns:
        """The output columns of raw rows as a model process answers them.

        It may hold columns that are not logged. Raises ValueError for rows that do not fit.
        """
        ...

    def predictions(self, signature: Signature, columns: Mapping[str, Sequence[Any]]) -> list[Any]:
        """What a person would call the prediction of each row: a class, a number, a list."""
        ...

    def read_label(self, signature: Signature, value: Any) -> Any:
        """The label that a value from outside means, or None when it means none."""
        ...

    def label_hint(self, signature: Signature) -> str:
        """Which values are labels, for messages: "a number"."""
        ...

    def truth(self, signature: Signature, labels: Sequence[Any]) -> Floats:
        """Labels as numbers, one row each (a column per label of a multilabel model)."""
        ...

    def summary(self, signature: Signature, truth: Floats) -> dict[str, float]:
        """What the labels themselves are like, by title: the share of a class, a mean."""
        ...

    def compute_metrics(
        self, signature: Signature, columns: Arrays, truth: Floats
    ) -> dict[str, float]:
        """The metrics of labelled rows; those that cannot be computed on them are absent."""
        ...

    def documents(
        self, signature: Signature, columns: Arrays, truth: Floats, at: Sequence[int] | None = None
    ) -> dict[str, Any]:
        """Evaluation documents by artifact path: JSON values that screens draw.

        `at` are the rows' event times in milliseconds, where they have one.
        """
        ...

    def row_cost(self, signature: Signature, columns: Arrays, truth: Floats) -> Floats:
        """What each row's answer costs, lower is better: the basis of paired comparisons."""
        ...

    def measures(self, signature: Signature, columns: Arrays, truth: Floats) -> Measures:
        """The metrics by key as what rows add to them: the kind of each decides its test.

        The kinds are those of `models.metrics.weighted_metrics`. It may hold more metrics than
        `metrics` declares, and lacks those that have no test.
        """
        ...


@runtime_checkable
class ExpectsClasses(Protocol):
    """What a task may offer besides: metrics of rows whose class is only known as a probability.

    With both, monitoring estimates performance without labels (CBPE). The classes are in the order
    of the numbers that `truth` makes of labels: 0, 1 and so on.
    """

    def class_scores(self, signature: Signature, columns: Arrays) -> Floats | None:
        """A score a class (rows x classes), or of two classes only that of number 1.

        It need not be a probability. None when the answers have no score.
        """
        ...

    def expected_metrics(
        self, signature: Signature, columns: Arrays, probabilities: Floats
    ) -> dict[str, Estimate]:
        """The metrics, by key, when each row has each class with this probability.

        `probabilities` are rows x classes. Metrics that cannot be estimated are absent.
        """
        ...


@runtime_checkable
class ExpectsLosses(Protocol):
    """What a task may offer besides: metrics that are functions of mean losses of rows.

    With both, monitoring estimates performance without labels (DLE): a model learns the losses.
    """

    def row_losses(self, signature: Signature, columns: Arrays, truth: Floats) -> Floats:
        """What each labelled row loses (rows x losses): such as its absolute and squared error."""
        ...

    def loss_metrics(self, signature: Signature, means: Floats) -> dict[str, float]:
        """The metrics, by key, of the mean of each loss."""
        ...


@runtime_checkable
class ComparesGroups(Protocol):
    """What a task may offer besides: rates by which groups of rows are compared (fairness)."""

    @property
    def group_rates(self) -> tuple[GroupRate, ...]:
        """The rates, the most telling one first."""
        ...

    def row_rates(self, signature: Signature, columns: Arrays, truth: Floats) -> dict[str, Floats]:
        """What each row adds to every rate, by key; NaN where it adds nothing.

        `truth` is NaN where a label is missing.
        """
        ...


@runtime_checkable
class BringsGates(Protocol):
    """What a task may offer besides: gates that suit its answers, which production asks for.

    Those that suit every model, and those that compare with the champion, are asked for anyway.
    """

    def default_gates(self, signature: Signature) -> tuple[DefaultGate, ...]:
        """The gates that models of this signature can pass or fail, the most telling one first."""
        ...


tasks: Plugins[Task] = Plugins(__name__, "task")


def task_of(signature: Signature) -> Task:
    """The task of a signature. Raises NotFound when no plugin of that name is installed."""
    return tasks.get(signature.task)


def class_of_code(signature: Signature) -> dict[float, Label]:
    """The class that each number of the task's truth stands for.

    The number is no position among the classes: of two classes, 1 is the positive one.
    """
    codes = task_of(signature).truth(signature, list(signature.classes))
    return dict(zip(codes.tolist(), signature.classes, strict=True))


def suggested_task(target: TargetFacts) -> str | None:
    """The name of the task that a target has by default; None when training fits none."""
    return next((name for name, task in tasks.items() if task.suits_target(target)), None)


def trainable_tasks(target: TargetFacts) -> list[str]:
    """The names of the tasks that training can fit to such a target, the default one first."""
    names = [name for name, task in tasks.items() if not task.target_problem(target)]
    suggested = suggested_task(target)
    return sorted(names, key=lambda name: name != suggested)


def metric_of(task: Task, key: str) -> TaskMetric | None:
    """The task's metric of that key."""
    return next((metric for metric in task.metrics if metric.key == key), None)


def primary_metric(task: Task) -> str:
    """The key of the metric that decides; "" when the task has none."""
    return task.metrics[0].key if task.metrics else ""


def ranking_metrics(task: Task) -> tuple[TaskMetric, ...]:
    """The metrics by which models of the task can be ranked: those with a better direction."""
    return tuple(metric for metric in task.metrics if metric.direction != "unknown")


def rows_of(columns: Mapping[str, Sequence[Any]], names: Sequence[str]) -> list[Row]:
    """Rows with the values of the named columns, in that order."""
    return [list(row) for row in zip(*[columns[name] for name in names], strict=True)]


def probability_column(label: Label) -> str:
    """The name of the output column with the probability of a class."""
    return f"{PROBABILITY}{label}"
