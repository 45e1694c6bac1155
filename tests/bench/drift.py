"""A drift check of one window against a cached reference, beside Evidently and plain scipy.

All three see the same rows in one process: columns of numbers and of categories, of which a few
have shifted. Ours makes the window's profile and every drift test of every column from rows, with
the reference's profile at hand, as a monitor has it; making that profile is timed apart. The
reference is Evidently's `DataDriftPreset`, run and read as numbers, without its page. Plain scipy
is `ks_2samp` and `wasserstein_distance` for numbers and `jensenshannon` for both. Seconds are of
this process's CPU, so that a busy machine does not blur them. Windows of 1,000 rows and of a
million are measured too, the million in a process of its own with the memory that it takes, and
without Evidently, which needs over a minute.
"""

from __future__ import annotations

import multiprocessing
import os
import threading
import time
import warnings
from collections.abc import Callable
from typing import Any, TypeVar

import numpy as np
import pandas as pd
import psutil

COLUMNS = 20
ROWS = 100_000
SMALL, LARGE = 1_000, 1_000_000
NUMBERS_SHARE = 0.7
SEED = 7
REPEATS = 5
R = TypeVar("R")


def measure(columns: int = COLUMNS, rows: int = ROWS) -> dict[str, Any]:
    """CPU seconds of each, with `rows` on both sides; the ratio is Evidently's over ours."""
    reference, current = _frame(columns, rows, 0.0), _frame(columns, rows, 0.2)
    profiling, profile = _timed(lambda: _profile(reference), 1)
    local, checks = _timed(lambda: _ours(profile, current), REPEATS)
    scipy, by_scipy = _timed(lambda: _scipy(reference, current), 2)
    evidently, evidently_checks = _timed(lambda: _evidently(reference, current), 2)
    _agree(checks, by_scipy)
    small_reference, small = _frame(columns, SMALL, 0.0), _frame(columns, SMALL, 0.2)
    small_profile = _profile(small_reference)
    small_seconds, _ = _timed(lambda: _ours(small_profile, small), REPEATS)
    small_evidently, _ = _timed(lambda: _evidently(small_reference, small), 1)
    with multiprocessing.get_context("fork").Pool(1) as pool:
        large_seconds, large_mb = pool.apply(_large, (columns, LARGE))
    return {
        "work": "drift",
        "ours": round(local, 4),
        "reference": round(evidently, 3),
        "ratio": round(evidently / local, 1),
        "unit": f"CPU seconds for {columns} columns x {rows:,} rows on each side, lower is better",
        "reference_is": "Evidently's DataDriftPreset, without its page",
        "scipy": round(scipy, 3),
        "scipy_ratio": round(scipy / local, 1),
        "reference_profile_once": round(profiling, 3),
        "ours_1000": round(small_seconds, 4),
        "reference_1000": round(small_evidently, 3),
        "ours_1000000": round(large_seconds, 2),
        "memory_more_1000000_mb": round(large_mb),
        "scores": {"ours": len(checks), "scipy": len(by_scipy), "evidently": evidently_checks},
    }


def _large(columns: int, rows: int) -> tuple[float, float]:
    """CPU seconds of a large window, and how many MB more than before it takes at most."""
    profile, current = _profile(_frame(columns, rows, 0.0)), _frame(columns, rows, 0.2)
    process, done = psutil.Process(), threading.Event()
    before = highest = process.memory_info().rss

    def watch() -> None:
        nonlocal highest
        while not done.wait(0.005):
            highest = max(highest, process.memory_info().rss)

    watcher = threading.Thread(target=watch)
    watcher.start()
    seconds, _ = _timed(lambda: _ours(profile, current), 2)
    done.set()
    watcher.join()
    return seconds, (highest - before) / 2**20


def _timed(act: Callable[[], R], repeats: int) -> tuple[float, R]:
    """The best of several times, with the last answer: the first one also pays for imports."""
    seconds = []
    for _ in range(repeats):
        began = time.process_time()
        answer = act()
        seconds.append(time.process_time() - began)
    return min(seconds), answer


