"""The schema contract: inferred, stored with its version in pandera's form.

Presence, type and missing values are taken as they were. Ranges are inferred and then widened by
the span that was seen, on either side, though not below zero where values began at it: a contract
tells a broken feed, and leaves a warm day to drift. A few rows outside are tolerated.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from pilothouse.data.canonical import type_of
from pilothouse.data.info import Contract, ContractRule, DatasetVersionInfo
from pilothouse.data.schema import NUMERIC, Type

TOLERANCE = 0.01
MAX_CATEGORIES = 25  # a column with more distinct texts than this is free to bring new ones
MIN_ROWS_PER_CATEGORY = (
    20  # rows for each category, on average, before the list of them counts as whole
)
NEAR_ZERO = 0.05  # of the span: values that begin so close to zero never go below it
MIN_IDENTIFIERS = 20  # rows from which whole numbers that never repeat count as identifiers
PANDAS: dict[Type, str] = {
    "number": "float64",
    "integer": "Int64",
    "string": "object",
    "boolean": "boolean",
    "time": "datetime64[us, UTC]",
}
TYPES = {spelling: kind for kind, spelling in PANDAS.items()}
OWN_KEYS = ("tolerance", "edited")  # of what is stored, not part of pandera's form


def infer(table: pa.Table) -> dict[str, Any]:
    """The contract of a canonical table in pandera's JSON form."""
    return to_pandera([infer_rule(name, table[name]) for name in table.column_names])


def infer_rule(name: str, column: pa.ChunkedArray) -> ContractRule:
    """The rule that is inferred for a column from its data."""
    kind = type_of(column.type)
    rule = ContractRule(name, kind, column.null_count > 0)
    if kind == "string":
        return replace(rule, categories=_closed_list(column))
    if kind in NUMERIC and not _is_identifier(column):
        low, high = _range(column)
        return replace(rule, low=low, high=high)
    return rule


def to_pandera(rules: Iterable[ContractRule]) -> dict[str, Any]:
    """Rules in pandera's JSON form, written by pandera itself."""
    import pandera.pandas as pandera

    columns = {
        rule.column: pandera.Column(
            PANDAS[rule.type], _checks(rule), nullable=rule.nullable, required=rule.required
        )
        for rule in rules
    }
    contract: dict[str, Any] = json.loads(pandera.DataFrameSchema(columns).to_json())
    return contract


def read(version: DatasetVersionInfo, stored: Mapping[str, Any]) -> Contract:
    """The contract that a version keeps, its rules in the order of the columns.

    A column that may be absent can have a rule without being in the version.
    """
    order = [name for name in version.column_names if name in stored["columns"]]
    order += [name for name in stored["columns"] if name not in version.column_names]
    rules = tuple(_rule(name, stored["columns"][name]) for name in order)
    schema = {key: value for key, value in stored.items() if key not in OWN_KEYS}
    return Contract(
        version.ref,
        rules,
        float(stored.get("tolerance", TOLERANCE)),
        schema,
        edited=bool(stored.get("edited", False)),
    )


def _closed_list(column: pa.ChunkedArray) -> tuple[str, ...] | None:
    """The values of a column that looks as if it had no others."""
    values = column.drop_null().unique().to_pylist()
    closed = 0 < len(values) <= MAX_CATEGORIES and len(column) >= MIN_ROWS_PER_CATEGORY * len(
        values
    )
    return tuple(sorted(values)) if closed else None


def _is_identifier(column: pa.ChunkedArray) -> bool:
    """Whether these are whole numbers that never repeat: the next file goes on counting."""
    rows = len(column)
    is_whole = type_of(column.type) == "integer"
    return is_whole and rows >= MIN_IDENTIFIERS and bool(pc.count_distinct(column).as_py() == rows)


def _range(column: pa.ChunkedArray) -> tuple[float | None, float | None]:
    values = pc.cast(column, pa.float64(), safe=False)
    ends = pc.min_max(values.filter(pc.is_finite(values)))
    low, high = ends["min"].as_py(), ends["max"].as_py()
    if low is None or low == high or not math.isfinite(high - low):
        return None, None
    span = high - low
    return 0.0 if 0 <= low <= NEAR_ZERO * span else low - span, high + span


def _checks(rule: ContractRule) -> list[Any]:
    import pandera.pandas as pandera

    checks = []
    if rule.categories is not None:
        checks.append(pandera.Check.isin(list(rule.categories)))
    if rule.low is not None and rule.high is not None:
        checks.append(pandera.Check.in_range(rule.low, rule.high))
    elif rule.low is not None:
        checks.append(pandera.Check.ge(rule.low))
    elif rule.high is not None:
        checks.append(pandera.Check.le(rule.high))
    return checks


def _rule(name: str, stored: Mapping[str, Any]) -> ContractRule:
    within, among = stored.get("in_range", {}), stored.get("isin")
    return ContractRule(
        name,
        TYPES[stored["dtype"]],
        bool(stored.get("nullable", False)),
        within.get("min_value", stored.get("greater_than_or_equal_to")),
        within.get("max_value", stored.get("less_than_or_equal_to")),
        tuple(among) if among is not None else None,
        required=bool(stored.get("required", True)),
    )
