"""Predicates to conditions in SQL. Every value is a bound parameter.

A predicate is false for a run without the field, and its NOT is true. So no condition is ever NULL,
and `NOT (a OR b)` follows two-valued logic.
"""

from __future__ import annotations

import math
import re
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta, timezone
from typing import Any, Literal

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    SQLColumnExpression,
    and_,
    false,
    not_,
    or_,
    true,
    type_coerce,
)

from pilothouse.experiments.query.dialects import ilike, like, matches
from pilothouse.experiments.query.parse import quote_text
from pilothouse.experiments.query.syntax_tree import (
    And,
    Not,
    Now,
    Predicate,
    SingleValue,
    Tree,
    Value,
)
from pilothouse.kit.clock import EPOCH
from pilothouse.kit.errors import Invalid

Condition = ColumnElement[bool]
Column = SQLColumnExpression[Any]
Kind = Literal["text", "number", "time", "choice", "either"]
PredicateCondition = Callable[[Predicate], Condition]

NULL_OPERATORS = ("IS NULL", "IS NOT NULL")
NAN_OPERATORS = ("IS NAN", "IS NOT NAN")
ORDER_OPERATORS = ("=", "!=", ">", ">=", "<", "<=")
PATTERN_OPERATORS = (
    *("CONTAINS", "NOT CONTAINS", "LIKE", "NOT LIKE", "ILIKE", "NOT ILIKE"),
    *("=~", "!~"),
)
TEXT_OPERATORS = ("=", "!=", *PATTERN_OPERATORS, "IN", "NOT IN")
OPERATORS: Mapping[Kind, tuple[str, ...]] = {
    "text": (*TEXT_OPERATORS, *NULL_OPERATORS),
    "number": (*ORDER_OPERATORS, "IN", "NOT IN", *NULL_OPERATORS),
    "time": (*ORDER_OPERATORS, *NULL_OPERATORS),
    "choice": ("=", "!=", "IN", "NOT IN", *NULL_OPERATORS),
    "either": (*ORDER_OPERATORS, *PATTERN_OPERATORS, "IN", "NOT IN", *NULL_OPERATORS),
}
MAX_PATTERN_LENGTH = 1000
MAX_EXACT_INTEGER = float(1 << 53)  # beyond it, neighbouring whole numbers share one float
NUMBERS = re.compile(r"[+-]?[0-9.][0-9A-Za-z.+-]*")
LEADING_ZERO = re.compile(r"[+-]?0[0-9]")
SECOND_US = 1_000_000
MAX_INSTANT_US = 2**62
INSTANT = re.compile(
    r"(?P<year>\d{4})-(?P<month>\d\d)(?:-(?P<day>\d\d)(?:[T ](?P<hour>\d\d):(?P<minute>\d\d)"
    r"(?::(?P<second>\d\d)(?:\.(?P<part>\d{1,6}))?)?\s*(?P<zone>Z|[+-]\d\d:?\d\d)?)?)?"
)
INSTANTS = "'2026-03-01', '2026-03-01 12:30' or now - 7d"


def _unchanged(holds: Condition) -> Condition:
    return holds


@dataclass(frozen=True)
class FieldSpec:
    """A field of the filter language: its kind and the column that holds it.

    - `within` turns a condition on the column into one on the run.
    - `has_value` is the condition that a run has a value.
    - `number` is the numeric column of a field of the kind "either", whose text is in `column`.
    - `alternatives` are further columns that hold the same field.
    - `spellings` maps other spellings of choices, in capitals, to the stored ones; where there are
      `others`, every other word is one in small letters.
    """

    title: str
    kind: Kind
    column: Column
    within: Callable[[Condition], Condition] = _unchanged
    has_value: Condition = field(default_factory=true)
    number: Column | None = None
    extra_operators: tuple[str, ...] = ()
    alternatives: tuple[FieldSpec, ...] = ()
    spellings: Mapping[str, str] = field(default_factory=dict)
    others: bool = False

    @property
    def operators(self) -> tuple[str, ...]:
        """The operators that the field takes."""
        return (*OPERATORS[self.kind], *self.extra_operators)

    @property
    def choices(self) -> tuple[str, ...]:
        """The fixed values of a choice; empty for other kinds."""
        return tuple(dict.fromkeys(self.spellings.values()))


