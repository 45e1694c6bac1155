"""A page of runs as a frame, sorted by any column in the database.

A metric sorts along its (key, value) index, so that the first page of ten thousand runs costs
what its fifty rows cost.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from sqlalchemy import BigInteger, Select, SQLColumnExpression, func, literal, select, type_coerce
from sqlmodel import Session, col

from pilothouse.experiments.search import RunFilter, conditions
from pilothouse.experiments.tables import Experiment, Param, Run, RunMetric, RunTag
from pilothouse.kit.errors import Invalid
from pilothouse.storage import Utc

if TYPE_CHECKING:
    import pandas as pd

    Query = Select[*tuple[Any, ...]]

BASE = (
    "id",
    "name",
    "experiment",
    "status",
    "trainer",
    "created_at",
    "duration_s",
    "parent_id",
)
MORE = ("started_at", "ended_at", "user", "source", "commit", "dirty", "seed", "note", "error")
INSTANTS = ("created_at", "started_at", "ended_at")
PARTS = ("last", "first", "min", "max", "best")
LARGEST_PAGE = 10_000


@dataclass(frozen=True)
class _Extra:
    """A column that is not the run's own: a metric, a parameter or a tag."""

    title: str
    table: type[RunMetric] | type[Param] | type[RunTag]
    key: str
    part: str

    @property
    def of_key(self) -> SQLColumnExpression[bool]:
        return col(self.table.key) == self.key

    @property
    def value(self) -> SQLColumnExpression[Any]:
        return col(getattr(self.table, self.part))

    @property
    def order(self) -> tuple[SQLColumnExpression[Any], ...]:
        return (col(Param.number), self.value) if self.table is Param else (self.value,)


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
) -> pd.DataFrame:
    """One page of runs; runs without the value that sorts come last in both directions.

    Columns are `BASE`, then every `metrics.<key>` and `params.<key>` of the page's runs; or `id`
    and exactly `columns`, which may also name `MORE`, `tags.<key>` and `metrics.<key>@<part>`
    with one of `PARTS`. Raises Invalid for a column that cannot be.
    """
    if page < 1 or not 1 <= size <= LARGEST_PAGE:
        raise Invalid(f"page {page} of {size} rows: pages count from 1, rows to {LARGEST_PAGE}.")
    wanted = None if columns is None else list(dict.fromkeys(("id", *columns)))
    extras = [_extra(name) for name in wanted or () if "." in name]
    own = _own_columns(now)
    for name in wanted or ():
        if "." not in name:
            _known(name, own)
    rows = _page(session, own, filter or RunFilter(), sort, descending, (page - 1) * size, size)
    ids = [row["id"] for row in rows]
    values = _values(session, ids, extras) if wanted else _all_values(session, ids)
    titles = wanted or [*BASE, *sorted(values)]
    return _frame(rows, values, titles)


def ids(session: Session, filter: RunFilter | None, most: int) -> list[str]:
    """The ids of the newest runs that the filter means, at most so many."""
    query = select(col(Run.id)).where(*conditions(filter or RunFilter()))
    return list(session.scalars(query.order_by(col(Run.created_at).desc()).limit(most)))


def _own_columns(now: datetime) -> dict[str, SQLColumnExpression[Any]]:
    started = type_coerce(col(Run.started_at), BigInteger)
    ended = func.coalesce(col(Run.ended_at), literal(now, Utc))
    return {
        **{name: col(getattr(Run, name)) for name in (*BASE, *MORE) if name in Run.model_fields},
        "experiment": col(Experiment.name),
        "duration_s": (type_coerce(ended, BigInteger) - started) / 1_000_000.0,
    }


def _known(name: str, own: Mapping[str, Any]) -> str:
    if name not in own:
        raise Invalid(
            f"a run has no column {name!r}.",
            hint=f"Known: {', '.join(own)}, metrics.<key>, params.<key>, tags.<key>.",
        )
    return name


def _extra(name: str) -> _Extra:
    kind, _, key = name.partition(".")
    if kind == "metrics" and key:
        head, _, part = key.rpartition("@")
        chosen = (head, part) if head and part in PARTS else (key, "last")
        return _Extra(name, RunMetric, *chosen)
    if kind in ("params", "tags") and key:
        return _Extra(name, Param if kind == "params" else RunTag, key, "value")
    raise Invalid(
        f"a run has no column {name!r}.", hint="Known: metrics.<key>, params.<key>, tags.<key>."
    )


