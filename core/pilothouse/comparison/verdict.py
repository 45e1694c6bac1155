"""The verdict of a comparison: metrics joined with their evidence, and a summary sentence."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pilothouse.comparison.agreement import SAME, compare_data, compare_rows
from pilothouse.comparison.comparison import Comparison
from pilothouse.comparison.significance import describe_finding, format_p_value
from pilothouse.comparison.statistics import SHORT_METHOD_TITLES

if TYPE_CHECKING:
    import pandas as pd

METHOD_ORDER = (
    *("delong", "mcnemar", "bootstrap", "bootstrap_groups", "bootstrap_blocks"),
    *("folds", "folds_apart", "seeds"),
)
EVIDENCE_COLUMNS = ("method", "n", "unit", "low", "high", "p")
MAX_COMPARED = 3  # tests at 95 %: with more of them, a false positive becomes likely


@dataclass(frozen=True)
class ComparisonVerdict:
    """The answer to "which is best?" by one metric.

    `best` is the run with the best value among comparable ones (empty when the direction is
    unknown) and `verdict` its verdict against the baseline; `cautions` qualify the sentence.
    """

    metric: str
    best: str
    verdict: str
    sentence: str
    evidence: str
    cautions: tuple[str, ...]


def metrics_with_verdicts(metrics: pd.DataFrame, findings: pd.DataFrame) -> pd.DataFrame:
    """The rows of a comparison's `metrics` with the strongest finding for each.

    A better, worse or differing value whose difference is not significant becomes `noise`. Adds
    `EVIDENCE` (empty without a finding).
    """
    import pandas as pd

    order = {method: rank for rank, method in enumerate(METHOD_ORDER)}
    ranked = findings.assign(rank=findings["method"].map(order)).sort_values("rank", kind="stable")
    strongest = ranked.drop_duplicates(["run", "metric"])
    evidence = strongest[["run", "metric", *EVIDENCE_COLUMNS, "significant"]]
    frame = metrics.merge(evidence, on=["run", "metric"], how="left")
    unsure = frame["significant"].eq(False) & frame["verdict"].isin(["better", "worse", "differs"])
    frame["verdict"] = frame["verdict"].mask(unsure, "noise")
    frame["method"] = frame["method"].where(frame["method"].notna(), "")
    return pd.DataFrame(frame.drop(columns="significant"))


def verdict(
    comparison: Comparison, rows: pd.DataFrame, left_out: Mapping[str, str], metric: str = ""
) -> ComparisonVerdict | None:
    """The verdict by a metric, by default the deciding one; None when no run has it.

    `rows` are those of `metrics_with_verdicts`.
    """
    key = metric or comparison.deciding
    kind, with_values = (
        comparison.kinds.of(key),
        rows[(rows["metric"] == key) & rows["value"].notna()],
    )
    if with_values.empty:
        return None

    by_run = {str(row["run"]): row for row in with_values.to_dict("records")}
    fair = {run: row for run, row in by_run.items() if row["comparable"]}
    if kind.direction == "unknown":
        return _without_direction(comparison, key, by_run)

    choose = max if kind.direction == "higher" else min
    best = choose(fair or by_run, key=lambda run: (fair or by_run)[run]["value"])
    row = by_run[best]

    return ComparisonVerdict(
        metric=key,
        best=best,
        verdict=str(row["verdict"]),
        sentence=_sentence(comparison, row, best, len(fair)),
        evidence=_describe_finding(comparison, row),
        cautions=tuple(_cautions(comparison, key, by_run, best, left_out)),
    )


def _without_direction(
    comparison: Comparison, metric: str, by_run: Mapping[str, Mapping[Any, Any]]
) -> ComparisonVerdict:
    """The verdict by a metric without a known direction: no run is best."""
    kind = comparison.kinds.of(metric)
    values = [row["value"] for row in by_run.values()]
    low, high = kind.format_value(min(values)), kind.format_value(max(values))
    spread = f"all have {low}" if low == high else f"from {low} to {high}"
    return ComparisonVerdict(
        metric=metric,
        best="",
        verdict="differs" if low != high else "same",
        sentence=f"{kind.title}: {spread}; whether higher or lower is better is not known.",
        evidence="",
        cautions=("Describe the metric to say which way is better.",),
    )


def _sentence(comparison: Comparison, row: Mapping[Any, Any], best: str, fair: int) -> str:
    kind, label = comparison.kinds.of(row["metric"]), comparison.labels[best]
    base, value = comparison.labels[comparison.baseline], kind.format_value(row["value"])
    delta = kind.format_difference(row["delta"])
    verdict = row["verdict"]
    if verdict == "baseline":
        among = "no comparable run beats" if fair > 1 else "no comparable run competes with"
        return f"{kind.title}: {among} the baseline {base} ({value})."
    if verdict == "unknown":
        return f"{kind.title}: {label} has {value}; the baseline {base} has no value."
    if verdict == "same":
        return f"{kind.title}: {label} and the baseline {base} are the same ({value})."

    lead = f"{kind.title}: {label} is best with {value}, {delta} against the baseline {base}"
    if verdict == "noise":
        return f"{lead}, which is within noise."
    if not row["method"]:
        return f"{lead}; whether that is more than noise is not known."

    return f"{lead}, which is more than noise."


def _describe_finding(comparison: Comparison, row: Mapping[Any, Any]) -> str:
    if not row["method"]:
        return ""
    finding = dict(row) | {"n": int(row["n"])}
    return describe_finding(finding, comparison.kinds.of(row["metric"]))


def _cautions(
    comparison: Comparison,
    metric: str,
    by_run: Mapping[str, Mapping[Any, Any]],
    best: str,
    left_out: Mapping[str, str],
) -> list[str]:
    cautions = []
    apart = comparison.incomparable
    if best in apart:
        cautions.append(f"{comparison.labels[best]} is not comparable: {apart[best][0]}")
    elif apart:
        names = ", ".join(comparison.labels[run] for run in apart)
        cautions.append(f"Left out of the verdict, for it is not comparable: {names}.")

    unsure = _unknown_data(comparison, best)
    if unsure and best not in apart:
        cautions.append(unsure)
    if best in left_out and best not in apart:
        cautions.append(f"No paired evidence: {left_out[best]}")

    weighed = [run for run, row in by_run.items() if row["method"] and row["comparable"]]
    if len(weighed) > MAX_COMPARED:
        cautions.append(
            f"{len(weighed)} runs are tested against one baseline, each at 95 %: "
            "the best of many looks better than it is."
        )

    kind = comparison.kinds.of(metric)
    if kind.target is not None and not any(row["reaches"] for row in by_run.values()):
        cautions.append(f"No run reaches the target of {kind.format_value(kind.target)}.")

    return cautions


def _unknown_data(comparison: Comparison, best: str) -> str:
    """A caution when it is unknown whether both were evaluated on the same data; else empty."""
    if best == comparison.baseline:
        return ""
    pair = [run for run in comparison.runs if run.id in (best, comparison.baseline)]
    if compare_rows(*pair) == SAME or compare_data(*pair) == SAME:
        return ""
    label = comparison.labels[best]
    return f"It is not known whether {label} and the baseline were measured on the same data."


def describe_evidence(row: Mapping[Any, Any]) -> str:
    """The method, sample size and p of a row as short text; empty without evidence."""
    if not row["method"]:
        return ""
    text = f"{SHORT_METHOD_TITLES[row['method']]}, {int(row['n']):,} {row['unit']}"
    return text if math.isnan(row["p"]) else f"{text}, {format_p_value(row['p'])}"
