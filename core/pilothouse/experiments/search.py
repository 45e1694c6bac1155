"""Finding runs: a structured filter becomes parameterised SQL conditions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import ColumnElement, func, or_, select
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

# Tags that programs keep for themselves tell a reader nothing.
RESERVED = ("mlflow.", "pilothouse.")


@dataclass(frozen=True)
class RunFilter:
    """Which runs are meant; every part that is given must hold.

    `text` is looked for, word by word, in name, id, trainer and note. `at_least` and `at_most`
    bound the last value of `metric`; a metric without bounds means that the run has it. `under` is
    a node of the tree of experiments: the experiment of that name and all below it. `roots` leaves
    out the runs whose parent is meant as well: what is left are the tops of trees.
    """

    text: str = ""
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


def count(session: Session, filter: RunFilter | None = None) -> int:
    """How many runs the filter means."""
    query = select(func.count()).select_from(Run).where(*conditions(filter or RunFilter()))
    return int(session.execute(query).scalar_one())


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
        bounds: list[ColumnElement[bool]] = [col(RunMetric.key) == filter.metric]
        if filter.at_least is not None:
            bounds.append(col(RunMetric.last) >= filter.at_least)
        if filter.at_most is not None:
            bounds.append(col(RunMetric.last) <= filter.at_most)
        found.append(_is_in(RunMetric, *bounds))
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
    """That no run for which this holds is the parent; only few runs have one to ask about."""
    parent = col(Run.parent_id)
    return or_(parent.is_(None), parent.not_in(select(col(Run.id)).where(*holds)))


def _has_word(word: str) -> ColumnElement[bool]:
    return or_(
        col(Run.name).icontains(word, autoescape=True),
        col(Run.id).startswith(word.lower(), autoescape=True),
        col(Run.trainer).icontains(word, autoescape=True),
        col(Run.note).icontains(word, autoescape=True),
    )


def metric_keys(session: Session, experiment: str | None = None) -> list[str]:
    """Every metric that a run has, of one experiment or of all."""
    return _keys(session, RunMetric, experiment)


def param_keys(session: Session, experiment: str | None = None) -> list[str]:
    """Every parameter that a run has, of one experiment or of all."""
    return _keys(session, Param, experiment)


def tag_keys(session: Session, experiment: str | None = None) -> list[str]:
    """Every tag that people and programs put on runs, without what they keep for themselves."""
    found = _keys(session, RunTag, experiment)
    return [key for key in found if not key.startswith(RESERVED)]


def _keys(
    session: Session, table: type[RunMetric] | type[Param] | type[RunTag], experiment: str | None
) -> list[str]:
    query = select(col(table.key)).distinct().order_by(col(table.key))
    if experiment is not None:
        of_it = select(col(Run.id)).where(*conditions(RunFilter(experiment=experiment)))
        query = query.where(col(table.run_id).in_(of_it))
    return list(session.scalars(query))


def facets(session: Session) -> dict[str, list[str]]:
    """Every experiment, status, trainer and user that a run has, for filters."""
    shown = col(Run.archived_at).is_(None)
    found = {
        name: session.scalars(select(col(getattr(Run, name))).where(shown).distinct())
        for name in ("status", "trainer", "user")
    }
    experiments = session.scalars(select(col(Experiment.name)))
    return {"experiment": sorted(experiments)} | {
        name: sorted(value for value in values if value) for name, values in found.items()
    }
