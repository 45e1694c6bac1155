"""MLflow's search language: which fields each kind of object has, and what is refused.

Grammar, tree and SQL are those of `experiments.query`. This module has the protocol's names of
entities and keys, the combinations that it refuses, and its error messages.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from sqlalchemy import SQLColumnExpression, select

from pilothouse.experiments import query
from pilothouse.experiments.query import ParseError, Predicate
from pilothouse.experiments.query.sql import (
    INSTANT,
    NULL_OPERATORS,
    ORDER_OPERATORS,
    TEXT_OPERATORS,
    Condition,
    FieldSpec,
    predicate_condition,
)
from pilothouse.experiments.query.sql import condition as condition_of
from pilothouse.interop.mlflow.errors import invalid, wrong_type

ORDER = re.compile(r"\s*(.*?)(?:\s+(asc|desc))?\s*", re.IGNORECASE | re.DOTALL)
IDENTIFIER = re.compile(
    r"(?:`?[A-Za-z_]\w*`?\.)(?:`[^`]+`|\"[^\"]+\"|\S+)|`[^`]+`|\"[^\"]+\"|[\w./:-]+"
)
QUOTED_ENTITY = re.compile(r"`(\w+)`\.")
ATTRIBUTE = "attribute"
MAX_EXCERPT_LENGTH = 200
Compare = Callable[[Predicate], Condition]


@dataclass(frozen=True)
class Language:
    """The fields of filters on one kind of object: entity names with their meaning, attributes."""

    entities: Mapping[str, str]
    attributes: frozenset[str]

    def entity(self, name: str) -> str:
        """The entity of a name; the empty name is an attribute. Raises when unknown."""
        entity = self.entities.get(name or ATTRIBUTE)
        if entity is None:
            valid = sorted(set(self.entities.values()))
            raise invalid(f"Invalid entity type '{name}'. Valid values are {valid}")
        return entity

    def attribute(self, key: str) -> str:
        """The key, when it is an attribute's."""
        return valid_key("attribute", key, self.attributes)


def valid_key(noun: str, key: str, valid: frozenset[str]) -> str:
    """The key, when it is a known one."""
    if key not in valid:
        listed = ", ".join(f"'{item}'" for item in sorted(valid))
        raise invalid(f"Invalid {noun} key '{key}' specified. Valid keys are '{{{listed}}}'")
    return key


def condition(text: str, compare: Compare) -> Condition:
    """A filter as one condition; `compare` makes each comparison's."""
    if text and not text.strip():
        raise invalid(f"Invalid filter '{text[:40]}'. Could not be parsed.")
    try:
        tree = query.parse(text)
    except ParseError as stuck:
        raise _unreadable(text, stuck) from None

    def claim(predicate: Predicate) -> Condition:
        if predicate.bare:
            excerpt = predicate.position.text[:MAX_EXCERPT_LENGTH]
            raise invalid(f"Invalid clause(s) in filter string: '{excerpt}'")
        return compare(predicate)

    return condition_of(tree, claim)


def _unreadable(text: str, stuck: ParseError) -> Exception:
    if stuck.kind == "length":
        return wrong_type("filter", text[:40])
    if stuck.kind == "size":
        return invalid(f"Invalid filter: {stuck.fields['filter']}.")
    if stuck.kind == "unquoted":
        word = stuck.rest.split()[0]
        return invalid(
            "Parameter value is either not quoted or unidentified quote types used for "
            f"string value {word}. Use either single or double quotes."
        )
    excerpt = stuck.rest or text.strip()
    why = f"({stuck.fields['filter']})"
    return invalid(f"Invalid clause(s) in filter string: '{excerpt[:MAX_EXCERPT_LENGTH]}' {why}")


def field_condition(spec: FieldSpec, claim: Predicate, noun: str, now: datetime) -> Condition:
    """The condition of a predicate, if the protocol allows it. Raises the protocol's error."""
    if claim.operator not in NULL_OPERATORS:
        checks = {"text": _check_text, "number": _check_number, "time": _check_instant}
        checks.get(spec.kind, _check_text)(spec, claim, noun)
    return predicate_condition(spec, claim, now)