def _frame(columns: int, rows: int, shift: float) -> pd.DataFrame:
    rng = np.random.default_rng(SEED + int(shift * 10))
    numbers = round(columns * NUMBERS_SHARE)
    made: dict[str, Any] = {
        f"number{i}": rng.normal(shift * (i % 3), 1, rows) for i in range(numbers)
    }
    for i in range(columns - numbers):
        chances = rng.dirichlet(np.full(8, 5.0)) if i % 2 else np.full(8, 1 / 8)
        made[f"category{i}"] = rng.choice([f"c{k}" for k in range(8)], rows, p=chances)
    return pd.DataFrame(made)


def _signature(frame: pd.DataFrame) -> Any:
    from pilothouse.models.signature import Signature, SignatureField

    inputs = tuple(
        SignatureField(name, "number" if name.startswith("number") else "string") for name in frame
    )
    return Signature(inputs, "y", (0, 1), 1)


def _profile(frame: pd.DataFrame) -> Any:
    from pilothouse.monitoring.reference_profile import from_bytes, profile_reference, to_bytes

    scored = frame.assign(__target=np.arange(len(frame)) % 2, __score=0.5)
    return from_bytes(to_bytes(profile_reference(scored, _signature(frame))))


def _ours(profile: Any, current: pd.DataFrame) -> dict[tuple[str, str], float]:
    from pilothouse.monitoring.assessment import assess
    from pilothouse.monitoring.monitor_config import MonitorConfig
    from pilothouse.monitoring.performance import compute_performance
    from pilothouse.monitoring.window_rows import WindowRows

    rows = len(current)
    window = WindowRows(current, {"score": np.full(rows, 0.5)}, np.full(rows, np.nan))
    signature = _signature(current)
    performance = compute_performance(signature, window.outputs, window.truth, window.at)
    checks = assess(profile, window, MonitorConfig(), signature, performance).checks
    return {(c.check, c.column): c.score for c in checks if c.column and c.score is not None}


def _scipy(reference: pd.DataFrame, current: pd.DataFrame) -> dict[tuple[str, str], float]:
    from scipy import stats
    from scipy.spatial import distance

    scores: dict[tuple[str, str], float] = {}
    for name in current:
        a, b = reference[name], current[name]
        if name.startswith("number"):
            a, b = a.to_numpy(), b.to_numpy()
            scores["ks", name] = stats.ks_2samp(a, b, method="asymp").statistic
            scores["wasserstein", name] = stats.wasserstein_distance(a, b) / a.std()
            edges = np.histogram_bin_edges(a, "doane")
            edges[0], edges[-1] = -np.inf, np.inf
            p, q = np.histogram(a, edges)[0], np.histogram(b, edges)[0]
        else:
            p, q = a.value_counts(), b.value_counts()
            p, q = p.align(q, fill_value=0)
        scores["jensen_shannon", name] = float(distance.jensenshannon(p, q, base=2))
    return scores


def _evidently(reference: pd.DataFrame, current: pd.DataFrame) -> int:
    """How many metrics Evidently gave."""
    os.environ["DO_NOT_TRACK"] = "1"
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        from evidently import DataDefinition, Dataset, Report
        from evidently.presets import DataDriftPreset

        numbers = [name for name in current if name.startswith("number")]
        others = [name for name in current if name not in numbers]
        definition = DataDefinition(numerical_columns=numbers, categorical_columns=others)
        sides = [
            Dataset.from_pandas(frame, data_definition=definition) for frame in (current, reference)
        ]
        return len(Report([DataDriftPreset(columns=list(current))]).run(*sides).dict()["metrics"])


def _agree(local: dict[tuple[str, str], float], scipy: dict[tuple[str, str], float]) -> None:
    """A fast answer that is wrong is worth nothing: the exact distances must be scipy's."""
    for (check, column), score in scipy.items():
        exact = check in ("ks", "wasserstein") or column.startswith("category")
        if exact and abs(local[check, column] - score) > 1e-9 + 1e-6 * abs(score):
            raise SystemExit(f"{check} of {column}: ours {local[check, column]}, scipy {score}")


if __name__ == "__main__":
    for field, value in measure().items():
        print(f"{field}: {value}")
