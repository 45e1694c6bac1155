"""Finding runs: a structured filter becomes parameterised SQL conditions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import ColumnElement, SQLColumnExpression, func, or_, select
from sqlmodel import Session, col

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
from pilothouse.kit.errors import Invalid


@dataclass(frozen=True)
class RunFilter:
    """Which runs are meant; every part that is given must hold.

    `text` is looked for, word by word, in name, id, trainer and note. `at_least` and `at_most`
    bound the last value of `metric`; a metric without bounds means that the run has it.
    """

    text: str = ""
    experiment: str | None = None
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
    archived: bool = False


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
    found += [_has_word(word) for word in filter.text.split()]
    if filter.experiment is not None:
        named = select(col(Experiment.id)).where(col(Experiment.name) == filter.experiment)
        found.append(col(Run.experiment_id) == named.scalar_subquery())
    if filter.statuses:
        found.append(col(Run.status).in_(list(filter.statuses)))
    if filter.trainer is not None:
        found.append(col(Run.trainer) == filter.trainer)
    if filter.parent is not None:
        found.append(col(Run.parent_id) == filter.parent)
    if filter.top_level_only:
        found.append(col(Run.parent_id).is_(None))
    return found + _conditions_elsewhere(filter)


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


def _has_word(word: str) -> ColumnElement[bool]:
    return or_(
        col(Run.name).icontains(word, autoescape=True),
        col(Run.id).startswith(word.lower(), autoescape=True),
        col(Run.trainer).icontains(word, autoescape=True),
        col(Run.note).icontains(word, autoescape=True),
    )
