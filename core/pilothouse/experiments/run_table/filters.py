"""Filters of runs: a structured filter becomes parameterised SQL conditions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import (
    ColumnElement,
    SQLColumnExpression,
    func,
    inspect,
    literal,
    not_,
    or_,
    select,
)
from sqlalchemy.orm import aliased
from sqlalchemy.sql.util import ClauseAdapter
from sqlmodel import Session, col

from pilothouse.experiments.params import param_text
from pilothouse.experiments.query.runs import CompiledQuery, RunLanguage, contains_text
from pilothouse.experiments.tables import (
    STATUSES,
    Experiment,
    Param,
    Run,
    RunInput,
    RunMetric,
    RunTag,
)
from pilothouse.kit.clock import SystemClock
from pilothouse.kit.errors import Invalid

# Tags with these prefixes are bookkeeping of programs and are not offered as columns.
RESERVED_TAGS = ("mlflow.", "pilothouse.")


@dataclass(frozen=True)
class RunFilter:
    """Which runs to select; a run must satisfy every part that is given.

    - `text` is searched word by word in name, id, trainer and note.
    - `query` is written in the search language. `compiled` is its parsed form for the statements of
      one request; `Experiments` fills it in.
    - `under` is a node of the tree of experiments: that experiment and all below it.
    - `at_least` and `at_most` bound the last value of `metric`; a metric without bounds selects the
      runs that have it.
    - `roots` leaves out runs whose parent is selected too, so that the top runs of trees remain.
    """

    text: str = ""
    query: str = ""
    experiment: str | None = None
    under: str | None = None
    ids: Sequence[str] | None = None
    statuses: Sequence[str] = ()
    trainer: str | None = None
    metric: str | None = None
    at_least: float | None = None
    at_most: float | None = None
    params: Mapping[str, Any] = field(default_factory=dict)
    tags: Mapping[str, str] = field(default_factory=dict)
    dataset: str | None = None
    parent: str | None = None
    top_level_only: bool = False
    roots: bool = False
    archived: bool = False
    compiled: CompiledQuery | None = field(default=None, compare=False, repr=False)


def count(session: Session, filter: RunFilter | None = None, most: int | None = None) -> int:
    """How many runs the filter selects; counting stops at `most`, when that is given."""
    query = select(col(Run.id)).where(*conditions(filter or RunFilter(), full_read=True))
    if most is None:
        return int(session.scalar(query.with_only_columns(func.count())) or 0)
    counted = select(func.count()).select_from(query.limit(most).subquery())
    return int(session.scalar(counted) or 0)


def compiled_query(filter: RunFilter) -> CompiledQuery:
    """The filter's query in its parsed form. Raises Invalid when it cannot be parsed."""
    compiled = filter.compiled
    # A copy made with `replace(filter, query=...)` still carries the form of the old query.
    if compiled is not None and compiled.text == filter.query:
        return compiled
    return RunLanguage(SystemClock().now()).compile(filter.query)


def conditions(filter: RunFilter, *, full_read: bool = False) -> list[ColumnElement[bool]]:
    """The filter as conditions on `Run`.

    `full_read` says that the statement reads every matching run, as a count or a sort does, instead
    of stopping once a page is full; it decides how the query is translated. Raises Invalid when
    parts contradict each other or the query cannot be read.
    """
    _check(filter)

    archived = col(Run.archived_at)
    parts: list[ColumnElement[bool]] = [
        archived.is_not(None) if filter.archived else archived.is_(None)
    ]
    parts += [contains_text(word) for word in filter.text.split()]
    if filter.experiment is not None:
        named = select(col(Experiment.id)).where(col(Experiment.name) == filter.experiment)
        parts.append(col(Run.experiment_id) == named.scalar_subquery())
    if filter.under is not None:
        parts.append(_is_under(filter.under))
    if filter.ids is not None:
        parts.append(col(Run.id).in_(list(filter.ids)))
    if filter.statuses:
        parts.append(col(Run.status).in_(list(filter.statuses)))
    if filter.trainer is not None:
        parts.append(col(Run.trainer) == filter.trainer)
    if filter.parent is not None:
        parts.append(col(Run.parent_id) == filter.parent)
    if filter.top_level_only:
        parts.append(col(Run.parent_id).is_(None))
    if filter.query.strip():
        compiled = compiled_query(filter)
        parts.append(compiled.full_read if full_read else compiled.per_run)
    parts += _related_conditions(filter)

    # Last: the parent is tested against all the other parts.
    return [*parts, _is_root(parts)] if filter.roots else parts


def _related_conditions(filter: RunFilter) -> list[ColumnElement[bool]]:
    parts: list[ColumnElement[bool]] = [
        _is_in(Param, col(Param.key) == key, col(Param.value) == param_text(value))
        for key, value in filter.params.items()
    ]
    parts += [
        _is_in(RunTag, col(RunTag.key) == key, col(RunTag.value) == value)
        for key, value in filter.tags.items()
    ]
    if filter.dataset is not None:
        parts.append(_is_in(RunInput, col(RunInput.dataset) == filter.dataset))
    if filter.metric is not None:
        of_it = col(RunMetric.key) == filter.metric
        parts.append(_is_in(RunMetric, of_it, *metric_bounds(filter, col(RunMetric.last))))

    return parts


def metric_bounds(filter: RunFilter, value: SQLColumnExpression[Any]) -> list[ColumnElement[bool]]:
    """`at_least` and `at_most` as conditions on a column of the filter's metric."""
    parts = []
    if filter.at_least is not None:
        parts.append(value >= filter.at_least)
    if filter.at_most is not None:
        parts.append(value <= filter.at_most)
    return parts


def _check(filter: RunFilter) -> None:
    if filter.metric is None and (filter.at_least is not None or filter.at_most is not None):
        raise Invalid("a bound needs a metric.", fields={"metric": "choose one"})
    unknown = sorted(set(filter.statuses) - set(STATUSES))
    if unknown:
        raise Invalid(
            f"unknown status: {', '.join(unknown)}.",
            hint=f"A run is one of: {', '.join(STATUSES)}.",
        )


def _is_in(
    table: type[Param] | type[RunTag] | type[RunInput] | type[RunMetric],
    *holds: ColumnElement[bool],
) -> ColumnElement[bool]:
    return col(Run.id).in_(select(col(table.run_id)).where(*holds))


def _is_under(node: str) -> ColumnElement[bool]:
    name = col(Experiment.name)
    below = or_(name == node, name.startswith(f"{node}/", autoescape=True))
    return col(Run.experiment_id).in_(select(col(Experiment.id)).where(below))


def _is_root(holds: Sequence[ColumnElement[bool]]) -> ColumnElement[bool]:
    """Whether a run has no parent, or one for which the conditions do not hold."""
    above = aliased(Run)
    of_above = ClauseAdapter(inspect(above).selectable)
    parent_holds = (of_above.traverse(condition) for condition in holds)
    parent = select(literal(1)).where(col(above.id) == col(Run.parent_id), *parent_holds)
    return or_(col(Run.parent_id).is_(None), not_(parent.correlate(Run).exists()))
