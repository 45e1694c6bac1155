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

BASE = (
    "id",
    "name",
    "experiment",
    "status",
    "trainer",
    "created_at",
    "duration_s",
    "parent_id",
)
MORE = ("started_at", "ended_at", "user", "source", "commit", "dirty", "seed", "note", "error")
INSTANTS = ("created_at", "started_at", "ended_at")
PARTS = ("last", "first", "min", "max", "best")
KeyedTable = type[RunMetric] | type[Param] | type[RunTag]
# What sorts by a key, and what then tells equals apart: all of it lies in one index.
ORDERS: Mapping[KeyedTable, tuple[str, ...]] = {
    RunMetric: ("id",),
    Param: ("number", "value", "run_id"),
    RunTag: ("value", "run_id"),
}


@dataclass(frozen=True)
class Keyed:
    """A column that is not the run's own: a metric, a parameter or a tag."""

    title: str
    table: KeyedTable
    key: str
    part: str

    @property
    def of_key(self) -> SQLColumnExpression[bool]:
        """The table's rows that are meant."""
        return col(self.table.key) == self.key

    @property
    def order(self) -> tuple[str, ...]:
        """The names of the columns that sort by it, the last one unlike in every run."""
        names = ORDERS[self.table]
        return (self.part, *names) if self.is_metric else names

    @property
    def needed(self) -> tuple[str, ...]:
        """The columns that a walk in this order reads."""
        return tuple(dict.fromkeys((*self.order, "run_id")))

    @property
    def is_indexed(self) -> bool:
        """Whether the index itself lies in this order."""
        return not self.is_metric or self.part == "last"

    @property
    def is_metric(self) -> bool:
        """Whether it is a figure of a metric."""
        return self.table is RunMetric


def own_columns(now: datetime) -> dict[str, SQLColumnExpression[Any]]:
    """What is known of a run by itself; `experiment` needs a join."""
    started = type_coerce(col(Run.started_at), BigInteger)
    ended = func.coalesce(col(Run.ended_at), literal(now, Utc))
    return {
        **{name: col(getattr(Run, name)) for name in (*BASE, *MORE) if name in Run.model_fields},
        "experiment": col(Experiment.name),
        "duration_s": (type_coerce(ended, BigInteger) - started) / 1_000_000.0,
    }


def check_own(name: str) -> str:
    """The name, when it is a column of the run's own. Raises Invalid."""
    if name not in BASE and name not in MORE:
        raise Invalid(
            f"a run has no column {name!r}.",
            hint=f"Known: {', '.join((*BASE, *MORE))}, metrics.<key>, params.<key>, tags.<key>.",
        )
    return name


def keyed(name: str) -> Keyed:
    """The metric, parameter or tag that a column's name means. Raises Invalid."""
    kind, _, key = name.partition(".")
    if kind == "metrics" and key:
        head, _, part = key.rpartition("@")
        chosen = (head, part) if head and part in PARTS else (key, "last")
        return Keyed(name, RunMetric, *chosen)
    if kind in ("params", "tags") and key:
        return Keyed(name, Param if kind == "params" else RunTag, key, "value")
    raise Invalid(
        f"a run has no column {name!r}.", hint="Known: metrics.<key>, params.<key>, tags.<key>."
    )


def checked(names: Sequence[str]) -> list[Keyed]:
    """The keyed ones of some columns. Raises Invalid for a column that cannot be."""
    for name in names:
        if "." not in name:
            check_own(name)
    return [keyed(name) for name in names if "." in name]
