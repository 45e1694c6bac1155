"""The columns of a run table: a run's own, and its metrics, parameters and tags by key."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger, SQLColumnExpression, func, literal, type_coerce
from sqlmodel import col

from pilothouse.experiments.tables import Experiment, Param, Run, RunMetric, RunTag
from pilothouse.kit.errors import Invalid
from pilothouse.storage import Utc

BASE_COLUMNS = (
    "id",
    "name",
    "experiment",
    "status",
    "trainer",
    "created_at",
    "duration_s",
    "parent_id",
)
EXTRA_COLUMNS = (
    "started_at",
    "ended_at",
    "user",
    "source",
    "commit",
    "dirty",
    "seed",
    "note",
    "error",
)
INSTANT_COLUMNS = ("created_at", "started_at", "ended_at")
METRIC_PARTS = ("last", "first", "min", "max", "best")
KeyedTable = type[RunMetric] | type[Param] | type[RunTag]
# The columns to sort by, then those that order equal values; each list is one index.
INDEX_ORDERS: Mapping[KeyedTable, tuple[str, ...]] = {
    RunMetric: ("id",),
    Param: ("number", "value", "run_id"),
    RunTag: ("value", "run_id"),
}


@dataclass(frozen=True)
class KeyedColumn:
    """A column of values by key: a metric, a parameter or a tag."""

    title: str
    table: KeyedTable
    key: str
    part: str

    @property
    def key_condition(self) -> SQLColumnExpression[bool]:
        """The condition on the table's rows of this key."""
        return col(self.table.key) == self.key

    @property
    def order(self) -> tuple[str, ...]:
        """The table's columns to sort by; the last one is unique, so that the order is total."""
        names = INDEX_ORDERS[self.table]
        return (self.part, *names) if self.is_metric else names

    @property
    def index_columns(self) -> tuple[str, ...]:
        """The table's columns that a walk in this order reads."""
        return tuple(dict.fromkeys((*self.order, "run_id")))

    @property
    def is_indexed(self) -> bool:
        """Whether an index has this order."""
        return not self.is_metric or self.part == "last"

    @property
    def is_metric(self) -> bool:
        """Whether it is a column of a metric."""
        return self.table is RunMetric


def own_columns(now: datetime) -> dict[str, SQLColumnExpression[Any]]:
    """The run's own columns as expressions; `experiment` needs a join with `Experiment`."""
    started = type_coerce(col(Run.started_at), BigInteger)
    ended = func.coalesce(col(Run.ended_at), literal(now, Utc))
    return {
        **{
            name: col(getattr(Run, name))
            for name in (*BASE_COLUMNS, *EXTRA_COLUMNS)
            if name in Run.model_fields
        },
        "experiment": col(Experiment.name),
        "duration_s": (type_coerce(ended, BigInteger) - started) / 1_000_000.0,
    }


def require_own(name: str) -> str:
    """The name of one of the run's own columns. Raises Invalid for any other name."""
    own = (*BASE_COLUMNS, *EXTRA_COLUMNS)
    if name not in own:
        raise Invalid(
            f"a run has no column {name!r}.",
            hint=f"Known: {', '.join(own)}, metrics.<key>, params.<key>, tags.<key>.",
        )
    return name


def keyed_column(name: str) -> KeyedColumn:
    """The metric, parameter or tag column of this name. Raises Invalid for any other name."""
    kind, _, key = name.partition(".")
    if kind == "metrics" and key:
        head, _, part = key.rpartition("@")
        chosen = (head, part) if head and part in METRIC_PARTS else (key, "last")
        return KeyedColumn(name, RunMetric, *chosen)
    if kind in ("params", "tags") and key:
        return KeyedColumn(name, Param if kind == "params" else RunTag, key, "value")
    raise Invalid(
        f"a run has no column {name!r}.", hint="Known: metrics.<key>, params.<key>, tags.<key>."
    )


def keyed_columns(names: Sequence[str]) -> list[KeyedColumn]:
    """The metric, parameter and tag columns among these. Raises Invalid for an unknown column."""
    for name in names:
        if "." not in name:
            require_own(name)
    return [keyed_column(name) for name in names if "." in name]
