"""Holding data against a contract: which rules it breaks, in which rows, and how to say so.

A column that is absent or of another type breaks its rule in every row. Of each other rule the
failing rows are counted, and the first of them are listed.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.compute as pc

from pilothouse.data.booleans import read_booleans
from pilothouse.data.canonical import ARROW, canonical, type_of
from pilothouse.data.info import Contract, ContractReport, ContractRule
from pilothouse.data.reading.frames import from_frame
from pilothouse.data.schema import NAMES, is_compatible
from pilothouse.kit.errors import Invalid

if TYPE_CHECKING:
    import pandas as pd

MAX_ROWS = 100  # failing rows that are listed of each rule
MAX_NAMED = 5  # rules and values that a message names
FAILURES = ("column", "check", "value", "row")
SUMMARY = ("column", "check", "limit", "failing", "share", "passed", "values")
Part = Any  # an Arrow column, or why a frame's column cannot be one, or None for no column


@dataclass(frozen=True)
class Breach:
    """One broken rule of a column; without a count it concerns the column as a whole."""

    column: str
    check: str
    limit: str
    count: int | None
    first: tuple[tuple[Any, int | None], ...]
    values: tuple[str, ...] = ()


def check(
    contract: Contract, frame: pd.DataFrame, columns: Sequence[str] | None = None
) -> ContractReport:
    """Hold a frame against a contract, or against its rules for some columns.

    Raises Invalid when a column is asked for of which the contract says nothing.
    """
    rules = _chosen(contract, columns)
    return _report(contract, len(frame), rules, [_part(rule, frame) for rule in rules])


def check_table(
    contract: Contract, table: pa.Table, columns: Sequence[str] | None = None
) -> ContractReport:
    """Hold a canonical table against a contract, or against its rules for some columns."""
    rules, names = _chosen(contract, columns), set(table.column_names)
    parts = [
        _as_booleans(rule, table[rule.column]) if rule.column in names else None for rule in rules
    ]
    return _report(contract, table.num_rows, rules, parts)


def _chosen(contract: Contract, columns: Sequence[str] | None) -> list[ContractRule]:
    rules = {rule.column: rule for rule in contract.rules}
    unknown = [name for name in columns or () if name not in rules]
    if unknown:
        raise Invalid(
            f"the contract of {contract.ref} says nothing of {', '.join(unknown)}.",
            fields={"columns": "not in the contract"},
        )
    return [rules[name] for name in (rules if columns is None else columns)]


def _part(rule: ContractRule, frame: pd.DataFrame) -> Part:
    """A frame's column in canonical form; why it has none; or None when it is absent."""
    if rule.column not in frame.columns:
        return None
    if not len(frame):
        return pa.chunked_array([], type=ARROW[rule.type])
    try:
        return _as_booleans(rule, canonical(from_frame(frame[[rule.column]]))[rule.column])
    except Invalid as mixed:
        return mixed.message


def _as_booleans(rule: ContractRule, column: Any) -> Any:
    """A column of yes/no texts as the booleans that its rule asks for."""
    if rule.type != "boolean" or type_of(column.type) != "string":
        return column
    booleans = read_booleans(column, declared=True)
    return column if booleans is None else booleans[0]


def _breaches(rule: ContractRule, column: Part) -> Iterator[Breach]:
    """The checks of a rule that a column breaks."""
    name = rule.column

    if column is None:
        if rule.required:
            yield Breach(name, "present", "", None, ((None, None),))
        return
    if isinstance(column, str):
        yield Breach(name, "type", NAMES[rule.type], None, ((column, None),))
        return

    kind = type_of(column.type)
    if column.null_count < len(column) and not _is_of_type(column, rule):
        yield Breach(name, "type", NAMES[rule.type], None, ((NAMES[kind], None),))
        return
    column = _as_type(column, rule)

    for check, limit, failing in _failing(rule, column):
        count = int(pc.sum(failing).as_py() or 0)
        if count:
            yield _breach(name, check, limit, count, column, failing)


def _breach(
    name: str, check: str, limit: str, count: int, column: Any, failing: pa.ChunkedArray
) -> Breach:
    rows = pc.indices_nonzero(failing)
    first = rows.slice(0, MAX_ROWS)
    pairs = zip(column.take(first).to_pylist(), first.to_pylist(), strict=True)
    values: tuple[str, ...] = ()
    if check == "category":
        counted = pc.value_counts(column.take(rows)).to_pylist()
        counted.sort(key=lambda entry: (-entry["counts"], entry["values"]))
        values = tuple(entry["values"] for entry in counted)
    return Breach(name, check, limit, count, tuple(pairs), values)


