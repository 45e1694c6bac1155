"""Histories of metrics: many runs and metrics in one question, thinned without losing spikes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sqlalchemy import select
from sqlmodel import Session, col

from pilothouse.experiments.metrics import packed_history
from pilothouse.experiments.tables import RunMetric

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt
    import pandas as pd

    from pilothouse.experiments.metrics.packed_history import SeriesColumns

    Ints = npt.NDArray[np.int64]
    Floats = npt.NDArray[np.float64]

COLUMNS = ("run", "key", "step", "at", "value")
CURSOR, WHOLE = "cursor", "whole"
MIN_POINTS = 12
MAX_MAGNITUDE = 1e307
Cursor = Mapping[str, Sequence[int]]  # series -> how many points, the last one's step and instant


@dataclass(frozen=True)
class _Series:
    """A metric of a run: its number, and how many points it has."""

    run: str
    key: str
    id: int
    count: int


def history(
    session: Session,
    runs: Sequence[str],
    keys: Sequence[str] | None = None,
    max_points: int | None = None,
    *,
    since: Cursor | None = None,
    low: int | None = None,
    high: int | None = None,
) -> pd.DataFrame:
    """One row per point, by run (in the order given), key, step and instant.

    `max_points` thins each longer series, keeping its ends, its extremes and where NaN begins and
    ends. `low` and `high` bound the steps. `attrs["cursor"]` of the frame, handed in as `since`
    next time, leaves out what was told before; a series that took points before its last one
    cannot be continued, so it is told anew, and `attrs["whole"]` names it as (run, key).
    """
    grown = [
        series for series in _series(session, runs, keys) if _has_new_points(series, since or {})
    ]
    columns_of: dict[int, SeriesColumns] = {}
    for series in grown:
        if (columns := _new_points(session, series, since or {})) is not None:
            columns_of[series.id] = columns

    anew = [series.id for series in grown if series.id not in columns_of]
    columns_of |= packed_history.read(session, anew)
    thinned = [
        (series, _clip_and_thin(columns_of[series.id], max_points, low, high)) for series in grown
    ]
    frame = _frame(thinned)
    cursor = {str(series.id): _cursor_entry(series, columns_of[series.id]) for series in grown}
    frame.attrs[CURSOR] = dict(since or {}) | cursor
    frame.attrs[WHOLE] = [(series.run, series.key) for series in grown if series.id in anew]

    return frame


def _has_new_points(series: _Series, since: Cursor) -> bool:
    return series.count != since.get(str(series.id), (0,))[0]


def _cursor_entry(series: _Series, columns: SeriesColumns) -> list[int]:
    return [series.count, int(columns.steps[-1]), int(columns.instants[-1])]


def _new_points(session: Session, series: _Series, since: Cursor) -> SeriesColumns | None:
    """The points after the place that was told last; None when others came before it too."""
    if str(series.id) not in since:
        return None
    count, step, instant = since[str(series.id)]
    near = packed_history.read(session, [series.id], low=step)[series.id]
    later = near.at((near.steps > step) | (near.instants > instant))
    return later if len(later) == series.count - count else None


def _clip_and_thin(
    columns: SeriesColumns, most: int | None, low: int | None, high: int | None
) -> SeriesColumns:
    columns = packed_history.between(columns, low, high)
    if most is not None and len(columns) > most:
        columns = columns.at(thin(columns.values, most))
    return columns


def _frame(histories: Sequence[tuple[_Series, SeriesColumns]]) -> pd.DataFrame:
    import numpy as np
    import pandas as pd

    lengths = [len(columns) for _, columns in histories]

    def words(name: str) -> Any:
        return np.repeat(np.array([getattr(s, name) for s, _ in histories], dtype=object), lengths)

    def joined(name: str, dtype: Any) -> Any:
        return np.concatenate([np.array([], dtype), *(getattr(c, name) for _, c in histories)])

    instants = pd.to_datetime(joined("instants", np.int64), unit="us", utc=True)
    return pd.DataFrame(
        {
            "run": words("run"),
            "key": words("key"),
            "step": joined("steps", np.int64),
            "at": instants,
            "value": joined("values", np.float64),
        }
    )


def _series(session: Session, runs: Sequence[str], keys: Sequence[str] | None) -> list[_Series]:
    columns = col(RunMetric.run_id), col(RunMetric.key), col(RunMetric.id), col(RunMetric.count)
    query = select(*columns).where(col(RunMetric.run_id).in_(list(runs)))
    if keys is not None:
        # An expression has no index: the runs lead to these rows, for a key may have all of them.
        query = query.where(col(RunMetric.key).concat("").in_(list(keys)))
    order = {run: index for index, run in enumerate(runs)}
    series = [_Series(*row) for row in session.execute(query)]
    return sorted(series, key=lambda item: (order[item.run], item.key))


def thin(values: Floats, most: int) -> Ints:
    """The places of at most `most` points (12 at least) that look like all of them.

    MinMaxLTTB chooses among the numbers; the smallest, the largest, both ends and the edges of
    stretches of NaN are kept whatever it says.
    """
    import numpy as np

    most = max(most, MIN_POINTS)
    missing = np.isnan(values)
    numbers = np.flatnonzero(~missing)
    edges = _nan_edges(missing, most // 4) if missing.any() else np.array([], dtype=np.int64)
    chosen = [edges, np.array([0, len(values) - 1])]
    if len(numbers):
        curve = values[numbers]
        chosen.append(numbers[[int(curve.argmin()), int(curve.argmax())]])
        chosen.append(numbers[_downsample(curve, most - len(edges) - 4)])
    return np.unique(np.concatenate(chosen)).astype(np.int64)


def _nan_edges(missing: npt.NDArray[np.bool_], most: int) -> Ints:
    """Where stretches of NaN begin and end; of many, evenly spread ones."""
    import numpy as np

    changes = np.flatnonzero(np.diff(np.concatenate([[False], missing, [False]]).astype(np.int8)))
    edges = np.unique(np.concatenate([changes[::2], changes[1::2] - 1]))
    if len(edges) > most:
        edges = edges[np.unique(np.linspace(0, len(edges) - 1, most).round().astype(np.int64))]
    return edges


def _downsample(curve: Floats, most: int) -> Ints:
    """The places that MinMaxLTTB chooses; an infinity is a spike beyond everything else."""
    import numpy as np
    from tsdownsample import MinMaxLTTBDownsampler

    if len(curve) <= max(most, 3):
        return np.arange(len(curve))

    curve_to_draw = np.clip(
        curve, -MAX_MAGNITUDE, MAX_MAGNITUDE
    )  # no difference of two may overflow
    finite = curve_to_draw[np.isfinite(curve)]
    low, high = (finite.min(), finite.max()) if len(finite) else (0.0, 0.0)
    reach = high - low + 1.0
    curve_to_draw[curve == np.inf], curve_to_draw[curve == -np.inf] = high + reach, low - reach
    downsampler: Any = MinMaxLTTBDownsampler  # the package has no types
    chosen: Ints = downsampler().downsample(curve_to_draw, n_out=max(most, 3)).astype(np.int64)

    return chosen
