"""Finding runs: a structured filter becomes parameterised SQL conditions."""

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

from pilothouse.experiments.query.runs import RunLanguage, has_words
from pilothouse.experiments.recording import param_text
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

# Tags that programs keep for themselves tell a reader nothing.
RESERVED = ("mlflow.", "pilothouse.")


@dataclass(frozen=True)
class RunFilter:
    """Which runs are meant; every part that is given must hold.

    `text` is looked for, word by word, in name, id, trainer and note. `at_least` and `at_most`
    bound the last value of `metric`; a metric without bounds means that the run has it. `under` is
    a node of the tree of experiments: the experiment of that name and all below it. `roots` leaves
    out the runs whose parent is meant as well: what is left are the tops of trees. `query` is in
    the search language; `language` says what it may speak of, and when now is: `Experiments` fills
    it in.
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
    language: RunLanguage | None = field(default=None, compare=False, repr=False)


def count(session: Session, filter: RunFilter | None = None, most: int | None = None) -> int:
    """How many runs the filter means; counted no further than `most`, when that is given."""
    query = select(col(Run.id)).where(*conditions(filter or RunFilter()))
    if most is None:
        return int(session.scalar(query.with_only_columns(func.count())) or 0)
    counted = select(func.count()).select_from(query.limit(most).subquery())
    return int(session.scalar(counted) or 0)


def conditions(filter: RunFilter) -> list[ColumnElement[bool]]:
    """The filter as conditions on `Run`. Raises Invalid when its parts contradict each other."""
    _check(filter)
    archived = col(Run.archived_at)
    found: list[ColumnElement[bool]] = [
        archived.is_not(None) if filter.archived else archived.is_(None)
    ]
    found += [has_words(word) for word in filter.text.split()]
    if filter.experiment is not None:
        named = select(col(Experiment.id)).where(col(Experiment.name) == filter.experiment)
        found.append(col(Run.experiment_id) == named.scalar_subquery())
    if filter.under is not None:
        found.append(_is_under(filter.under))
    if filter.ids is not None:
        found.append(col(Run.id).in_(list(filter.ids)))
    if filter.statuses:
        found.append(col(Run.status).in_(list(filter.statuses)))
    if filter.trainer is not None:
        found.append(col(Run.trainer) == filter.trainer)
    if filter.parent is not None:
        found.append(col(Run.parent_id) == filter.parent)
    if filter.top_level_only:
        found.append(col(Run.parent_id).is_(None))
    if filter.query.strip():
        language = filter.language or RunLanguage(SystemClock().now())
        found.append(language.condition(filter.query))
    found += _conditions_elsewhere(filter)
    return [*found, _is_root(found)] if filter.roots else found


def _conditions_elsewhere(filter: RunFilter) -> list[ColumnElement[bool]]:
    found: list[ColumnElement[bool]] = [
        _is_in(Param, col(Param.key) == key, col(Param.value) == param_text(value))
        for key, value in filter.params.items()
    ]
    found += [
        _is_in(RunTag, col(RunTag.key) == key, col(RunTag.value) == value)
        for key, value in filter.tags.items()
    ]
    if filter.dataset is not None:
        found.append(_is_in(RunInput, col(RunInput.dataset) == filter.dataset))
    if filter.metric is not None:
        of_it = col(RunMetric.key) == filter.metric
        found.append(_is_in(RunMetric, of_it, *bounds(filter, col(RunMetric.last))))
    return found


def bounds(filter: RunFilter, value: SQLColumnExpression[Any]) -> list[ColumnElement[bool]]:
    """What `at_least` and `at_most` ask of a value."""
    found = []
    if filter.at_least is not None:
        found.append(value >= filter.at_least)
    if filter.at_most is not None:
        found.append(value <= filter.at_most)
    return found


def _check(filter: RunFilter) -> None:
    if filter.metric is None and (filter.at_least is not None or filter.at_most is not None):
        raise Invalid("a bound needs a metric.", fields={"metric": "choose one"})
    unknown = sorted(set(filter.statuses) - set(STATUSES))
    if unknown:
        raise Invalid(
            f"no run is {', '.join(unknown)}.", hint=f"A run is one of: {', '.join(STATUSES)}."
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
    """That the parent, when there is one, is no run for which this holds: looked up by its id."""
    above = aliased(Run)
    of_above = ClauseAdapter(inspect(above).selectable)
    meant = (of_above.traverse(each) for each in holds)
    parent = select(literal(1)).where(col(above.id) == col(Run.parent_id), *meant)
    return or_(col(Run.parent_id).is_(None), not_(parent.correlate(Run).exists()))
