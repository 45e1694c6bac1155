"""Claims to conditions in SQL. Every value is a bound parameter.

A claim about a field that a run does not have does not hold, and its NOT does; so no condition is
ever NULL, and `NOT (a OR b)` means what it says.
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
from pilothouse.experiments.query.parse import quoted
from pilothouse.experiments.query.tree import And, Comparison, Not, Now, Single, Tree, Value
from pilothouse.kit.clock import EPOCH
from pilothouse.kit.errors import Invalid

Condition = ColumnElement[bool]
Column = SQLColumnExpression[Any]
Kind = Literal["text", "number", "time", "choice", "either"]
Claim = Callable[[Comparison], Condition]

NULLS = ("IS NULL", "IS NOT NULL")
NANS = ("IS NAN", "IS NOT NAN")
ORDERS = ("=", "!=", ">", ">=", "<", "<=")
PATTERNS = (
    *("CONTAINS", "NOT CONTAINS", "LIKE", "NOT LIKE", "ILIKE", "NOT ILIKE"),
    *("=~", "!~"),
)
TEXTS = ("=", "!=", *PATTERNS, "IN", "NOT IN")
OPERATORS: Mapping[Kind, tuple[str, ...]] = {
    "text": (*TEXTS, *NULLS),
    "number": (*ORDERS, "IN", "NOT IN", *NULLS),
    "time": (*ORDERS, *NULLS),
    "choice": ("=", "!=", "IN", "NOT IN", *NULLS),
    "either": (*ORDERS, *PATTERNS, "IN", "NOT IN", *NULLS),
}
MAX_PATTERN_LENGTH = 1000
EXACT = float(1 << 53)  # from here on, whole numbers share a float with their neighbours
NUMBERS = re.compile(r"[+-]?[0-9.][0-9A-Za-z.+-]*")
LEADING_ZERO = re.compile(r"[+-]?0[0-9]")
SECOND_US = 1_000_000
FURTHEST = 2**62
INSTANT = re.compile(
    r"(?P<year>\d{4})-(?P<month>\d\d)(?:-(?P<day>\d\d)(?:[T ](?P<hour>\d\d):(?P<minute>\d\d)"
    r"(?::(?P<second>\d\d)(?:\.(?P<part>\d{1,6}))?)?\s*(?P<zone>Z|[+-]\d\d:?\d\d)?)?)?"
)
INSTANTS = "'2026-03-01', '2026-03-01 12:30' or now - 7d"


def _same(holds: Condition) -> Condition:
    return holds


@dataclass(frozen=True)
class FieldSpec:
    """A field that can be asked about: its kind, the column that holds it, and where that lies.

    `within` makes a condition on the column one on the run; `present` says that there is a value.
    A field of the kind "either" is a text in `column`, and in `number` where it is one. What is
    kept in several places has the others in `also`. Choices may be spelled in other ways:
    `spelled` maps them, in capitals, to ours.
    """

    title: str
    kind: Kind
    column: Column
    within: Callable[[Condition], Condition] = _same
    present: Condition = field(default_factory=true)
    number: Column | None = None
    more: tuple[str, ...] = ()
    also: tuple[FieldSpec, ...] = ()
    spelled: Mapping[str, str] = field(default_factory=dict)

    @property
    def operators(self) -> tuple[str, ...]:
        """The operators that the field takes."""
        return (*OPERATORS[self.kind], *self.more)

    @property
    def choices(self) -> tuple[str, ...]:
        """The values that it can have, when they are few and fixed."""
        return tuple(dict.fromkeys(self.spelled.values()))


def condition(tree: Tree, claim: Claim) -> Condition:
    """A tree as one condition; `claim` makes each comparison's."""
    if isinstance(tree, Comparison):
        return claim(tree)
    if isinstance(tree, Not):
        return not_(condition(tree.part, claim))
    parts = [condition(part, claim) for part in tree.parts]
    if not parts:
        return true()
    return and_(*parts) if isinstance(tree, And) else or_(*parts)


def predicate_condition(known: FieldSpec, claim: Comparison, now: datetime) -> Condition:
    """A claim about a field. Raises Invalid when its operator or its value do not fit the field."""
    if claim.operator not in known.operators:
        raise unfit(claim, f"{_subject(claim)} is asked with {listed(known.operators)}")
    places = (known, *known.also)
    if claim.operator in NULLS:
        there = or_(*(each.within(each.present) for each in places))
        return there if claim.operator == "IS NOT NULL" else not_(there)
    return or_(*(each.within(_against(each, claim, now)) for each in places))


def unfit(claim: Comparison, words: str, hint: str = "", *, at_value: bool = False) -> Invalid:
    """A claim that can be read but not be meant: where it stands, and what would be right."""
    column = claim.position.value_column if at_value else claim.position.column
    near = claim.raw if at_value else claim.position.text
    where = f"at column {column}, near {near[:80]!r}" if column else f"about {claim.field.column}"
    return Invalid(
        f"the filter cannot be used {where}: {words}{'' if words.endswith('?') else '.'}",
        hint=hint,
        fields={"filter": f"column {column}: {words}" if column else words},
    )


