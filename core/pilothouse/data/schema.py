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
        words = value.pop("boolean_words")
        return {**value, "boolean_words": list(words)} if words else value

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Column:
        """The column that `to_json` wrote."""
        words = value.get("boolean_words")
        return cls(
            value["name"], value["type"], value["nullable"], (words[0], words[1]) if words else None
        )


def fits(found: Type, expected: Type) -> bool:
    """Whether values of one type can stand where another is expected."""
    return found == expected or (found == "integer" and expected == "number")