def condition(tree: Tree, condition_of: PredicateCondition) -> Condition:
    """A tree as one condition; `condition_of` translates each predicate."""
    if isinstance(tree, Predicate):
        return condition_of(tree)
    if isinstance(tree, Not):
        return not_(condition(tree.part, condition_of))
    parts = [condition(part, condition_of) for part in tree.parts]
    if not parts:
        return true()
    return and_(*parts) if isinstance(tree, And) else or_(*parts)


def predicate_condition(spec: FieldSpec, predicate: Predicate, now: datetime) -> Condition:
    """A predicate as a condition on the run.

    Raises Invalid when its operator or its value do not fit the field.
    """
    if predicate.operator not in spec.operators:
        raise unusable(
            predicate, f"{_subject(predicate)} takes the operators {join_with_or(spec.operators)}"
        )
    columns = (spec, *spec.alternatives)
    if predicate.operator in NULL_OPERATORS:
        has_value = or_(*(part.within(part.has_value) for part in columns))
        return has_value if predicate.operator == "IS NOT NULL" else not_(has_value)
    return or_(*(part.within(_field_condition(part, predicate, now)) for part in columns))


def unusable(
    predicate: Predicate, message: str, hint: str = "", *, at_value: bool = False
) -> Invalid:
    """The error for a predicate that can be parsed but not used: its position and what is wrong."""
    column = predicate.position.value_column if at_value else predicate.position.column
    near = predicate.raw if at_value else predicate.position.text
    where = (
        f"at column {column}, near {near[:80]!r}" if column else f"about {predicate.field.column}"
    )
    return Invalid(
        f"the filter cannot be used {where}: {message}{'' if message.endswith('?') else '.'}",
        hint=hint,
        fields={"filter": f"column {column}: {message}" if column else message},
    )


def _wrong_value(predicate: Predicate, message: str) -> Invalid:
    """The error for a predicate whose value does not fit; it names the position of the value."""
    return unusable(predicate, message, at_value=True)


def join_with_or(names: tuple[str, ...]) -> str:
    """Names as an enumeration: `a, b or c`."""
    return f"{', '.join(names[:-1])} or {names[-1]}" if len(names) > 1 else "".join(names)


def _values(predicate: Predicate) -> tuple[SingleValue, ...]:
    if isinstance(predicate.value, tuple):
        return predicate.value
    return () if predicate.value is None else (predicate.value,)


def _subject(predicate: Predicate) -> str:
    return predicate.field.column


def _field_condition(spec: FieldSpec, predicate: Predicate, now: datetime) -> Condition:
    if predicate.operator in NAN_OPERATORS:
        is_nan = spec.column.is_(None)
        return is_nan if predicate.operator == "IS NAN" else not_(is_nan)
    if spec.kind == "time":
        return time_condition(spec.column, predicate.operator, _bounds(predicate, now))
    if spec.kind == "number":
        return number_condition(spec.column, predicate)
    if spec.kind == "choice":
        return text_condition(spec.column, _normalise_choice(spec, predicate))
    if spec.kind == "either" and spec.number is not None:
        return _param_condition(spec.column, spec.number, predicate)
    return text_condition(spec.column, predicate)


def _param_condition(column: Column, number: Column, predicate: Predicate) -> Condition:
    """A condition on a parameter: compared as a number with numbers, as a text otherwise."""
    values = _values(predicate)
    figures = tuple(value for value in values if isinstance(value, float))
    if figures and len(figures) == len(values) and predicate.operator not in PATTERN_OPERATORS:
        if predicate.operator in ("=", "!=", "IN", "NOT IN"):
            equal = _equals_any_number(column, number, predicate, figures)
            is_asked = predicate.operator in ("=", "IN")
            return equal if is_asked else and_(number.is_not(None), not_(equal))
        return and_(number.is_not(None), number_condition(number, predicate))
    if figures and predicate.operator not in PATTERN_OPERATORS:
        texts = tuple(value for value in values if not isinstance(value, float))
        matching = or_(
            number.in_(figures) & number.is_not(None), _in_values(column, texts, predicate)
        )
        return matching if predicate.operator == "IN" else not_(matching)
    if predicate.operator in (">", ">=", "<", "<="):
        raise _wrong_value(
            predicate, f"{predicate.operator} compares numbers; write the number without quotes"
        )

    return text_condition(column, predicate)


def _equals_any_number(
    column: Column, number: Column, predicate: Predicate, figures: tuple[float, ...]
) -> Condition:
    spelled = (
        NUMBERS.findall(predicate.raw) if isinstance(predicate.value, tuple) else [predicate.raw]
    )
    if len(spelled) != len(figures):
        spelled = [str(figure) for figure in figures]
    pairs = zip(spelled, figures, strict=True)
    return or_(
        *(
            _equals_number(column, number, replace(predicate, value=f, raw=text), f)
            for text, f in pairs
        )
    )


