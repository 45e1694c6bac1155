"""A filter as a tree of frozen values: claims about fields, joined by AND, OR and NOT.

Where a claim stood in its text is carried along for error messages and counts in no comparison.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from dataclasses import field as kept
from datetime import timedelta

PARTS = ("best", "min", "max", "first", "last", "count")


@dataclass(frozen=True)
class Position:
    """Where a claim stands in a filter: its column, counted from 1, its words, and its value's."""

    column: int = 0
    text: str = ""
    value_column: int = 0


@dataclass(frozen=True)
class FieldReference:
    """What a claim is about: `metrics.auc` has an entity and a key, `name` has a key alone.

    `part` is the aggregate of a metric's history that is meant, as in `best(metrics.auc)`.
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
    """The present instant, moved by a span: `now - 7d`."""

    moved: timedelta = timedelta()


Single = str | float | timedelta | Now
Value = Single | tuple[Single, ...] | None


@dataclass(frozen=True)
class Comparison:
    """One claim. The value is a text, a number, a span, an instant, a list, or None for IS NULL
    and its like.

    `place` is that of the claim, `raw` the value as it was written; `bare` claims were a word that
    stood alone.
    """

    field: FieldReference
    operator: str
    value: Value
    position: Position = kept(default=Position(), compare=False)
    raw: str = kept(default="", compare=False)
    bare: bool = kept(default=False, compare=False)


@dataclass(frozen=True)
class And:
    """Every part holds; without any part, everything does."""

    parts: tuple[Tree, ...]


@dataclass(frozen=True)
class Or:
    """At least one part holds."""

    parts: tuple[Tree, ...]


@dataclass(frozen=True)
class Not:
    """The part does not hold."""

    part: Tree


Tree = Comparison | And | Or | Not

EVERYTHING = And(())
TEXT = FieldReference("", "text")
CONTAINS = "CONTAINS"
JOINERS: Mapping[str, type[And] | type[Or]] = {"AND": And, "OR": Or}


def simple(tree: Tree) -> tuple[str, list[Comparison]] | None:
    """The joiner and the claims of a tree without any depth; None when it has more to say."""
    if isinstance(tree, Comparison):
        return "AND", [tree]
    if isinstance(tree, Not):
        return None
    claims = [part for part in tree.parts if isinstance(part, Comparison)]
    if len(claims) < len(tree.parts):
        return None
    return ("AND" if isinstance(tree, And) else "OR"), claims