def _page(
    session: Session,
    own: Mapping[str, SQLColumnExpression[Any]],
    filter: RunFilter,
    sort: str,
    descending: bool,
    offset: int,
    size: int,
) -> list[dict[str, Any]]:
    columns: list[Any] = [expression.label(name) for name, expression in own.items()]
    query: Query = (
        select(*columns)
        .join(Experiment, col(Experiment.id) == col(Run.experiment_id))
        .where(*conditions(filter))
    )
    if "." in sort:
        return _page_by_extra(session, query, _extra(sort), descending, offset, size)
    name = _known("created_at" if sort == "created" else sort, own)
    return _rows(session, _ordered(query, (own[name],), descending), offset, size)


def _page_by_extra(
    session: Session, query: Query, by: _Extra, descending: bool, offset: int, size: int
) -> list[dict[str, Any]]:
    """First the runs that have the value, along its index; then the ones that do not."""
    joined = query.join(by.table, (col(by.table.run_id) == col(Run.id)) & by.of_key)
    rows = _rows(session, _ordered(joined, by.order, descending), offset, size)
    if len(rows) == size:
        return rows
    having = offset + len(rows)
    if offset and not rows:
        having = session.execute(select(func.count()).select_from(joined.subquery())).scalar_one()
    without = query.where(col(Run.id).not_in(select(col(by.table.run_id)).where(by.of_key)))
    rest = _ordered(without, (col(Run.created_at),), True)
    return rows + _rows(session, rest, max(0, offset - having), size - len(rows))


def _ordered(query: Query, by: Sequence[SQLColumnExpression[Any]], descending: bool) -> Query:
    """In the order of the values, missing ones last; among equals the newest run first."""
    directed = [(value.desc() if descending else value.asc()).nulls_last() for value in by]
    return query.order_by(*directed, col(Run.created_at).desc(), col(Run.id))


def _rows(session: Session, query: Query, offset: int, size: int) -> list[dict[str, Any]]:
    return [dict(row) for row in session.execute(query.offset(offset).limit(size)).mappings()]


Values = dict[str, dict[str, Any]]  # column -> run -> value


def _values(session: Session, ids: Sequence[str], extras: Sequence[_Extra]) -> Values:
    found: Values = {extra.title: {} for extra in extras}
    for extra in extras:
        query = select(col(extra.table.run_id), *extra.order).where(
            extra.of_key, col(extra.table.run_id).in_(ids)
        )
        found[extra.title] = {row[0]: _value(extra.table, row) for row in session.execute(query)}
    return found


def _all_values(session: Session, ids: Sequence[str]) -> Values:
    found: Values = {}
    for extra in (_Extra("metrics", RunMetric, "", "last"), _Extra("params", Param, "", "value")):
        table = extra.table
        query = select(col(table.run_id), *extra.order, col(table.key)).where(
            col(table.run_id).in_(ids)
        )
        for row in session.execute(query):
            found.setdefault(f"{extra.title}.{row[-1]}", {})[row[0]] = _value(table, row)
    return found


def _value(table: type[RunMetric] | type[Param] | type[RunTag], row: Sequence[Any]) -> Any:
    if table is RunMetric:
        return float("nan") if row[1] is None else row[1]
    if table is Param:
        return row[2] if row[1] is None else _plain(row[1])
    return row[1]


def _plain(number: float) -> float | int:
    return int(number) if number.is_integer() and abs(number) < 2**53 else number


def _frame(
    rows: Sequence[Mapping[str, Any]], values: Values, titles: Sequence[str]
) -> pd.DataFrame:
    import pandas as pd

    ids = [row["id"] for row in rows]
    columns: dict[str, Any] = {}
    for title in titles:
        found = values.get(title)
        cells = [row[title] for row in rows] if found is None else [found.get(i) for i in ids]
        columns[title] = _column(title, cells)
    return pd.DataFrame(columns, columns=list(titles))


def _column(title: str, cells: list[Any]) -> pd.Series[Any]:
    """A column of one type: instants and figures stay such even when all are missing."""
    import pandas as pd

    if title in INSTANTS:
        return pd.Series(pd.to_datetime(cells, utc=True))
    if title == "duration_s" or title.startswith("metrics."):
        return pd.Series(cells, dtype="float64")
    numbers = title.startswith("params.") and all(
        isinstance(c, (int, float, type(None))) for c in cells
    )
    return pd.Series(cells, dtype=None if numbers and cells else "object")
