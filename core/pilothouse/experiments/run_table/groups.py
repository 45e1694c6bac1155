"""Groups of runs with equal values in some columns: their counts and statistics of their metrics.

The database groups, sums, sorts and pages. Variances are computed from squared distances to a value
in the centre of the metric: the textbook formula on the values themselves, sum(x^2) - n mean^2,
loses all digits by cancellation when values are large and close to each other.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from statistics import median
from typing import TYPE_CHECKING, Any

from sqlalchemy import Select, SQLColumnExpression, and_, case, func, null, select
from sqlalchemy.orm import aliased
from sqlmodel import Session, col

from pilothouse.experiments import query
from pilothouse.experiments.metrics.directions import directions
from pilothouse.experiments.metrics.name_rules import Direction
from pilothouse.experiments.run_table.columns import KeyedColumn, keyed_column, require_own
from pilothouse.experiments.run_table.filters import RunFilter, conditions
from pilothouse.experiments.run_table.rows import MAX_PAGE_SIZE, values
from pilothouse.experiments.tables import Experiment, Param, Run, RunMetric
from pilothouse.kit.errors import Invalid

if TYPE_CHECKING:
    import pandas as pd

COUNT = "n"
OWN_COLUMNS = (
    *("experiment", "status", "trainer", "user", "source", "commit", "dirty", "seed"),
    *("name", "parent_id"),
)
NOT_TEXT = ("dirty", "seed")
MAX_BY = 6
LEVEL = 0.95
SAMPLE = 100
GROUP_COUNT = func.count().over().label("groups")
MAX_SQUARABLE = 1e150  # the square of a larger value overflows a double
Column = SQLColumnExpression[Any]


@dataclass(frozen=True)
class _GroupColumn:
    """A column that groups by its exact text: `007` and `7` are two groups.

    The number of a parameter only sorts the groups, before the text. Both may be NULL.
    """

    title: str
    text: Column
    number: Column | None = None
    table: Any = None

    @property
    def sort_columns(self) -> list[Column]:
        """The expressions to group and sort by; equal texts always have equal numbers."""
        return [self.text] if self.number is None else [self.number, self.text]

    def value(self, row: Mapping[Any, Any]) -> Any:
        """The value that the members of a group share; None when they have none."""
        return row[self.title]


@dataclass(frozen=True)
class _MetricColumn:
    """A column of a metric, and its sums over the members with a finite value."""

    title: str
    table: Any
    key: str
    value: Column
    centre: float
    direction: Direction

    @property
    def join_condition(self) -> Column:
        """The condition that joins the metric's row of a run."""
        return and_(self.table.run_id == col(Run.id), self.table.key == self.key)

    def sums(self) -> dict[str, Column]:
        """The aggregates of a group that are selected."""
        finite = case((and_(self.value > -MAX_SQUARABLE, self.value < MAX_SQUARABLE), self.value))
        away = finite - self.centre
        return {
            "n": func.count(finite),
            "out": func.count(self.table.id) - func.count(finite),
            "sum": func.sum(away),
            "squares": func.sum(away * away),
            "best": self._best(finite),
        }

    def _best(self, finite: Column) -> Column:
        """The best value of a group; NULL when the direction is unknown."""
        if self.direction == "unknown":
            return null()
        return func.max(finite) if self.direction == "higher" else func.min(finite)

    def order(self, part: str) -> Column:
        """The expression that sorts by the mean or by another statistic."""
        sums = self.sums()
        mean = sums["sum"] / func.nullif(sums["n"], 0)
        orders = {"": mean, "n": sums["n"], "best": sums["best"]}
        orders["std"] = (sums["squares"] - mean * sums["sum"]) / func.nullif(sums["n"] - 1, 0)
        if part not in orders:
            raise Invalid(
                f"groups cannot be sorted by {part!r}.",
                hint=f"Known: {COUNT}, what they are grouped by, and of {self.title}: its mean, "
                ".std, .n and .best.",
            )
        return orders[part]


