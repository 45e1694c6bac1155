"""An exploration of a sample: associations, outliers, missing patterns, and a target."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from pilothouse.data.exploration.associations import Association, associations
from pilothouse.data.exploration.column_values import ColumnValues, frequent_values
from pilothouse.data.exploration.group_distributions import GroupedColumn, grouped_columns
from pilothouse.data.exploration.missing_patterns import MissingPattern, missing_patterns
from pilothouse.data.exploration.outliers import (
    ColumnOutliers,
    UnusualRow,
    column_outliers,
    unusual_rows,
)
from pilothouse.data.exploration.sample import VersionSample
from pilothouse.data.exploration.target_groups import (
    OTHERS,
    TargetGroup,
    as_target,
    target_groups,
)
from pilothouse.data.exploration.target_relations import TargetRelation, target_relations
from pilothouse.kit.errors import Invalid

PAIRED_COLUMNS = 40  # as many names can be read along a matrix
RELATED_COLUMNS = 300


@dataclass(frozen=True)
class Exploration:
    """What an exploration of a version saw, in `sampled` of its `rows`.

    `paired` are the columns whose pairs were measured, in the version's order; `left_out` those
    that cannot be compared: constants, and texts of more than fifty values.
    """

    rows: int
    sampled: int
    paired: tuple[str, ...]
    left_out: tuple[str, ...]
    associations: tuple[Association, ...]
    outliers: tuple[ColumnOutliers, ...]
    unusual_rows: tuple[UnusualRow, ...]
    missing: tuple[MissingPattern, ...]


@dataclass(frozen=True)
class TargetExploration:
    """A target and the other columns, in `sampled` of the `rows` of a version.

    `groups` are the classes of the target, or quarters of its numbers (`is_banded`); `columns` how
    each other column is distributed in them, and `relations` how much each alone says of it.
    `without` counts the sampled rows that have no target.
    """

    rows: int
    sampled: int
    target: str
    is_banded: bool
    groups: tuple[TargetGroup, ...]
    without: int
    columns: tuple[GroupedColumn, ...]
    relations: tuple[TargetRelation, ...]


def explore(sample: VersionSample, *, columns: Sequence[str] = ()) -> Exploration:
    """Explore the rows of a version.

    `columns` are those whose pairs are measured; without, the first forty that can be compared.
    Raises NotFound for a column that is not there.
    """
    sample.check_names(columns)
    values = sample.values
    paired = [values[name] for name in columns or values if name in values][:PAIRED_COLUMNS]
    return Exploration(
        rows=sample.rows,
        sampled=len(sample.frame),
        paired=tuple(column.name for column in paired),
        left_out=sample.left_out,
        associations=tuple(associations(paired)),
        outliers=tuple(column_outliers(list(values.values()))),
        unusual_rows=tuple(unusual_rows(list(values.values()), sample.positions)),
        missing=tuple(missing_patterns(sample.frame)),
    )


def explore_target(sample: VersionSample, target: str) -> TargetExploration:
    """Explore a target of a version, and the other columns against it.

    Raises NotFound for a column that is not there, Invalid for one that cannot be compared.
    """
    sample.check_names([target])
    if target not in sample.values:
        raise Invalid(
            f"{target!r} cannot be a target: it is constant, or a text of more than 50 values.",
            fields={"target": "cannot be compared"},
        )
    goal = as_target(sample.values[target])
    groups, codes = target_groups(goal)
    others = [name for name in sample.values if name != target][:RELATED_COLUMNS]
    compared = {target: goal, **{name: sample.values[name] for name in others}}
    return TargetExploration(
        rows=sample.rows,
        sampled=len(sample.frame),
        target=target,
        is_banded=goal.kind == "number",
        groups=groups,
        without=int((codes < 0).sum()),
        columns=tuple(grouped_columns(goal, _described(sample, target), sample.frame, codes)),
        relations=tuple(target_relations(target, compared)),
    )


def _described(sample: VersionSample, target: str) -> list[ColumnValues]:
    """The other columns; texts of many values with the most frequent ones."""
    columns = [
        sample.values.get(column.name) or frequent_values(sample.frame[column.name], column, OTHERS)
        for column in sample.schema
        if column.name != target and (column.name in sample.values or column.type == "string")
    ]
    return [column for column in columns if column is not None][:RELATED_COLUMNS]
