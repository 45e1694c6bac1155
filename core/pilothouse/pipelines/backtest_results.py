"""What a backtest has found: the metric of each window under each policy, gains and costs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pilothouse.jobs import Progress
from pilothouse.storage import Store

if TYPE_CHECKING:
    import pandas as pd

NEVER = "never"
KIND = "backtest_retraining"
DRAWS, SEED, LEVEL = 2_000, 20_130_301, 0.95
MIN_WINDOWS = 8  # of fewer, an interval from whole windows means too little
COLUMNS = (
    "policy", "value", "gain", "low", "high", "retrainings", "promoted", "rows", "cpu_seconds",
    "gain_per_retraining",
)  # fmt: skip
WINDOW_COLUMNS = ("policy", "start", "end", "rows", "labelled", "value", "champion")
RETRAINING_COLUMNS = (
    "policy", "at", "trigger", "reason", "rows", "champion", "challenger", "promoted",
    "cpu_seconds", "message",
)  # fmt: skip


@dataclass(frozen=True, eq=False)
class Backtest:
    """The result of a backtest's job.

    `summary` has a row for each policy and one for never retraining: the metric over all labelled
    windows (their mean, weighted by labelled rows), the gain over never retraining (positive is
    better) with its 95 % interval from whole windows, retrainings, those whose model became the
    champion, rows trained on, CPU seconds, and the gain of each retraining.
    """

    job: str
    deployment: str
    metric: str
    title: str
    summary: pd.DataFrame
    windows: pd.DataFrame
    retrainings: pd.DataFrame
    policies: Mapping[str, Any]


def summarise(
    store: Store, progress: Progress, *, deployment: str, results: list[dict[str, Any]]
) -> dict[str, Any]:
    """The result of the job: what was replayed, and the summary of each policy."""
    never = results[0]
    return {
        "deployment": deployment,
        "metric": never["metric"],
        "title": never["title"],
        "better": never["better"],
        "policies": results,
        "summary": [_summary(result, never) for result in results],
    }


def _summary(result: Mapping[str, Any], never: Mapping[str, Any]) -> dict[str, Any]:
    retrainings = result["retrainings"]
    value, gain, low, high = _gain(result["windows"], never["windows"], never["better"])
    count = len(retrainings)
    return {
        "policy": result["policy"],
        "value": value,
        "gain": gain,
        "low": low,
        "high": high,
        "retrainings": count,
        "promoted": sum(entry["promoted"] for entry in retrainings),
        "rows": sum(entry["rows"] for entry in retrainings),
        "cpu_seconds": sum(entry["cpu_seconds"] for entry in retrainings),
        "gain_per_retraining": gain / count if gain is not None and count else None,
    }


def _gain(
    windows: Sequence[Mapping[str, Any]], never: Sequence[Mapping[str, Any]], better: str
) -> tuple[float | None, float | None, float | None, float | None]:
    """The weighted mean of a policy's windows, how much better it is than never, and how certain.

    Whole windows are drawn, the same for both, for rows of one week depend on each other.
    """
    import numpy as np

    both = [
        (a["value"], b["value"], a["labelled"])
        for a, b in zip(windows, never, strict=True)
        if a["value"] is not None and b["value"] is not None
    ]
    if not both:
        return None, None, None, None
    own, other, weights = (np.array(part, dtype=np.float64) for part in zip(*both, strict=True))
    gains = (own - other) * (-1 if better == "lower" else 1)
    value, gain = (float(np.average(part, weights=weights)) for part in (own, gains))
    if len(both) < MIN_WINDOWS or not gains.any():
        return value, gain, None, None
    drawn = np.random.default_rng(SEED).integers(0, len(both), (DRAWS, len(both)))
    means = (gains * weights)[drawn].sum(axis=1) / weights[drawn].sum(axis=1)
    low, high = np.quantile(means, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return value, gain, float(low), float(high)


def read_backtest(job: str, result: Mapping[str, Any]) -> Backtest:
    """The stored result of a job as frames."""
    import pandas as pd

    def rows(part: str, names: Sequence[str]) -> pd.DataFrame:
        records = [
            {**entry, "policy": policy["policy"]}
            for policy in result["policies"]
            for entry in policy[part]
        ]
        frame = pd.DataFrame(records, columns=list(names))
        for name in {"start", "end", "at"} & set(names):
            frame[name] = pd.to_datetime(frame[name], unit="ms", utc=True)
        return frame

    return Backtest(
        job=job,
        deployment=result["deployment"],
        metric=result["metric"],
        title=result["title"],
        summary=pd.DataFrame(result["summary"], columns=list(COLUMNS)),
        windows=rows("windows", WINDOW_COLUMNS),
        retrainings=rows("retrainings", RETRAINING_COLUMNS),
        policies={entry["policy"]: entry["settings"] for entry in result["policies"]},
    )