def _equals_number(
    column: Column, number: Column, predicate: Predicate, figure: float
) -> Condition:
    """Whether a parameter equals this number: 7, 7.0 and 7e0 are equal, but 007 is an identifier.

    A whole number beyond 2^53 is compared as text too: as a float it would equal its neighbours.
    """
    if LEADING_ZERO.match(predicate.raw) or abs(figure) >= MAX_EXACT_INTEGER:
        return column == predicate.raw
    holds, start = (
        number_condition(number, replace(predicate, operator="=")),
        "-0" if figure < 0 else "0",
    )
    if abs(figure) >= 1:
        padded = and_(column.like(f"{start}%"), not_(column.like(f"{start}.%")))
    else:  # 0, 0.5 and 0e0 may begin with one zero
        padded = column.like(f"{start}0%")
    return and_(number.is_not(None), holds, not_(padded))


def text_condition(column: Column, predicate: Predicate) -> Condition:
    """A condition on a text. Raises Invalid when the operator or the value does not fit a text."""
    operator, value = predicate.operator, predicate.value
    if operator in ("IN", "NOT IN"):
        among = _in_values(column, value if isinstance(value, tuple) else (), predicate)
        return among if operator == "IN" else not_(among)
    if not isinstance(value, str):
        raise _wrong_value(
            predicate, f"{_subject(predicate)} is a text: write {quote_text(predicate.raw or '…')}"
        )
    if operator in ("=", "!="):
        return column == value if operator == "=" else column != value

    negated, _, kind = operator.rpartition(" ")
    if operator in ("=~", "!~"):
        return _regex_condition(column, value, predicate)
    if len(value) > MAX_PATTERN_LENGTH:
        raise _wrong_value(predicate, f"a pattern has at most {MAX_PATTERN_LENGTH} characters")

    made = {"LIKE": like, "ILIKE": ilike, "CONTAINS": contains}.get(kind)
    if made is None:
        raise unusable(predicate, f"a text takes the operators {join_with_or(TEXT_OPERATORS)}")

    return not_(made(column, value)) if negated else made(column, value)


def _regex_condition(column: Column, text: str, predicate: Predicate) -> Condition:
    try:
        match = matches(column, text)
    except Invalid as broken:
        raise _wrong_value(predicate, broken.message.rstrip(".")) from None
    return match if predicate.operator == "=~" else not_(match)


def contains(column: Column, text: str) -> Condition:
    """Whether the column contains the text, ignoring case."""
    return column.icontains(text, autoescape=True)


def _in_values(column: Column, values: tuple[SingleValue, ...], predicate: Predicate) -> Condition:
    if not values:
        raise _wrong_value(predicate, "the list is empty: write IN ('a', 'b')")
    if not all(isinstance(value, str) for value in values):
        raise _wrong_value(
            predicate, f"{_subject(predicate)} is a text: put each value of the list in quotes"
        )
    return column.in_(values)


def number_condition(column: Column, predicate: Predicate) -> Condition:
    """A condition on a number. Raises Invalid when the operator or the value does not fit one."""
    operator, value = predicate.operator, predicate.value
    if operator in ("IN", "NOT IN"):
        figures = (
            tuple(_number(item, predicate) for item in value) if isinstance(value, tuple) else ()
        )
        if not figures:
            raise _wrong_value(predicate, "the list is empty: write IN (1, 2)")
        return column.in_(figures) if operator == "IN" else column.not_in(figures)
    if operator not in ORDER_OPERATORS:
        raise unusable(
            predicate, f"a number takes the operators {join_with_or(OPERATORS['number'])}"
        )

    figure = _number(value, predicate)
    if math.isinf(figure):
        return _against_infinity(column, operator, upward=figure > 0)

    return compare_with(column, operator, figure)


def _against_infinity(column: Column, operator: str, *, upward: bool) -> Condition:
    """A condition on infinity, which the largest float stands for.

    MLflow's clients replace infinities by the largest float when they log them.
    """
    most = sys.float_info.max
    there: Condition = column >= most if upward else column <= -most
    beyond = (">", "<") if upward else ("<", ">")
    if operator in ("=", f"{beyond[0]}="):
        return there
    if operator == beyond[0]:
        return false()
    return column.is_not(None) if operator == f"{beyond[1]}=" else not_(there)


