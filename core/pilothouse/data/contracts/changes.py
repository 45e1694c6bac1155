"""Changes of a contract: edits by hand, widening to accept certain data, and the next version's.

A new version keeps the contract of the version before it. Where its data broke a rule and was
registered all the same, that rule is widened by what came, so that the next file of the same kind
is not refused again.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.compute as pc

from pilothouse.data.contracts import contract
from pilothouse.data.info import Contract, ContractReport, ContractRule
from pilothouse.data.schema import NAMES, NUMERIC
from pilothouse.kit.errors import Invalid

if TYPE_CHECKING:
    import pandas as pd

MAX_CATEGORIES = 500  # a longer list of allowed values says that any value is allowed


def to_stored(rules: Iterable[ContractRule], tolerance: float, *, edited: bool) -> dict[str, Any]:
    """What is stored of a contract."""
    return {**contract.to_pandera(rules), "tolerance": tolerance, "edited": edited}


def edit_rules(
    before: Contract, rules: Sequence[ContractRule] = (), tolerance: float | None = None
) -> dict[str, Any]:
    """The contract with some rules replaced. Raises Invalid, NotFound."""
    if tolerance is not None and not 0 <= tolerance < 1:
        raise Invalid(
            f"{tolerance:g} is not a share of rows.", fields={"tolerance": "0 or more, below 1"}
        )
    return replace_rules(
        before, [_checked(before.rule(rule.column), rule) for rule in rules], tolerance
    )


def replace_rules(
    before: Contract, rules: Sequence[ContractRule], tolerance: float | None = None
) -> dict[str, Any]:
    """The contract with some rules replaced, which may change their types."""
    changes = {rule.column: rule for rule in rules}
    return to_stored(
        [changes.get(rule.column, rule) for rule in before.rules],
        before.tolerance if tolerance is None else tolerance,
        edited=True,
    )


def _checked(before: ContractRule, rule: ContractRule) -> ContractRule:
    """The rule, if its column can have it."""
    name, kind = rule.column, before.type
    problem = ""
    if rule.type != kind:
        problem = f"is of the type {NAMES[kind]}, which an edited rule cannot change"
    elif rule.categories is not None and kind != "string":
        problem = "holds no texts, so it can have no list of allowed values"
    elif rule.categories is not None and not rule.categories:
        problem = "needs one allowed value at least; without a list any value is allowed"
    elif (rule.low, rule.high) != (None, None) and kind not in NUMERIC:
        problem = "holds no numbers, so it can have no range"
    elif not all(math.isfinite(end) for end in (rule.low or 0.0, rule.high or 0.0)):
        problem = "needs finite ends of its range; an end left out is not limited"
    elif rule.low is not None and rule.high is not None and rule.low > rule.high:
        problem = f"cannot be at least {rule.low:g} and at most {rule.high:g}"

    if problem:
        raise Invalid(f"the column {name!r} {problem}.", fields={name: problem})

    if rule.categories is not None:
        return replace(rule, categories=tuple(sorted(set(rule.categories))))
    return rule


def allow_values(before: Contract, values: Mapping[str, Sequence[str]]) -> list[ContractRule]:
    """Rules that allow more values. Raises Invalid for a column that has no list of them."""
    rules = []
    for name, more in values.items():
        rule = before.rule(name)
        if rule.categories is None:
            raise Invalid(
                f"the column {name!r} has no list of allowed values: any value is allowed.",
                fields={name: "no list of values"},
            )
        rules.append(replace(rule, categories=tuple(sorted({*rule.categories, *more}))))
    return rules


def widen(before: Contract, report: ContractReport, table: pa.Table) -> list[ContractRule]:
    """The rules that a table breaks, each so far widened that it does not."""
    broken = report.checks[~report.checks["passed"].astype(bool)]
    return [
        _widen(before.rule(str(name)), set(group["check"]), group, _part(table, str(name)))
        for name, group in broken.groupby("column", sort=False)
    ]


def _part(table: pa.Table, name: str) -> pa.ChunkedArray | None:
    return table[name] if name in table.column_names else None


def _widen(
    rule: ContractRule, checks: set[str], broken: pd.DataFrame, column: pa.ChunkedArray | None
) -> ContractRule:
    if column is None:
        return replace(rule, required=False)
    if "type" in checks:
        return contract.infer_rule(rule.column, column)

    if "not missing" in checks:
        rule = replace(rule, nullable=True)
    if "category" in checks and rule.categories is not None:
        new = [value for values in broken["values"] for value in values]
        union = sorted({*rule.categories, *new})
        rule = replace(rule, categories=tuple(union) if len(union) <= MAX_CATEGORIES else None)
    if "range" in checks:
        low, high = _range(rule, column)
        rule = replace(rule, low=low, high=high)

    return rule


def _range(rule: ContractRule, column: pa.ChunkedArray) -> tuple[float | None, float | None]:
    """The rule's range and the one that would be inferred of the column, in one.

    An infinite value has no range around it: the end on its side is not limited any more.
    """
    new = contract.infer_rule(rule.column, column)
    values = pc.min_max(pc.cast(column, pa.float64(), safe=False))
    low, high = values["min"].as_py(), values["max"].as_py()
    new_low = low if new.low is None else min(new.low, low)
    new_high = high if new.high is None else max(new.high, high)
    return _end(min, rule.low, new_low), _end(max, rule.high, new_high)


def _end(choose: Callable[[float, float], float], old: float | None, new: float) -> float | None:
    return choose(old, new) if old is not None and math.isfinite(new) else None


def next_contract(before: Contract, report: ContractReport, table: pa.Table) -> dict[str, Any]:
    """The contract of the next version, whose content is the table."""
    changes = {rule.column: rule for rule in widen(before, report, table)}
    rules = {rule.column: changes.get(rule.column, rule) for rule in before.rules}
    names = list(table.column_names)
    after = [rules.get(name) or contract.infer_rule(name, table[name]) for name in names]
    # A column that may be absent keeps its rule for the day on which it is back.
    after += [rule for name, rule in rules.items() if name not in names and not rule.required]
    return to_stored(after, before.tolerance, edited=before.edited)