def groups(
    session: Session,
    filter: RunFilter,
    by: Sequence[str],
    columns: Sequence[str] = (),
    sort: str = COUNT,
    *,
    descending: bool = True,
    page: int = 1,
    size: int = 50,
) -> pd.DataFrame:
    """A page of groups: the `by` columns, `n`, and statistics of each metric column.

    Runs with the same text form a group: parameters `007`, `7` and `7.0` make three.
    `<column>.std` is the deviation between members, `.low` and `.high` the 95 % interval of the
    mean (Student's t), `.n` how many count; NaN and infinities do not, and `.out` says how many
    those were. `.best` is the best value and `.best_run` a member that has it. `attrs["groups"]`
    is how many groups there are. Raises Invalid for an unknown column.
    """
    import pandas as pd

    if page < 1 or not 1 <= size <= MAX_PAGE_SIZE:
        raise Invalid(f"page {page} of {size} rows: pages count from 1, rows to {MAX_PAGE_SIZE}.")

    parts, figures = _group_columns(by), _metric_columns(session, filter, columns)
    sums: list[Any] = [
        value.label(f"{figure.title}.{name}")
        for figure in figures
        for name, value in figure.sums().items()
    ]
    query_for_page = (
        _joined(filter, parts, figures)
        .with_only_columns(*_labelled(parts), *sums, func.count().label(COUNT), GROUP_COUNT)
        .group_by(*_sort_columns(parts))
        .order_by(*_order(sort, parts, figures, descending), *_sort_columns(parts))
    )
    rows = session.execute(query_for_page.offset((page - 1) * size).limit(size)).mappings().all()
    cells: dict[str, Any] = {
        part.title: pd.Series([part.value(row) for row in rows], dtype="object") for part in parts
    }
    cells[COUNT] = pd.Series([row[COUNT] for row in rows], dtype="int64")

    for figure in figures:
        cells |= _metric_cells(figure, rows)
        cells[f"{figure.title}.best_run"] = _best_runs(session, filter, parts, figure, rows)

    frame = pd.DataFrame(cells)
    frame.attrs["groups"] = rows[0]["groups"] if rows else 0
    return frame


def count(session: Session, filter: RunFilter, by: Sequence[str]) -> int:
    """How many groups there are."""
    parts = _group_columns(by)
    grouped = (
        _joined(filter, parts, ()).with_only_columns(func.count()).group_by(*_sort_columns(parts))
    )
    counted = select(func.count()).select_from(grouped.subquery())
    return int(session.scalar(counted) or 0)


def group_filter(filter: RunFilter, by: Sequence[str], values: Sequence[Any]) -> RunFilter:
    """The filter that selects the members of one group; None is a missing value."""
    if len(by) != len(values):
        raise Invalid(f"a group by {len(by)} columns has as many values, not {len(values)}.")
    _group_columns(by)
    predicates = tuple(_predicate(name, value) for name, value in zip(by, values, strict=True))
    existing = (query.parse(filter.query),) if filter.query.strip() else ()
    return replace(filter, query=query.write(query.And((*existing, *predicates))))


def _predicate(name: str, value: Any) -> query.Predicate:
    field = query.FieldReference.of("parent" if name == "parent_id" else name)
    if value is None:
        return query.Predicate(field, "IS NULL", None)
    if isinstance(value, bool):
        return query.Predicate(field, "=", "yes" if value else "no")
    if isinstance(value, (int, float)):
        return query.Predicate(field, "=", float(value))
    return query.Predicate(field, "=", str(value))


def _group_columns(by: Sequence[str]) -> list[_GroupColumn]:
    if not 1 <= len(set(by)) == len(by) <= MAX_BY:
        raise Invalid(f"runs are grouped by 1 to {MAX_BY} columns, each once.")
    return [_group_column(name) for name in by]


def _group_column(name: str) -> _GroupColumn:
    if "." not in name:
        if require_own(name) not in OWN_COLUMNS:
            raise Invalid(
                f"runs cannot be grouped by {name}.", hint=f"Known: {', '.join(OWN_COLUMNS)}."
            )
        column = col(Experiment.name) if name == "experiment" else col(getattr(Run, name))
        # An empty text counts as missing, as in filters.
        return _GroupColumn(name, column if name in NOT_TEXT else func.nullif(column, ""))

    key_column = keyed_column(name)
    if key_column.is_metric:
        raise Invalid(
            "runs cannot be grouped by a metric.",
            hint=f"Known: params.<key>, tags.<key>, {', '.join(OWN_COLUMNS)}.",
        )

    table: Any = aliased(key_column.table, name=f"by_{name}")
    if key_column.table is Param:
        return _GroupColumn(name, table.value, table.number, table)

    return _GroupColumn(name, table.value, table=table)


def _metric_columns(
    session: Session, filter: RunFilter, columns: Sequence[str]
) -> list[_MetricColumn]:
    metrics = [keyed_column(name) for name in dict.fromkeys(columns)]
    for metric in metrics:
        if not metric.is_metric:
            raise Invalid(f"{metric.title!r} is not a metric.", hint="Give columns of metrics.")

    better = directions(session, [metric.key for metric in metrics])
    middles = _centres(session, filter, metrics)

    return [
        _MetricColumn(
            metric.title,
            table := aliased(RunMetric, name=metric.title),
            metric.key,
            getattr(table, metric.part),
            middles[metric.title],
            better[metric.key],
        )
        for metric in metrics
    ]


