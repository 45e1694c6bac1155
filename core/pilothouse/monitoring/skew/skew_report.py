"""What was measured of a deployment's skew: values, in and out of JSON."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from pilothouse.monitoring.checks import SKEW_LIMITS, worst


@dataclass(frozen=True)
class ColumnSkew:
    """How far the values of a column that were served are from those expected.

    The differences are of numbers, as they were served less as expected; of times in seconds.
    `stale` rows have the value that the store had when the looked up values were written. `unit`
    is the factor that explains the difference, when one does.
    """

    column: str
    rows: int
    differing: int
    missing_served: int = 0
    missing_expected: int = 0
    median_difference: float | None = None
    largest_difference: float | None = None
    stale: int = 0
    unit: str = ""
    examples: tuple[Mapping[str, Any], ...] = ()

    @property
    def share(self) -> float:
        """The share of rows that differ."""
        return self.differing / self.rows if self.rows else 0.0

    @property
    def status(self) -> str:
        """ok when no row differs, fail when more than the tolerated share does."""
        return SKEW_LIMITS.judge(self.share)

    @property
    def text(self) -> str:
        """What differs, in a sentence for people; empty when nothing does."""
        if not self.differing:
            return ""
        parts = [f"{self.differing:,} of {self.rows:,} rows differ"]
        if self.unit:
            parts.append(self.unit)
        if self.missing_served > self.missing_expected:
            parts.append(f"{self.missing_served - self.missing_expected:,} more were missing")
        if self.stale:
            parts.append(f"{self.stale:,} had an older value of the store")
        return "; ".join(parts)

    @property
    def advice(self) -> str:
        """What to do about it; empty when nothing differs."""
        if not self.differing:
            return ""
        if self.unit:
            return "Send it in the unit that the model was trained with."
        if 2 * self.stale > self.differing:
            return "The online store lags behind: materialize more often."
        if 2 * (self.missing_served - self.missing_expected) > self.differing:
            return "Values are missing in serving: materialize all keys, or send them."
        return "Serving computes it in another way: compare its code with that of training."

    def to_json(self) -> dict[str, Any]:
        """It as plain values."""
        return {**asdict(self), "examples": [dict(example) for example in self.examples]}

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> ColumnSkew:
        """It from plain values."""
        return cls(**{**value, "examples": tuple(value["examples"])})


@dataclass(frozen=True)
class ValueAges:
    """How old looked up values were at their events, in seconds; `ahead` rows had later ones."""

    rows: int
    median: float
    high: float
    ahead: int = 0


@dataclass(frozen=True)
class ServedValues:
    """Logged inputs against the values expected for the same key: of `against`, or `lack` of any.

    `logged` is how many rows were read, of which `rows` have a counterpart.
    """

    against: str = ""
    lack: str = ""
    logged: int = 0
    rows: int = 0
    columns: tuple[ColumnSkew, ...] = ()
    ages: ValueAges | None = None


@dataclass(frozen=True)
class ColumnShift:
    """How the first requests of a column differ from its training data.

    `findings` are the checks over their limits in words, `score` is that of the drift test `test`.
    """

    column: str
    status: str
    test: str = ""
    score: float | None = None
    limit: float | None = None
    missing_training: float | None = None
    missing_served: float | None = None
    unit: str = ""
    findings: tuple[str, ...] = ()


@dataclass(frozen=True)
class FirstRequests:
    """The first rows that a version answered against the dataset that it was trained on."""

    dataset: str = ""
    lack: str = ""
    rows: int = 0
    training_rows: int = 0
    columns: tuple[ColumnShift, ...] = ()


@dataclass(frozen=True)
class SkewReport:
    """The skew of a version of a deployment, as it was measured at a time."""

    deployment: str
    model: str
    version: int
    measured_at: datetime
    values: ServedValues
    first: FirstRequests

    @property
    def status(self) -> str:
        """fail, warn, ok, or insufficient where nothing could be compared."""
        return worst([*(column.status for column in self.values.columns),
                      *(column.status for column in self.first.columns)])  # fmt: skip

    def to_json(self) -> dict[str, Any]:
        """It as plain values."""
        return {
            "deployment": self.deployment,
            "model": self.model,
            "version": self.version,
            "measured_at": self.measured_at.isoformat(),
            "values": plain_values(self.values),
            "first": asdict(self.first),
        }

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> SkewReport:
        """It from plain values."""
        return cls(
            deployment=value["deployment"],
            model=value["model"],
            version=value["version"],
            measured_at=datetime.fromisoformat(value["measured_at"]),
            values=values_from_json(value["values"]),
            first=_first(value["first"]),
        )


def plain_values(values: ServedValues) -> dict[str, Any]:
    """Compared values as plain ones."""
    return {**asdict(values), "columns": [column.to_json() for column in values.columns]}


def values_from_json(value: Mapping[str, Any]) -> ServedValues:
    """Compared values from plain ones."""
    columns = tuple(ColumnSkew.from_json(column) for column in value["columns"])
    ages = value["ages"]
    return ServedValues(**{**value, "columns": columns, "ages": ages and ValueAges(**ages)})


def _first(value: Mapping[str, Any]) -> FirstRequests:
    columns = tuple(
        ColumnShift(**{**column, "findings": tuple(column["findings"])})
        for column in value["columns"]
    )
    return FirstRequests(**{**value, "columns": columns})
