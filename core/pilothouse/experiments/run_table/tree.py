"""Trees: experiments by the slashes in their names, runs by the runs they were started under."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import func, select
from sqlmodel import Session, col

from pilothouse.experiments.run_table.filters import RunFilter, conditions
from pilothouse.experiments.tables import Experiment, Run

SLASH = "/"


@dataclass(frozen=True)
class ExperimentNode:
    """A node of the tree of experiments: `a/b` is one when an experiment is named `a/b` or below.

    `runs` counts its own and those of every node below it.
    """

    path: str
    level: int
    runs: int
    is_experiment: bool

    @property
    def name(self) -> str:
        """The last part of its path."""
        return self.path.rpartition(SLASH)[2] or self.path


def experiment_tree(session: Session) -> tuple[ExperimentNode, ...]:
    """Every node, parents before children, in alphabetical order."""
    of_each = (
        select(col(Run.experiment_id).label("id"), func.count().label("runs"))
        .where(*conditions(RunFilter()))
        .group_by(col(Run.experiment_id))
        .subquery()
    )
    query = (
        select(col(Experiment.name), func.coalesce(of_each.c.runs, 0))
        .outerjoin(of_each, of_each.c.id == col(Experiment.id))
        .where(col(Experiment.archived_at).is_(None))
    )
    return build_tree({row[0]: row[1] for row in session.execute(query)})


def build_tree(runs: Mapping[str, int]) -> tuple[ExperimentNode, ...]:
    """The tree of these names, with the runs below each node summed."""
    total: dict[str, int] = {}
    for name, count in runs.items():
        for path in _with_parents(name):
            total[path] = total.get(path, 0) + count
    ordered = sorted(total, key=lambda path: [part.lower() for part in path.split(SLASH)])
    return tuple(
        ExperimentNode(path, path.count(SLASH), total[path], path in runs) for path in ordered
    )


def _with_parents(name: str) -> list[str]:
    parts = name.split(SLASH)
    return [SLASH.join(parts[:end]) for end in range(1, len(parts) + 1)]


def count_children(session: Session, runs: Sequence[str], filter: RunFilter) -> dict[str, int]:
    """How many child runs that the filter selects each of these runs has."""
    query = (
        select(col(Run.parent_id), func.count())
        .where(col(Run.parent_id).in_(list(runs)), *conditions(filter))
        .group_by(col(Run.parent_id))
    )
    return {str(parent): count for parent, count in session.execute(query)}
