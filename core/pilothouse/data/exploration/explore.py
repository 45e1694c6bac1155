"""An exploration of a frame: associations, a target's relations, outliers, missing patterns."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from pilothouse.data.exploration.associations import Association, associations
from pilothouse.data.exploration.column_values import ColumnValues, column_values, left_out
from pilothouse.data.exploration.missing_patterns import MissingPattern, missing_patterns
from pilothouse.data.exploration.outliers import (
    ColumnOutliers,
    UnusualRow,
    column_outliers,
    unusual_rows,
)
from pilothouse.data.exploration.target_relations import TargetRelation, target_relations
from pilothouse.data.schema import Column
from pilothouse.kit.errors import Invalid, NotFound

if TYPE_CHECKING:
    import pandas as pd

SAMPLED_ROWS = 5_000
PAIRED_COLUMNS = 40  # as many names can be read along a matrix
RELATED_COLUMNS = 300


@dataclass(frozen=True)
class Exploration:
    """What an exploration of a version saw, in `sampled` of its `rows`.

    `paired` are the columns whose pairs were measured, in the version's order; `left_out` those
    that cannot be compared: constants, and texts of more than fifty values. `relations` are of the
    `target`, when one was named.
    """

    rows: int
    sampled: int
    paired: tuple[str, ...]
    left_out: tuple[str, ...]
    associations: tuple[Association, ...]
    target: str
    relations: tuple[TargetRelation, ...]
    outliers: tuple[ColumnOutliers, ...]
    unusual_rows: tuple[UnusualRow, ...]
    missing: tuple[MissingPattern, ...]


def explore(
    frame: pd.DataFrame,
    schema: Sequence[Column],
    *,
    target: str = "",
    columns: Sequence[str] = (),
) -> Exploration:
    """Explore the rows of a version.

    `columns` are those whose pairs are measured; without, the first forty that can be compared.
    Raises NotFound for a column that is not there, Invalid for a target that cannot be compared.
    """
    _check_names(schema, (*columns, *filter(None, (target,))))
    positions = _sampled(len(frame))
    sample = frame.iloc[positions]
    values = column_values(sample, schema)
    if target and target not in values:
        raise Invalid(
            f"{target!r} cannot be a target: it is constant, or a text of more than 50 values.",
            fields={"target": "cannot be compared"},
        )
    paired = [values[name] for name in columns or values if name in values][:PAIRED_COLUMNS]
    return Exploration(
        rows=len(frame),
        sampled=len(sample),
        paired=tuple(column.name for column in paired),
        left_out=left_out(schema, values),
        associations=tuple(associations(paired)),
        target=target,
        relations=tuple(_relations(target, values)),
        outliers=tuple(column_outliers(list(values.values()))),
        unusual_rows=tuple(unusual_rows(list(values.values()), positions)),
        missing=tuple(missing_patterns(sample)),
    )


def _relations(target: str, values: dict[str, ColumnValues]) -> list[TargetRelation]:
    if not target:
        return []
    names = [name for name in values if name != target][:RELATED_COLUMNS]
    return target_relations(target, {name: values[name] for name in (target, *names)})


def _sampled(rows: int) -> list[int]:
    """Positions of all rows, or of a sample that is the same each time, in their order."""
    if rows <= SAMPLED_ROWS:
        return list(range(rows))
    drawn = np.random.default_rng(0).choice(rows, SAMPLED_ROWS, replace=False)
    return [int(at) for at in np.sort(drawn)]


def _check_names(schema: Sequence[Column], names: Sequence[str]) -> None:
    existing = {column.name for column in schema}
    absent = [name for name in names if name not in existing]
    if absent:
        raise NotFound(f"the version has no column {absent[0]!r}.")
