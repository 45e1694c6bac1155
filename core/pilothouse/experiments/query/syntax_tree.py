"""A filter as a tree of frozen values: predicates about fields, joined by AND, OR and NOT.

A predicate carries its position in the text for error messages; equality ignores the position.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from dataclasses import field as dataclass_field
from datetime import timedelta

PARTS = ("best", "min", "max", "first", "last", "count")


@dataclass(frozen=True)
class Position:
    """The position of a predicate in a filter: its column and its value's, from 1, and its text."""

    column: int = 0
    text: str = ""
    value_column: int = 0


@dataclass(frozen=True)
class FieldReference:
    """The field of a predicate: `metrics.auc` has an entity and a key, `name` only a key.

    `part` is an aggregate of a metric's history, as in `best(metrics.auc)`.
    """

    entity: str
    key: str
    part: str = ""

    @classmethod
    def of(cls, column: str) -> FieldReference:
        """The field that a column of a run table shows: `metrics.f1 score@best`, `name`."""
        entity, dot, key = column.partition(".")
        head, at, part = key.rpartition("@")
        if entity == "metrics" and at and head and part in PARTS:
            return cls(entity, head, part)
        return cls(entity, key) if dot else cls("", column)

    @property
    def column(self) -> str:
        """The column of a run table that shows the field."""
        name = f"{self.entity}.{self.key}" if self.entity else self.key
        return f"{name}@{self.part}" if self.part else name


@dataclass(frozen=True)
class Now:
    """The present instant plus an offset: `now - 7d`."""

    offset: timedelta = timedelta()


SingleValue = str | float | timedelta | Now
Value = SingleValue | tuple[SingleValue, ...] | None


@dataclass(frozen=True)
class Predicate:
    """A condition on one field.

    The value is a text, a number, a duration, an instant, a list, or None for operators such as
    IS NULL. `raw` is the value as it was written. A `bare` predicate is a word without a field; it
    searches the texts of a run.
    """

    field: FieldReference
    operator: str
    value: Value
    position: Position = dataclass_field(default=Position(), compare=False)
    raw: str = dataclass_field(default="", compare=False)
    bare: bool = dataclass_field(default=False, compare=False)


@dataclass(frozen=True)
class And:
    """Every part holds; without parts it holds for every run."""

    parts: tuple[Tree, ...]


@dataclass(frozen=True)
class Or:
    """At least one part holds."""

    parts: tuple[Tree, ...]


@dataclass(frozen=True)
class Not:
    """The part does not hold."""

    part: Tree


Tree = Predicate | And | Or | Not

MATCH_ALL = And(())
TEXT = FieldReference("", "text")
CONTAINS = "CONTAINS"
JOINERS: Mapping[str, type[And] | type[Or]] = {"AND": And, "OR": Or}


def flat_predicates(tree: Tree) -> tuple[str, list[Predicate]] | None:
    """The joiner and the predicates of a tree of one level; None for a deeper tree or a NOT."""
    if isinstance(tree, Predicate):
        return "AND", [tree]
    if isinstance(tree, Not):
        return None
    predicates = [part for part in tree.parts if isinstance(part, Predicate)]
    if len(predicates) < len(tree.parts):
        return None
    return ("AND" if isinstance(tree, And) else "OR"), predicates
