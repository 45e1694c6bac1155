"""The five types a column can have, and nothing of how a file spells them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Literal, get_args

Type = Literal["number", "integer", "string", "boolean", "time"]
TYPES: tuple[Type, ...] = get_args(Type)
NUMERIC: tuple[Type, ...] = ("number", "integer")
NAMES: Mapping[Type, str] = {
    "number": "number",
    "integer": "whole number",
    "string": "text",
    "boolean": "true or false",
    "time": "time",
}
# A value of each type, as in "'x' is not a number".
ONE_VALUE: Mapping[Type, str] = {
    "number": "a number",
    "integer": "a whole number",
    "string": "text",
    "boolean": "true or false",
    "time": "a time",
}


@dataclass(frozen=True)
class Column:
    """A column's name, its type, and whether it has missing values.

    `boolean_words` are the words for false and for true, as the file spells them, where a boolean
    column is not written as true and false.
    """

    name: str
    type: Type
    nullable: bool
    boolean_words: tuple[str, str] | None = None

    def to_json(self) -> dict[str, Any]:
        """A plain value; words only where there are some."""
        value = asdict(self)
        boolean_words = value.pop("boolean_words")
        return {**value, "boolean_words": list(boolean_words)} if boolean_words else value

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Column:
        """The column that `to_json` wrote."""
        boolean_words = value.get("boolean_words")
        return cls(
            value["name"],
            value["type"],
            value["nullable"],
            (boolean_words[0], boolean_words[1]) if boolean_words else None,
        )


def is_compatible(actual: Type, expected: Type) -> bool:
    """Whether values of one type can stand where another is expected."""
    return actual == expected or (actual == "integer" and expected == "number")