def _centres(
    session: Session, filter: RunFilter, columns: Sequence[KeyedColumn]
) -> dict[str, float]:
    """The median of each column over a sample of runs; any value near the data will do."""
    some = session.scalars(
        select(col(Run.id)).where(*conditions(filter, full_read=True)).limit(SAMPLE)
    ).all()
    by_column = values(session, some, columns)
    finite = {
        title: [value for value in of_runs.values() if abs(value) < MAX_SQUARABLE]
        for title, of_runs in by_column.items()
    }
    return {title: median(numbers) if numbers else 0.0 for title, numbers in finite.items()}


def _joined(
    filter: RunFilter, parts: Sequence[_GroupColumn], figures: Sequence[_MetricColumn]
) -> Select[Any]:
    """A query of every matching run, joined with its group columns and metrics."""
    joined = _with_parts(select(col(Run.id)), parts).where(*conditions(filter, full_read=True))
    for figure in figures:
        joined = joined.outerjoin(figure.table, figure.join_condition)
    return joined


def _with_parts(query: Select[Any], parts: Sequence[_GroupColumn]) -> Select[Any]:
    for part in parts:
        if part.title == "experiment":
            query = query.join(Experiment, col(Experiment.id) == col(Run.experiment_id))
        elif part.table is not None:
            of_run = (
                part.table.run_id == col(Run.id),
                part.table.key == keyed_column(part.title).key,
            )
            query = query.outerjoin(part.table, and_(*of_run))
    return query


def _labelled(parts: Sequence[_GroupColumn]) -> list[Any]:
    return [part.text.label(part.title) for part in parts]


def _sort_columns(parts: Sequence[_GroupColumn]) -> list[Column]:
    return [column for part in parts for column in part.sort_columns]


def _order(
    sort: str, parts: Sequence[_GroupColumn], figures: Sequence[_MetricColumn], descending: bool
) -> list[Any]:
    by_part = {part.title: part.sort_columns for part in parts}
    orders: list[Column]
    if sort == COUNT:
        orders = [func.count()]
    elif sort in by_part:
        orders = by_part[sort]
    else:
        named = [
            metric_column
            for metric_column in figures
            if f"{sort}.".startswith(f"{metric_column.title}.")
        ]
        if not named:
            raise Invalid(
                f"groups have no column {sort!r}.",
                hint=f"Known: {COUNT}, {', '.join([*by_part, *(f.title for f in figures)])}.",
            )
        figure = max(named, key=lambda column: len(column.title))
        orders = [figure.order(sort.removeprefix(figure.title).removeprefix("."))]

    return [
        (metric_column.desc() if descending else metric_column.asc()).nulls_last()
        for metric_column in orders
    ]


def _metric_cells(figure: _MetricColumn, rows: Sequence[Mapping[Any, Any]]) -> dict[str, Any]:
    import numpy as np
    import pandas as pd
    from scipy.special import stdtrit

    read = {
        name: np.array([row[f"{figure.title}.{name}"] for row in rows], dtype=np.float64)
        for name in figure.sums()
    }
    n = read["n"]
    with np.errstate(invalid="ignore", divide="ignore"):
        away = read["sum"] / n
        spread = np.maximum(read["squares"] - away * read["sum"], 0.0)
        std = np.where(n > 1, np.sqrt(spread / (n - 1)), np.nan)
        reach = stdtrit(n - 1, (1 + LEVEL) / 2) * std / np.sqrt(n)

    mean = figure.centre + away
    cells = {"": mean, ".std": std, ".low": mean - reach, ".high": mean + reach}
    return {
        **{f"{figure.title}{name}": pd.Series(cell) for name, cell in cells.items()},
        f"{figure.title}.n": pd.Series(n.astype(np.int64)),
        f"{figure.title}.out": pd.Series(read["out"].astype(np.int64)),
        f"{figure.title}.best": pd.Series(read["best"]),
    }


Rows = Sequence[Mapping[Any, Any]]


def _group_values(parts: Sequence[_GroupColumn], row: Mapping[Any, Any]) -> tuple[Any, ...]:
    return tuple(part.value(row) for part in parts)


def _best_runs(
    session: Session,
    filter: RunFilter,
    parts: Sequence[_GroupColumn],
    figure: _MetricColumn,
    rows: Rows,
) -> list[str | None]:
    """For each group the newest member that has the best value."""
    best = [row[f"{figure.title}.best"] for row in rows]
    is_best = figure.value.in_({value for value in best if value is not None})
    having = select(col(Run.id)).join(figure.table, figure.join_condition).where(is_best)
    query = _with_parts(having, parts).where(*conditions(filter, full_read=True))
    columns = col(Run.id), col(Run.created_at), figure.value.label("value"), *_labelled(parts)
    members = session.execute(query.with_only_columns(*columns)).mappings().all()
    newest = {
        (*_group_values(parts, row), row["value"]): row["id"]
        for row in sorted(members, key=lambda row: (row["created_at"], row["id"]))
    }

    return [
        newest.get((*_group_values(parts, row), value))
        for row, value in zip(rows, best, strict=True)
    ]
