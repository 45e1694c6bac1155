"""The schema contract: inferred with pandera, kept with its version, held against later data.

Presence, type and missing values are taken as they were. Ranges are inferred and then widened by
the span that was seen, on either side, though not below zero where values began at it: a contract
tells a broken feed, and leaves a warm day to drift. A few rows outside are tolerated.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import pandera.pandas as pandera
import pyarrow as pa
import pyarrow.compute as pc
from pandera.errors import SchemaErrors
from pandera.schema_inference.pandas import infer_schema

from pilothouse.data.booleans import read_booleans
from pilothouse.data.canonical import ARROW, canonical, type_of
from pilothouse.data.facts import Contract, ContractReport, DatasetVersionInfo, Rule
from pilothouse.data.reading import from_frame
from pilothouse.data.schema import NAMES, Column, Type, fits
from pilothouse.kit.errors import Invalid

if TYPE_CHECKING:
    import pandas as pd

TOLERANCE = 0.01
CATEGORIES = 25  # a column with more distinct texts than this is free to bring new ones
SHARED = 20  # rows for each category, on average, before the list of them counts as whole
SHOWN = 100
NEAR_ZERO = 0.05  # of the span: values that begin so close to zero never go below it
PANDAS: dict[Type, str] = {
    "number": "float64",
    "integer": "Int64",
    "string": "object",
    "boolean": "boolean",
    "time": "datetime64[us, UTC]",
}
CHECKS = {
    "column_in_dataframe": "present",
    "not_nullable": "not missing",
    "isin": "category",
    "in_range": "range",
}
FAILURES = ("column", "check", "value", "row")
SUMMARY = ("column", "check", "limit", "failing", "share", "passed")


def infer(table: pa.Table) -> dict[str, Any]:
    """The contract of a canonical table in pandera's JSON form."""
    inferred = infer_schema(_pandas(table))
    columns = {
        name: pandera.Column(
            PANDAS[type_of(table[name].type)],
            _checks(table[name], inferred.columns[name].checks),
            nullable=bool(inferred.columns[name].nullable),
        )
        for name in table.column_names
    }
    contract: dict[str, Any] = json.loads(pandera.DataFrameSchema(columns).to_json())
    return contract


def read(version: DatasetVersionInfo, kept: Mapping[str, Any]) -> Contract:
    """The contract that a version keeps, its rules in the order of the columns."""
    rules = tuple(_rule(column, kept["columns"][column.name]) for column in version.schema)
    return Contract(version.ref, rules, TOLERANCE, kept)


def check(
    contract: Contract, frame: pd.DataFrame, columns: Sequence[str] | None = None
) -> ContractReport:
    """Hold a frame against a contract, or against its rules for some columns.

    Raises Invalid when a column is asked for of which the contract says nothing.
    """
    rules = _chosen(contract, columns)
    table, failures = _comparable(rules, frame)
    failures += _broken(contract, [r for r in rules if r.column in table.column_names], table)
    return _report(contract, len(frame), failures, rules)


def _pandas(table: pa.Table) -> pd.DataFrame:
    """The frame that pandera sees: missing values leave integers integers."""
    import pandas as pd

    nullable = {pa.int64(): pd.Int64Dtype(), pa.bool_(): pd.BooleanDtype()}
    frame: pd.DataFrame = table.to_pandas(types_mapper=nullable.get)
    return frame


def _checks(column: pa.ChunkedArray, inferred: Iterable[Any]) -> list[Any]:
    kind = type_of(column.type)
    if kind == "string":
        values = column.drop_null().unique().to_pylist()
        closed = 0 < len(values) <= CATEGORIES and len(column) >= SHARED * len(values)
        return [pandera.Check.isin(sorted(values))] if closed else []
    if kind not in ("number", "integer"):
        return []
    limits = {key: value for each in inferred or () for key, value in each.statistics.items()}
    if "min_value" not in limits or "max_value" not in limits:
        return []
    low, high = float(limits["min_value"]), float(limits["max_value"])
    if not math.isfinite(high - low) or low == high:
        return []
    span = high - low
    floor = 0.0 if 0 <= low <= NEAR_ZERO * span else low - span
    return [pandera.Check.in_range(floor, high + span)]


def _rule(column: Column, rule: Mapping[str, Any]) -> Rule:
    within, among = rule.get("in_range", {}), rule.get("isin")
    return Rule(
        column.name,
        column.type,
        bool(rule.get("nullable", False)),
        within.get("min_value"),
        within.get("max_value"),
        tuple(among) if among is not None else None,
    )


def _chosen(contract: Contract, columns: Sequence[str] | None) -> list[Rule]:
    known = {rule.column: rule for rule in contract.rules}
    strange = [name for name in columns or () if name not in known]
    if strange:
        raise Invalid(
            f"the contract of {contract.ref} says nothing of {', '.join(strange)}.",
            fields={"columns": "not in the contract"},
        )
    return [known[name] for name in (known if columns is None else columns)]


