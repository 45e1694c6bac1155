"""The ids of a page of runs: by a walk along an index, or by a sort of all matching runs.

PERF: a walk costs the entries it passes, so it is fast when many runs match; a sort costs the
matching runs, so it is fast when few match. Which is better is not known beforehand: a walk begins,
and its share of matches decides whether it goes on (`tests/bench/run.py table`).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, ScalarSelect, Select, exists, func, select
from sqlalchemy.orm import aliased
from sqlalchemy.sql import operators, visitors
from sqlalchemy.sql.elements import BinaryExpression
from sqlmodel import Session, col

from pilothouse.experiments.query import And, Predicate
from pilothouse.experiments.query.runs import METRICS
from pilothouse.experiments.query.sql import number_condition
from pilothouse.experiments.run_table.columns import (
    KeyedColumn,
    keyed_column,
    own_columns,
    require_own,
)
from pilothouse.experiments.run_table.filters import (
    RunFilter,
    compiled_query,
    conditions,
    metric_bounds,
)
from pilothouse.experiments.tables import Experiment, Run

Conditions = Sequence[ColumnElement[bool]]
Ids = Select[*tuple[Any, ...]]
FIRST_ENTRIES = 5  # for each run of a page
RANGE_OPERATORS = (">", ">=", "<", "<=", "=")
MIN_MATCH_SHARE = 0.01
MAX_ENTRIES = 50_000
RUNS: Any = Run.__table__  # type: ignore[attr-defined]


@dataclass(frozen=True)
class PageSlice:
    """The part of an ordered result that makes a page."""

    offset: int
    size: int

    def after(self, passed: int, already_found: int) -> PageSlice:
        """The rest of the page in the runs that follow `passed` others."""
        return PageSlice(max(0, self.offset - passed), self.size - already_found)


def page_ids(
    session: Session, now: datetime, filter: RunFilter, sort: str, descending: bool, page: PageSlice
) -> list[str]:
    """The ids of the runs of a page, in order. Raises Invalid for an unknown column.

    Runs without the value come last in both directions, the newest of them first. The order of
    equal values is arbitrary but the same on every page.
    """
    if "." in sort:
        return _by_key(session, filter, keyed_column(sort), descending, page)
    name = require_own("created_at" if sort == "created" else sort)
    if name == "created_at":
        return _by_creation(session, filter, descending, page)
    return _sorted_by_own(session, now, filter, name, descending, page)


def in_to_exists(condition: ColumnElement[bool]) -> ColumnElement[bool]:
    """The same condition, tested run by run: IN (SELECT ...) becomes EXISTS.

    PERF: IN builds its whole list first, which is slower when a page is full after a hundred runs.
    """
    rewritten: ColumnElement[bool] = visitors.replacement_traverse(condition, {}, _as_exists)
    return rewritten


def _as_exists(element: Any, **_: Any) -> Any:
    if not isinstance(element, BinaryExpression) or not isinstance(element.right, ScalarSelect):
        return None
    inner: Any = element.right.element
    is_in = element.operator is operators.in_op
    if not (is_in or element.operator is operators.not_in_op) or not isinstance(inner, Select):
        return None
    if not RUNS.c.id.compare(element.left) or RUNS in inner.get_final_froms():
        return None
    [run_id] = inner.selected_columns
    matching = inner.where(run_id == col(Run.id)).correlate(Run).exists()
    return matching if is_in else ~matching


def _by_key(
    session: Session, filter: RunFilter, by: KeyedColumn, descending: bool, page: PageSlice
) -> list[str]:
    """The page in the order of a metric, parameter or tag; runs without the value come last."""
    table: Any = aliased(by.table, name="along")
    directed = _key_ordering(by, descending)
    joined = select(col(Run.id)).join(table, (table.run_id == col(Run.id)) & (table.key == by.key))
    if filter == RunFilter() and by.is_indexed:
        query = joined.where(*conditions(filter)).order_by(*directed(table))
        ids = _ids(session, query, page)
        if len(ids) == page.size:
            return ids
        having = page.offset + len(ids) if ids else _count(session, query)
        return ids + _runs_without_value(session, filter, by, page.after(having, len(ids)))

    entries = select(*(getattr(table, name) for name in by.index_columns)).where(
        table.key == by.key
    )
    if by.is_metric:  # a bound on the sorted metric bounds the walk
        entries = entries.where(*_bounds(filter, by, table))

    walked = _walk(session, _IndexPath(entries, directed), _conditions_per_run(filter), page)
    if walked is not None:
        ids = walked[page.offset : page.offset + page.size]
        return ids + _runs_without_value(session, filter, by, page.after(len(walked), len(ids)))

    has_it = (table.run_id == col(Run.id)) & (table.key == by.key)
    query = select(col(Run.id)).outerjoin(table, has_it).where(*_conditions_for_sort(filter))
    order = (table.run_id.is_(None), *directed(table), col(Run.created_at).desc())

    return _ids(session, query.order_by(*order, col(Run.id).desc()), page)


def _bounds(filter: RunFilter, by: KeyedColumn, table: Any) -> list[ColumnElement[bool]]:
    """The bounds that the filter sets on this metric for every matching run."""
    limits = metric_bounds(filter, table.last) if filter.metric == by.key else []
    if by.key not in filter.query:
        return limits
    tree = compiled_query(filter).tree
    for predicate in tree.parts if isinstance(tree, And) else (tree,):
        if isinstance(predicate, Predicate) and predicate.operator in RANGE_OPERATORS:
            field = predicate.field
            if field.entity in METRICS.names and field.key == by.key:
                limits.append(number_condition(getattr(table, field.part or "last"), predicate))
    return limits


Ordering = Callable[[Any], list[ColumnElement[Any]]]


@dataclass(frozen=True)
class _IndexPath:
    """Entries of an index with a `run_id`, and the order in which a walk passes them."""

    entries: Ids
    ordering: Ordering

    def is_longer(self, session: Session, than: float) -> bool:
        """Whether there are more entries than `than`."""
        return session.execute(self.entries.offset(int(than)).limit(1)).first() is not None

    def stretch(self, passed: int, steps: int, holds: Conditions) -> Ids:
        """The matching runs among the next entries, in order."""
        ordered = self.entries.order_by(*self.ordering(_columns(self.entries)))
        taken = ordered.offset(passed).limit(steps).subquery("passed").c
        # PERF: EXISTS, not a join: the planner might start a join with all matching runs.
        matching = exists().where(col(Run.id) == taken.run_id, *holds)
        return select(taken.run_id).where(matching).order_by(*self.ordering(taken))


def _columns(entries: Ids) -> Any:
    return entries.selected_columns


def _key_ordering(by: KeyedColumn, descending: bool) -> Ordering:
    """The ordering of a keyed column; NULL, possible only in the first column, comes last."""

    def order(columns: Any) -> list[ColumnElement[Any]]:
        key_columns = [getattr(columns, name) for name in by.order]
        turned = [column.desc() if descending else column.asc() for column in key_columns]
        return [turned[0].nulls_last(), *turned[1:]]

    return order


def _walk(
    session: Session, path: _IndexPath, holds: Conditions, page: PageSlice
) -> list[str] | None:
    """The matching runs up to the end of a page or of the index; None when sorting is cheaper.

    A share of the entries matches. Sorting the matches costs `share * length`, walking on to the
    missing ones costs `missing / share`; the walk goes on while the second is smaller.
    """
    ids: list[str] = []
    passed, steps = 0, FIRST_ENTRIES * page.size
    while True:
        ids += session.scalars(path.stretch(passed, steps, holds))
        passed, missing = passed + steps, page.offset + page.size - len(ids)
        if missing <= 0 or not path.is_longer(session, passed):
            return ids
        share = len(ids) / passed
        if share < MIN_MATCH_SHARE or not path.is_longer(session, missing / share**2):
            return None
        steps = min(MAX_ENTRIES, int(1.2 * missing / share) + 1)


def _conditions_per_run(filter: RunFilter) -> list[ColumnElement[bool]]:
    return [in_to_exists(condition) for condition in conditions(filter)]


def _conditions_for_sort(filter: RunFilter) -> list[ColumnElement[bool]]:
    """The conditions for a sort, which reads every matching run."""
    return conditions(filter, full_read=True)


def _runs_without_value(
    session: Session, filter: RunFilter, by: KeyedColumn, page: PageSlice
) -> list[str]:
    """The part of a page in the runs without the value, newest first."""
    if page.size < 1:
        return []
    has_it = exists().where(col(by.table.run_id) == col(Run.id), by.key_condition)
    return _by_creation(session, filter, True, page, ~has_it)


def _by_creation(
    session: Session,
    filter: RunFilter,
    descending: bool,
    page: PageSlice,
    *more: ColumnElement[bool],
) -> list[str]:
    def directed(columns: Any) -> list[ColumnElement[Any]]:
        order = columns.created_at, columns.run_id
        return [column.desc() if descending else column.asc() for column in order]

    placed = RunFilter(experiment=filter.experiment, archived=filter.archived)
    columns: Any = (col(Run.id).label("run_id"), col(Run.created_at))
    entries = select(*columns).where(*conditions(placed))
    if filter == placed and not more:
        return _ids(session, entries.order_by(*directed(_columns(entries))), page)
    holds = [*_conditions_per_run(filter), *more]
    walked = _walk(session, _IndexPath(entries, directed), holds, page)
    if walked is not None:
        return walked[page.offset : page.offset + page.size]
    query = select(*columns).where(*_conditions_for_sort(filter), *more)
    return _ids(session, query.order_by(*directed(_columns(query))), page)


def _sorted_by_own(
    session: Session, now: datetime, filter: RunFilter, name: str, descending: bool, page: PageSlice
) -> list[str]:
    value = own_columns(now)[name]
    query = select(col(Run.id)).where(*_conditions_for_sort(filter))
    if name == "experiment":
        query = query.join(Experiment, col(Experiment.id) == col(Run.experiment_id))
    directed = (value.desc() if descending else value.asc()).nulls_last()
    query = query.order_by(directed, col(Run.created_at).desc(), col(Run.id).desc())
    return _ids(session, query, page)


def _ids(session: Session, query: Ids, page: PageSlice) -> list[str]:
    return list(session.scalars(query.offset(page.offset).limit(page.size)))


def _count(session: Session, query: Ids) -> int:
    counted = select(func.count()).select_from(query.order_by(None).subquery())
    return int(session.scalar(counted) or 0)
