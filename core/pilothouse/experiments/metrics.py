"""What is known of each metric: which direction is better, its title, how to write its values."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

Direction = Literal["higher", "lower"]
Verdict = Literal["better", "worse", "same", "unknown"]

# Two figures closer than this share of the larger differ by arithmetic, not by merit.
SAME = 1e-9
_LOWER_WORDS = {
    *("loss", "error", "err", "rmse", "mse", "mae", "mape", "brier", "deviance", "perplexity"),
    *("seconds", "ms", "latency", "time", "bytes", "cost", "regret", "distance", "drift", "hinge"),
}


@dataclass(frozen=True)
class MetricKind:
    """A metric's key, title, better direction and format (as `format(value, kind.format)`).

    `target` is the value one wants to reach, `tolerance` the difference that does not count.
    """

    key: str
    title: str
    direction: Direction
    format: str = ".4f"
    unit: str = ""
    target: float | None = None
    tolerance: float | None = None

    def write(self, value: float) -> str:
        """The value in this metric's format, with its unit; a dash when it is not a number."""
        if math.isnan(value):
            return "–"  # noqa: RUF001
        return f"{format(value, self.format)} {self.unit}".rstrip()

    def reaches(self, value: float) -> bool | None:
        """Whether a value reaches the target; None without a target or a value."""
        if self.target is None or math.isnan(value):
            return None
        return value >= self.target if self.direction == "higher" else value <= self.target

    def judge(self, value: float, baseline: float) -> Verdict:
        """Whether a value is better or worse than a baseline; the same within the tolerance."""
        if math.isnan(value) or math.isnan(baseline):
            return "unknown"
        if value == baseline or math.isclose(value, baseline, rel_tol=SAME, abs_tol=1e-12):
            return "same"
        if self.tolerance and abs(value - baseline) <= self.tolerance * (1 + SAME):
            return "same"
        return "better" if (value > baseline) == (self.direction == "higher") else "worse"


METRICS: dict[str, MetricKind] = {
    kind.key: kind
    for kind in (
        MetricKind("roc_auc", "ROC AUC", "higher"),
        MetricKind("average_precision", "Average precision", "higher"),
        MetricKind("accuracy", "Accuracy", "higher"),
        MetricKind("balanced_accuracy", "Balanced accuracy", "higher"),
        MetricKind("precision", "Precision", "higher"),
        MetricKind("recall", "Recall", "higher"),
        MetricKind("specificity", "Specificity", "higher"),
        MetricKind("f1", "F1", "higher"),
        MetricKind("matthews", "Matthews correlation", "higher"),
        MetricKind("log_loss", "Log loss", "lower"),
        MetricKind("brier", "Brier score", "lower"),
        MetricKind("calibration_error", "Calibration error", "lower"),
        MetricKind("fit_seconds", "Fit time (s)", "lower", ".2f"),
        MetricKind("score_seconds", "Scoring time (s)", "lower", ".2f"),
        MetricKind("model_bytes", "Model size (bytes)", "lower", ",.0f"),
    )
}
_PREFIXES = {
    "cv_": "CV ",
    "fold_": "Fold ",
    "search_": "Search ",
    "train_": "Train ",
    "training_": "Training ",
    "val_": "Validation ",
    "validation_": "Validation ",
    "eval_": "Evaluation ",
    "test_": "Test ",
}
_SUFFIXES = {"_mean": " mean", "_std": " spread"}


@lru_cache(maxsize=4096)
def metric_kind(key: str) -> MetricKind:
    """What is known of a metric: the listed kind, its part of a longer key, or a fair guess.

    `cv_roc_auc_mean` is a ROC AUC of cross-validation; a spread over folds is better when lower.
    """
    if key in METRICS:
        return METRICS[key]
    for prefix, words in _PREFIXES.items():
        if key.startswith(prefix) and len(key) > len(prefix):
            inner = metric_kind(key.removeprefix(prefix))
            return MetricKind(key, f"{words}{inner.title}", inner.direction, inner.format)
    for suffix, words in _SUFFIXES.items():
        if key.endswith(suffix) and len(key) > len(suffix):
            inner = metric_kind(key.removesuffix(suffix))
            direction = "lower" if suffix == "_std" else inner.direction
            return MetricKind(key, f"{inner.title}{words}", direction, inner.format)
    return _guess(key)


def _guess(key: str) -> MetricKind:
    words = key.replace("/", " ").replace(".", " ").replace("-", " ").replace("_", " ").split()
    lower = any(word.lower() in _LOWER_WORDS for word in words)
    title = " ".join(words) or key
    return MetricKind(key, title[:1].upper() + title[1:], "lower" if lower else "higher", ".4g")


def judge(key: str, value: float, baseline: float) -> Verdict:
    """Whether a value is better or worse than a baseline, by what the metric's key suggests."""
    return metric_kind(key).judge(value, baseline)