def _misfit(claim: Comparison, words: str) -> Invalid:
    """The value of a claim is what does not fit."""
    return unfit(claim, words, at_value=True)


def listed(words: tuple[str, ...]) -> str:
    """Words as a sentence has them."""
    return f"{', '.join(words[:-1])} or {words[-1]}" if len(words) > 1 else "".join(words)


def _values(claim: Comparison) -> tuple[Single, ...]:
    if isinstance(claim.value, tuple):
        return claim.value
    return () if claim.value is None else (claim.value,)


def _subject(claim: Comparison) -> str:
    return claim.field.column


def _against(known: FieldSpec, claim: Comparison, now: datetime) -> Condition:
    if claim.operator in NANS:
        is_nan = known.column.is_(None)
        return is_nan if claim.operator == "IS NAN" else not_(is_nan)
    if known.kind == "time":
        return during(known.column, claim.operator, _bounds(claim, now))
    if known.kind == "number":
        return numeric(known.column, claim)
    if known.kind == "choice":
        return textual(known.column, _spelled(known, claim))
    if known.kind == "either" and known.number is not None:
        return _either(known.column, known.number, claim)
    return textual(known.column, claim)


def _either(column: Column, number: Column, claim: Comparison) -> Condition:
    """A parameter is asked as a number when the value is one, and as a text otherwise."""
    values = _values(claim)
    figures = tuple(value for value in values if isinstance(value, float))
    if figures and len(figures) == len(values) and claim.operator not in PATTERNS:
        if claim.operator in ("=", "!=", "IN", "NOT IN"):
            equal = _equal_to_any(column, number, claim, figures)
            is_asked = claim.operator in ("=", "IN")
            return equal if is_asked else and_(number.is_not(None), not_(equal))
        return and_(number.is_not(None), numeric(number, claim))
    if figures and claim.operator not in PATTERNS:
        texts = tuple(value for value in values if not isinstance(value, float))
        told = or_(number.in_(figures) & number.is_not(None), _among(column, texts, claim))
        return told if claim.operator == "IN" else not_(told)
    if claim.operator in (">", ">=", "<", "<="):
        raise _misfit(claim, f"{claim.operator} compares numbers, which stand without quotes")
    return textual(column, claim)


def _equal_to_any(
    column: Column, number: Column, claim: Comparison, figures: tuple[float, ...]
) -> Condition:
    spelled = NUMBERS.findall(claim.raw) if isinstance(claim.value, tuple) else [claim.raw]
    if len(spelled) != len(figures):
        spelled = [str(figure) for figure in figures]
    pairs = zip(spelled, figures, strict=True)
    return or_(*(_equal(column, number, replace(claim, value=f, raw=text), f) for text, f in pairs))


def _equal(column: Column, number: Column, claim: Comparison, figure: float) -> Condition:
    """Whether a parameter is this number: 7, 7.0 and 7e0 are one, but 007 is a name of its own.

    So is a whole number with more digits than a float has: another one would pass for it.
    """
    if LEADING_ZERO.match(claim.raw) or abs(figure) >= EXACT:
        return column == claim.raw
    holds, start = numeric(number, replace(claim, operator="=")), "-0" if figure < 0 else "0"
    if abs(figure) >= 1:
        padded = and_(column.like(f"{start}%"), not_(column.like(f"{start}.%")))
    else:  # 0, 0.5 and 0e0 may begin with one zero
        padded = column.like(f"{start}0%")
    return and_(number.is_not(None), holds, not_(padded))


def textual(column: Column, claim: Comparison) -> Condition:
    """A claim about a text. Raises Invalid when the operator or the value does not fit one."""
    operator, value = claim.operator, claim.value
    if operator in ("IN", "NOT IN"):
        among = _among(column, value if isinstance(value, tuple) else (), claim)
        return among if operator == "IN" else not_(among)
    if not isinstance(value, str):
        raise _misfit(claim, f"{_subject(claim)} is a text: write {quoted(claim.raw or '…')}")
    if operator in ("=", "!="):
        return column == value if operator == "=" else column != value
    negated, _, kind = operator.rpartition(" ")
    if operator in ("=~", "!~"):
        return _matching(column, value, claim)
    if len(value) > MAX_PATTERN_LENGTH:
        raise _misfit(claim, f"a pattern has at most {MAX_PATTERN_LENGTH} characters")
    made = {"LIKE": like, "ILIKE": ilike, "CONTAINS": contains}.get(kind)
    if made is None:
        raise unfit(claim, f"a text is asked with {listed(TEXTS)}")
    return not_(made(column, value)) if negated else made(column, value)


def _matching(column: Column, text: str, claim: Comparison) -> Condition:
    try:
        found = matches(column, text)
    except Invalid as broken:
        raise _misfit(claim, broken.message.rstrip(".")) from None
    return found if claim.operator == "=~" else not_(found)


def contains(column: Column, words: str) -> Condition:
    """Whether the text has these words in it, in upper or lower case."""
    return column.icontains(words, autoescape=True)


