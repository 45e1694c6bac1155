"""Masks personal data where people look at rows: one function for a frame, a profile, an example.

Training, serving, checks and whatever computes use true values; screens, commands and exports show
what passed through here.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from pilothouse.data.info import ColumnProfile, Contract, ContractReport, ContractRule, Profile
from pilothouse.data.personal_kinds import personal_kinds
from pilothouse.models.signature import Signature

if TYPE_CHECKING:
    import pandas as pd

    from pilothouse.data.dataset_sources import RefreshCheck
    from pilothouse.data.diff import DataDiff
    from pilothouse.data.exploration.explore import Exploration, TargetExploration

MASK = "•••••"
STATISTICS = ("mean_before", "mean_after", "median_before", "median_after")


@dataclass(frozen=True)
class Masking:
    """What is masked: columns by name, with the kind of personal data that each of them holds."""

    kinds: Mapping[str, str] = field(default_factory=dict)

    def __bool__(self) -> bool:
        return bool(self.kinds)

    def titles(self, names: Iterable[str]) -> dict[str, str]:
        """The kinds of those of some columns that are masked, as people call them."""
        return {
            name: personal_kinds.get(self.kinds[name]).title for name in names if name in self.kinds
        }

    def frame(self, frame: pd.DataFrame, columns: Collection[str] | None = None) -> pd.DataFrame:
        """The rows with a mask in place of each value of a masked column; missing stays missing.

        `columns` are those of the frame to mask, when they are called otherwise than in the data.
        """
        names = self.kinds if columns is None else columns
        masked = {
            name: frame[name].astype(object).where(frame[name].isna(), MASK)
            for name in names
            if name in frame.columns
        }
        return frame.assign(**masked) if masked else frame

    def column_profile(self, column: ColumnProfile) -> ColumnProfile:
        """What was seen in a column; of a masked one only how much there is."""
        if column.name not in self.kinds:
            return column
        plain = (column.name, column.type, column.rows, column.missing, column.distinct)
        return ColumnProfile(*plain, infinite=column.infinite)

    def profile(self, profile: Profile) -> Profile:
        """The profile without the values of masked columns."""
        return Profile(profile.rows, tuple(map(self.column_profile, profile.columns)))

    def diff(self, diff: DataDiff) -> DataDiff:
        """The differences without values, means and medians of masked columns."""
        columns = diff.columns.copy()
        is_masked = columns["column"].isin(list(self.kinds))
        for name in STATISTICS:
            columns[name] = columns[name].mask(is_masked)
        some = is_masked & (columns["new_values"] != "")
        columns["new_values"] = columns["new_values"].mask(some, MASK)
        return replace(diff, columns=columns)

    def exploration(self, exploration: Exploration) -> Exploration:
        """What was seen without the values and limits of masked columns."""
        outliers = tuple(
            replace(column, low=None, high=None, lowest=None, highest=None)
            if column.column in self.kinds
            else column
            for column in exploration.outliers
        )
        return replace(exploration, outliers=outliers)

    def target_exploration(self, exploration: TargetExploration) -> TargetExploration:
        """How columns are distributed by a target, without the values of masked columns."""
        columns = tuple(
            replace(column, parts=(), edges=(), shares=())
            if column.column in self.kinds
            else column
            for column in exploration.columns
        )
        groups = exploration.groups
        if exploration.target in self.kinds:
            groups = tuple(
                group if group.is_others else replace(group, name=f"{MASK} {number}")
                for number, group in enumerate(groups, start=1)
            )
        return replace(exploration, columns=columns, groups=groups)

    def contract(self, contract: Contract) -> Contract:
        """The contract without the values and bounds of masked columns."""
        return replace(contract, rules=tuple(map(self.rule, contract.rules)), pandera={})

    def rule(self, rule: ContractRule) -> ContractRule:
        """A rule without the values and bounds of a masked column."""
        if rule.column not in self.kinds:
            return rule
        categories = None if rule.categories is None else (MASK,)
        return replace(rule, low=None, high=None, categories=categories)

    def report(self, report: ContractReport) -> ContractReport:
        """The verdict of a contract without the values that broke it in masked columns."""
        checks, failures = report.checks.copy(), report.failures.copy()
        for frame, names in ((checks, ("limit", "values")), (failures, ("value",))):
            rows = frame["column"].isin(list(self.kinds))
            for name in names:
                if rows.any() and name in frame.columns:
                    frame[name] = frame[name].astype(object).mask(rows, MASK)
        if not checks["column"].isin(list(self.kinds)).any():
            return report
        lines = tuple(map(self._line, report.lines))
        message = report.message if not report.lines else lines[0] if lines else ""
        return replace(report, checks=checks, failures=failures, lines=lines, message=message)

    def _line(self, line: str) -> str:
        name = next((name for name in self.kinds if name in line), None)
        return line if name is None else f"{name}: its rule is broken (values are masked)"

    def refresh(self, check: RefreshCheck) -> RefreshCheck:
        """What a refresh would change, without the values of masked columns."""
        return replace(check, diff=self.diff(check.diff), report=self.report(check.report))

    def record(self, record: Mapping[str, Any]) -> dict[str, Any]:
        """One row by column, with masks as `frame` has them."""
        return {
            name: MASK if name in self.kinds and value is not None else value
            for name, value in record.items()
        }

    def signature(self, signature: Signature) -> Signature:
        """The signature without the values and limits that training saw in masked columns."""
        inputs = tuple(
            replace(column, categories=None, low=None, high=None)
            if column.name in self.kinds
            else column
            for column in signature.inputs
        )
        return replace(signature, inputs=inputs)

    def document(self, value: Any) -> Any:
        """A JSON value: masked are values by a column's name, of a table's rows, of a schema."""
        if isinstance(value, list):
            return [self.document(item) for item in value]
        if not isinstance(value, Mapping):
            return value
        names, rows = value.get("columns"), value.get("data")
        if isinstance(names, list) and isinstance(rows, list):
            hidden = [index for index, name in enumerate(names) if name in self.kinds]
            return {**value, "data": [_without(row, hidden) for row in rows]}
        if value.get("name") in self.kinds and "categories" in value:
            return {**value, **dict.fromkeys(("categories", "low", "high"), MASK)}
        return {
            name: MASK if name in self.kinds and item is not None else self.document(item)
            for name, item in value.items()
        }

    def examples(self, records: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
        """Records in which a value of nobody stands for each masked one, of the same type."""
        return [{name: self._example(name, value) for name, value in r.items()} for r in records]

    def _example(self, name: str, value: Any) -> Any:
        if name not in self.kinds or value is None:
            return value
        if isinstance(value, str):
            return personal_kinds.get(self.kinds[name]).example
        return type(value)(0) if isinstance(value, int | float) else None


def _without(row: Any, hidden: Collection[int]) -> Any:
    """A row of a table with masks at some positions."""
    if not isinstance(row, list):
        return row
    return [
        MASK if index in hidden and value is not None else value for index, value in enumerate(row)
    ]


NOTHING_MASKED = Masking()