def _failing(
    rule: ContractRule, column: pa.ChunkedArray
) -> Iterator[tuple[str, str, pa.ChunkedArray]]:
    """Each value check of a rule: its name, its limit as text, and a mask of the rows that fail."""
    if not rule.nullable:
        yield "not missing", "", pc.is_null(column)
    if rule.categories is not None:
        strange = pc.invert(pc.is_in(column, value_set=pa.array(rule.categories, pa.string())))
        yield "category", ", ".join(rule.categories), pc.and_(strange, pc.is_valid(column))

    outside = [
        compare(pc.cast(column, pa.float64(), safe=False), bound)
        for compare, bound in ((pc.less, rule.low), (pc.greater, rule.high))
        if bound is not None
    ]
    if outside:
        either = outside[0] if len(outside) == 1 else pc.or_(*outside)
        yield "range", range_text(rule), pc.fill_null(either, False)


def range_text(rule: ContractRule) -> str:
    """The range that a rule allows."""
    if rule.low is None and rule.high is None:
        return ""
    if rule.low is None or rule.high is None:
        return f"at least {rule.low:g}" if rule.high is None else f"at most {rule.high:g}"
    return f"{rule.low:g} to {rule.high:g}"


def _is_of_type(column: pa.ChunkedArray, rule: ContractRule) -> bool:
    """Whether the values can stand where the rule expects its type."""
    kind = type_of(column.type)
    if is_compatible(kind, rule.type):
        return True
    if rule.type != "integer" or kind != "number":
        return False
    # Numbers can be integers that missing values turned into floats.
    return bool(pc.all(pc.equal(column, pc.trunc(column))).as_py())


def _as_type(column: pa.ChunkedArray, rule: ContractRule) -> pa.ChunkedArray:
    if column.null_count == len(column):
        return pa.chunked_array([pa.nulls(len(column), ARROW[rule.type])])
    return pc.cast(column, ARROW[rule.type], safe=False)


def _report(
    contract: Contract, rows: int, rules: Sequence[ContractRule], parts: Sequence[Part]
) -> ContractReport:
    import pandas as pd

    order = sorted(zip(rules, parts, strict=True), key=lambda pair: pair[0].column)
    breaches = [
        breach
        for rule, part in order
        for breach in sorted(_breaches(rule, part), key=lambda breach: breach.check)
    ]
    checks = pd.DataFrame(
        [_summary(breach, rows, contract.tolerance) for breach in breaches],
        columns=list(SUMMARY),
    )
    failures = [
        (breach.column, breach.check, None if breach.check == "not missing" else value, row)
        for breach in breaches
        for value, row in breach.first
    ]
    broken = checks[~checks["passed"].astype(bool)]
    lines = tuple(f"{row.column}: {_line(row)}" for row in broken.itertuples(index=False))
    return ContractReport(
        ref=contract.ref,
        rows=rows,
        ok=broken.empty,
        message=_first(lines) or f"{rows:,} rows meet the contract of {contract.ref}",
        checks=checks,
        failures=pd.DataFrame(failures, columns=list(FAILURES)).astype({"row": "Int64"}),
        lines=lines,
    )


def _summary(breach: Breach, rows: int, tolerance: float) -> tuple[Any, ...]:
    """One broken rule; `passed` when so few rows break it that they are tolerated."""
    whole = breach.count is None
    failing = rows if breach.count is None else breach.count
    share = 1.0 if whole else failing / rows
    passed = not whole and share <= tolerance
    return (
        *(breach.column, breach.check, breach.limit, failing, share, passed),
        breach.values,
    )


def _first(lines: Sequence[str]) -> str:
    """The first of the lines as one text, and how many more there are."""
    more = f"; and {len(lines) - MAX_NAMED} more" if len(lines) > MAX_NAMED else ""
    return "; ".join(lines[:MAX_NAMED]) + more


def _line(broken: Any) -> str:
    if broken.check == "present":
        return "is not there"
    if broken.check == "type":
        return f"is not of the type {broken.limit}"
    if broken.check == "range":
        what = f"outside {broken.limit}"
    elif broken.check == "category":
        what = f"in no known category ({list_values(broken.values)})"
    else:
        what = "missing"
    return f"{broken.share:.1%} of rows are {what}"


def list_values(values: Sequence[str]) -> str:
    """The first of some values, and how many more there are."""
    more = f" and {len(values) - MAX_NAMED} more" if len(values) > MAX_NAMED else ""
    return ", ".join(map(repr, values[:MAX_NAMED])) + more
