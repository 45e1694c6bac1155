"""Kinds of quality checks: each measures one figure of a version as a whole and gives its limits.

A contract says which values each row may have, and refuses other data before it is registered. A
quality check measures, and keeps its figure with every version.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any, Protocol

from pilothouse.data.schema import NAMES, Column
from pilothouse.kit.errors import Invalid
from pilothouse.kit.parameters import Parameter, Params
from pilothouse.kit.plugins import Plugins

if TYPE_CHECKING:
    import pyarrow as pa

UNITS = ("share", "rows", "hours", "number")
MAX_ROWS = 5  # positions of failing rows that are kept of a result


@dataclass(frozen=True, eq=False)
class CheckedRows:
    """What a check may look at: canonical rows, the time, and the rows of the version before.

    Columns are read when a check looks at them: `read` answers some of them, in canonical types.
    `rows_before` is None for the first version of a dataset.
    """

    schema: tuple[Column, ...]
    count: int
    read: Callable[[Sequence[str]], pa.Table]
    now: datetime
    rows_before: int | None = None

    @classmethod
    def of(cls, table: pa.Table, now: datetime, rows_before: int | None = None) -> CheckedRows:
        """The rows of a canonical table that is in memory."""
        from pilothouse.data.canonical import schema_of

        return cls(tuple(schema_of(table)), table.num_rows, table.select, now, rows_before)

    def column(self, name: str) -> pa.ChunkedArray:
        """The values of one column; no other one is read."""
        return self.read([name]).column(0)

    @property
    def table(self) -> pa.Table:
        """Every column: of a large version these are many bytes."""
        return self.read([column.name for column in self.schema])


@dataclass(frozen=True)
class Measure:
    """A figure with its limits; one that is None does not limit.

    `failing` counts the rows that are wrong, where single rows can be, and `rows` are the positions
    of the first of them (0 is the first row). `note` says more in a few words.
    """

    value: float
    low: float | None = None
    high: float | None = None
    failing: int | None = None
    rows: tuple[int, ...] = ()
    note: str = ""

    @property
    def passed(self) -> bool:
        """Whether the figure is within its limits."""
        return (self.low is None or self.value >= self.low) and (
            self.high is None or self.value <= self.high
        )


class QualityKind(Protocol):
    """One kind of quality check. `unit` is that of its figure, `takes` the types of its columns."""

    @property
    def title(self) -> str:
        """Its name for people."""
        ...

    @property
    def description(self) -> str:
        """What it measures, in a sentence or two."""
        ...

    @property
    def parameters(self) -> tuple[Parameter, ...]:
        """What it looks at and the limits: the fields of its form.

        The parameter `column` names one column, `columns` several; both must be of `takes`.
        """
        ...

    @property
    def unit(self) -> str:
        """What its figure counts: one of `UNITS`."""
        ...

    @property
    def takes(self) -> tuple[str, ...]:
        """The types that its columns may have; none for a kind that looks at no column."""
        ...

    def check(self, settings: Params) -> None:
        """Raise Invalid, naming each wrong field."""
        ...

    def phrase(self, settings: Params) -> str:
        """What is asked, in a few words: the title of one check."""
        ...

    def measure(self, settings: Params, rows: CheckedRows) -> Measure | None:
        """The figure of these rows; None where there is nothing to be compared with.

        Raises Invalid or NotFound when it cannot be measured.
        """
        ...


quality_kinds: Plugins[QualityKind] = Plugins(__name__, "quality check kind")
COLUMN = Parameter("column", "text", required=True, help="The column that is looked at.")
MOST_SHARE = Parameter(
    "share",
    "number",
    0.0,
    0.0,
    1.0,
    title="Share of rows at most",
    help="The share of rows that may be wrong: 0.01 is 1 %.",
)


def column_names(settings: Params) -> tuple[str, ...]:
    """The columns that settings name."""
    one, several = settings.get("column"), settings.get("columns") or ()
    return tuple(map(str, [one] if one else several))


def check_columns(kind: QualityKind, settings: Params, schema: Sequence[Column]) -> None:
    """Raise Invalid when rows with these columns cannot be measured."""
    types = {column.name: column.type for column in schema}
    for name in column_names(settings):
        problem = ""
        if name not in types:
            problem = f"there is no column {name!r}"
        elif types[name] not in kind.takes:
            problem = f"the column {name!r} is of the type {NAMES[types[name]]}"
        if problem:
            raise Invalid(f"{problem}.", fields={"params.column": problem})


def share_of(failing: pa.ChunkedArray, most: float) -> Measure:
    """The share of rows that fail, from a mask without missing values."""
    import pyarrow.compute as pc

    count = int(pc.sum(failing).as_py() or 0)
    first: Any = pc.indices_nonzero(failing).slice(0, MAX_ROWS)
    return Measure(count / len(failing), high=most, failing=count, rows=tuple(first.to_pylist()))


def percent(share: float) -> str:
    """A share for a title: 0.015 is 1.5 %."""
    return f"{share * 100:.4g} %"


def between(low: float | None, high: float | None) -> str:
    """Limits in words."""
    if low is None or high is None:
        return f"at most {high:,g}" if low is None else f"at least {low:,g}"
    return f"{low:,g} to {high:,g}"


def check_limits(low: float | None, high: float | None, names: tuple[str, str]) -> None:
    """Raise Invalid unless there is a limit, and the lower one is not above the other."""
    problem = ""
    if low is None and high is None:
        problem = "give at least one limit"
    elif low is not None and high is not None and low > high:
        problem = "the lower limit is above the upper one"
    if problem:
        raise Invalid(f"{problem}.", fields={f"params.{name}": problem for name in names})
