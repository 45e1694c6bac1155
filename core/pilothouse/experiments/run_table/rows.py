"""A page of runs as a frame: `paging` selects the runs, their values are read here.

PERF: each table is queried once for the whole page, so that a page costs what its rows cost,
however many runs there are.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

from sqlalchemy import select
from sqlmodel import Session, col

from pilothouse.experiments.run_table.columns import (
    BASE_COLUMNS,
    INSTANT_COLUMNS,
    METRIC_PARTS,
    KeyedColumn,
    KeyedTable,
    keyed_columns,
    own_columns,
)
from pilothouse.experiments.run_table.filters import RunFilter, conditions
from pilothouse.experiments.run_table.paging import PageSlice, page_ids
from pilothouse.experiments.tables import Experiment, Param, Run, RunMetric, RunTag
from pilothouse.kit.errors import Invalid

if TYPE_CHECKING:
    import pandas as pd

MAX_PAGE_SIZE = 10_000
CHUNK = 1000
VALUE_COLUMNS: Mapping[KeyedTable, tuple[str, ...]] = {
    RunMetric: METRIC_PARTS,
    Param: ("number", "value"),
    RunTag: ("value",),
}
Values = dict[str, dict[str, Any]]  # column -> run -> value


def runs(
    session: Session,
    now: datetime,
    filter: RunFilter | None = None,
    sort: str = "created",
    *,
    descending: bool = True,
    page: int = 1,
    size: int = 50,
    columns: Sequence[str] | None = None,
    as_logged: bool = False,
) -> pd.DataFrame:
    """One page of runs; runs without the value that sorts come last in both directions.

    Columns are `BASE`, then every `metrics.<key>` and `params.<key>` of the page's runs; or `id`
    and exactly `columns`, which may also name `MORE`, `tags.<key>` and `metrics.<key>@<part>`
    with one of `PARTS`. Parameters that are numbers come as numbers, or with `as_logged` as the
    text that was logged. Raises Invalid for an unknown column.
    """
    if page < 1 or not 1 <= size <= MAX_PAGE_SIZE:
        raise Invalid(f"page {page} of {size} rows: pages count from 1, rows to {MAX_PAGE_SIZE}.")
    requested = None if columns is None else list(dict.fromkeys(("id", *columns)))
    extras = keyed_columns(requested or ())
    page_slice = PageSlice((page - 1) * size, size)
    ids = page_ids(session, now, filter or RunFilter(), sort, descending, page_slice)
    own = _own_values(session, now, ids, requested or BASE_COLUMNS)
    if requested is None:
        by_key = _all_values(session, ids, as_logged)
        return _frame(ids, own | by_key, [*BASE_COLUMNS, *sorted(by_key)])
    return _frame(ids, own | values(session, ids, extras, as_logged), requested)


def ids(session: Session, filter: RunFilter | None, most: int) -> list[str]:
    """The ids of the newest runs that the filter selects, at most `most`."""
    query = select(col(Run.id)).where(*conditions(filter or RunFilter()))
    return list(session.scalars(query.order_by(col(Run.created_at).desc()).limit(most)))


def _own_values(
    session: Session, now: datetime, ids: Sequence[str], requested: Sequence[str]
) -> Values:
    own = {name: column for name, column in own_columns(now).items() if name in requested}
    query: Any = select(*(column.label(name) for name, column in own.items()))
    if "experiment" in own:
        query = query.join(Experiment, col(Experiment.id) == col(Run.experiment_id))
    by_column: Values = {name: {} for name in own}
    for part in _chunks(ids):
        for row in session.connection().execute(query.where(col(Run.id).in_(part))).mappings():
            for name, value in row.items():
                by_column[name][row["id"]] = value
    return by_column


def values(
    session: Session, ids: Sequence[str], extras: Sequence[KeyedColumn], as_logged: bool = False
) -> Values:
    """The values of keyed columns, with one query per table for all its keys and parts."""
    by_column: Values = {extra.title: {} for extra in extras}
    for table in VALUE_COLUMNS:
        by_key: dict[str, list[KeyedColumn]] = defaultdict(list)
        for extra in extras:
            if extra.table is table:
                by_key[extra.key].append(extra)
        for run_id, key, *figures in _rows(session, table, ids, list(by_key)) if by_key else ():
            for extra in by_key[key]:
                by_column[extra.title][run_id] = _value(table, figures, extra.part, as_logged)
    return by_column


def _all_values(session: Session, ids: Sequence[str], as_logged: bool) -> Values:
    by_column: Values = defaultdict(dict)
    for prefix, table, part in (("metrics", RunMetric, "last"), ("params", Param, "value")):
        for run_id, key, *figures in _rows(session, table, ids):
            by_column[f"{prefix}.{key}"][run_id] = _value(table, figures, part, as_logged)
    return dict(by_column)


def _rows(
    session: Session, table: KeyedTable, ids: Sequence[str], keys: Sequence[str] | None = None
) -> Iterator[Sequence[Any]]:
    """Run, key and `FIGURES` of each row."""
    query = select(
        *(col(getattr(table, name)) for name in ("run_id", "key", *VALUE_COLUMNS[table]))
    )
    if keys is not None:
        # PERF: an expression keeps the planner off the index of keys, where one key may have all
        # rows; the index of runs leads to few.
        query = query.where(col(table.key).concat("").in_(keys))
    for part in _chunks(ids):
        yield from session.connection().execute(query.where(col(table.run_id).in_(part))).all()


def _chunks(ids: Sequence[str]) -> Iterator[Sequence[str]]:
    return (ids[start : start + CHUNK] for start in range(0, len(ids), CHUNK))


def _value(table: KeyedTable, figures: Sequence[Any], part: str, as_logged: bool) -> Any:
    value = figures[VALUE_COLUMNS[table].index(part)]
    if table is RunMetric:
        return float("nan") if value is None else value
    if table is Param and figures[0] is not None and not as_logged:
        return whole_as_int(figures[0])
    return value


def whole_as_int(number: float) -> float | int:
    """A number without its decimal point when it is whole."""
    return int(number) if number.is_integer() and abs(number) < 2**53 else number


def _frame(ids: Sequence[str], values: Values, titles: Sequence[str]) -> pd.DataFrame:
    import pandas as pd

    columns = {title: _column(title, [values[title].get(id) for id in ids]) for title in titles}
    return pd.DataFrame(columns, columns=list(titles))


def _column(title: str, cells: list[Any]) -> pd.Series[Any]:
    """A column of one type; instants and numbers keep theirs when all values are missing."""
    import pandas as pd

    if title in INSTANT_COLUMNS:
        return pd.Series(pd.to_datetime(cells, utc=True))
    if title == "duration_s" or title.startswith("metrics."):
        return pd.Series(cells, dtype="float64")
    numbers = title.startswith("params.") and all(
        isinstance(c, (int, float, type(None))) for c in cells
    )
    return pd.Series(cells, dtype=None if numbers and cells else "object")