def _among(column: Column, values: tuple[Single, ...], claim: Comparison) -> Condition:
    if not values:
        raise _misfit(claim, "the list is empty: write IN ('a', 'b')")
    if not all(isinstance(value, str) for value in values):
        raise _misfit(claim, f"{_subject(claim)} is a text: put each value of the list in quotes")
    return column.in_(values)


def numeric(column: Column, claim: Comparison) -> Condition:
    """A claim about a number. Raises Invalid when the operator or the value does not fit one."""
    operator, value = claim.operator, claim.value
    if operator in ("IN", "NOT IN"):
        figures = tuple(_figure(each, claim) for each in value) if isinstance(value, tuple) else ()
        if not figures:
            raise _misfit(claim, "the list is empty: write IN (1, 2)")
        return column.in_(figures) if operator == "IN" else column.not_in(figures)
    if operator not in ORDERS:
        raise unfit(claim, f"a number is asked with {listed(OPERATORS['number'])}")
    figure = _figure(value, claim)
    if math.isinf(figure):
        return _against_infinity(column, operator, upward=figure > 0)
    return against(column, operator, figure)


def _against_infinity(column: Column, operator: str, *, upward: bool) -> Condition:
    """Infinity, or the largest number: MLflow's clients mean the one and log the other."""
    most = sys.float_info.max
    there: Condition = column >= most if upward else column <= -most
    beyond = (">", "<") if upward else ("<", ">")
    if operator in ("=", f"{beyond[0]}="):
        return there
    if operator == beyond[0]:
        return false()
    return column.is_not(None) if operator == f"{beyond[1]}=" else not_(there)


def _figure(value: Value, claim: Comparison) -> float:
    if isinstance(value, timedelta):
        return value.total_seconds()
    if isinstance(value, float):
        return value
    words = f"{_subject(claim)} is a number, which stands without quotes"
    raise _misfit(claim, words if isinstance(value, str) else f"{_subject(claim)} is a number")


def against(column: Column, operator: str, value: Any) -> Condition:
    """A column against a value by one of `ORDERS`."""
    made: dict[str, Callable[[], Condition]] = {
        "=": lambda: column == value,
        "!=": lambda: column != value,
        ">": lambda: column > value,
        ">=": lambda: column >= value,
        "<": lambda: column < value,
        "<=": lambda: column <= value,
    }
    return made[operator]()


def during(column: Column, operator: str, bounds: tuple[int, int]) -> Condition:
    """An instant against a span of microseconds: a day is over before anything comes after it."""
    low, high = (max(min(bound, FURTHEST), -FURTHEST) for bound in bounds)
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


def _bounds(claim: Comparison, now: datetime) -> tuple[int, int]:
    value = claim.value
    if isinstance(value, float):
        return millisecond(value)
    if isinstance(value, Now):
        at = _micros(now) + value.moved // timedelta(microseconds=1)
        return at, at + 1
    found = INSTANT.fullmatch(value.strip()) if isinstance(value, str) else None
    if found is None:
        raise _misfit(claim, f"{_subject(claim)} is an instant such as {INSTANTS}")
    try:
        return _span_of(found)
    except (ValueError, OverflowError) as broken:
        raise _misfit(claim, f"there is no such day or hour: {broken}") from None


def millisecond(value: float) -> tuple[int, int]:
    """The span of a number of milliseconds since 1970, in microseconds."""
    clear = max(min(value, 2.0**52), -(2.0**52))
    return int(clear * 1000), int(clear * 1000) + 1000


def _span_of(found: re.Match[str]) -> tuple[int, int]:
    """The month, day, minute, second or instant that a text names."""
    told = {name: int(part) for name, part in found.groupdict("").items() if part.isdecimal()}
    part = (found["part"] or "").ljust(6, "0")
    start = datetime(
        told["year"],
        told["month"],
        told.get("day", 1),
        told.get("hour", 0),
        told.get("minute", 0),
        told.get("second", 0),
        int(part),
        _zone(found["zone"]),
    )
    low = _micros(start)
    if "day" not in told:
        last = start.replace(day=28) + timedelta(days=4)
        return low, _micros(last.replace(day=1))
    long = 1 if found["part"] else SECOND_US if "second" in told else 60 * SECOND_US
    return low, low + (long if "minute" in told else 86_400 * SECOND_US)


def _zone(text: str | None) -> timezone:
    if text in (None, "", "Z"):
        return UTC
    assert text is not None
    minutes = int(text[1:3]) * 60 + int(text[-2:])
    return timezone(timedelta(minutes=minutes if text[0] == "+" else -minutes))


def _micros(at: datetime) -> int:
    return (at - EPOCH) // timedelta(microseconds=1)


def _spelled(known: FieldSpec, claim: Comparison) -> Comparison:
    """The claim with its choices as we spell them. Raises Invalid for one that there is not."""
    values = _values(claim)
    ours: list[Single] = []
    for value in values:
        choice = known.spelled.get(value.upper()) if isinstance(value, str) else None
        if choice is None:
            choices = tuple(map(quoted, known.choices))
            raise _misfit(claim, f"{_subject(claim)} is one of {listed(choices)}")
        ours.append(choice)
    return replace(claim, value=tuple(ours) if isinstance(claim.value, tuple) else ours[0])