def _comparable(
    rules: Iterable[Rule], frame: pd.DataFrame
) -> tuple[pa.Table, list[tuple[Any, ...]]]:
    """The columns whose type is the contract's, and a failure for each other one."""
    kept: dict[str, Any] = {}
    failures: list[tuple[Any, ...]] = []
    for rule in rules:
        if rule.column not in frame.columns:
            failures.append((rule.column, "present", None, None))
            continue
        if not len(frame):
            continue
        try:
            column = _worded_as(rule, canonical(from_frame(frame[[rule.column]])))
        except Invalid as mixed:
            failures.append((rule.column, "type", mixed.message, None))
            continue
        found = column[rule.column]
        kind = type_of(found.type)
        if found.null_count == len(found) or fits(kind, rule.type) or _is_whole(found, rule):
            kept[rule.column] = found.cast(ARROW[rule.type], safe=False)
        else:
            failures.append((rule.column, "type", NAMES[kind], None))
    return pa.table(kept), failures


def _worded_as(rule: Rule, table: pa.Table) -> pa.Table:
    """A column of yes/no texts as the booleans that its rule asks for."""
    column = table[rule.column]
    if rule.type != "boolean" or type_of(column.type) != "string":
        return table
    booleans = read_booleans(column, declared=True)
    return table if booleans is None else pa.table({rule.column: booleans[0]})


def _is_whole(column: pa.ChunkedArray, rule: Rule) -> bool:
    """Whether numbers are integers that missing values turned into floats."""
    if rule.type != "integer" or type_of(column.type) != "number":
        return False
    return bool(pc.all(pc.equal(column, pc.trunc(column))).as_py())


def _broken(contract: Contract, rules: Iterable[Rule], table: pa.Table) -> list[tuple[Any, ...]]:
    """What pandera finds in the columns that can be compared."""
    columns = {rule.column: contract.pandera["columns"][rule.column] for rule in rules}
    schema = pandera.DataFrameSchema.from_json(json.dumps({**contract.pandera, "columns": columns}))
    try:
        schema.validate(_pandas(table), lazy=True)
    except SchemaErrors as broken:
        cases = broken.failure_cases[["column", "check", "failure_case", "index"]]
        return [_failure(*case) for case in cases.itertuples(index=False, name=None)]
    return []


def _failure(column: str, check: str, value: Any, row: Any) -> tuple[Any, ...]:
    name = str(check).partition("(")[0]
    missing = name == "not_nullable"
    return column, CHECKS.get(name, name), None if missing else value, int(row)


def _report(
    contract: Contract, rows: int, failures: list[tuple[Any, ...]], rules: Iterable[Rule]
) -> ContractReport:
    import pandas as pd

    table = pd.DataFrame(failures, columns=list(FAILURES)).astype({"row": "Int64"})
    table = table.sort_values(["column", "check", "row"], kind="stable")
    limits = {rule.column: _limits(rule) for rule in rules}
    checks = pd.DataFrame(
        [
            _summary(str(column), str(check), limits[str(column)], group, rows)
            for (column, check), group in table.groupby(["column", "check"], sort=False)
        ],
        columns=list(SUMMARY),
    )
    failed = checks[~checks["passed"].astype(bool)]
    words = "; ".join(f"{r.column}: {_said(r)}" for r in failed.itertuples(index=False))
    return ContractReport(
        ref=contract.ref,
        rows=rows,
        ok=failed.empty,
        words=words or f"{rows:,} rows meet the contract of {contract.ref}",
        checks=checks,
        failures=table.groupby(["column", "check"], sort=False).head(SHOWN).reset_index(drop=True),
    )


def _limits(rule: Rule) -> dict[str, str]:
    span = f"{rule.low:g} to {rule.high:g}" if rule.low is not None else ""
    among = ", ".join(rule.categories or ())
    return {"range": span, "category": among, "type": NAMES[rule.type]}


def _summary(
    column: str, check: str, limits: Mapping[str, str], group: pd.DataFrame, rows: int
) -> tuple[Any, ...]:
    """One broken rule: a column that is not there, or of another type, fails in every row."""
    whole = bool(group["row"].isna().any())
    share = 1.0 if whole else len(group) / rows
    failing = rows if whole else len(group)
    return column, check, limits.get(check, ""), failing, share, not whole and share <= TOLERANCE


def _said(broken: Any) -> str:
    if broken.check == "present":
        return "is not there"
    if broken.check == "type":
        return f"is no {broken.limit}"
    rule = {"range": f"outside {broken.limit}", "category": "in no known category"}
    words = rule.get(broken.check, broken.check.replace("not missing", "missing"))
    return f"{broken.share:.1%} of rows are {words}"