def _number(value: Value, predicate: Predicate) -> float:
    if isinstance(value, timedelta):
        return value.total_seconds()
    if isinstance(value, float):
        return value
    message = f"{_subject(predicate)} is a number; write it without quotes"
    raise _wrong_value(
        predicate, message if isinstance(value, str) else f"{_subject(predicate)} is a number"
    )


def compare_with(column: Column, operator: str, value: Any) -> Condition:
    """A column compared with a value by one of `ORDER_OPERATORS`."""
    made: dict[str, Callable[[], Condition]] = {
        "=": lambda: column == value,
        "!=": lambda: column != value,
        ">": lambda: column > value,
        ">=": lambda: column >= value,
        "<": lambda: column < value,
        "<=": lambda: column <= value,
    }
    return made[operator]()


def time_condition(column: Column, operator: str, bounds: tuple[int, int]) -> Condition:
    """An instant compared with a span of microseconds, `low` included and `high` excluded.

    A span is a day or a minute as a text names it: `>` means after its end, `=` within it.
    """
    low, high = (max(min(bound, MAX_INSTANT_US), -MAX_INSTANT_US) for bound in bounds)
    micros: Column = type_coerce(column, BigInteger)
    made: dict[str, Callable[[], Condition]] = {
        "=": lambda: and_(micros >= low, micros < high),
        "!=": lambda: or_(micros < low, micros >= high),
        ">": lambda: micros >= high,
        ">=": lambda: micros >= low,
        "<": lambda: micros < low,
        "<=": lambda: micros < high,
    }
    return made[operator]()


def _bounds(predicate: Predicate, now: datetime) -> tuple[int, int]:
    value = predicate.value
    if isinstance(value, float):
        return millisecond(value)
    if isinstance(value, Now):
        at = _micros(now) + value.offset // timedelta(microseconds=1)
        return at, at + 1

    match = INSTANT.fullmatch(value.strip()) if isinstance(value, str) else None
    if match is None:
        raise _wrong_value(predicate, f"{_subject(predicate)} is an instant such as {INSTANTS}")

    try:
        return _span_of(match)
    except (ValueError, OverflowError) as broken:
        raise _wrong_value(predicate, f"there is no such day or hour: {broken}") from None


def millisecond(value: float) -> tuple[int, int]:
    """The span of a number of milliseconds since 1970, in microseconds."""
    clear = max(min(value, 2.0**52), -(2.0**52))
    return int(clear * 1000), int(clear * 1000) + 1000


def _span_of(match: re.Match[str]) -> tuple[int, int]:
    """The span of the month, day, minute, second or microsecond that a text names."""
    parts = {name: int(part) for name, part in match.groupdict("").items() if part.isdecimal()}
    part = (match["part"] or "").ljust(6, "0")
    start = datetime(
        parts["year"],
        parts["month"],
        parts.get("day", 1),
        parts.get("hour", 0),
        parts.get("minute", 0),
        parts.get("second", 0),
        int(part),
        _zone(match["zone"]),
    )
    low = _micros(start)
    if "day" not in parts:
        last = start.replace(day=28) + timedelta(days=4)
        return low, _micros(last.replace(day=1))

    long = 1 if match["part"] else SECOND_US if "second" in parts else 60 * SECOND_US
    return low, low + (long if "minute" in parts else 86_400 * SECOND_US)


def _zone(text: str | None) -> timezone:
    if text in (None, "", "Z"):
        return UTC
    assert text is not None
    minutes = int(text[1:3]) * 60 + int(text[-2:])
    return timezone(timedelta(minutes=minutes if text[0] == "+" else -minutes))


def _micros(at: datetime) -> int:
    return (at - EPOCH) // timedelta(microseconds=1)


def _normalise_choice(spec: FieldSpec, predicate: Predicate) -> Predicate:
    """The predicate with its choices as they are stored. Raises Invalid for an unknown choice."""
    values = _values(predicate)
    spelled: list[SingleValue] = []
    for value in values:
        choice = spec.spellings.get(value.upper()) if isinstance(value, str) else None
        if choice is None and spec.others and isinstance(value, str):
            choice = value.lower()
        if choice is None:
            choices = tuple(map(quote_text, spec.choices))
            raise _wrong_value(
                predicate, f"{_subject(predicate)} is one of {join_with_or(choices)}"
            )
        spelled.append(choice)

    return replace(
        predicate, value=tuple(spelled) if isinstance(predicate.value, tuple) else spelled[0]
    )
