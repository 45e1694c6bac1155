"""Histories of metrics: many runs and metrics in one question, thinned without losing spikes."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import TYPE_CHECKING

from sqlalchemy import BigInteger, select, type_coerce
from sqlmodel import Session, col

from pilothouse.experiments.tables import Metric, RunMetric

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt
    import pandas as pd

    Ints = npt.NDArray[np.int64]
    Floats = npt.NDArray[np.float64]

COLUMNS = ("run", "key", "step", "at", "value")


def history(
    session: Session,
    runs: Sequence[str],
    keys: Sequence[str] | None = None,
    max_points: int | None = None,
) -> pd.DataFrame:
    """One row per point, by run (in the order given), key, step and instant.

    `max_points` thins each longer series, keeping its ends and the extremes of every stretch.
    """
    import pandas as pd

    frames = []
    for run, key, series in _series(session, runs, keys):
        step, at, value = _points(session, series)
        if max_points is not None and len(value) > max_points:
            kept = thin(value, max_points)
            step, at, value = step[kept], at[kept], value[kept]
        frames.append(_frame(run, key, step, at, value))
    return pd.concat(frames, ignore_index=True) if frames else _empty()


def _frame(run: str, key: str, step: Ints, at: Ints, value: Floats) -> pd.DataFrame:
    import pandas as pd

    instants = pd.to_datetime(at, unit="us", utc=True)
    return pd.DataFrame({"run": run, "key": key, "step": step, "at": instants, "value": value})


def _empty() -> pd.DataFrame:
    import numpy as np

    ints, floats = np.array([], dtype=np.int64), np.array([], dtype=np.float64)
    return _frame("", "", ints, ints, floats)


def _series(
    session: Session, runs: Sequence[str], keys: Sequence[str] | None
) -> list[tuple[str, str, int]]:
    query = select(col(RunMetric.run_id), col(RunMetric.key), col(RunMetric.id)).where(
        col(RunMetric.run_id).in_(list(runs))
    )
    if keys is not None:
        query = query.where(col(RunMetric.key).in_(list(keys)))
    order = {run: place for place, run in enumerate(runs)}
    found = [(row.run_id, row.key, row.id) for row in session.execute(query)]
    return sorted(found, key=lambda row: (order[row[0]], row[1]))


def _points(session: Session, series: int) -> tuple[Ints, Ints, Floats]:
    """Steps, microseconds and values of a series, in the order of its key."""
    import numpy as np

    # The instant stays a number: a datetime for each point would take most of the time.
    columns = col(Metric.step), type_coerce(col(Metric.at), BigInteger), col(Metric.value)
    query = select(*columns, col(Metric.nan)).where(col(Metric.series) == series)
    order = col(Metric.step), col(Metric.at), col(Metric.value), col(Metric.nan)
    rows = session.connection().execute(query.order_by(*order)).all()
    steps, instants, values, nans = zip(*rows, strict=True) if rows else ((), (), (), ())
    numbers = np.array(values, dtype=np.float64)
    numbers[np.array(nans, dtype=bool)] = np.nan
    return np.array(steps, dtype=np.int64), np.array(instants, dtype=np.int64), numbers


def thin(values: Floats, most: int) -> Ints:
    """The places of at most `most` points (4 at least): both ends, and each stretch's extremes."""
    import numpy as np

    missing = np.isnan(values)
    low, high = np.where(missing, np.inf, values), np.where(missing, -np.inf, values)
    edges = np.linspace(0, len(values), max(1, (most - 2) // 2) + 1).astype(np.int64)
    kept = {0, len(values) - 1}
    for start, stop in pairwise(edges.tolist()):
        kept |= {start + int(low[start:stop].argmin()), start + int(high[start:stop].argmax())}
    return np.array(sorted(kept), dtype=np.int64)
