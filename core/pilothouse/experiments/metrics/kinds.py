"""What is known of each metric: which direction is better, its title, how to write its values."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Literal

from pilothouse.experiments.metrics.name_rules import Direction as Direction
from pilothouse.experiments.metrics.name_rules import direction_of
from pilothouse.models.tasks import TaskMetric, tasks

# "differs" is said where nobody knows which way is better; "unknown" where a value is missing.
MetricVerdict = Literal["better", "worse", "same", "differs", "unknown"]

# Two figures closer than this share of the larger differ by arithmetic, not by merit.
SAME = 1e-9

DEFAULT_FORMAT = ".4g"  # the format of a metric that no table lists
MAX_WHOLE = 1e15  # whole values up to here are written in full


@dataclass(frozen=True)
class MetricKind:
    """A metric's key, title, better direction and format (as `format(value, kind.format)`).

    `target` is the value one wants to reach, `tolerance` the difference that does not count.
    `in_target_unit` says that its values have the unit of what the model predicts.
    """

    key: str
    title: str
    direction: Direction
    format: str = ".4f"
    unit: str = ""
    target: float | None = None
    tolerance: float | None = None
    in_target_unit: bool = False

    def format_value(self, value: float) -> str:
        """The value in this metric's format, with its unit; a dash when it is not a number."""
        if math.isnan(value):
            return "–"  # noqa: RUF001
        if self.format == DEFAULT_FORMAT and value == int_or_nan(value):
            return f"{int(value)} {self.unit}".rstrip()
        return f"{self.format_number(value)} {self.unit}".rstrip()

    def format_difference(self, delta: float) -> str:
        """A difference of two values with its sign, without the unit."""
        return self.format_number(delta, "+")

    def format_number(self, value: float, sign: str = "") -> str:
        """The value in this metric's format; large ones in full where that would be a power of 10.

        The format of four digits is for errors of any size, which people read as 10,910.
        """
        text = format(value, f"{sign}{self.format}")
        if "e+" in text and abs(value) < MAX_WHOLE and self.format.endswith("g"):
            return format(value, f"{sign},.0f")
        return text

    def reaches_target(self, value: float) -> bool | None:
        """Whether a value reaches the target; None without a target, a value or a direction."""
        if self.target is None or math.isnan(value) or self.direction == "unknown":
            return None
        return value >= self.target if self.direction == "higher" else value <= self.target

    def compare(self, value: float, baseline: float) -> MetricVerdict:
        """Whether a value is better or worse than a baseline; the same within the tolerance.

        Without a known direction it only differs.
        """
        if math.isnan(value) or math.isnan(baseline):
            return "unknown"
        if value == baseline or math.isclose(value, baseline, rel_tol=SAME, abs_tol=1e-12):
            return "same"
        if self.tolerance and abs(value - baseline) <= self.tolerance * (1 + SAME):
            return "same"
        if self.direction == "unknown":
            return "differs"
        return "better" if (value > baseline) == (self.direction == "higher") else "worse"


def _kind_of(metric: TaskMetric) -> MetricKind:
    return MetricKind(
        metric.key,
        metric.title,
        metric.direction,
        metric.format,
        in_target_unit=metric.in_target_unit,
    )


def _metrics_of_tasks() -> dict[str, MetricKind]:
    """The metrics of all tasks; of equal keys, that of the task that ranks it highest."""
    kinds: dict[str, tuple[int, MetricKind]] = {}
    for _, task in tasks.items():
        for rank, metric in enumerate(task.metrics):
            if metric.key not in kinds or rank < kinds[metric.key][0]:
                kinds[metric.key] = rank, _kind_of(metric)
    return {key: kind for key, (_, kind) in kinds.items()}


METRICS: dict[str, MetricKind] = _metrics_of_tasks() | {
    kind.key: kind
    for kind in (
        MetricKind("specificity", "Specificity", "higher"),
        MetricKind("matthews", "Matthews correlation", "higher"),
        MetricKind("fit_seconds", "Fit time (s)", "lower", ".2f"),
        MetricKind("score_seconds", "Scoring time (s)", "lower", ".2f"),
        MetricKind("model_bytes", "Model size (bytes)", "lower", ",.0f"),
    )
}
# What a listed metric's name may have in front of it and behind it, and how that is written.
_PREFIXES = {
    "cv_": "CV",
    "fold_": "Fold",
    "search_": "Search",
    "train_": "Train",
    "training_": "Training",
    "val_": "Val",
    "validation_": "Validation",
    "eval_": "Eval",
    "test_": "Test",
}
_SUFFIXES = {"_mean": "mean", "_std": "spread"}
_TITLES = {kind.title.lower() for kind in METRICS.values()}


@lru_cache(maxsize=4096)
def metric_kind(key: str, task: str = "") -> MetricKind:
    """What is known of a metric: the listed kind, a part of a longer key, or what its name says.

    `cv_accuracy_mean` is an accuracy of cross-validation; a spread over folds is better when lower.
    A metric that no table lists is called as it was logged, so that two keys never look the same.
    With the name of a task, its own titles come first.
    """
    own = {metric.key: _kind_of(metric) for metric in tasks.get(task).metrics} if task else {}
    return _known_kind(key, METRICS | own) or MetricKind(
        key, _title_of_key(key), direction_of(key), DEFAULT_FORMAT
    )


def _known_kind(key: str, metrics: Mapping[str, MetricKind]) -> MetricKind | None:
    if key in metrics:
        return metrics[key]
    for prefix, word in _PREFIXES.items():
        if key.startswith(prefix) and (inner := _known_kind(key.removeprefix(prefix), metrics)):
            return replace(inner, key=key, title=f"{word} {_in_sentence_case(inner.title)}")
    for suffix, word in _SUFFIXES.items():
        if key.endswith(suffix) and (inner := _known_kind(key.removesuffix(suffix), metrics)):
            direction: Direction = "lower" if suffix == "_std" else inner.direction
            return replace(inner, key=key, title=f"{inner.title} {word}", direction=direction)
    return None


def _in_sentence_case(title: str) -> str:
    """A title behind another word: `Log loss` becomes `log loss`, `ROC AUC` stays."""
    return title[:1].lower() + title[1:] if title[1:2].islower() else title


def _title_of_key(key: str) -> str:
    """The key itself; in quotes when it is spelled like the title of a listed metric."""
    return f"“{key}”" if _looks_like_a_title(key) or key.startswith("“") else key


def _looks_like_a_title(text: str) -> bool:
    tokens = text.lower().split(" ")
    while tokens and tokens[0] in {word.lower() for word in _PREFIXES.values()}:
        tokens = tokens[1:]
    while tokens and tokens[-1] in _SUFFIXES.values():
        tokens = tokens[:-1]
    return " ".join(tokens) in _TITLES and text not in METRICS


def int_or_nan(value: float) -> float:
    """The value when it is whole and can be written in full, else NaN."""
    return value if abs(value) < MAX_WHOLE and value == math.floor(value) else math.nan


def compare_values(key: str, value: float, baseline: float) -> MetricVerdict:
    """Whether a value is better or worse than a baseline, by what the metric's key suggests."""
    return metric_kind(key).compare(value, baseline)


def metric_texts(values: Mapping[str, float]) -> list[tuple[str, str]]:
    """The title and the value of each metric, for people."""
    kinds = {key: metric_kind(key) for key in values}
    return [(kinds[key].title, kinds[key].format_value(value)) for key, value in values.items()]
