"""From the tree of a filter to conditions in SQL; every value is a bound parameter."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, SQLColumnExpression, and_, not_, or_, true

from pilothouse.interop.mlflow.errors import invalid, wrong_type
from pilothouse.interop.mlflow.filters import (
    Both,
    Comparison,
    Not,
    Tree,
    identifier,
    parse,
)

NUMERIC = ("=", "!=", ">", ">=", "<", "<=")
TEXTUAL = ("=", "!=", "LIKE", "ILIKE", "IN", "NOT IN")
NULLS = ("IS NULL", "IS NOT NULL")
ORDER = re.compile(r"\s*(.*?)(?:\s+(asc|desc))?\s*", re.IGNORECASE | re.DOTALL)
IDENTIFIER = re.compile(
    r"(?:`?[A-Za-z_]\w*`?\.)(?:`[^`]+`|\"[^\"]+\"|\S+)|`[^`]+`|\"[^\"]+\"|[\w./:-]+"
)
Condition = ColumnElement[bool]
Compare = Callable[[Comparison], Condition]
LONGEST = 100_000


@dataclass(frozen=True)
class Language:
    """What filters about one kind of thing may speak of: entity names, each with its meaning."""

    entities: Mapping[str, str]
    attributes: frozenset[str]
    numeric: frozenset[str] = frozenset()

    def entity(self, name: str) -> str:
        """The entity that a name stands for. Raises when it is none."""
        found = self.entities.get(name)
        if found is None:
            known = sorted(set(self.entities.values()))
            raise invalid(f"Invalid entity type '{name}'. Valid values are {known}")
        return found

    def attribute(self, key: str) -> str:
        """The key, when it is an attribute's."""
        if key not in self.attributes:
            raise _unknown_key("attribute", key, self.attributes)
        return key


def condition(text: str, compare: Compare) -> Condition:
    """A filter as one condition; `compare` makes each comparison's."""
    if len(text) > LONGEST:
        raise wrong_type("filter", text[:40])
    tree = parse(text)
    return true() if tree is None else _of_tree(tree, compare)


def _of_tree(tree: Tree, compare: Compare) -> Condition:
    if isinstance(tree, Comparison):
        return compare(tree)
    if isinstance(tree, Not):
        return not_(_of_tree(tree.part, compare))
    parts = [_of_tree(part, compare) for part in tree.parts]
    return and_(*parts) if isinstance(tree, Both) else or_(*parts)


def textual(
    column: SQLColumnExpression[Any], claim: Comparison, noun: str, *, is_sqlite: bool
) -> Condition:
    """A claim about a text. Raises when the operator or the value does not fit one."""
    _check_operator(claim, TEXTUAL)
    value = claim.value
    if claim.operator in ("IN", "NOT IN"):
        if not isinstance(value, tuple):
            raise invalid(f"Expected a list of quoted string values for {noun}. Got {claim.raw}")
        return column.in_(value) if claim.operator == "IN" else column.not_in(value)
    if not isinstance(value, str):
        raise invalid(
            f"Expected a quoted string value for {noun} (e.g. 'my-value'). Got value {claim.raw}"
        )
    if claim.operator == "LIKE":
        return like(column, value, is_sqlite=is_sqlite)
    if claim.operator == "ILIKE":
        return column.ilike(value)
    return column == value if claim.operator == "=" else column != value


def like(column: SQLColumnExpression[Any], pattern: str, *, is_sqlite: bool) -> Condition:
    """LIKE that minds upper and lower case; on SQLite only GLOB does."""
    if not is_sqlite:
        return column.like(pattern)
    glob = re.sub(r"[*?\[]", lambda found: f"[{found[0]}]", pattern)
    return column.op("GLOB", is_comparison=True)(glob.replace("%", "*").replace("_", "?"))


def numeric(column: SQLColumnExpression[Any], claim: Comparison, noun: str) -> Condition:
    """A claim about a number. Raises when the operator or the value does not fit one."""
    value = claim.value
    if not isinstance(value, float):
        raise invalid(f"Expected numeric value type for {noun}. Found {claim.raw}")
    _check_operator(claim, NUMERIC)
    return against(column, claim.operator, value)


def against(column: SQLColumnExpression[Any], operator: str, value: Any) -> Condition:
    """A column against a value by one of `NUMERIC`."""
    made: dict[str, Callable[[], Condition]] = {
        "=": lambda: column == value,
        "!=": lambda: column != value,
        ">": lambda: column > value,
        ">=": lambda: column >= value,
        "<": lambda: column < value,
        "<=": lambda: column <= value,
    }
    return made[operator]()


def whole_ms(value: float) -> int:
    """A number of milliseconds as microseconds, kept within 64 bits."""
    if math.isnan(value):
        return 0
    return int(max(min(value * 1000, 2.0**62), -(2.0**62)))


def dataset_key(key: str, known: frozenset[str]) -> str:
    """The key, when it is a dataset's."""
    if key not in known:
        raise _unknown_key("dataset", key, known)
    return key


@dataclass(frozen=True)
class Order:
    """One of the things that results are sorted by."""

    entity: str
    key: str
    descending: bool


def orders(clauses: Sequence[str], language: Language) -> list[Order]:
    """What to sort by, in turn. Raises when a clause cannot be read or names nothing."""
    return [_order(clause, language) for clause in clauses]


def _order(clause: str, language: Language) -> Order:
    found = ORDER.fullmatch(clause)
    if found is None or not found[1]:
        raise invalid(f"Invalid order_by clause '{clause}'. Could not be parsed.")
    if not IDENTIFIER.fullmatch(found[1]):
        parts = found[1].split()
        if len(parts) == 2 and found[2] is None:
            raise invalid(f"Invalid ordering key in order_by clause '{clause}'.")
        raise invalid(f"Invalid order_by clause '{clause}'. Could not be parsed.")
    entity, key = identifier(found[1].replace("`", "", 2) if found[1][0] == "`" else found[1])
    entity = language.entity(entity)
    if entity == "attribute":
        language.attribute(key)
    return Order(entity, key, (found[2] or "").lower() == "desc")


def _check_operator(claim: Comparison, known: tuple[str, ...]) -> None:
    if claim.operator not in known:
        raise invalid(f"Invalid comparator '{claim.operator}' not one of '{set(known)}'")


def _unknown_key(noun: str, key: str, known: frozenset[str]) -> Exception:
    listed = ", ".join(f"'{each}'" for each in sorted(known))
    return invalid(f"Invalid {noun} key '{key}' specified. Valid keys are '{{{listed}}}'")