def _check_text(spec: FieldSpec, claim: Predicate, noun: str) -> None:
    _check_operator(claim, TEXT_OPERATORS)
    if isinstance(claim.value, tuple):
        _check_list(claim.value, claim.raw)
    elif not isinstance(claim.value, str):
        raise invalid(
            f"Expected a quoted string value for {noun} (e.g. 'my-value'). "
            f"Got value {claim.raw[:MAX_EXCERPT_LENGTH]}"
        )


def _check_list(values: tuple[Any, ...], raw: str) -> None:
    prefix = "While parsing a list in the query, expected "
    if not values:
        raise invalid(f"{prefix}a non-empty list of string values, but got empty list")
    if not all(isinstance(item, str) for item in values):
        raise invalid(
            f"{prefix}string value, punctuation, or whitespace, "
            f"but got different type in list: {raw[:MAX_EXCERPT_LENGTH]}"
        )


def _check_number(spec: FieldSpec, claim: Predicate, noun: str) -> None:
    values = claim.value if isinstance(claim.value, tuple) else (claim.value,)
    if claim.operator in spec.extra_operators:
        return
    if not values or not all(isinstance(item, float) for item in values):
        raise invalid(
            f"Expected numeric value type for {noun}. Found {claim.raw[:MAX_EXCERPT_LENGTH]}"
        )
    _check_operator(claim, (*ORDER_OPERATORS, "IN", "NOT IN"))


def _check_instant(spec: FieldSpec, claim: Predicate, noun: str) -> None:
    value = claim.value
    if isinstance(value, query.Now) or (isinstance(value, str) and INSTANT.fullmatch(value)):
        return _check_operator(claim, ORDER_OPERATORS)
    if not isinstance(value, float):
        raise invalid(
            f"Expected numeric value type for numeric attribute: {claim.field.key}. "
            f"Found {claim.raw[:MAX_EXCERPT_LENGTH]}"
        )
    return _check_operator(claim, ORDER_OPERATORS)


def _check_operator(claim: Predicate, valid: tuple[str, ...]) -> None:
    if claim.operator not in valid:
        raise invalid(f"Invalid comparator '{claim.operator}' not one of '{set(valid)}'")


def keyed_field(
    own: SQLColumnExpression[Any], of: Any, key: Any, value: Any, named: str, *rest: Condition
) -> FieldSpec:
    """A tag or a parameter of an object: `of`, `key` and `value` are the columns of its table."""

    def within(holds: Condition) -> Condition:
        return own.in_(select(of).where(key == named, *rest, holds).correlate(None))

    return FieldSpec(named, "text", value, within)


def map_values(claim: Predicate, spelled: Callable[[Any], Any]) -> Predicate:
    """The predicate with each of its values converted."""
    if isinstance(claim.value, tuple):
        return replace(claim, value=tuple(map(spelled, claim.value)))
    return replace(claim, value=spelled(claim.value))


@dataclass(frozen=True)
class Order:
    """One term of an ordering."""

    entity: str
    key: str
    descending: bool


def orders(clauses: Sequence[str], language: Language) -> list[Order]:
    """The terms of an ordering. Raises when a clause is not valid or names an unknown field."""
    return [_order(clause, language) for clause in clauses]


def _order(clause: str, language: Language) -> Order:
    match = ORDER.fullmatch(clause)
    if match is None or not match[1]:
        raise invalid(f"Invalid order_by clause '{clause}'. Could not be parsed.")
    if not IDENTIFIER.fullmatch(match[1]):
        parts = match[1].split()
        if len(parts) == 2 and match[2] is None:
            raise invalid(f"Invalid ordering key in order_by clause '{clause}'.")
        raise invalid(f"Invalid order_by clause '{clause}'. Could not be parsed.")
    named = query.parse_field(QUOTED_ENTITY.sub(r"\1.", match[1], count=1))
    entity = language.entity(named.entity)
    if entity == ATTRIBUTE:
        language.attribute(named.key)
    return Order(entity, named.key, (match[2] or "").lower() == "desc")
