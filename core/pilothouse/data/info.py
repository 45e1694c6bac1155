"""What the data room tells: values without pandas, Arrow or a database behind them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any

from pilothouse.data.schema import Column, Type
from pilothouse.kit.errors import NotFound
from pilothouse.kit.notebook_html import card, small_table

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True, repr=False)
class DatasetVersionInfo:
    """A dataset version; `existed` when a registration found its content there already.

    `status` is active, held, superseded or archived; `breach` says how it broke the contract of the
    version before it, when it was registered all the same. `held_for` is what its blocking quality
    checks said against it, also after it was released by a person with a reason.
    """

    ref: str
    dataset: str
    version: int
    content_hash: str
    digest: str
    rows: int
    columns: int
    bytes: int
    schema: tuple[Column, ...]
    parent: str | None
    source: str
    licence: str
    tags: Mapping[str, str]
    event_time: str | None
    note: str
    created_at: datetime
    created_by: str
    status: str = "active"
    superseded_by: str | None = None
    breach: str = ""
    held_for: str = ""
    released_by: str | None = None
    release_reason: str | None = None
    existed: bool = False

    def __repr__(self) -> str:
        return f"<dataset version {self.ref}, {self.rows:,} rows x {self.columns} columns>"

    def _repr_html_(self) -> str:
        """In a notebook: its facts and columns."""
        facts = {
            "Rows": self.rows,
            "Status": self.status,
            "Source": self.source,
            "Licence": self.licence,
            "Event time": self.event_time,
            "Registered": self.created_at,
            "By": self.created_by,
            "Note": self.note,
        }
        columns = [(column.name, column.type) for column in self.schema]
        return card(f"Data {self.ref}", facts, small_table(("Column", "Type"), columns))

    @property
    def column_names(self) -> tuple[str, ...]:
        """The names of its columns, in order."""
        return tuple(column.name for column in self.schema)


@dataclass(frozen=True)
class ColumnProfile:
    """What was seen in a column. Times are milliseconds since the epoch.

    `quantiles` maps a probability to a value; `edges` bound the bins of `counts`; `top` has the
    most frequent values with their counts. Which of them are there depends on the type. `infinite`
    values count as present, but are not part of the other statistics.
    """

    name: str
    type: Type
    rows: int
    missing: int
    distinct: int
    infinite: int = 0
    mean: float | None = None
    std: float | None = None
    quantiles: Mapping[float, float] = field(default_factory=dict)
    edges: tuple[float, ...] = ()
    counts: tuple[int, ...] = ()
    top: tuple[tuple[str, int], ...] = ()

    @property
    def missing_share(self) -> float:
        """Missing values over rows."""
        return self.missing / self.rows if self.rows else 0.0

    @property
    def low(self) -> float | None:
        """The smallest value."""
        return self.quantiles.get(0.0)

    @property
    def high(self) -> float | None:
        """The greatest value."""
        return self.quantiles.get(1.0)

    def to_json(self) -> dict[str, Any]:
        """A plain value; quantiles become pairs, for JSON has no numbers as keys."""
        return {**asdict(self), "quantiles": [list(pair) for pair in self.quantiles.items()]}

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> ColumnProfile:
        """The profile that `to_json` wrote."""
        lists = {
            "quantiles": dict(value["quantiles"]),
            "edges": tuple(value["edges"]),
            "counts": tuple(value["counts"]),
            "top": tuple((name, count) for name, count in value["top"]),
        }
        return cls(**{**value, **lists})


@dataclass(frozen=True)
class Profile:
    """What was seen in a dataset version, column by column."""

    rows: int
    columns: tuple[ColumnProfile, ...]

    def __getitem__(self, name: str) -> ColumnProfile:
        return next(column for column in self.columns if column.name == name)

    def frame(self) -> pd.DataFrame:
        """A row a column.

        Columns: column, type, missing, missing_share, infinite, distinct, mean, std, low, median,
        high, top.
        """
        import pandas as pd

        return pd.DataFrame(
            [
                {
                    "column": column.name,
                    "type": column.type,
                    "missing": column.missing,
                    "missing_share": column.missing_share,
                    "infinite": column.infinite,
                    "distinct": column.distinct,
                    "mean": column.mean,
                    "std": column.std,
                    "low": column.low,
                    "median": column.quantiles.get(0.5),
                    "high": column.high,
                    "top": column.top[0][0] if column.top else None,
                }
                for column in self.columns
            ]
        )


@dataclass(frozen=True)
class ContractRule:
    """What a contract says of a column. A bound that is None is not set."""

    column: str
    type: Type
    nullable: bool
    low: float | None = None
    high: float | None = None
    categories: tuple[str, ...] | None = None
    required: bool = True

    def to_json(self) -> dict[str, Any]:
        """What the rule allows, for the activity log; without what it does not limit."""
        values = {name: value for name, value in asdict(self).items() if value is not None}
        return {name: list(v) if isinstance(v, tuple) else v for name, v in values.items()}


@dataclass(frozen=True)
class Contract:
    """A schema contract: its rules, the share of rows that may break one, and pandera's form.

    `edited` says that it was changed since it was inferred.
    """

    ref: str
    rules: tuple[ContractRule, ...]
    tolerance: float
    pandera: Mapping[str, Any]
    edited: bool = False

    def rule(self, column: str) -> ContractRule:
        """The rule of a column. Raises NotFound."""
        for rule in self.rules:
            if rule.column == column:
                return rule
        raise NotFound(
            f"the contract of {self.ref} says nothing of {column!r}.",
            hint=f"Its columns are {', '.join(rule.column for rule in self.rules)}.",
        )

    def frame(self) -> pd.DataFrame:
        """A row a column: column, type, nullable, low, high, categories, required."""
        import pandas as pd

        return pd.DataFrame([asdict(rule) for rule in self.rules])


@dataclass(frozen=True)
class ContractReport:
    """How a frame meets a contract.

    `checks` has a row for each broken rule: column, check, limit, failing, share, passed (within
    the tolerance), values (those in no known category). `failures` has the rows: column, check,
    value, row (0 is the first); at most a hundred for each rule. What concerns a whole column has
    no row. `lines` has a sentence for each rule that is broken beyond the tolerance.
    """

    ref: str
    rows: int
    ok: bool
    message: str
    checks: pd.DataFrame
    failures: pd.DataFrame
    lines: tuple[str, ...] = ()
